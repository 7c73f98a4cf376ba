// Organisations (組織) and the agents that speak for them.
#include "hub/api/organizations.h"

#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/taxonomy/taxonomy.h"
#include "hub/api/call.h"
#include "hub/render/json.h"

namespace noroshi::api {

using access::Deed;
using render::TimeJson;
using render::ToJson;

json::object OrganizationJson(const store::OrganizationRow& row) {
  json::object object = ToJson(row.organization());
  object["version"] = row.version();
  return object;
}

namespace {

std::string Path(const std::string& id) { return "/organizations/" + id; }

Result<store::OrganizationRow> FindOrganization(Call& call) {
  const std::string& id = call.param("organization_id");
  NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(id)));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Organization(id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

Result<Reply> AnswerOrganization(Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Organization(id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such organisation"};
  Reply reply{status, OrganizationJson(*row), {}, {}};
  reply.headers.Set("ETag", fmt::format("\"v{}\"", row->version()));
  if (status == 201) reply.headers.Set("Location", "/api/v1" + Path(id));
  return reply;
}

Result<Reply> ListOrganizations(Call& call) {
  json::array items;
  if (!call.is_centre()) {  // Members see their own.
    const std::string& own = call.actor().organization;
    NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(own)));
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Organization(own));
    if (row) items.emplace_back(OrganizationJson(*row));
    return Page("organizations", std::move(items), "");
  }
  NOROSHI_RETURN_IF_ERROR(call.Authorize(access::Object()));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().Organizations(cursor, limit));
  for (const auto& row : rows) items.emplace_back(OrganizationJson(row));
  return Page("organizations", std::move(items),
              rows.size() == limit ? rows.back().organization().id() : "");
}

Result<Reply> ShowOrganization(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(call));
  return AnswerOrganization(call, row.organization().id(), 200);
}

Result<void> CheckSectorAndCeptoar(const v1::OrganizationSet& organization) {
  const std::string& sector = organization.sector();
  const std::string& ceptoar = organization.ceptoar();
  if (!sector.empty() && !taxonomy::IsSector(sector)) {
    return Error{ErrorCode::kInvalid, "sector: '" + sector + "' is not a sector id"};
  }
  if (!ceptoar.empty() && !taxonomy::IsCeptoar(sector, ceptoar)) {
    return Error{ErrorCode::kInvalid,
                 "ceptoar: '" + ceptoar + "' is not a CEPTOAR of sector '" + sector + "'"};
  }
  if (organization.kind() == v1::ORGANIZATION_KIND_CEPTOAR && ceptoar.empty()) {
    return Error{ErrorCode::kInvalid, "ceptoar: a CEPTOAR's record names its sector and itself"};
  }
  return {};
}

// The whole record: made, or replaced.
Result<Reply> PutOrganization(Call& call) {
  const std::string& id = call.param("organization_id");
  NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(id)));
  if (!IsIdentifier(id)) {
    return Error{ErrorCode::kInvalid, "id: 1 to 64 of [a-z0-9._-], beginning with one of [a-z0-9]"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto before, call.view().Organization(id));
  if (before) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t version, call.ExpectedVersion());
    if (version != 0 && version != before->version()) {
      return Error{ErrorCode::kConflict, "stale: somebody changed it; read it again, then repeat"};
    }
  }
  v1::Action action;
  v1::OrganizationSet& organization = *action.mutable_organization_set();
  organization.set_id(id);
  organization.set_name_ja(call.Text("name_ja"));
  organization.set_name_en(call.Text("name_en"));
  const auto kind = render::FromWord<v1::OrganizationKind>(call.Text("kind"));
  if (!kind.ok()) return kind.error().Prefixed("kind");
  organization.set_kind(*kind);
  organization.set_sector(call.Text("sector"));
  organization.set_ceptoar(call.Text("ceptoar"));
  for (const auto& circle : call.Texts("circles")) organization.add_circles(circle);
  organization.set_disabled(call.Flag("disabled"));
  NOROSHI_RETURN_IF_ERROR(CheckSectorAndCeptoar(organization));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerOrganization(call, id, before ? 200 : 201);
}

// ---- agents ----

std::string AgentPath(const std::string& organization, const std::string& agent) {
  return Path(organization) + "/agents/" + agent;
}

Result<Reply> ListAgents(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(call));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  const std::string& id = row.organization().id();
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().Agents(id, cursor, limit));
  json::array items;
  for (const auto& agent : rows) {
    // Those of the organisations that follow are another list.
    if (agent.organization() != id) break;
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t position, call.view().CursorOf(agent));
    items.emplace_back(ToJson(agent, position));
  }
  const std::string next = items.size() == limit ? rows.back().agent() : "";
  return Page("agents", std::move(items), next);
}

Result<Reply> AnswerAgent(Call& call, const std::string& organization, const std::string& agent) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Agent(organization, agent));
  if (!row) {
    return Error{ErrorCode::kNotFound, "there is no agent '" + organization + "/" + agent + "'"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t cursor, call.view().CursorOf(*row));
  return Reply{200, ToJson(*row, cursor), {}, {}};
}

Result<Reply> ShowAgent(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(call));
  return AnswerAgent(call, row.organization().id(), call.param("agent_id"));
}

Result<Reply> IssueToken(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(call));
  const std::string& agent = call.param("agent_id");
  if (!IsIdentifier(agent)) {
    return Error{ErrorCode::kInvalid,
                 "agent: 1 to 64 of [a-z0-9._-], beginning with one of [a-z0-9]"};
  }
  if (row.organization().disabled()) {
    return Error{ErrorCode::kConflict, "the organisation is disabled; enable it first"};
  }
  const Parts& parts = call.parts();
  NOROSHI_ASSIGN_OR_RETURN(const auto token, parts.authority->NewToken(parts.agent_address()));
  v1::Action action;
  v1::AgentTokenIssued& issued = *action.mutable_agent_token_issued();
  issued.set_organization(row.organization().id());
  issued.set_agent(agent);
  issued.set_secret_sha256(token.secret_sha256);
  issued.set_expires_at_ms(call.now_ms() + identity::kTokenLifeMs);
  json::object body{{"organization", issued.organization()},
                    {"agent", agent},
                    {"expires_at", TimeJson(issued.expires_at_ms())},
                    {"token", token.text}};
  NOROSHI_RETURN_IF_ERROR(
      call.Commit(std::move(action), AgentPath(row.organization().id(), agent)));
  return Reply{201, std::move(body), {}, {}};
}

Result<Reply> RevokeAgent(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(call));
  const std::string& id = row.organization().id();
  const std::string& agent = call.param("agent_id");
  // A name with a slip in it would be cut off, and the agent that is meant would not. One that
  // has never enrolled has tokens only.
  NOROSHI_ASSIGN_OR_RETURN(const auto tokens,
                           call.view().Ids(store::List::kTokensOf, id + '/' + agent, "", 1));
  if (tokens.empty()) NOROSHI_RETURN_IF_ERROR(AnswerAgent(call, id, agent));
  v1::Action action;
  v1::AgentRevoked& revoked = *action.mutable_agent_revoked();
  revoked.set_organization(id);
  revoked.set_agent(agent);
  revoked.set_reason(call.Text("reason"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), AgentPath(id, agent)));
  return AnswerAgent(call, id, agent);
}

}  // namespace

void AddOrganizationRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/organizations",
       Deed::kOrganizationRead,
       ListOrganizations,
       "Organisations, by id",
       "",
       "OrganizationPage",
       {"limit", "cursor"}});
  add({"GET",
       "/organizations/{organization_id}",
       Deed::kOrganizationRead,
       ShowOrganization,
       "One organisation",
       "",
       "Organization",
       {}});
  add({"PUT",
       "/organizations/{organization_id}",
       Deed::kOrganizationChange,
       PutOrganization,
       "Make or change an organisation",
       "OrganizationPut",
       "Organization",
       {}});
  add({"GET",
       "/organizations/{organization_id}/agents",
       Deed::kAgentRead,
       ListAgents,
       "Its agents",
       "",
       "AgentPage",
       {"limit", "cursor"}});
  add({"GET",
       "/organizations/{organization_id}/agents/{agent_id}",
       Deed::kAgentRead,
       ShowAgent,
       "One agent",
       "",
       "Agent",
       {}});
  add({"POST",
       "/organizations/{organization_id}/agents/{agent_id}/tokens",
       Deed::kAgentManage,
       IssueToken,
       "A one-time token with which the agent enrols; it is shown once",
       "",
       "AgentToken",
       {}});
  add({"POST",
       "/organizations/{organization_id}/agents/{agent_id}/revocation",
       Deed::kAgentManage,
       RevokeAgent,
       "Cut the agent off for good",
       "AgentRevoke",
       "Agent",
       {}});
}

}  // namespace noroshi::api
