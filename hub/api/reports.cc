// Reports (届出): what organisations sent, and what analysis found in it.
#include "hub/api/reports.h"

#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/api/handing_in.h"
#include "hub/engine/update.h"
#include "hub/render/json.h"
#include "hub/render/mail.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::TimeJson;
using render::ToJson;
using render::Word;

}  // namespace

json::object ReportHeadJson(const Call& call, const store::SubmissionRow& row) {
  json::object object{{"sequence", row.sequence()},
                      {"submission_id", render::UuidText(row.submission_id())},
                      {"kind", Word(row.kind())},
                      {"organization", row.organization()},
                      {"accepted_at", TimeJson(row.accepted_at_ms())},
                      {"tlp", render::TlpLabel(row.handling().tlp())},
                      {"exercise_id", row.exercise_id()},
                      {"analysed", row.analysed()},
                      {"erased", row.erased()},
                      {"withheld", true}};
  if (call.is_centre()) object["case_id"] = row.case_id();
  return object;
}

Result<json::object> ReportJson(const Call& call, const store::SubmissionRow& row) {
  json::object object = ToJson(row);
  NOROSHI_ASSIGN_OR_RETURN(const std::string agent, ActorShown(call, row.agent()));
  object["agent"] = agent;
  object["received_through"] = row.received_through();
  object["withheld"] = false;
  if (call.is_centre()) return object;
  NOROSHI_ASSIGN_OR_RETURN(const v1::Update update, engine::UpdateOf(call.view(), row));
  object.erase("case_id");
  object.erase("joined_reason");
  object.erase("links");
  object["relation"] = Word(update.relation());
  object["case_reference"] = render::UuidText(update.case_reference());
  return object;
}

namespace {

std::string Path(uint64_t sequence) { return fmt::format("/reports/{}", sequence); }

// The report that the path names, authorised by the route's deed.
Result<store::SubmissionRow> FindReport(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t sequence, call.NumberParam("sequence"));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Submission(sequence));
  // An absent one and one that is not to be seen are answered alike.
  NOROSHI_RETURN_IF_ERROR(call.Authorize(row ? ObjectOf(*row) : NoObject()));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

// ---- the list ----

struct Filter {
  std::string organization;
  std::optional<v1::EntryKind> kind;
  std::string exercise;

  bool Fits(const store::SubmissionRow& row) const {
    return (!kind || row.kind() == *kind) && row.exercise_id() == exercise;
  }
  // Where a page ends: of one organisation its ids are in order, else the entries.
  std::string PositionOf(const store::SubmissionRow& row) const {
    return organization.empty() ? BigEndian64(row.sequence()) : row.submission_id();
  }
  size_t PositionBytes() const { return organization.empty() ? sizeof(uint64_t) : Uuid::kBytes; }
};

Result<Filter> ReadFilter(const Call& call) {
  Filter filter;
  filter.organization = OwnerOf(call, call.Query("organization"));
  filter.exercise = call.Query("exercise_id");
  const std::string kind = call.Query("kind");
  if (kind.empty()) return filter;
  for (const v1::EntryKind each : {v1::ENTRY_KIND_INCIDENT_REPORT, v1::ENTRY_KIND_SUSPICIOUS_MAIL,
                                   v1::ENTRY_KIND_OBSERVATION}) {
    if (Word(each) == kind) filter.kind = each;
  }
  if (!filter.kind) {
    return Error{ErrorCode::kInvalid, "kind: incident_report, suspicious_mail or observation"};
  }
  return filter;
}

// Up to `wanted` reports before a position, newest first.
Result<std::vector<store::SubmissionRow>> NextReports(const store::View& view, const Filter& filter,
                                                      const std::string& before, size_t wanted) {
  if (filter.organization.empty()) {
    return view.Submissions(before.empty() ? 0 : ReadBigEndian64(before), wanted);
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto sequences,
                           view.SubmissionsOf(filter.organization, before, wanted));
  std::vector<store::SubmissionRow> rows;
  for (const uint64_t sequence : sequences) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Submission(sequence));
    if (!row) return Error{ErrorCode::kInternal, "an id without its submission"};
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListReports(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const Filter filter, ReadFilter(call));
  access::Object about;
  about.owner = filter.organization;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(about));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(std::string position, call.Cursor());
  if (!position.empty() && position.size() != filter.PositionBytes()) {
    return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
  }
  json::array items;
  size_t looked_at = 0;
  bool more = true;
  while (more && items.size() < limit && looked_at < kLookedAtMax) {
    const size_t wanted = std::min(kLookedAtMax - looked_at, std::max(limit, kPageDefault));
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, NextReports(call.view(), filter, position, wanted));
    more = rows.size() == wanted;
    for (const store::SubmissionRow& row : rows) {
      position = filter.PositionOf(row);
      ++looked_at;
      if (!filter.Fits(row)) continue;
      const access::Decision decision = call.Decide(Deed::kReportRead, ObjectOf(row));
      if (!decision.allowed) continue;
      NOROSHI_ASSIGN_OR_RETURN(json::object item,
                               decision.record ? Result<json::object>(ReportHeadJson(call, row))
                                               : ReportJson(call, row));
      items.emplace_back(std::move(item));
      if (items.size() < limit) continue;
      more = true;
      break;
    }
  }
  return Page("reports", std::move(items), more ? position : "");
}

// ---- one report ----

json::object FiledIncident(const v1::IncidentReport& incident) {
  json::array causes;
  for (const auto& cause : incident.causes()) causes.emplace_back(cause);
  json::object figures;
  const auto* reflection = incident.figures().GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> given;
  reflection->ListFields(incident.figures(), &given);
  for (const auto* field : given) {
    figures[field->name()] = reflection->GetUInt64(incident.figures(), field);
  }
  return {{"stage", Word(incident.stage())},
          {"thread_id", render::UuidText(incident.thread_id())},
          {"occurred_at", TimeJson(incident.occurred_at_ms())},
          {"detected_at", TimeJson(incident.detected_at_ms())},
          {"title", incident.title()},
          {"what_happened", incident.what_happened()},
          {"impact", incident.impact()},
          {"response", incident.response()},
          {"expected_recovery", incident.expected_recovery()},
          {"event_type", incident.event_type()},
          {"causes", std::move(causes)},
          {"affected_service", incident.affected_service()},
          {"sector", incident.sector()},
          {"figures", std::move(figures)},
          {"on_behalf_of", incident.on_behalf_of()},
          {"support_requested", incident.support_requested()}};
}

json::object FiledMail(const v1::SuspiciousMail& mail) {
  json::object treatment;
  const v1::MailTreatment& given = mail.treatment();
  if (given.has_opened()) treatment["opened"] = given.opened();
  if (given.has_link_clicked()) treatment["link_clicked"] = given.link_clicked();
  if (given.has_attachment_run()) treatment["attachment_run"] = given.attachment_run();
  if (given.has_replied()) treatment["replied"] = given.replied();
  return {{"size", mail.raw().size()},
          {"treatment", std::move(treatment)},
          {"recipients", mail.recipients()},
          {"note", mail.note()}};
}

json::object FiledObservation(const v1::Observation& observation) {
  return {{"source", observation.source()},
          {"event", observation.event()},
          {"count", observation.count()},
          {"first_seen_at", TimeJson(observation.first_seen_ms())},
          {"last_seen_at", TimeJson(observation.last_seen_ms())},
          {"detail", observation.detail()}};
}

// The message in an entry's body. False: erased, or no such message.
Result<bool> ReadEntry(const Call& call, uint64_t sequence,
                       google::protobuf::MessageLite* message) {
  NOROSHI_ASSIGN_OR_RETURN(const auto entries, call.parts().journal->Read(sequence, 1, 1));
  if (entries.empty() || entries.front().sequence != sequence) {
    return Error{ErrorCode::kInternal, "the journal lacks an entry that was applied"};
  }
  const std::string& body = entries.front().body;
  return !entries.front().erased &&
         message->ParseFromArray(body.data(), static_cast<int>(body.size()));
}

// null: erased, or not to be read.
Result<json::value> FiledJson(const Call& call, const store::SubmissionRow& row) {
  v1::Submission submission;
  if (row.erased()) return json::value(nullptr);
  NOROSHI_ASSIGN_OR_RETURN(const bool is_there, ReadEntry(call, row.sequence(), &submission));
  if (!is_there) return json::value(nullptr);
  json::object filed{{"created_at", TimeJson(submission.created_at_ms())}};
  if (submission.has_incident()) filed["incident"] = FiledIncident(submission.incident());
  if (submission.has_mail()) filed["mail"] = FiledMail(submission.mail());
  if (submission.has_observation()) {
    filed["observation"] = FiledObservation(submission.observation());
  }
  return json::value(std::move(filed));
}

// What only the analysis's own entry holds: a mail's text, and who analysed.
Result<void> AddFindings(const Call& call, const store::SubmissionRow& row, json::object* object) {
  if (row.erased() || row.analysis_sequence() == 0) return {};
  v1::AnalysisResult result;
  NOROSHI_ASSIGN_OR_RETURN(const bool is_there, ReadEntry(call, row.analysis_sequence(), &result));
  if (!is_there) return {};
  (*object)["analyser_version"] = result.analyser_version();
  (*object)["data_version"] = result.data_version();
  if (!row.has_mail()) return {};
  json::object& mail = object->at("mail").as_object();
  mail["text"] = result.mail().text();
  mail["message_id"] = result.mail().message_id();
  mail["unwrapped"] = result.mail().unwrapped();
  mail["facts"] = ToJson(result.mail());
  return {};
}

Result<Reply> ShowReport(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindReport(call));
  NOROSHI_ASSIGN_OR_RETURN(json::object object, ReportJson(call, row));
  object["handling"] = HandlingJson(row.handling());
  object["thread_id"] = render::UuidText(row.thread_id());
  object["conflicts"] = row.conflicts();
  NOROSHI_ASSIGN_OR_RETURN(object["filed"], FiledJson(call, row));
  NOROSHI_RETURN_IF_ERROR(AddFindings(call, row, &object));
  return Reply{200, std::move(object), {}, {}};
}

Result<Reply> LoosenMarking(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindReport(call));
  NOROSHI_ASSIGN_OR_RETURN(const v1::Tlp tlp, ReadTlp(call.Text("tlp")));
  v1::Action action;
  v1::MarkingLoosened& loosened = *action.mutable_marking_loosened();
  loosened.set_sequence(row.sequence());
  loosened.set_tlp(tlp);
  loosened.set_reason(call.Text("reason"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.sequence())));
  NOROSHI_ASSIGN_OR_RETURN(const auto changed, call.view().Submission(row.sequence()));
  if (!changed) return Error{ErrorCode::kInternal, "the report is gone"};
  NOROSHI_ASSIGN_OR_RETURN(json::object body, ReportJson(call, *changed));
  return Reply{200, std::move(body), {}, {}};
}

}  // namespace

void AddReportRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/reports",
       Deed::kReportRead,
       ListReports,
       "Reports, mails and observations, newest first",
       "",
       "ReportPage",
       {"limit", "cursor", "organization", "report_kind", "exercise_id"}});
  add({"GET",
       "/reports/{sequence}",
       Deed::kReportRead,
       ShowReport,
       "One of them, with everything",
       "",
       "ReportDetail",
       {}});
  add({"POST",
       "/reports/{sequence}/marking",
       Deed::kMarkingLoosen,
       LoosenMarking,
       "Loosen the marking of what one's own organisation sent",
       "MarkingLoosen",
       "Report",
       {}});
  AddFilingRoutes(routes);
}

}  // namespace noroshi::api
