// Organisations, agents and the log's own identity.
#include "common/base/encoding.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {

void Batch::ApplyStarted(const v1::LogStarted& started) {
  memory_.meta.set_log_id(started.log_id());
  memory_.meta.set_hub_name(started.hub_name());
}

void Batch::ApplyRestored(const v1::LogRestored& restored) {
  store::RestoreRow row;
  row.set_old_log_id(restored.old_log_id());
  row.set_old_tree_size(restored.old_tree_size());
  row.set_old_root_hash(restored.old_root_hash());
  state_.AddRestore(memory_.meta.restores(), row);
  memory_.meta.set_restores(memory_.meta.restores() + 1);
  memory_.meta.set_log_id(restored.log_id());
}

Batch::Effect Batch::ApplyOrganization(v1::OrganizationSet& organization) {
  if (!IsIdentifier(organization.id())) return kRefusedNotFound;
  if (const store::OrganizationRow* known = FindOrganization(organization.id())) {
    NOROSHI_ASSIGN_OR_RETURN(std::string refused,
                             FollowOrganization(known->organization(), organization));
    if (!refused.empty()) return refused;
  }
  const auto [place, created] = memory_.organizations.try_emplace(organization.id());
  store::OrganizationRow& row = place->second;
  if (created) {
    row.set_number(memory_.meta.organizations());
    if (row.number() % store::kPlacesPerRow == 0) memory_.places.emplace_back();
    memory_.places.back().add_places();
    MovePlace(row)->set_outbox_next(1);
    memory_.meta.set_organizations(memory_.meta.organizations() + 1);
  }
  row.mutable_organization()->Swap(&organization);
  row.set_version(row.version() + 1);
  Touch(row);
  applied_.identities_changed = true;
  return std::string();
}

Batch::Effect Batch::ApplyToken(const v1::AgentTokenIssued& issued) {
  if (FindOrganization(issued.organization()) == nullptr || !IsIdentifier(issued.agent())) {
    return kRefusedNotFound;
  }
  NOROSHI_RETURN_IF_ERROR(RemoveTokens(issued.organization(), issued.agent(), /*all=*/false));
  store::TokenRow row;
  row.set_organization(issued.organization());
  row.set_agent(issued.agent());
  row.set_expires_at_ms(issued.expires_at_ms());
  row.set_sequence(at_.sequence);
  state_.SetToken(issued.secret_sha256(), row);
  state_.AddToList(store::List::kTokensOf, issued.organization() + '/' + issued.agent(),
                   issued.secret_sha256());
  applied_.identities_changed = true;
  return std::string();
}

Result<void> Batch::RemoveTokens(const std::string& organization, const std::string& agent,
                                 bool all) {
  const std::string owner = organization + '/' + agent;
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           state_.Ids(store::List::kTokensOf, owner, "", store::kListMax));
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Token(id));
    if (!all && row && row->expires_at_ms() > at_.time_ms) continue;
    state_.RemoveToken(id);
    state_.RemoveFromList(store::List::kTokensOf, owner, id);
  }
  return {};
}

Result<void> Batch::ApplyCertified(const v1::AgentCertified& certified) {
  if (FindOrganization(certified.organization()) == nullptr || !IsIdentifier(certified.agent())) {
    return {};
  }
  NOROSHI_ASSIGN_OR_RETURN(auto known, state_.Agent(certified.organization(), certified.agent()));
  store::AgentRow row = known.value_or(store::AgentRow());
  if (certified.token_sha256().empty()) {  // A renewal.
    if (!known || known->revoked()) return {};
    const std::string& asked_with = certified.asked_with_serial();
    row.set_previous_serial(asked_with.empty() ? row.serial() : asked_with);
  } else {
    NOROSHI_ASSIGN_OR_RETURN(const auto token, state_.Token(certified.token_sha256()));
    const bool good = token && token->organization() == certified.organization() &&
                      token->agent() == certified.agent() && at_.time_ms < token->expires_at_ms() &&
                      token->sequence() >= row.revoked_sequence();
    if (!good) return {};
    state_.RemoveToken(certified.token_sha256());
    state_.RemoveFromList(store::List::kTokensOf,
                          certified.organization() + '/' + certified.agent(),
                          certified.token_sha256());
    // Enrolled anew: whatever was issued before is no longer good.
    row.clear_previous_serial();
    row.clear_revoked();
    row.clear_revoked_reason();
  }
  row.set_organization(certified.organization());
  row.set_agent(certified.agent());
  row.set_serial(certified.serial());
  row.set_not_after_ms(certified.not_after_ms());
  row.set_certified_at_ms(at_.time_ms);
  PutAgent(&row, !known);
  applied_.identities_changed = true;
  return {};
}

void Batch::PutAgent(store::AgentRow* row, bool is_new) {
  if (is_new) {
    row->set_number(memory_.meta.agents());
    memory_.agents.emplace(AgentName(row->organization(), row->agent()), row->number());
    if (row->number() % store::kCursorsPerRow == 0) memory_.cursors.emplace_back();
    memory_.cursors.back().add_cursors(0);
    MoveCursor(row->number(), 0);
    memory_.meta.set_agents(memory_.meta.agents() + 1);
  }
  state_.SetAgent(*row);
}

Batch::Effect Batch::ApplyRevoked(const v1::AgentRevoked& revoked) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Agent(revoked.organization(), revoked.agent()));
  const bool is_new = !row;
  if (is_new) {
    // Only a token so far: the row keeps that it is void.
    if (FindOrganization(revoked.organization()) == nullptr || !IsIdentifier(revoked.agent())) {
      return kRefusedNotFound;
    }
    row.emplace();
    row->set_organization(revoked.organization());
    row->set_agent(revoked.agent());
  }
  row->set_revoked(true);
  row->set_revoked_reason(revoked.reason());
  row->set_revoked_sequence(at_.sequence);
  row->clear_previous_serial();
  PutAgent(&*row, is_new);
  NOROSHI_RETURN_IF_ERROR(RemoveTokens(revoked.organization(), revoked.agent(), /*all=*/true));
  applied_.identities_changed = true;
  return std::string();
}

}  // namespace noroshi::engine
