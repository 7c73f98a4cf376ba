// Cases (事案): the analysts' queue, and one case.
#include "hub/api/cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/api/call.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::TimeJson;
using render::ToJson;
using render::Word;

constexpr size_t kCaseReportsMax = 200;

std::string ETag(const store::CaseRow& row) { return fmt::format("\"v{}\"", row.version()); }

}  // namespace

json::object CaseHeadJson(const store::CaseRow& row) {
  return {{"case_id", row.case_id()},
          {"kind", Word(row.kind())},
          {"status", Word(row.status())},
          {"priority", row.priority()},
          {"assignee", row.assignee()},
          {"version", row.version()},
          {"tlp", render::TlpLabel(row.tlp())},
          {"opened_at", TimeJson(row.opened_at_ms())},
          {"updated_at", TimeJson(row.updated_at_ms())},
          {"withheld", true}};
}

json::object CaseJson(const store::CaseRow& row) {
  json::object object = ToJson(row);
  object["status"] = Word(row.status());
  object["version"] = row.version();
  object["assignee"] = row.assignee();
  object["priority"] = row.priority();
  object["text"] = row.text();
  object["opened_by"] = row.opened_by();
  object["resolution"] = row.resolution();
  object["lessons"] = row.lessons();
  object["severity"] = row.has_severity() ? json::value(row.severity()) : json::value(nullptr);
  object["closed_at"] = TimeJson(row.closed_at_ms());
  object["merged_into"] = row.merged_into() == 0 ? json::value(nullptr) : row.merged_into();
  json::array circles;
  for (const auto& circle : row.circles()) circles.emplace_back(circle);
  object["circles"] = std::move(circles);
  object["decided"] = row.decided_by().empty() ? json::value(nullptr) : ToJson(row.decided());
  object["decided_by"] = row.decided_by();
  object["withheld"] = false;
  return object;
}

std::string CasePath(uint64_t case_id) { return fmt::format("/cases/{}", case_id); }

Result<Reply> AnswerCase(Call& call, uint64_t case_id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Case(case_id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such case"};
  json::object body = CaseJson(*row);
  NOROSHI_ASSIGN_OR_RETURN(const auto names,
                           call.view().OrganizationsOfCase(case_id, "", kPageMax));
  json::array organizations;
  for (const auto& name : names) organizations.emplace_back(name);
  body["organizations"] = std::move(organizations);
  Reply reply{status, std::move(body), {}, {}};
  reply.headers.Set("ETag", ETag(*row));
  if (status == 201) reply.headers.Set("Location", "/api/v1" + CasePath(case_id));
  return reply;
}

// The case that the path names, authorised by the route's deed.
Result<store::CaseRow> FindCase(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t id, call.NumberParam("case_id"));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Case(id));
  // An absent one and one that is not to be seen are answered alike.
  NOROSHI_RETURN_IF_ERROR(call.Authorize(row ? ObjectOf(*row) : NoObject()));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

namespace {

// ---- the list ----

struct Filter {
  std::optional<store::v1::CaseStatus> status;
  std::optional<store::v1::CaseKind> kind;
  std::string assignee;
  std::string priority;
  std::string event_type;
  std::string organization;
  std::optional<std::string> exercise;

  bool Fits(const store::CaseRow& row) const {
    if (status && row.status() != *status) return false;
    if (kind && row.kind() != *kind) return false;
    if (!assignee.empty() && row.assignee() != assignee) return false;
    if (!priority.empty() && std::to_string(row.priority()) != priority) return false;
    if (!event_type.empty() && row.indexed().event_type() != event_type) return false;
    return row.exercise_id() == exercise.value_or("");
  }
};

Result<Filter> ReadFilter(const Call& call) {
  Filter filter;
  const std::string status = call.Query("status");
  if (status == "new") {  // The word of the enum's zero, which EnumValue leaves out.
    filter.status = store::v1::CASE_STATUS_NEW;
  } else if (!status.empty()) {
    const auto value = render::FromWord<store::v1::CaseStatus>(status);
    if (!value.ok()) {
      return Error{ErrorCode::kInvalid,
                   fmt::format("status: '{}' is none of: new, open, closed, joined", status)};
    }
    filter.status = *value;
  }
  const std::string kind = call.Query("kind");
  if (!kind.empty()) {
    const auto value = render::FromWord<store::v1::CaseKind>(kind);
    if (!value.ok()) return value.error().Prefixed("kind");
    filter.kind = *value;
  }
  filter.assignee = call.Query("assignee");
  filter.priority = call.Query("priority");
  const bool is_priority =
      filter.priority.size() == 1 && filter.priority[0] >= '1' && filter.priority[0] <= '4';
  if (!filter.priority.empty() && !is_priority) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("priority: '{}' is none of: 1, 2, 3, 4", filter.priority)};
  }
  filter.event_type = call.Query("event_type");
  filter.organization = call.Query("organization");
  const std::string exercise = call.Query("exercise_id");
  if (!exercise.empty()) filter.exercise = exercise;
  return filter;
}

// The index that leaves least to look at, by experience; nullopt: all cases.
std::optional<std::pair<store::List, std::string>> IndexFor(const Filter& filter) {
  using store::List;
  if (!filter.organization.empty()) {
    return std::pair(List::kCasesByOrganization, filter.organization);
  }
  if (!filter.assignee.empty()) return std::pair(List::kCasesByAssignee, filter.assignee);
  if (!filter.priority.empty()) return std::pair(List::kCasesByPriority, filter.priority);
  if (filter.kind && *filter.kind != store::v1::CASE_KIND_INCIDENT) {
    return std::pair(List::kCasesByKind, std::to_string(*filter.kind));
  }
  if (!filter.event_type.empty()) return std::pair(List::kCasesByEventType, filter.event_type);
  if (filter.status) return std::pair(List::kCasesByStatus, std::to_string(*filter.status));
  return std::nullopt;
}

// Up to `wanted` cases before a position, newest first.
Result<std::vector<store::CaseRow>> NextCases(
    const store::View& view, const std::optional<std::pair<store::List, std::string>>& index,
    const std::string& before, size_t wanted) {
  if (!index) return view.Cases(before.empty() ? 0 : ReadBigEndian64(before), wanted);
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, view.Ids(index->first, index->second, before, wanted));
  std::vector<store::CaseRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Case(ReadBigEndian64(id)));
    if (row) rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListCases(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(access::Object()));
  NOROSHI_ASSIGN_OR_RETURN(const Filter filter, ReadFilter(call));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(std::string position, call.Cursor());
  if (!position.empty() && position.size() != sizeof(uint64_t)) {
    return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
  }
  const auto index = IndexFor(filter);
  json::array items;
  size_t looked_at = 0;
  bool more = true;
  while (more && items.size() < limit && looked_at < kLookedAtMax) {
    const size_t wanted = std::min(kLookedAtMax - looked_at, std::max<size_t>(limit, kPageDefault));
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, NextCases(call.view(), index, position, wanted));
    more = rows.size() == wanted;
    for (const store::CaseRow& row : rows) {
      position = BigEndian64(row.case_id());
      ++looked_at;
      if (!filter.Fits(row)) continue;
      const access::Decision decision = call.Decide(Deed::kCaseRead, ObjectOf(row));
      if (!decision.allowed) continue;
      items.emplace_back(decision.record ? CaseHeadJson(row) : CaseJson(row));
      if (items.size() < limit) continue;
      more = true;
      break;
    }
  }
  return Page("cases", std::move(items), more ? position : "");
}

Result<Reply> ShowCase(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  return AnswerCase(call, row.case_id(), 200);
}

// Reports of other organisations within: each passes the policy by itself.
Result<Reply> ListCaseReports(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t after, call.NumberCursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                           call.view().SubmissionsOfCase(row.case_id(), after, kCaseReportsMax));
  json::array items;
  for (const store::SubmissionRow& submission : rows) {
    if (!call.Decide(Deed::kReportRead, ObjectOf(submission)).allowed) continue;
    items.emplace_back(ToJson(submission));
  }
  const bool more = rows.size() == kCaseReportsMax;
  return Page("reports", std::move(items), more ? BigEndian64(rows.back().sequence()) : "");
}

Result<Reply> ListCaseEvents(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t after, call.NumberCursor());
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().CaseEvents(row.case_id(), after, limit));
  json::array items;
  for (const store::CaseEventRow& event : rows) {
    items.emplace_back(json::object{
        {"sequence", event.sequence()},
        {"time", TimeJson(event.time_ms())},
        {"actor", event.actor()},
        {"what", event.what()},
        {"text", event.text()},
        {"other_case", event.other_case() == 0 ? json::value(nullptr) : event.other_case()}});
  }
  const bool more = rows.size() == limit;
  return Page("events", std::move(items), more ? BigEndian64(rows.back().sequence()) : "");
}

}  // namespace

void AddCaseRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/cases",
       Deed::kCaseRead,
       ListCases,
       "Cases, newest first",
       "",
       "CasePage",
       {"limit", "cursor", "status", "kind", "assignee", "priority", "event_type", "organization",
        "exercise_id"}});
  add({"GET", "/cases/{case_id}", Deed::kCaseRead, ShowCase, "One case", "", "Case", {}});
  add({"GET",
       "/cases/{case_id}/reports",
       Deed::kCaseRead,
       ListCaseReports,
       "Its reports, in order of arrival",
       "",
       "ReportPage",
       {"cursor"}});
  add({"GET",
       "/cases/{case_id}/history",
       Deed::kCaseRead,
       ListCaseEvents,
       "What persons did with it",
       "",
       "CaseEventPage",
       {"limit", "cursor"}});
}

}  // namespace noroshi::api
