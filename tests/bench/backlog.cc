// backlog: an agency that was cut off for long, and a hub that has run for long.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <filesystem>

#include "agent/spool/spool.h"
#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/journal_growth.h"
#include "tests/bench/load_client.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kSpooled = 20'000;
constexpr uint64_t kEntries = 1'000'000;
constexpr size_t kConnections = 50;
constexpr size_t kInFlight = 16;
constexpr char kAgentOrganization[] = "bench-agent";

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

class BacklogRounds {
 public:
  static Result<std::unique_ptr<BacklogRounds>> Prepare(const Options& options) {
    auto rounds = std::unique_ptr<BacklogRounds>(new BacklogRounds(options));
    NOROSHI_ASSIGN_OR_RETURN(rounds->hub_, HubProcess::Start(options.hub_binary, options.folder));
    const size_t connections = options.connections > 0 ? options.connections : kConnections;
    NOROSHI_ASSIGN_OR_RETURN(rounds->agents_, rounds->hub_->Enrol(connections));
    NOROSHI_ASSIGN_OR_RETURN(const std::string token, rounds->hub_->WriteToken(kAgentOrganization));
    NOROSHI_ASSIGN_OR_RETURN(
        const support::Output enrolled,
        support::RunCommand(rounds->AgentCommand({"enroll", "--token-file", token})));
    if (enrolled.status != 0) return Error{ErrorCode::kInternal, "enroll: " + enrolled.err};
    return rounds;
  }

  // From the agent's start until every report it held is receipted, analysed and applied.
  Result<Figures> Drain() {
    NOROSHI_RETURN_IF_ERROR(Spool());
    const auto start = Steady::now();
    support::ProcessOptions process;
    process.argv = AgentCommand({"run"});
    process.stdout_file = process.stderr_file = options_.folder + "/agent.log";
    NOROSHI_ASSIGN_OR_RETURN(const auto agent, support::Process::Start(process));
    support::Wake wake;
    wake.ask = true;
    wake.process = agent->pidfd();
    wake.timeout = kSettleTimeout;
    const std::string waiting = options_.folder + "/agent/spool/new";
    NOROSHI_RETURN_IF_ERROR(support::WaitUntil("the spool to drain", wake, [&] {
      return Accepted() == acknowledged_ && std::filesystem::is_empty(waiting);
    }));
    const double drained = SecondsSince(start);
    NOROSHI_RETURN_IF_ERROR(Settle());
    const double settled = SecondsSince(start);
    NOROSHI_ASSIGN_OR_RETURN(const int status, agent->Stop());
    if (status != 0) {
      return Error{ErrorCode::kInternal, fmt::format("the agent ended with {}", status)};
    }
    const auto reports = static_cast<double>(options_.spooled > 0 ? options_.spooled : kSpooled);
    return Figures{{"spooled", reports},
                   {"drained_per_s", reports / drained},
                   {"settled_per_s", reports / settled}};
  }

  // The same hub under the load of `ingest`.
  Result<Figures> Ingest() {
    NOROSHI_ASSIGN_OR_RETURN(const auto client,
                             LoadClient::Connect({hub_->address(), agents_, kInFlight, &source_}));
    const auto start = Steady::now();
    NOROSHI_ASSIGN_OR_RETURN(const LoadResult result, client->Run(options_.round));
    acknowledged_ += result.acknowledged;
    NOROSHI_RETURN_IF_ERROR(Settle());
    const double settled = SecondsSince(start);
    const auto acknowledged = static_cast<double>(result.acknowledged);
    return Figures{{"acked_per_s", acknowledged / result.seconds},
                   {"settled_per_s", acknowledged / settled}};
  }

  // Once, with a journal of that size: entries, rebuild_entries_per_s and
  // rebuild_cpu_us for each; restart_s until the hub serves, restart_cpu_s of it.
  Result<Figures> Restart() {
    const uint64_t entries = options_.entries > 0 ? options_.entries : kEntries;
    NOROSHI_RETURN_IF_ERROR(hub_->Stop());
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t added,
                             GrowJournal(options_.folder + "/hub", entries, &source_));
    acknowledged_ += added;
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(::getpid()));
    auto start = Steady::now();
    const auto rebuilt = hub_->Command({"rebuild"});
    if (!rebuilt.ok()) return rebuilt.error();
    const double rebuild_seconds = SecondsSince(start);
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(::getpid()));
    start = Steady::now();
    NOROSHI_RETURN_IF_ERROR(hub_->Serve());
    const double restart_seconds = SecondsSince(start);
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu restart_cpu, ReadServerCpu(hub_->pid()));
    NOROSHI_RETURN_IF_ERROR(Settle());
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub_->Status());
    const auto size = static_cast<double>(NumberOf(status, "tree_size"));
    return Figures{{"entries", size},
                   {"rebuild_entries_per_s", size / rebuild_seconds},
                   {"rebuild_cpu_us", Difference(before, after).seconds * 1e6 / size},
                   {"restart_s", restart_seconds},
                   {"restart_cpu_s", restart_cpu.seconds}};
  }

  Result<void> Finish() {
    NOROSHI_RETURN_IF_ERROR(hub_->Verify(acknowledged_));
    return hub_->Stop();
  }

 private:
  explicit BacklogRounds(const Options& options)
      : options_(options), source_(SubmissionSource::Reports()) {}

  std::vector<std::string> AgentCommand(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {options_.agent_binary, "--data", options_.folder + "/agent"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  // Fills the agent's spool, as its `report` command does, in this process.
  Result<void> Spool() {
    const size_t count = options_.spooled > 0 ? options_.spooled : kSpooled;
    NOROSHI_ASSIGN_OR_RETURN(
        auto spool, spool::Spool::Open(SystemFileSystem(), options_.folder + "/agent/spool", {}));
    for (size_t i = 0; i < count; ++i) {
      spool::Item item;
      item.id = SystemRandom().UuidV7(SystemClock().NowMs());
      const std::string& submission = source_.Next(item.id.bytes());
      item.bytes = submission.size();
      NOROSHI_RETURN_IF_ERROR(spool.Add(item, submission));
    }
    acknowledged_ += count;
    return {};
  }

  // What this hub process and those before it took; 0 if it does not say.
  uint64_t Accepted() const {
    const auto status = hub_->Status();
    if (!status.ok()) return 0;
    return NumberOf(status->at("intake").as_object(), "submissions_accepted");
  }

  Result<void> Settle() const {
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub_->Settle());
    if (NumberOf(status, "submissions") == acknowledged_) return {};
    return Error{ErrorCode::kInternal,
                 fmt::format("the hub has counted {} of {} acknowledged submissions",
                             NumberOf(status, "submissions"), acknowledged_)};
  }

  const Options options_;
  SubmissionSource source_;
  std::unique_ptr<HubProcess> hub_;
  std::vector<support::Credentials> agents_;
  uint64_t acknowledged_ = 0;
};

}  // namespace

Result<Report> RunBacklog(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, BacklogRounds::Prepare(options));
  Contest contest;
  contest.contenders = {{"agent", true, [&] { return rounds->Drain(); }},
                        {"ingest", false, [&] { return rounds->Ingest(); }}};
  contest.ratios = {{"drain_vs_ingest", "settled_per_s", "ingest", "settled_per_s"},
                    {"receipts_vs_ingest", "drained_per_s", "ingest", "acked_per_s"}};
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("backlog", options, contest));
  NOROSHI_ASSIGN_OR_RETURN(const Figures restart, rounds->Restart());
  for (const auto& [name, value] : restart) report.ours[name] = {value, value, value};
  NOROSHI_RETURN_IF_ERROR(rounds->Finish());
  report.notes.push_back("entries, rebuild and restart are measured once");
  return report;
}

}  // namespace noroshi::bench
