// Search: what the caller may see, by words and indicators, newest first. The index only
// says where to look: whether something is shown, and what of it, is decided by its row and
// the policy, as in the lists.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <set>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/runtime/clock.h"
#include "common/text/unicode.h"
#include "hub/api/alert_json.h"
#include "hub/api/alerts.h"
#include "hub/api/call.h"
#include "hub/api/cases.h"
#include "hub/api/organizations.h"
#include "hub/api/persons.h"
#include "hub/api/reports.h"
#include "hub/render/json.h"
#include "hub/search/index.h"
#include "hub/search/terms.h"

namespace noroshi::api {
namespace {

using access::Deed;
using search::Kind;
using search::Object;

// A page asks the index so often at most: what it says may be refused by the state.
constexpr int kSearchesMax = 4;

struct KindName {
  Kind kind;
  std::string_view word;
  Deed deed;
};
constexpr std::array<KindName, 5> kKinds = {
    {{Kind::kCase, "case", Deed::kCaseRead},
     {Kind::kReport, "report", Deed::kReportRead},
     {Kind::kAlert, "alert", Deed::kAlertRead},
     {Kind::kOrganization, "organization", Deed::kOrganizationRead},
     {Kind::kPerson, "person", Deed::kPersonRead}}};

const KindName& NameOf(Kind kind) {
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                   [kind](const KindName& each) { return each.kind == kind; });
  NOROSHI_CHECK(found != kKinds.end());
  return *found;
}

struct Filter {
  std::optional<Kind> kind;
  std::string organization;  // Empty: whatever.
  std::string exercise;      // Empty: the real thing.
  std::optional<int64_t> from_ms;
  std::optional<int64_t> until_ms;

  bool Fits(Kind wanted, const std::string& exercise_id) const {
    return (!kind || *kind == wanted) && exercise_id == exercise;
  }
  bool FitsTime(int64_t time_ms) const {
    return (!from_ms || time_ms >= *from_ms) && (!until_ms || time_ms < *until_ms);
  }
};

Result<std::optional<int64_t>> TimeQuery(const Call& call, const char* name) {
  const std::string text = call.Query(name);
  if (text.empty()) return std::optional<int64_t>();
  const auto time = ParseUtc(text);
  if (!time.ok()) return time.error().Prefixed(name);
  return std::optional(*time);
}

Result<Filter> ReadFilter(const Call& call) {
  Filter filter;
  const std::string type = call.Query("type");
  if (!type.empty()) {
    const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                     [&](const KindName& each) { return each.word == type; });
    if (found == kKinds.end()) {
      return Error{ErrorCode::kInvalid, "type: case, report, alert, organization or person"};
    }
    filter.kind = found->kind;
  }
  // Members see nothing of others.
  filter.organization = call.is_centre() ? call.Query("organization") : call.actor().organization;
  filter.exercise = call.Query("exercise_id");
  NOROSHI_ASSIGN_OR_RETURN(filter.from_ms, TimeQuery(call, "from"));
  NOROSHI_ASSIGN_OR_RETURN(filter.until_ms, TimeQuery(call, "until"));
  return filter;
}

// ---- from an object to what is shown of it ----

json::object HitJson(Kind kind, const std::string& path, json::object content) {
  const std::string_view word = NameOf(kind).word;
  return {{"type", word}, {"location", "/api/v1" + path}, {word, std::move(content)}};
}

using Shown = Result<std::optional<json::object>>;

// Looks objects up and asks the policy about them.
class Finder {
 public:
  Finder(Call& call, const Filter& filter) : call_(call), filter_(filter) {}

  // nullopt: it does not exist, does not fit the filter, or is not for the caller.
  Shown Show(const Object& object) {
    switch (object.kind) {
      case Kind::kCase:
        return ShowCase(ReadBigEndian64(object.id));
      case Kind::kReport:
        return ShowReport(ReadBigEndian64(object.id));
      case Kind::kAlert:
        return ShowAlert(object.id);
      case Kind::kOrganization:
        return ShowOrganization(object.id);
      case Kind::kPerson:
        return ShowPerson(object.id);
    }
    return std::optional<json::object>();
  }

 private:
  // Whether it is for the caller; what is so marked is recorded as found.
  access::Decision Decide(Kind kind, const access::Object& object, const std::string& path) {
    const access::Decision decision = call_.Decide(NameOf(kind).deed, object);
    if (decision.allowed && decision.record) call_.RecordFound(path, object);
    return decision;
  }

  Shown ShowCase(uint64_t id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call_.view().Case(id));
    if (!row || !filter_.Fits(Kind::kCase, row->exercise_id())) return Nothing();
    if (!filter_.FitsTime(row->opened_at_ms())) return Nothing();
    if (!filter_.organization.empty()) {
      NOROSHI_ASSIGN_OR_RETURN(const auto reported,
                               call_.view().FirstInCase(id, filter_.organization));
      if (!reported) return Nothing();
    }
    const auto decision = Decide(Kind::kCase, ObjectOf(*row), CasePath(id));
    if (!decision.allowed) return Nothing();
    return Hit(Kind::kCase, CasePath(id), decision.record ? CaseHeadJson(*row) : CaseJson(*row));
  }

  Shown ShowReport(uint64_t sequence) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call_.view().Submission(sequence));
    if (!row || !filter_.Fits(Kind::kReport, row->exercise_id())) return Nothing();
    const bool fits = filter_.organization.empty() || row->organization() == filter_.organization;
    if (!fits || !filter_.FitsTime(row->accepted_at_ms())) return Nothing();
    const std::string path = fmt::format("/reports/{}", sequence);
    const auto decision = Decide(Kind::kReport, ObjectOf(*row), path);
    if (!decision.allowed) return Nothing();
    if (decision.record) return Hit(Kind::kReport, path, ReportHeadJson(call_, *row));
    NOROSHI_ASSIGN_OR_RETURN(json::object content, ReportJson(call_, *row));
    return Hit(Kind::kReport, path, std::move(content));
  }

  Shown ShowAlert(const std::string& id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call_.view().Alert(id));
    if (!row || !filter_.Fits(Kind::kAlert, row->original().exercise_id())) return Nothing();
    if (!filter_.FitsTime(row->original().issued_at_ms())) return Nothing();
    access::Object object = ObjectOf(row->original());
    if (!filter_.organization.empty()) {
      NOROSHI_ASSIGN_OR_RETURN(const auto delivery,
                               call_.view().Delivery(id, filter_.organization));
      if (!delivery) return Nothing();
      object.received = !call_.is_centre();
    }
    const std::string path = "/alerts/" + render::UuidText(id);
    if (!Decide(Kind::kAlert, object, path).allowed) return Nothing();
    NOROSHI_ASSIGN_OR_RETURN(json::object content, AlertSummary(call_, *row));
    return Hit(Kind::kAlert, path, std::move(content));
  }

  Shown ShowOrganization(const std::string& id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call_.view().Organization(id));
    if (!row || !filter_.Fits(Kind::kOrganization, "")) return Nothing();
    if (!filter_.organization.empty() && filter_.organization != id) return Nothing();
    const std::string path = "/organizations/" + id;
    if (!Decide(Kind::kOrganization, OwnedBy(id), path).allowed) return Nothing();
    return Hit(Kind::kOrganization, path, OrganizationJson(*row));
  }

  Shown ShowPerson(const std::string& id) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call_.view().Person(id));
    if (!row || !filter_.Fits(Kind::kPerson, "")) return Nothing();
    const std::string& owner = row->person().organization();
    if (!filter_.organization.empty() && filter_.organization != owner) return Nothing();
    const std::string path = "/persons/" + id;
    if (!Decide(Kind::kPerson, OwnedBy(owner), path).allowed) return Nothing();
    return Hit(Kind::kPerson, path, PersonJson(*row));
  }

  static Shown Nothing() { return std::optional<json::object>(); }
  static Shown Hit(Kind kind, const std::string& path, json::object content) {
    return std::optional(HitJson(kind, path, std::move(content)));
  }

  Call& call_;
  const Filter& filter_;
};

// ---- what a number or an id names ----

// "12" and "#12".
std::optional<uint64_t> ReadNumber(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

// The report with this id, and its case: an organisation names a case by its first report.
Result<void> AddReport(const Call& call, const std::string& organization, const std::string& id,
                       std::vector<Object>* named) {
  NOROSHI_ASSIGN_OR_RETURN(const auto sequence, call.view().SubmissionSequence(organization, id));
  if (!sequence) return {};
  named->push_back({Kind::kReport, BigEndian64(*sequence)});
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Submission(*sequence));
  if (row && row->case_id() != 0) named->push_back({Kind::kCase, BigEndian64(row->case_id())});
  return {};
}

Result<void> AddReports(const Call& call, const Filter& filter, const std::string& id,
                        std::vector<Object>* named) {
  if (!filter.organization.empty()) return AddReport(call, filter.organization, id, named);
  std::string after;
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().Organizations(after, store::kListMax));
    for (const auto& row : rows) {
      NOROSHI_RETURN_IF_ERROR(AddReport(call, row.organization().id(), id, named));
    }
    if (rows.size() < store::kListMax) return {};
    after = rows.back().organization().id();
  }
}

// What the whole query names; found without the index.
Result<std::vector<Object>> NamedBy(const Call& call, const Filter& filter,
                                    const std::string& query) {
  std::vector<Object> named;
  const std::string text = text::NormaliseForMatching(query);
  if (const auto number = ReadNumber(text)) {
    named.push_back({Kind::kCase, BigEndian64(*number)});
    named.push_back({Kind::kReport, BigEndian64(*number)});
  }
  const auto id = Uuid::Parse(text);
  if (!id.ok()) return named;
  named.push_back({Kind::kAlert, id->bytes()});
  NOROSHI_RETURN_IF_ERROR(AddReports(call, filter, id->bytes(), &named));
  return named;
}

// ---- the page ----

Result<search::Request> MakeRequest(Call& call, const Filter& filter) {
  search::Request request;
  NOROSHI_ASSIGN_OR_RETURN(request.terms, search::ReadQuery(call.Query("q")));
  request.kind = filter.kind;
  request.organization = filter.organization;
  request.with_cases = call.is_centre();
  request.from_ms = filter.from_ms;
  request.until_ms = filter.until_ms;
  request.may_show = [&call, &filter](Kind kind, const search::Facts& facts) {
    if (facts.exercise_id != filter.exercise) return false;
    access::Object object;
    object.owner = facts.owner;
    object.tlp = facts.tlp;
    object.circles = facts.circles;
    object.received = kind == Kind::kAlert && !call.is_centre();
    return call.Decide(NameOf(kind).deed, object).allowed;
  };
  return request;
}

// Where a page begins. What the query names stands before what the index finds.
struct Position {
  size_t named = 0;    // Of those, how many were shown.
  uint32_t after = 0;  // In the index; not 0: all that is named was shown.
};

// Begins a cursor among what is named.
constexpr char kNamedCursor = 'n';

Result<Position> ReadPosition(const Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  if (cursor.empty()) return Position{};
  if (cursor.size() == 2 && cursor[0] == kNamedCursor) {
    return Position{static_cast<unsigned char>(cursor[1]), 0};
  }
  if (cursor.size() == sizeof(uint32_t)) return Position{SIZE_MAX, ReadBigEndian32(cursor)};
  return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
}

std::string NextOf(const Position& position) {
  std::string next;
  if (position.after == 0) return {kNamedCursor, static_cast<char>(position.named)};
  AppendBigEndian32(position.after, &next);
  return next;
}

Result<Reply> Search(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(call.actor().organization)));
  NOROSHI_ASSIGN_OR_RETURN(const Filter filter, ReadFilter(call));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(search::Request request, MakeRequest(call, filter));
  NOROSHI_ASSIGN_OR_RETURN(Position position, ReadPosition(call));
  NOROSHI_ASSIGN_OR_RETURN(const store::MetaRow meta, call.view().Meta());
  Finder finder(call, filter);
  json::array items;
  NOROSHI_ASSIGN_OR_RETURN(const auto named, NamedBy(call, filter, call.Query("q")));
  const std::set<Object> known(named.begin(), named.end());
  position.named = std::min(position.named, known.size());
  for (auto next = std::next(known.begin(), static_cast<ptrdiff_t>(position.named));
       next != known.end() && items.size() < limit; ++next, ++position.named) {
    NOROSHI_ASSIGN_OR_RETURN(auto shown, finder.Show(*next));
    if (shown) items.emplace_back(*std::move(shown));
  }
  bool complete = true;
  bool more = true;
  for (int i = 0; more && items.size() < limit && i < kSearchesMax; ++i) {
    request.after = position.after;
    request.limit = limit - items.size();
    NOROSHI_ASSIGN_OR_RETURN(const search::Hits found, call.parts().searcher->Find(request));
    complete = found.entries >= meta.applied();
    more = found.next != 0;
    position.after = found.next;
    for (const search::Hit& hit : found.hits) {
      if (known.contains(hit.object)) continue;
      NOROSHI_ASSIGN_OR_RETURN(auto shown, finder.Show(hit.object));
      if (shown) items.emplace_back(*std::move(shown));
    }
  }
  Reply reply = Page("hits", std::move(items), more ? NextOf(position) : "");
  reply.body.as_object()["complete"] = complete;
  return reply;
}

}  // namespace

void AddSearchRoutes(std::vector<Route>* routes) {
  routes->push_back(
      {"GET",
       "/search",
       Deed::kSelf,
       Search,
       "What one may see, by words and indicators, newest first",
       "",
       "SearchPage",
       {"q", "search_type", "from", "until", "organization", "exercise_id", "limit", "cursor"}});
}

}  // namespace noroshi::api
