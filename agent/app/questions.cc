#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <set>

#include "agent/app/commands.h"
#include "agent/app/editor.h"
#include "agent/app/form.h"
#include "agent/app/parts.h"
#include "agent/sinks/render.h"
#include "common/base/encoding.h"
#include "common/base/terminal.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;
using spool::AnswerStanding;
using spool::AnswerState;

// A report of this agent that a question is about.
struct OwnReport {
  std::string kind;  // "incident", "mail", "observation".
  std::string title;
};

// What is shown of one question.
struct Line {
  v1::Question question;
  AnswerStanding standing;
  OwnReport report;  // Empty: another agent filed it, or more than 30 days ago.
};

OwnReport Describe(const v1::Submission& submission) {
  if (submission.has_incident()) return {"incident", submission.incident().title()};
  return {submission.has_mail() ? "mail" : "observation", ""};
}

// By id, of those that this agent still keeps.
Result<std::map<std::string, OwnReport>> FindReports(Parts& parts,
                                                     const std::set<std::string>& wanted,
                                                     int64_t now_ms) {
  std::map<std::string, OwnReport> found;
  if (wanted.empty()) return found;
  for (const std::string& folder : parts.spool.KeptFolders(now_ms)) {
    NOROSHI_ASSIGN_OR_RETURN(const auto items, parts.spool.SentIn(folder));
    for (const spool::Item& item : items) {
      if (!wanted.contains(item.id.bytes())) continue;
      const auto bytes = parts.spool.LoadSent(folder, item);
      v1::Submission submission;
      if (bytes.ok() && submission.ParseFromString(*bytes))
        found[item.id.bytes()] = Describe(submission);
    }
  }
  return found;
}

std::string_view StateWord(const Line& line) {
  switch (line.standing.state) {
    case AnswerState::kWaiting:
      return "queued";
    case AnswerState::kAccepted:
      return "answered";
    case AnswerState::kRefused:
      return line.question.withdrawn() ? "withdrawn" : "refused";
    case AnswerState::kNone:
      break;
  }
  if (line.question.withdrawn()) return "withdrawn";
  // By another agent or person of the organisation, or the centre wrote it down.
  return line.question.answered() ? "answered_elsewhere" : "open";
}

bool IsSettled(std::string_view state) {
  return state == "answered" || state == "answered_elsewhere" || state == "withdrawn";
}

std::string_view StateText(std::string_view word) {
  if (word == "queued") return "送信待ち / answer waits to be sent";
  if (word == "answered") return "回答済み / answered";
  if (word == "answered_elsewhere") return "他で回答済み / answered elsewhere";
  if (word == "withdrawn") return "取り下げ / withdrawn";
  if (word == "refused") return "回答は受け付けられませんでした / answer refused";
  return "未回答 / not answered";
}

std::string IdText(const std::string& bytes) {
  const auto id = Uuid::FromBytes(bytes);
  return id.ok() ? id->ToString() : ToHex(bytes);
}

json::object ToJson(const Line& line) {
  json::object object = sinks::QuestionJson(line.question);
  object["state"] = StateWord(line);
  object["report"] = line.report.kind.empty()
                         ? json::value()
                         : json::value{{"kind", line.report.kind}, {"title", line.report.title}};
  object["answer"] = line.standing.state == AnswerState::kNone
                         ? json::value()
                         : json::value{{"text", line.standing.answer.text()},
                                       {"person", line.standing.answer.person()},
                                       {"refused", line.standing.reason},
                                       {"at", line.standing.at}};
  return object;
}

std::string ToText(const Line& line, int64_t now_ms) {
  const v1::Question& question = line.question;
  const std::string_view state = StateWord(line);
  const bool is_due = state == "open" || state == "refused";
  const bool late = is_due && question.answer_by_ms() != 0 && question.answer_by_ms() < now_ms;
  std::string text = fmt::format("{}  {}{}\n", IdText(question.question_id()), StateText(state),
                                 late ? "  【期限超過 / OVERDUE】" : "");
  text += sinks::QuestionText(question);
  if (!line.report.kind.empty())
    text += fmt::format("  届出 / your report: {} {}\n", line.report.kind,
                        TerminalLine(line.report.title));
  const v1::AnswerQuestion& answer = line.standing.answer;
  if (!answer.text().empty()) {
    text += answer.person().empty()
                ? "  回答 / answer:\n"
                : fmt::format("  回答 / answer ({}):\n", TerminalLine(answer.person()));
    text += sinks::Indented("    ", TerminalText(answer.text()));
  }
  if (!line.standing.at.empty())
    text += fmt::format("  ハブの回答 / the hub's answer: {} {}\n", line.standing.at,
                        TerminalLine(line.standing.reason));
  return text;
}

Result<std::vector<Line>> Gather(Parts& parts, bool all, int64_t now_ms) {
  NOROSHI_ASSIGN_OR_RETURN(auto questions, parts.questions.List());
  std::vector<Line> lines;
  std::set<std::string> references;
  for (v1::Question& question : questions) {
    NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(question.question_id()));
    Line line;
    NOROSHI_ASSIGN_OR_RETURN(line.standing, parts.questions.StandingOf(id));
    line.question = std::move(question);
    const std::string_view state = StateWord(line);
    if (!all && IsSettled(state)) continue;
    references.insert(line.question.case_reference());
    lines.push_back(std::move(line));
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto reports, FindReports(parts, references, now_ms));
  for (Line& line : lines) {
    const auto report = reports.find(line.question.case_reference());
    if (report != reports.end()) line.report = report->second;
  }
  return lines;
}

// ---- answering ----

// Without the line breaks and blanks that an editor or a pipe leaves at the end.
std::string Trimmed(std::string text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

Result<void> CheckText(const std::string& text) {
  if (text.empty()) return Error{ErrorCode::kInvalid, "回答が空です / the answer is empty"};
  if (text.size() > spool::kAnswerTextBytesMax || !IsValidUtf8(text))
    return Error{ErrorCode::kInvalid,
                 "回答: 最大 16384 バイトの UTF-8 / the answer: at most 16384 bytes of UTF-8"};
  return {};
}

// The question as comments above an empty answer.
std::string AnswerForm(const v1::Question& question) {
  std::string form;
  std::string shown = sinks::QuestionText(question);
  shown += "この下に回答を書いてください / Write the answer below\n";
  for (size_t at = 0; at < shown.size();) {
    const size_t end = shown.find('\n', at);
    form += "# " + shown.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return form;
}

// Without those at its end.
std::string_view WithoutBlanks(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

// Without the line break.
std::string_view TakeLine(std::string_view* text) {
  const std::string_view line = text->substr(0, text->find('\n'));
  text->remove_prefix(std::min(text->size(), line.size() + 1));
  return line;
}

// What was written, without messages on top and without the form's own lines, wherever
// they went and whatever blanks the editor took from their ends. Any other line with a '#'
// is part of the answer.
std::string AnswerOfForm(std::string_view written, std::string_view form) {
  std::vector<std::string_view> own;
  while (!form.empty()) own.push_back(WithoutBlanks(TakeLine(&form)));
  auto next = own.begin();
  while (written.starts_with(kMessageMark)) TakeLine(&written);
  std::string answer;
  while (!written.empty()) {
    const std::string_view line = TakeLine(&written);
    if (const auto found = std::find(next, own.end(), WithoutBlanks(line)); found != own.end()) {
      next = found + 1;
    } else {
      answer += std::string(line) + "\n";
    }
  }
  return Trimmed(std::move(answer));
}

Result<void> Queue(Parts& parts, const Uuid& id, const std::string& text,
                   const AnswerOptions& options) {
  NOROSHI_RETURN_IF_ERROR(CheckText(text));
  v1::AnswerQuestion answer;
  answer.set_question_id(id.bytes());
  answer.set_text(text);
  answer.set_person(options.person);
  auto queued = parts.questions.Answer(answer);
  if (!queued.ok() && queued.error().code == ErrorCode::kConflict)
    return Error{ErrorCode::kConflict,
                 "この照会には回答済みです / this question has an answer already"};
  return queued;
}

Result<void> QueueAnswer(const Environment& environment, Parts& parts, const v1::Question& question,
                         const AnswerOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(question.question_id()));
  if (!options.edit) {
    std::string text = options.text;
    if (!options.file.empty()) {
      NOROSHI_ASSIGN_OR_RETURN(text,
                               environment.ReadInput(options.file, 2 * spool::kAnswerTextBytesMax));
    }
    return Queue(parts, id, Trimmed(std::move(text)), options);
  }
  const std::string form = AnswerForm(question);
  const auto accept = [&](const std::string& written) {
    return Queue(parts, id, AnswerOfForm(written, form), options);
  };
  NOROSHI_ASSIGN_OR_RETURN(const std::string draft, EditForm(environment, form, accept));
  (void)environment.files.Remove(draft).ok();  // A draft that stays is only untidy.
  return {};
}

int TellAnswer(const Environment& environment, const Uuid& id, const AnswerStanding& standing) {
  const bool settled = standing.state != AnswerState::kWaiting;
  const bool taken = standing.state == AnswerState::kAccepted;
  if (environment.json) {
    json::object answer = {{"question_id", id.ToString()},
                           {"state", !settled ? "queued"
                                     : taken  ? "answered"
                                              : "refused"}};
    if (settled) answer["reason"] = standing.reason;
    std::puts(json::serialize(answer).c_str());
  } else if (!settled) {
    std::puts("保存しました。届き次第送ります / queued; it will be sent");
  } else {
    std::puts(taken ? "受け付けられました / accepted"
                    : ("拒否されました / refused: " + TerminalLine(standing.reason)).c_str());
  }
  return taken || !settled ? kExitOk : kExitDataError;
}

}  // namespace

int ListQuestions(const Environment& environment, const QuestionsOptions& options) {
  auto parts = Parts::Open(environment);
  if (!parts.ok()) return FailConfig(environment, parts.error());
  const int64_t now = environment.clock.NowMs();
  const auto lines = Gather(*parts, options.all, now);
  if (!lines.ok()) return environment.Fail(lines.error());
  if (environment.json) {
    json::array questions;
    for (const Line& line : *lines) questions.push_back(ToJson(line));
    std::puts(json::serialize(json::object{{"questions", std::move(questions)}}).c_str());
    return kExitOk;
  }
  if (lines->empty()) std::puts("照会はありません / no questions");
  for (const Line& line : *lines) std::puts(ToText(line, now).c_str());
  return kExitOk;
}

int AnswerQuestion(const Environment& environment, const AnswerOptions& options) {
  const auto id = Uuid::Parse(options.question_id);
  if (!id.ok())
    return environment.Fail(kExitUsage, "照会の ID ではありません / not a question's id");
  const int sources =
      (options.text.empty() ? 0 : 1) + (options.file.empty() ? 0 : 1) + (options.edit ? 1 : 0);
  if (sources != 1)
    return environment.Fail(
        kExitUsage, "--text、--file、--edit のいずれか一つ / one of --text, --file, --edit");
  if (options.person.size() > spool::kAnswerPersonBytesMax || !IsValidUtf8(options.person))
    return environment.Fail(kExitUsage, "--person: 最大 128 バイト / at most 128 bytes of UTF-8");
  auto parts = Parts::Open(environment);
  if (!parts.ok()) return FailConfig(environment, parts.error());
  const auto question = parts->questions.Find(*id);
  if (!question.ok() && question.error().code == ErrorCode::kNotFound)
    return environment.Fail(kExitNoInput, "そのような照会は届いていません / no such question here");
  if (!question.ok()) return environment.Fail(question.error());
  if (question->withdrawn())
    return environment.Fail(kExitDataError,
                            "この照会は取り下げられました / this question was withdrawn");
  if (question->answered())
    return environment.Fail(kExitDataError,
                            "この照会には回答済みです / this question has an answer already");
  const auto queued = QueueAnswer(environment, *parts, *question, options);
  if (!queued.ok() && queued.error().code == ErrorCode::kConflict)
    return environment.Fail(kExitDataError, queued.error().message);
  if (!queued.ok()) return environment.Fail(queued.error());
  const std::string folder = parts->questions.waiting_folder();
  const auto waited = WaitUntilGone(environment, *parts, folder, {folder + "/" + id->ToString()},
                                    std::chrono::seconds(options.wait_seconds));
  // The answer is kept, whatever went wrong.
  if (!waited.ok() && waited.error().code != ErrorCode::kTimeout)
    environment.Fail(kExitOk, waited.error().message);
  const auto standing = parts->questions.StandingOf(*id);
  if (!standing.ok()) return environment.Fail(standing.error());
  return TellAnswer(environment, *id, *standing);
}

}  // namespace noroshi::agent
