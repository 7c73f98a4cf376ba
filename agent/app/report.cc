#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>

#include "agent/app/commands.h"
#include "agent/app/editor.h"
#include "agent/app/form.h"
#include "agent/app/mailbox.h"
#include "agent/app/parts.h"
#include "agent/app/rejection.h"
#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "common/wire/frame.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;

// What one command needs to file something: opened once.
struct Desk {
  const Environment& environment;
  session::Pins pins;
  Settings settings;
  spool::Spool spool;

  static Result<Desk> Open(const Environment& environment) {
    NOROSHI_ASSIGN_OR_RETURN(auto pins, environment.LoadPins());
    NOROSHI_ASSIGN_OR_RETURN(auto settings, environment.LoadSettings());
    NOROSHI_ASSIGN_OR_RETURN(auto spool, environment.OpenSpool(settings));
    return Desk{environment, std::move(pins), std::move(settings), std::move(spool)};
  }

  // `given`: what set its fields, for messages.
  Result<spool::Item> File(v1::Submission submission, const std::vector<Entry>& given) {
    const int64_t now = environment.clock.NowMs();
    spool::Item item;
    item.id = environment.random.UuidV7(now);
    submission.set_id(item.id.bytes());
    submission.set_created_at_ms(now);
    submission.mutable_handling();  // Required, even when every field is absent.
    NOROSHI_ASSIGN_OR_RETURN(const std::string bytes, CheckSubmission(submission, given, now));
    item.priority = spool::PriorityOf(submission);
    item.bytes = bytes.size();
    NOROSHI_RETURN_IF_ERROR(spool.Add(item, bytes));
    return item;
  }
};

Result<void> ApplyAll(const std::vector<Entry>& entries, v1::Submission* submission) {
  std::string wrong;
  for (const Entry& entry : entries) {
    const auto applied = ApplyEntry(entry, submission);
    if (!applied.ok()) wrong += (wrong.empty() ? "" : "\n") + applied.error().message;
  }
  if (wrong.empty()) return {};
  return Error{ErrorCode::kInvalid, wrong};
}

Result<void> RefuseKeys(const std::vector<Entry>& entries, bool mail) {
  for (const Entry& entry : entries) {
    const Field* field = FindField(entry.key);
    NOROSHI_CHECK(field != nullptr);
    const bool for_mail = field->part == FieldPart::kMail || field->part == FieldPart::kTreatment;
    const bool for_incident =
        field->part == FieldPart::kIncident || field->part == FieldPart::kFigures;
    if (mail ? for_incident : for_mail)
      return Error{ErrorCode::kInvalid,
                   fmt::format("{}: {}: この届出の項目ではありません / not a field of this report",
                               entry.place, entry.key)};
  }
  return {};
}

// The report of a file or form, and flags, which win.
Result<v1::Submission> MakeIncident(const std::vector<Entry>& form,
                                    const std::vector<Entry>& flags) {
  v1::Submission submission;
  submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
  NOROSHI_RETURN_IF_ERROR(RefuseKeys(form, /*mail=*/false));
  NOROSHI_RETURN_IF_ERROR(ApplyAll(form, &submission));
  NOROSHI_RETURN_IF_ERROR(ApplyAll(flags, &submission));
  return submission;
}

// ---- telling what became of it ----

struct Outcome {
  // "spooled", "accepted", "rejected", "receipt_invalid". Spooled is success: a caller that
  // tries again would file it twice.
  std::string state = "spooled";
  std::optional<v1::Receipt> receipt;
  json::value rejection;  // As of RejectionValue; null: none.
  int exit_code = kExitOk;
};

// After the item has left the spool (or patience has ended). Checks the receipt once
// more, against what is kept.
Outcome OutcomeOf(Desk& desk, const spool::Item& item) {
  auto proof = desk.spool.FindReceipt(item.id, desk.environment.clock.NowMs());
  if (proof.ok()) {
    const auto bytes = desk.spool.LoadSent(proof->folder, item);
    const bool valid =
        bytes.ok() && merkle::VerifyReceipt(proof->receipt, *bytes, desk.pins.organization,
                                            desk.pins.log_public_key)
                          .ok();
    return {valid ? "accepted" : "receipt_invalid", std::move(proof->receipt), nullptr,
            valid ? kExitOk : kExitDataError};
  }
  if (auto rejection = desk.spool.FindRejection(item.id); rejection.ok())
    return {"rejected", std::nullopt, RejectionValue(*rejection), kExitDataError};
  return {};
}

json::object OutcomeJson(const spool::Item& item, const Outcome& outcome) {
  json::object object = {{"submission_id", item.id.ToString()}, {"state", outcome.state}};
  if (outcome.receipt) {
    object["receipt"] = json::object{{"sequence", outcome.receipt->sequence()},
                                     {"tree_size", outcome.receipt->head().tree_size()},
                                     {"log_id", ToHex(outcome.receipt->head().log_id())},
                                     {"verified", outcome.state == "accepted"}};
  }
  if (!outcome.rejection.is_null()) object["rejection"] = outcome.rejection;
  return object;
}

std::string OutcomeText(const Outcome& outcome) {
  if (outcome.state == "accepted")
    return fmt::format("  受領証を検証しました / receipt verified: sequence {}, tree size {}\n",
                       outcome.receipt->sequence(), outcome.receipt->head().tree_size());
  if (outcome.state == "rejected")
    return "  受理されませんでした / rejected: " + RejectionLine(outcome.rejection) + "\n";
  if (outcome.state == "receipt_invalid")
    return "  受領証が正しくありません / the receipt is not valid\n";
  return "  まだ受領されていません。保存済みで、届き次第送ります / not received yet; it is kept "
         "and "
         "will be sent\n";
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

Result<void> WaitForAnswers(Desk& desk, const std::vector<spool::Item>& queued, int seconds) {
  NOROSHI_ASSIGN_OR_RETURN(auto parts, Parts::Open(desk.environment));
  const std::string folder = desk.spool.waiting_folder();
  std::vector<std::string> paths;
  paths.reserve(queued.size());
  for (const spool::Item& one : queued) paths.push_back(folder + "/" + one.name());
  return WaitUntilGone(desk.environment, parts, folder, paths, std::chrono::seconds(seconds));
}

// Prints the ids as soon as they are durable, and then, with --wait, what became of them.
int Tell(Desk& desk, const std::vector<spool::Item>& queued, std::optional<int> wait_seconds,
         bool list) {
  const Environment& environment = desk.environment;
  if (!environment.json) {
    for (const spool::Item& one : queued) Print(one.id.ToString() + "\n");
    std::fflush(stdout);
  }
  int exit_code = kExitOk;
  json::array answers;
  if (wait_seconds) {
    // Whatever went wrong, the reports are kept: their ids must be told.
    const auto waited = WaitForAnswers(desk, queued, *wait_seconds);
    if (!waited.ok()) environment.Fail(kExitOk, waited.error().message);
  }
  for (const spool::Item& one : queued) {
    const Outcome outcome = wait_seconds ? OutcomeOf(desk, one) : Outcome{};
    exit_code = std::max(exit_code, outcome.exit_code);
    if (environment.json) {
      answers.push_back(OutcomeJson(one, outcome));
    } else if (wait_seconds) {
      Print((list ? one.id.ToString() + "\n" : "") + OutcomeText(outcome));
    }
  }
  if (environment.json) {
    const json::value answer =
        list ? json::value(json::object{{"submissions", answers}}) : std::move(answers.front());
    Print(json::serialize(answer) + "\n");
  }
  return exit_code;
}

Result<spool::Item> FileEdited(Desk& desk, const std::vector<Entry>& form,
                               const std::vector<Entry>& flags) {
  NOROSHI_RETURN_IF_ERROR(RefuseKeys(form, /*mail=*/false));
  // The form shows what file and flags gave: what is saved in the editor counts.
  std::vector<Entry> given = flags;
  given.insert(given.end(), form.begin(), form.end());
  std::optional<spool::Item> queued;
  const auto accept = [&](const std::string& text) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(const auto entries, ReadForm("form", text));
    NOROSHI_ASSIGN_OR_RETURN(auto submission, MakeIncident(entries, {}));
    NOROSHI_ASSIGN_OR_RETURN(queued, desk.File(std::move(submission), entries));
    return {};
  };
  NOROSHI_ASSIGN_OR_RETURN(const std::string draft,
                           EditForm(desk.environment, FormTemplate(given), accept));
  // It is in the spool; a draft that stays is only untidy.
  (void)desk.environment.files.Remove(draft).ok();
  return *queued;
}

Result<spool::Item> FileMail(Desk& desk, v1::Submission submission, const std::string& mail,
                             const std::vector<Entry>& flags) {
  if (!mail.empty() && !HasHeader(mail))
    return Error{
        ErrorCode::kInvalid,
        "メールのヘッダーがありません。.eml として保存したものを指定してください / no mail: it has "
        "no header lines; save the mail as .eml"};
  submission.mutable_mail()->set_raw(mail);
  return desk.File(std::move(submission), flags);
}

// How to go on after a stop at the mail of this number in the file, counted from 0;
// empty: nothing was kept.
std::string HowToGoOn(size_t kept, const std::string& file, size_t number) {
  if (kept == 0) return "";
  std::string text = fmt::format(
      "\n{} 通は保存済みです。残りだけ、{} から届け出てください / {} mails are kept: repeat only "
      "the "
      "rest, from {} on",
      kept, file, kept, file);
  if (number > 0)
    text += fmt::format("、その最初の {} 通を除く / without the first {} of it", number, number);
  return text;
}

}  // namespace

int ReportIncident(const Environment& environment, const IncidentOptions& options) {
  auto desk = Desk::Open(environment);
  if (!desk.ok()) return FailConfig(environment, desk.error());
  std::vector<Entry> form;
  if (!options.file.empty()) {
    const auto text = environment.ReadInput(options.file, kFormBytesMax);
    if (!text.ok()) return environment.Fail(text.error());
    auto entries = ReadForm(options.file == "-" ? "stdin" : options.file, *text);
    if (!entries.ok()) return environment.Fail(entries.error());
    form = *std::move(entries);
  }
  Result<spool::Item> queued = Error{};
  if (options.edit) {
    queued = FileEdited(*desk, form, options.flags);
  } else {
    auto submission = MakeIncident(form, options.flags);
    if (!submission.ok()) return environment.Fail(submission.error());
    form.insert(form.end(), options.flags.begin(), options.flags.end());
    queued = desk->File(*std::move(submission), form);
  }
  if (!queued.ok()) return environment.Fail(queued.error());
  return Tell(*desk, {*std::move(queued)}, options.wait_seconds, /*list=*/false);
}

int ReportMail(const Environment& environment, const MailOptions& options) {
  auto desk = Desk::Open(environment);
  if (!desk.ok()) return FailConfig(environment, desk.error());
  if (auto fields = RefuseKeys(options.flags, /*mail=*/true); !fields.ok())
    return environment.Fail(fields.error());
  v1::Submission common;
  if (auto applied = ApplyAll(options.flags, &common); !applied.ok())
    return environment.Fail(applied.error());
  const auto files = MailFiles(options.paths);
  if (!files.ok()) return environment.Fail(files.error());

  std::vector<spool::Item> queued;
  int exit_code = kExitOk;
  for (const std::string& file : *files) {
    const auto content = environment.ReadInput(file, kMboxBytesMax);
    if (!content.ok()) {
      exit_code = environment.Fail(content.error());
      continue;
    }
    const auto mails = MailsOf(file, *content);
    for (size_t i = 0; i < mails.size(); ++i) {
      auto filed = FileMail(*desk, common, mails[i], options.flags);
      if (filed.ok()) {
        queued.push_back(*std::move(filed));
        continue;
      }
      Error error = filed.error().Prefixed(file);
      // Full or broken: what follows would fail as well.
      const bool stops = error.code != ErrorCode::kInvalid;
      if (stops) error.message += HowToGoOn(queued.size(), file, i);
      exit_code = environment.Fail(error);
      if (stops) {
        Tell(*desk, queued, options.wait_seconds, /*list=*/true);
        return exit_code;
      }
    }
  }
  if (queued.empty() && exit_code == kExitOk)
    return environment.Fail(kExitNoInput, "メールがありません / no mail found");
  return std::max(exit_code, Tell(*desk, queued, options.wait_seconds, /*list=*/true));
}

}  // namespace noroshi::agent
