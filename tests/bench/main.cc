// noroshi-bench: measures the hub and the agent beside alternatives.
#include <signal.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <filesystem>

#include "tests/bench/bench.h"
#include "tests/bench/floor_server.h"

namespace noroshi::bench {
namespace {

namespace fs = std::filesystem;

struct Bench {
  const char* name;
  const char* what;
  Result<Report> (*run)(const Options&);
};

constexpr Bench kBenches[] = {
    {"api", "lists of the API with 1,000,000 cases", RunApi},
    {"ingest", "durable reports (--mail: mails) over mutual TLS, 50 connections", RunIngest},
    {"backlog", "an agent's full spool, and a long journal: drain, rebuild, restart", RunBacklog},
    {"fanout", "alerts to 1,000 connected agents, beside NATS", RunFanout},
    {"handshake", "full mutual handshakes and resumptions, beside OpenSSL alone", RunHandshake},
    {"idle", "memory of 5,000 silent agents, beside OpenSSL alone", RunIdle},
    {"latency", "one report: to its receipt, and into the agent's spool", RunLatency},
    {"mail", "reading and grouping suspicious mails, beside Python; with 1,000,000 known", RunMail},
    {"rebuild", "state from the journal; restart", RunRebuild},
};

// A new folder below `parent`, removed at the end.
class RunFolder {
 public:
  explicit RunFolder(const std::string& parent) : path_(parent + "/noroshi-bench-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~RunFolder() {
    std::error_code ignored;  // What is left behind is below the temporary folder.
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int Run(const Bench& bench, Options options, bool json_output) {
  const RunFolder folder(options.folder);
  if (folder.path().empty()) {
    std::perror(("noroshi-bench: " + options.folder).c_str());
    return 1;
  }
  options.folder = folder.path();
  const auto report = bench.run(options);
  if (!report.ok()) {
    std::fprintf(stderr, "noroshi-bench: %s\n", report.error().message.c_str());
    return 1;
  }
  const std::string text = json_output ? report->ToJson() + "\n" : report->ToTable();
  std::fputs(text.c_str(), stdout);
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Measures hub and agent beside alternatives, in one run");
  app.require_subcommand(1);
  app.fallthrough();
  Options options;
  const std::string beside = fs::read_symlink("/proc/self/exe").parent_path().string();
  options.hub_binary = beside + "/noroshi-hub";
  options.agent_binary = beside + "/noroshi-agent";
  options.folder = "/var/tmp";  // On disk: syncing into memory would measure nothing.
  bool json_output = false;
  double seconds = std::chrono::duration<double>(options.round).count();
  app.add_flag("--json", json_output, "Print JSON");
  app.add_option("--rounds", options.rounds, "Rounds of each contender")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", seconds, "Length of a round")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--hub-binary", options.hub_binary, "The hub to measure")->capture_default_str();
  app.add_option("--agent-binary", options.agent_binary, "The agent")->capture_default_str();
  app.add_option("--folder", options.folder, "Where to write; its disk is measured too")
      ->capture_default_str();
  app.add_option("--connections", options.connections, "Instead of the bench's own number");
  app.add_option("--in-flight", options.in_flight, "For each connection, likewise");
  for (const Bench& bench : kBenches) {
    CLI::App* sub = app.add_subcommand(bench.name, bench.what);
    if (bench.run == RunIngest) sub->add_flag("--mail", options.mail, "40 KiB mails, 4 in flight");
    if (bench.run == RunBacklog) {
      sub->add_option("--spooled", options.spooled, "Reports in the agent's spool (20,000)");
      sub->add_option("--entries", options.entries, "Journal entries at a restart (1,000,000)");
    }
    if (bench.run == RunApi) sub->add_option("--cases", options.entries, "Cases (1,000,000)");
    if (bench.run == RunMail) {
      sub->add_option("--mails", options.mails, "Folder of .eml files")->required();
      sub->add_option("--stored", options.entries, "Mails known at last (1,000,000)");
    }
    if (bench.run == RunFanout) {
      sub->add_option("--agents-each", options.agents_each, "Agents of each organisation (1)");
    }
  }
  std::string floor_folder;
  CLI::App* floor = app.add_subcommand("floor-server", "")->group("");  // Started by benches.
  floor->add_option("server-folder", floor_folder)->required();
  CLI11_PARSE(app, argc, argv);
  options.round = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  ::signal(SIGPIPE, SIG_IGN);
  if (floor->parsed()) return ServeFloor(floor_folder);
  for (const Bench& bench : kBenches) {
    if (app.got_subcommand(bench.name)) return Run(bench, options, json_output);
  }
  return 64;
}

}  // namespace
}  // namespace noroshi::bench

int main(int argc, char** argv) { return noroshi::bench::Main(argc, argv); }
