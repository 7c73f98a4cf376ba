#include "hub/fanout/standing.h"

namespace noroshi::fanout {

Error Denied(const std::string& why) { return {ErrorCode::kDenied, why}; }

Result<bool> MayAct(const store::View& view, const journal::Journal& journal,
                    const std::string& organization, const std::string& agent) {
  NOROSHI_ASSIGN_OR_RETURN(const auto organization_row, view.Organization(organization));
  NOROSHI_ASSIGN_OR_RETURN(const auto agent_row, view.Agent(organization, agent));
  if (organization_row && organization_row->organization().disabled()) {
    return Denied("disabled: the organisation is disabled");
  }
  if (agent_row && agent_row->revoked()) return Denied("revoked: the agent is revoked");
  if (organization_row && agent_row) return true;
  NOROSHI_ASSIGN_OR_RETURN(const bool catching_up, IsCatchingUp(view, journal));
  if (catching_up) return false;
  return Denied("unknown_agent: the hub does not know this agent");
}

Result<bool> IsCatchingUp(const store::View& view, const journal::Journal& journal) {
  NOROSHI_ASSIGN_OR_RETURN(const store::MetaRow meta, view.Meta());
  return meta.applied() < journal.size();
}

}  // namespace noroshi::fanout
