// Reports and mails that persons enter: a member for its own organisation, the centre
// for one that told it by telephone, fax, mail or a visit. The rules are intake's.
#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/runtime/clock.h"
#include "common/submission/validate.h"
#include "hub/api/handing_in.h"
#include "hub/api/problem.h"
#include "hub/api/reports.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;

constexpr uint64_t kRecipientsMax = UINT32_MAX;

// Texts of a report that go by the same name here and there.
constexpr const char* kTexts[] = {
    "title",      "what_happened",    "impact", "response",    "expected_recovery",
    "event_type", "affected_service", "sector", "on_behalf_of"};

// ---- from JSON ----

std::string TextIn(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

bool FlagIn(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

// 0: not given.
Result<int64_t> TimeIn(const json::object& object, const std::string& folder,
                       std::string_view name) {
  const std::string text = TextIn(object, name);
  if (text.empty()) return int64_t{0};
  auto time = ParseUtc(text);
  if (!time.ok()) return time.error().Prefixed(fmt::format("{}{}", folder, name));
  return *time;
}

Result<v1::Handling> HandlingIn(const json::object& object) {
  const auto tlp = ReadTlp(TextIn(object, "tlp"));
  if (!tlp.ok()) return Error{tlp.error().code, "handling/" + tlp.error().message};
  v1::Handling handling;
  handling.set_tlp(*tlp);
  handling.set_grade(TextIn(object, "grade"));
  handling.set_circle(TextIn(object, "circle"));
  handling.set_may_share_name(FlagIn(object, "may_share_name"));
  handling.set_may_tell_police(FlagIn(object, "may_tell_police"));
  handling.set_may_tell_competent_ministry(FlagIn(object, "may_tell_competent_ministry"));
  return handling;
}

void ReadFigures(const json::object& object, v1::ImpactFigures* figures) {
  const auto* type = figures->GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* value = object.if_contains(type->field(i)->name());
    if (value == nullptr) continue;
    figures->GetReflection()->SetUInt64(figures, type->field(i), value->to_number<uint64_t>());
  }
}

// REQUIRES: the object has passed its schema.
Result<v1::IncidentReport> IncidentIn(const json::object& object) {
  v1::IncidentReport incident;
  for (const char* name : kTexts) {
    const auto* field = incident.GetDescriptor()->FindFieldByName(name);
    incident.GetReflection()->SetString(&incident, field, TextIn(object, name));
  }
  const auto stage = render::FromWord<v1::ReportStage>(TextIn(object, "stage"));
  if (!stage.ok()) return stage.error().Prefixed("incident/stage");
  incident.set_stage(*stage);
  const std::string thread = TextIn(object, "thread_id");
  if (!thread.empty()) {
    const auto id = Uuid::Parse(thread);
    if (!id.ok()) return id.error().Prefixed("incident/thread_id");
    incident.set_thread_id(id->bytes());
  }
  NOROSHI_ASSIGN_OR_RETURN(const int64_t occurred, TimeIn(object, "incident/", "occurred_at"));
  NOROSHI_ASSIGN_OR_RETURN(const int64_t detected, TimeIn(object, "incident/", "detected_at"));
  incident.set_occurred_at_ms(occurred);
  incident.set_detected_at_ms(detected);
  if (const auto* causes = object.if_contains("causes"); causes != nullptr) {
    for (const auto& cause : causes->as_array())
      incident.add_causes(std::string(cause.as_string()));
  }
  if (const auto* figures = object.if_contains("figures"); figures != nullptr) {
    ReadFigures(figures->as_object(), incident.mutable_figures());
  }
  incident.set_support_requested(FlagIn(object, "support_requested"));
  return incident;
}

// ---- from the query ----

Result<v1::SuspiciousMail> QueryMail(const Call& call) {
  v1::SuspiciousMail mail;
  mail.set_note(call.Query("note"));
  NOROSHI_ASSIGN_OR_RETURN(const auto recipients, QueryNumber(call, "recipients", kRecipientsMax));
  mail.set_recipients(static_cast<uint32_t>(recipients.value_or(0)));
  NOROSHI_ASSIGN_OR_RETURN(const auto opened, QueryFlag(call, "opened"));
  NOROSHI_ASSIGN_OR_RETURN(const auto clicked, QueryFlag(call, "link_clicked"));
  NOROSHI_ASSIGN_OR_RETURN(const auto run, QueryFlag(call, "attachment_run"));
  NOROSHI_ASSIGN_OR_RETURN(const auto replied, QueryFlag(call, "replied"));
  if (opened) mail.mutable_treatment()->set_opened(*opened);
  if (clicked) mail.mutable_treatment()->set_link_clicked(*clicked);
  if (run) mail.mutable_treatment()->set_attachment_run(*run);
  if (replied) mail.mutable_treatment()->set_replied(*replied);
  mail.set_raw(call.request().body);
  return mail;
}

// ---- filing ----

// How it reached the hub. The centre says so; a member files here.
Result<std::string> ChannelOf(const Call& call, const std::string& said) {
  if (!call.is_centre()) {
    if (said.empty() || said == "console") return std::string("console");
    return Error{ErrorCode::kInvalid, "received_through: only the centre says how it was told"};
  }
  for (const char* word : {"telephone", "fax", "mail", "visit"}) {
    if (said == word) return said;
  }
  return Error{ErrorCode::kInvalid, "received_through: telephone, fax, mail or visit"};
}

// "incident.causes[2]" -> "incident/causes/2": where it stands in what was sent.
// flat: everything stands in the query; the mail itself is the body.
std::string FieldOf(const std::string& path, bool flat) {
  std::string field;
  for (const char c : path) {
    if (c == ']') continue;
    field.push_back(c == '.' || c == '[' ? '/' : c);
  }
  if (field.ends_with("_ms")) field.resize(field.size() - 3);
  if (!flat) return field;
  if (field == "mail/raw") return "body";
  const size_t slash = field.rfind('/');
  return slash == std::string::npos ? field : field.substr(slash + 1);
}

Error ErrorOf(const v1::Rejection& rejection, bool flat) {
  const std::string what = rejection.rule().empty() ? rejection.reason() : rejection.rule();
  if (rejection.field().empty()) return {ErrorCode::kInvalid, what};
  return {ErrorCode::kInvalid, FieldOf(rejection.field(), flat) + ": " + what};
}

// The facts of its receipt.
Reply AnswerFiled(const Call& call, const journal::Acceptance& acceptance,
                  const std::string& submission_id) {
  Reply reply;
  reply.status = 201;
  reply.body = json::object{{"sequence", acceptance.sequence},
                            {"submission_id", render::UuidText(submission_id)},
                            {"leaf_hash", ToHex(acceptance.receipt.leaf_hash())},
                            {"log_id", ToHex(call.parts().journal->log_id())}};
  reply.headers.Set("Location", fmt::format("/api/v1/reports/{}", acceptance.sequence));
  return reply;
}

// REQUIRES: handling and content are set, and the call is authorised for them.
Result<Reply> File(Call& call, const std::string& named, const std::string& channel,
                   v1::Submission submission) {
  const bool flat = submission.has_mail();
  NOROSHI_RETURN_IF_ERROR(CheckOwner(call, named));
  NOROSHI_ASSIGN_OR_RETURN(const std::string through, ChannelOf(call, channel));
  submission.set_id(call.NewId());
  submission.set_created_at_ms(call.now_ms());
  submission.set_received_through(through);
  *submission.mutable_filing() = call.Filing();
  journal::Draft draft;
  if (!submission.SerializeToString(&draft.body)) {
    return Error{ErrorCode::kInvalid, "a text is not UTF-8"};
  }
  const submission::Validated validated =
      submission::ValidateSubmission(draft.body, submission::TaxonomyVocabulary(), call.now_ms());
  if (validated.rejection) return ErrorOf(*validated.rejection, flat);
  draft.kind = validated.kind;
  draft.organization = OwnerOf(call, named);
  draft.agent = call.actor().id;
  draft.submission_id = validated.id;
  NOROSHI_ASSIGN_OR_RETURN(const auto acceptance, AppendAndApply(call.parts(), std::move(draft)));
  return AnswerFiled(call, acceptance, submission.id());
}

Result<Reply> FileReport(Call& call) {
  v1::Submission submission;
  NOROSHI_ASSIGN_OR_RETURN(*submission.mutable_handling(),
                           HandlingIn(call.body().at("handling").as_object()));
  const std::string named = call.Text("organization");
  NOROSHI_RETURN_IF_ERROR(call.Authorize(ObjectOf(OwnerOf(call, named), submission.handling())));
  NOROSHI_ASSIGN_OR_RETURN(*submission.mutable_incident(),
                           IncidentIn(call.body().at("incident").as_object()));
  submission.set_exercise_id(call.Text("exercise_id"));
  return File(call, named, call.Text("received_through"), std::move(submission));
}

Result<Reply> FileMail(Call& call) {
  v1::Submission submission;
  NOROSHI_ASSIGN_OR_RETURN(*submission.mutable_handling(), QueryHandling(call));
  const std::string named = call.Query("organization");
  NOROSHI_RETURN_IF_ERROR(call.Authorize(ObjectOf(OwnerOf(call, named), submission.handling())));
  NOROSHI_ASSIGN_OR_RETURN(*submission.mutable_mail(), QueryMail(call));
  submission.set_exercise_id(call.Query("exercise_id"));
  return File(call, named, call.Query("received_through"), std::move(submission));
}

}  // namespace

void AddFilingRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"POST",
       "/reports",
       Deed::kReportFile,
       FileReport,
       "File an incident report; at the centre, for an organisation that told of it",
       "ReportFile",
       "ReportReceipt",
       {},
       Gate::kSession,
       "",
       Deed::kReportEnter});
  add({"POST",
       "/mails",
       Deed::kReportFile,
       FileMail,
       "File a suspicious mail, as it was received",
       "",
       "ReportReceipt",
       {"tlp", "grade", "circle", "may_share_name", "may_tell_police",
        "may_tell_competent_ministry", "exercise_id", "note", "recipients", "opened",
        "link_clicked", "attachment_run", "replied", "organization", "received_through"},
       Gate::kSession,
       "message/rfc822",
       Deed::kReportEnter});
}

}  // namespace noroshi::api
