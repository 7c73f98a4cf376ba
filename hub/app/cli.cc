#include "hub/app/cli.h"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "common/runtime/file.h"
#include "hub/admin/render.h"
#include "hub/admin/socket.h"
#include "hub/app/analyze.h"
#include "hub/app/calls.h"
#include "hub/app/hub_config.h"
#include "hub/app/offline.h"
#include "hub/app/serve.h"
#include "hub/engine/rebuild.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 64;
constexpr int kExitNotRunning = 69;

// What the parsed command line asks for.
struct Command {
  std::string data = "/var/lib/noroshi";
  bool json_output = false;
  std::string verb;                           // For Render; of the admin socket unless run is set.
  json::object request;                       // For the admin socket.
  std::function<Result<json::object>()> run;  // Set: done here, without the socket.
  std::string token_file;                     // agent token --out
};

json::array ToArray(const std::vector<std::string>& values) {
  json::array array;
  for (const auto& value : values) array.emplace_back(value);
  return array;
}

// Options live as long as the App that fills them.
struct Options {
  InitRequest init;
  std::string serve_listen;
  bool believe_clock = false;
  std::string folder;
  std::string reason;
  int workers = 2;
  int batch = 256;
  std::string id, kind, name_ja, name_en, sector, ceptoar;
  std::vector<std::string> circles;
  std::string tlp, title_ja, title_en, text_ja, text_en, exercise, circle;
  std::vector<std::string> to;
  std::string acknowledge_within = "24h";
  uint64_t case_id = 0;
  uint64_t limit = 50;
  bool digest = false;
  AnalyzeRequest analyze;
};

class CommandLine {
 public:
  CommandLine()
      : app_("Noroshi hub: takes reports, keeps them, joins them, warns everybody concerned") {
    app_.add_option("--data", command_.data, "Data folder")
        ->envname("NOROSHI_HUB_DATA")
        ->capture_default_str();
    app_.add_flag("--json", command_.json_output, "Print JSON");
    app_.set_version_flag("--version", std::string("noroshi-hub " NOROSHI_VERSION));
    app_.require_subcommand(1);
    AddLocal();
    AddOrganizations();
    AddAgents();
    AddCases();
    AddAlerts();
    AddState();
    AddAnalyze();
  }

  CLI::App& app() { return app_; }
  Command& command() { return command_; }

 private:
  // A subcommand that sends `verb` with the fields that `fill` adds.
  CLI::App* Remote(CLI::App* parent, const std::string& name, const std::string& help,
                   const std::string& verb, std::function<void(json::object&)> fill = nullptr) {
    CLI::App* sub = parent->add_subcommand(name, help);
    sub->callback([this, verb, fill] {
      command_.verb = verb;
      command_.request["verb"] = verb;
      if (fill) fill(command_.request);
    });
    return sub;
  }

  CLI::App* Local(const std::string& name, const std::string& help,
                  std::function<Result<json::object>()> run) {
    CLI::App* sub = app_.add_subcommand(name, help);
    sub->callback([this, name, run] {
      command_.verb = name;
      command_.run = run;
    });
    return sub;
  }

  CLI::App* Group(const std::string& name, const std::string& help) {
    CLI::App* group = app_.add_subcommand(name, help);
    group->require_subcommand(1);
    return group;
  }

  void AddLocal() {
    auto* init = Local(
        "init", "Make a new hub: keys, certificate authority, configuration, journal", [this] {
          options_.init.data = command_.data;
          if (options_.init.host_names.empty()) options_.init.host_names = {"localhost"};
          return Init(options_.init);
        });
    init->add_option("--name", options_.init.name, "The hub's name, as agencies see it")
        ->required();
    init->add_option("--listen", options_.init.listen, "HOST:PORT for agents")
        ->default_val("127.0.0.1:8443");
    init->add_option("--web-listen", options_.init.web_listen,
                     "HOST:PORT for browsers and programs (default: port 8444 beside --listen)");
    init->add_option("--administrator", options_.init.administrator,
                     "Login of the first administrator")
        ->capture_default_str();
    init->add_option("--host-name", options_.init.host_names,
                     "DNS name or IP address by which agents reach the hub; may be repeated");
    auto* serve = Local("serve", "Run the hub in the foreground", [this]() -> Result<json::object> {
      ServeOptions serve_options;
      serve_options.data = command_.data;
      serve_options.listen = options_.serve_listen;
      serve_options.believe_clock = options_.believe_clock;
      const auto served = Serve(serve_options);
      if (!served.ok()) return served.error();
      return json::object();
    });
    serve->add_option("--listen", options_.serve_listen, "HOST:PORT instead of the configured one");
    serve->add_flag("--believe-clock", options_.believe_clock,
                    "Start although the machine's clock is far from the journal's last entry");
    Local("check-config", "Say whether hub.toml is right",
          [this] { return CheckConfig(command_.data); });
    auto* rebuild = Local("rebuild", "Replay the journal into a new state (hub stopped)", [this] {
      return Rebuild(command_.data, options_.workers, options_.batch);
    });
    rebuild->add_option("--workers", options_.workers, "Threads that read ahead")
        ->check(CLI::Range(1, static_cast<int>(engine::kRebuildWorkersMax)));
    rebuild->add_option("--batch", options_.batch, "Entries in one write")
        ->check(CLI::Range(1, static_cast<int>(engine::kRebuildBatchMax)));
    auto* restore = Local("restore", "Make a hub from a backup, in an empty data folder", [this] {
      return Restore(command_.data, options_.folder, options_.reason);
    });
    restore->add_option("folder", options_.folder, "The backup")->required();
    restore->add_option("--reason", options_.reason, "Why; kept in the journal for ever")
        ->required();
  }

  void AddOrganizations() {
    auto* org = Group("org", "Organisations");
    const auto id = [this](json::object& request) { request["id"] = options_.id; };
    auto* add = Remote(org, "add", "Add an organisation, or replace its record", "org.add",
                       [this](json::object& request) {
                         request["id"] = options_.id;
                         request["kind"] = options_.kind;
                         request["name_ja"] = options_.name_ja;
                         request["name_en"] = options_.name_en;
                         request["sector"] = options_.sector;
                         request["ceptoar"] = options_.ceptoar;
                         request["circles"] = ToArray(options_.circles);
                       });
    add->add_option("id", options_.id, "Identifier: [a-z0-9._-], at most 64")->required();
    add->add_option("--kind", options_.kind,
                    "ministry, incorporated_agency, operator, ceptoar, police, partner or centre")
        ->required();
    add->add_option("--name-ja", options_.name_ja)->required();
    add->add_option("--name-en", options_.name_en)->required();
    add->add_option("--sector", options_.sector, "Sector id");
    add->add_option("--ceptoar", options_.ceptoar, "CEPTOAR id");
    add->add_option("--circle", options_.circles, "Closed group it belongs to; may be repeated");
    Remote(org, "list", "All organisations", "org.list");
    Remote(org, "show", "One organisation", "org.show", id)
        ->add_option("id", options_.id)
        ->required();
    Remote(org, "disable", "Nothing in, nothing out", "org.disable", id)
        ->add_option("id", options_.id)
        ->required();
    Remote(org, "enable", "Undo disable", "org.enable", id)
        ->add_option("id", options_.id)
        ->required();
  }

  void AddAgents() {
    auto* agent = Group("agent", "Agents of organisations");
    const auto id = [this](json::object& request) { request["id"] = options_.id; };
    auto* token = Remote(agent, "token", "Make a one-time enrolment token", "agent.token", id);
    token->add_option("agent", options_.id, "ORG/AGENT")->required();
    token->add_option("--out", command_.token_file, "Write it to this file (mode 0600) instead");
    Remote(agent, "list", "All agents", "agent.list");
    auto* revoke = Remote(agent, "revoke", "Cut an agent off for good", "agent.revoke",
                          [this](json::object& request) {
                            request["id"] = options_.id;
                            request["reason"] = options_.reason;
                          });
    revoke->add_option("agent", options_.id, "ORG/AGENT")->required();
    revoke->add_option("--reason", options_.reason)->required();
  }

  void AddCases() {
    auto* group = Group("case", "Cases");
    auto* list =
        Remote(group, "list", "Newest cases first", "case.list", [this](json::object& request) {
          request["limit"] = options_.limit;
          if (!options_.exercise.empty()) request["exercise_id"] = options_.exercise;
        });
    list->add_option("--limit", options_.limit)->check(CLI::Range(1, 1000))->capture_default_str();
    list->add_option("--exercise", options_.exercise,
                     "Of this exercise, instead of the real thing");
    auto* show = Remote(group, "show", "One case with its submissions and evidence", "case.show",
                        [this](json::object& request) { request["case_id"] = options_.case_id; });
    show->add_option("case", options_.case_id)->required();
    calls_.Add(&app_, group);
  }

  void AddAlerts() {
    auto* alert = Group("alert", "Alerts");
    auto* issue = Remote(alert, "issue", "Propose an alert; another person decides", "alert.issue",
                         [this](json::object& request) {
                           request["kind"] = options_.kind;
                           request["tlp"] = options_.tlp;
                           request["title_ja"] = options_.title_ja;
                           request["title_en"] = options_.title_en;
                           request["text_ja"] = options_.text_ja;
                           request["text_en"] = options_.text_en;
                           request["to"] = ToArray(options_.to);
                           request["case_id"] = options_.case_id;
                           request["acknowledge_within"] = options_.acknowledge_within;
                           request["exercise"] = options_.exercise;
                           request["circle"] = options_.circle;
                         });
    issue
        ->add_option("--kind", options_.kind,
                     "warning, notification, vulnerability, provision, early_warning or drill")
        ->required();
    issue->add_option("--tlp", options_.tlp, "CLEAR, GREEN, AMBER, AMBER+STRICT or RED")
        ->required();
    issue->add_option("--title-ja", options_.title_ja)->required();
    issue->add_option("--title-en", options_.title_en)->required();
    issue->add_option("--text-ja", options_.text_ja)->required();
    issue->add_option("--text-en", options_.text_en)->required();
    issue
        ->add_option("--to", options_.to,
                     "all, kind:…, sector:…, ceptoar:…, org:…, circle:…; may be repeated")
        ->required();
    issue->add_option("--case", options_.case_id, "The case it is about");
    issue->add_option("--acknowledge-within", options_.acknowledge_within, "e.g. 4h; 0: none")
        ->capture_default_str();
    issue->add_option("--exercise", options_.exercise, "Mark it as part of this exercise");
    issue->add_option("--circle", options_.circle, "Confine it to this closed group");
    calls_.AddProposals(alert);
    auto* list = Remote(alert, "list", "Newest alerts first", "alert.list",
                        [this](json::object& request) { request["limit"] = options_.limit; });
    list->add_option("--limit", options_.limit)->check(CLI::Range(1, 1000))->capture_default_str();
    auto* show =
        Remote(alert, "show", "One alert: who gets it, why, and who has read it", "alert.show",
               [this](json::object& request) { request["id"] = options_.id; });
    show->add_option("alert", options_.id, "Alert id (hexadecimal)")->required();
  }

  void AddState() {
    auto* status = Remote(&app_, "status", "How the hub is", "status",
                          [this](json::object& request) { request["digest"] = options_.digest; });
    status->add_flag("--digest", options_.digest, "Also the digest over the whole state");
    auto* backup =
        Remote(&app_, "backup", "Copy everything into a new folder, verified, while running",
               "backup", [this](json::object& request) {
                 request["folder"] = std::filesystem::absolute(options_.folder).string();
               });
    backup->add_option("folder", options_.folder)->required();
    auto* verify = app_.add_subcommand("verify", "Read everything and name what does not fit");
    verify->add_option("--folder", options_.folder, "A backup instead of the hub's own data");
    verify->callback([this] {
      command_.verb = "verify";
      const Layout layout(command_.data);
      // A running hub owns its files: it verifies itself. Nobody at the socket: we do.
      command_.run = [this, socket = layout.admin_socket]() -> Result<json::object> {
        if (options_.folder.empty()) {
          auto answer = admin::Call(socket, {{"verb", "verify"}}, 0);
          if (answer.ok() || answer.error().code != ErrorCode::kUnavailable) return answer;
        }
        return Verify(command_.data, options_.folder);
      };
    });
  }

  void AddAnalyze() {
    auto* group = Group("analyze", "Try the analysis without a hub");
    auto* mail = group->add_subcommand(
        "mail", "What the hub would find in mails, and which belong together");
    mail->callback([this] {
      command_.verb = "analyze";
      command_.run = [this]() -> Result<json::object> {
        const auto done = AnalyzeMails(options_.analyze, &std::cin, stdout, stderr);
        if (!done.ok()) return done.error();
        return json::object();
      };
    });
    mail->add_option("paths", options_.analyze.paths,
                     "Files, mbox files, folders of them, or - for standard input")
        ->required();
    mail->add_flag("--jsonl", options_.analyze.jsonl, "One JSON object a mail");
    mail->add_flag("--explain", options_.analyze.explain, "Why each mail is in its group");
    mail->add_option("--workers", options_.analyze.workers,
                     "Processes that read mails (default: one for each core)")
        ->check(CLI::Range(1, kAnalyzeWorkersMax));
  }

  Calls calls_{[this](const std::string& verb, json::object request) {
    command_.verb = verb;
    command_.request = std::move(request);
  }};
  CLI::App app_;
  Command command_;
  Options options_;
};

void PrintError(const Command& command, const Error& error) {
  if (command.json_output) {
    const json::object object{
        {"error", {{"code", ToString(error.code)}, {"message", error.message}}}};
    std::fprintf(stderr, "%s\n", json::serialize(object).c_str());
  } else {
    std::fprintf(stderr, "noroshi-hub: %s\n", error.message.c_str());
  }
}

// The token leaves the answer for the file, so that it never meets a terminal.
Result<void> MoveTokenToFile(const std::string& path, json::object* answer) {
  const std::string token(answer->at("token").as_string());
  NOROSHI_RETURN_IF_ERROR(SystemFileSystem().WriteDurably(path, token + '\n', 0600));
  answer->erase("token");
  (*answer)["written_to"] = path;
  return {};
}

int Execute(const Command& command) {
  // A person who types a command wants its answer, not the hub's diary.
  if (command.verb != "serve") SetLogLevel(Level::kWarning);
  const bool long_running = command.verb == "backup";
  auto answer = command.run ? command.run()
                            : admin::Call(Layout(command.data).admin_socket, command.request,
                                          long_running ? 0 : 60'000);
  if (answer.ok() && command.verb == "agent.token" && !command.token_file.empty()) {
    const auto moved = MoveTokenToFile(command.token_file, &*answer);
    if (!moved.ok()) answer = moved.error();
  }
  if (!answer.ok()) {
    PrintError(command, answer.error());
    return answer.error().code == ErrorCode::kUnavailable ? kExitNotRunning : kExitFailed;
  }
  if (command.verb == "serve" || command.verb == "analyze") return 0;
  const std::string text =
      command.json_output ? json::serialize(*answer) + '\n' : admin::Render(command.verb, *answer);
  std::fputs(text.c_str(), stdout);
  const auto* findings = answer->if_contains("findings");
  return findings != nullptr && !findings->as_array().empty() ? kExitFailed : 0;
}

}  // namespace

int Main(int argc, char** argv) {
  CommandLine line;
  try {
    line.app().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app().exit(error) == 0 ? 0 : kExitUsage;
  }
  return Execute(line.command());
}

}  // namespace noroshi::app
