// The audit: what persons did, newest first.
#include "common/base/encoding.h"
#include "hub/api/call.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;

json::object AuditJson(const store::AuditRow& row) {
  json::array objects;
  for (const auto& object : row.objects()) objects.emplace_back(object);
  return {{"sequence", row.sequence()},
          {"time", render::TimeJson(row.time_ms())},
          {"organization", row.organization()},
          {"actor", row.actor()},
          {"address", row.address()},
          {"what", row.what()},
          {"object", row.object()},
          {"objects", std::move(objects)},
          {"refused", row.refused()}};
}

Result<Reply> ListAudit(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(access::Object()));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  if (!cursor.empty() && cursor.size() != sizeof(uint64_t)) {
    return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
  }
  const std::string actor = call.Query("actor");
  std::vector<store::AuditRow> rows;
  if (actor.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(
        rows, call.view().Audit(cursor.empty() ? 0 : ReadBigEndian64(cursor), limit));
  } else {
    NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                             call.view().Ids(store::List::kAuditOf, actor, cursor, limit));
    for (const std::string& id : ids) {
      NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().AuditOf(ReadBigEndian64(id)));
      if (row) rows.push_back(*std::move(row));
    }
  }
  json::array items;
  for (const auto& row : rows) items.emplace_back(AuditJson(row));
  const bool more = rows.size() == limit;
  return Page("entries", std::move(items), more ? BigEndian64(rows.back().sequence()) : "");
}

}  // namespace

void AddAuditRoutes(std::vector<Route>* routes) {
  routes->push_back({"GET",
                     "/audit",
                     Deed::kAuditRead,
                     ListAudit,
                     "What persons did, newest first",
                     "",
                     "AuditPage",
                     {"limit", "cursor", "actor"}});
}

}  // namespace noroshi::api
