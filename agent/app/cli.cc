// The only file that sees CLI11: it takes seconds to compile.
#include "agent/app/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "agent/app/commands.h"
#include "common/log/log.h"

namespace noroshi::agent {
namespace {

constexpr char kDefaultFolder[] = "/var/lib/noroshi-agent";
constexpr int kWaitSecondsMax = 24 * 3600;

// Values of a report's flags, by the field's key.
using FlagValues = std::map<std::string, std::vector<std::string>>;

// "may_share_name" -> "--may-share-name".
std::string FlagOf(std::string_view key) {
  std::string flag = "--" + std::string(key);
  for (char& c : flag) {
    if (c == '_') c = '-';
  }
  return flag;
}

// One flag for each field of the report, in the field's own words.
void AddFields(CLI::App* command, bool mail, FlagValues* values) {
  for (const Field& field : Fields()) {
    const bool of_mail = field.part == FieldPart::kMail || field.part == FieldPart::kTreatment;
    const bool of_both = field.part == FieldPart::kHandling || field.part == FieldPart::kSubmission;
    if (!of_both && of_mail != mail) continue;
    std::string names = FlagOf(field.key);
    if (!field.alias.empty()) names += "," + FlagOf(field.alias);
    const std::string help = std::string(field.help_ja) + " / " + std::string(field.help_en);
    auto* slot = &(*values)[std::string(field.key)];
    if (field.kind == FieldKind::kBool) {
      // --support alone means yes; --support no is possible.
      command->add_option(names, *slot, help)->expected(0, 1)->default_str("yes");
    } else {
      auto* option = command->add_option(names, *slot, help)->allow_extra_args(false);
      if (field.kind == FieldKind::kIdentifiers) {
        option->take_all();
      } else {
        option->expected(1);
      }
    }
  }
}

std::vector<Entry> EntriesOf(const CLI::App& command, const FlagValues& values) {
  std::vector<Entry> entries;
  for (const Field& field : Fields()) {
    const std::string flag = FlagOf(field.key);
    const auto given = values.find(std::string(field.key));
    if (given == values.end() || command.count(flag) == 0) continue;
    Entry entry{std::string(field.key), given->second, flag};
    const bool bare = entry.values.empty() || entry.values[0].empty();
    if (field.kind == FieldKind::kBool && bare) entry.values = {"yes"};
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Everything that the parser fills in.
struct Line {
  std::string folder = kDefaultFolder;
  bool json = false;
  EnrollOptions enroll;
  IncidentOptions incident;
  FlagValues incident_values;
  MailOptions mail;
  FlagValues mail_values;
  int wait = -1;
  RunOptions run;
  AlertsOptions alerts;
  AckOptions ack;
  QuestionsOptions questions;
  AnswerOptions answer;
};

void AddWait(CLI::App* command, Line* line) {
  command
      ->add_option("--wait", line->wait,
                   "受領証をこの秒数まで待つ / wait this many seconds for the receipt")
      ->check(CLI::Range(0, kWaitSecondsMax));
}

void AddReport(CLI::App* app, Line* line) {
  auto* report = app->add_subcommand("report", "届け出る / file a report");
  report->require_subcommand(1);
  auto* incident = report->add_subcommand("incident", "インシデント報告 / an incident report");
  incident->add_option("--file", line->incident.file,
                       "YAML か JSON のファイル(- は標準入力) / YAML or JSON file, - for stdin");
  incident->add_flag("--edit", line->incident.edit,
                     "エディタの様式に書く / fill in a form in $EDITOR");
  AddFields(incident, /*mail=*/false, &line->incident_values);
  AddWait(incident, line);
  auto* mail = report->add_subcommand("mail", "不審メール / suspicious mails");
  mail->add_option(
          "PATH", line->mail.paths,
          "ファイル・フォルダ・mbox、- は標準入力の一通 / files, folders, mbox files, - for one "
          "mail from stdin")
      ->required();
  AddFields(mail, /*mail=*/true, &line->mail_values);
  AddWait(mail, line);
}

void AddQuestions(CLI::App* app, Line* line) {
  auto* questions = app->add_subcommand("questions", "届いた照会 / questions of the centre");
  questions->add_flag("--all", line->questions.all,
                      "回答済み・取り下げも / answered and withdrawn ones, too");
  auto* answer = app->add_subcommand("answer", "照会に回答する / answer a question");
  answer->add_option("QUESTION_ID", line->answer.question_id)->required();
  answer->add_option("--text", line->answer.text, "回答の文 / the answer");
  answer->add_option("--file", line->answer.file,
                     "回答のファイル(- は標準入力) / file with the answer, - for stdin");
  answer->add_flag("--edit", line->answer.edit, "エディタで書く / write it in $EDITOR");
  answer->add_option("--person", line->answer.person, "回答する人 / who answers");
  answer
      ->add_option("--wait", line->answer.wait_seconds,
                   "ハブを待つ秒数 / seconds to wait for the hub")
      ->check(CLI::Range(0, kWaitSecondsMax));
}

void AddCommands(CLI::App* app, Line* line) {
  auto* enroll = app->add_subcommand("enroll", "機関の agent として登録する / enrol this agent");
  enroll
      ->add_option("--token-file", line->enroll.token_file,
                   "一回限りのトークン(- は標準入力) / the one-time token, - for stdin")
      ->required();
  enroll->add_option("--proxy", line->enroll.proxy, "http://HOST:PORT");
  enroll->add_flag("--force", line->enroll.force, "登録し直す / replace an enrolment");
  AddReport(app, line);
  auto* run = app->add_subcommand("run", "送受信を続ける / send and receive until SIGTERM");
  run->add_flag("--once", line->run.once, "溜まった分だけ / drain spool and inbox, then end");
  auto* alerts = app->add_subcommand("alerts", "届いた発信 / alerts received");
  alerts->add_option("--limit", line->alerts.limit, "最大件数 / at most so many, the newest")
      ->check(CLI::Range(size_t{1}, kAlertsShownMax));
  auto* ack = app->add_subcommand("ack", "発信への確認 / acknowledge an alert");
  ack->add_option("ALERT_ID", line->ack.alert_id)->required();
  ack->add_option("--mark", line->ack.mark, "read, acted, not-applicable")->required();
  ack->add_option("--person", line->ack.person, "確認した人 / who says so");
  ack->add_option("--note", line->ack.note, "補足 / note");
  ack->add_option("--wait", line->ack.wait_seconds,
                  "回答を待つ秒数 / seconds to wait for the answer")
      ->check(CLI::Range(0, kWaitSecondsMax));
  AddQuestions(app, line);
  app->add_subcommand("status", "状態 / connection, spool, receipts");
  app->add_subcommand("verify", "受領証の検証(オフライン) / check every receipt, offline");
}

int Dispatch(const CLI::App& app, Line* line) {
  const Environment environment{line->folder, line->json, SystemFileSystem(), SystemClock(),
                                SystemRandom()};
  const auto chosen = [&](const char* name) { return app.got_subcommand(name); };
  // Only `run` is a service; the others speak to a person.
  if (!chosen("run")) SetLogLevel(Level::kError);
  if (chosen("enroll")) return Enroll(environment, line->enroll);
  if (chosen("run")) return Run(environment, line->run);
  if (chosen("alerts")) return Alerts(environment, line->alerts);
  if (chosen("ack")) return Ack(environment, line->ack);
  if (chosen("questions")) return ListQuestions(environment, line->questions);
  if (chosen("answer")) return AnswerQuestion(environment, line->answer);
  if (chosen("status")) return Status(environment);
  if (chosen("verify")) return Verify(environment);
  const CLI::App* report = app.get_subcommand("report");
  const std::optional<int> wait = line->wait < 0 ? std::nullopt : std::optional(line->wait);
  if (report->got_subcommand("mail")) {
    line->mail.flags = EntriesOf(*report->get_subcommand("mail"), line->mail_values);
    line->mail.wait_seconds = wait;
    return ReportMail(environment, line->mail);
  }
  line->incident.flags = EntriesOf(*report->get_subcommand("incident"), line->incident_values);
  line->incident.wait_seconds = wait;
  return ReportIncident(environment, line->incident);
}

// Before the line is parsed, only its words tell whether it wants JSON.
int FailUsage(const std::vector<std::string>& arguments, const std::string& message) {
  const bool wants_json =
      std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  return Environment{"", wants_json, SystemFileSystem(), SystemClock(), SystemRandom()}.Fail(
      kExitUsage, message);
}

// Flags that must not be given an empty value.
std::set<std::string, std::less<>> NeverEmptyFlags() {
  std::set<std::string, std::less<>> flags = {"--file"};
  for (const Field& field : Fields()) {
    if (field.kind == FieldKind::kText) continue;
    flags.insert(FlagOf(field.key));
    if (!field.alias.empty()) flags.insert(FlagOf(field.alias));
  }
  return flags;
}

// The first of these flags with an empty value; empty: none. CLI11 tells
// `--may-tell-police ""` and the bare flag alike, and the bare flag means yes: an
// unset variable of a script would give consent, or file a report without its file, its
// circle or the mark of an exercise.
std::string FlagLeftEmpty(const std::vector<std::string>& arguments) {
  const auto flags = NeverEmptyFlags();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.ends_with('=') && flags.contains(argument.substr(0, argument.size() - 1)))
      return argument.substr(0, argument.size() - 1);
    if (flags.contains(argument) && i + 1 < arguments.size() && arguments[i + 1].empty())
      return argument;
  }
  return "";
}

// CLI11 reads a path like "[Gmail]" as a list; "./[Gmail]" is the same path. No flag has
// more than one value: behind any other word there is a path.
void KeepBrackets(std::vector<std::string>* arguments) {
  for (size_t i = 1; i < arguments->size(); ++i) {
    const std::string& before = (*arguments)[i - 1];
    std::string& argument = (*arguments)[i];
    const bool is_value =
        before.starts_with("--") && before != "--" && before.find('=') == std::string::npos;
    if (!is_value && argument.starts_with('[')) argument.insert(0, "./");
  }
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  CLI::App app("Noroshi の agent / the Noroshi agent", "noroshi-agent");
  Line line;
  app.set_version_flag("--version", NOROSHI_VERSION);
  app.add_option("--data", line.folder, "データのフォルダ / data directory")
      ->envname("NOROSHI_AGENT_DATA");
  app.add_flag("--json", line.json, "JSON で答える / answer in JSON");
  app.require_subcommand(1);
  AddCommands(&app, &line);
  if (const std::string flag = FlagLeftEmpty(arguments); !flag.empty())
    return FailUsage(arguments, flag + ": 値が空です / the value is empty");
  KeepBrackets(&arguments);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // As it wants it.
    return Dispatch(app, &line);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version.
    return FailUsage(arguments,
                     std::string("コマンドの書き方が違います(--help 参照) / wrong usage, see "
                                 "--help: ") +
                         error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "noroshi-agent: %s\n", error.what());
    return kExitSoftware;
  }
}

}  // namespace noroshi::agent
