#include "hub/app/directory.h"

namespace noroshi::app {

Result<Directory::Standing> Directory::Read(const tls::Identity& identity) const {
  Standing standing;
  const auto snapshot = store_.Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const auto organization, snapshot->Organization(identity.organization));
  NOROSHI_ASSIGN_OR_RETURN(const auto agent,
                           snapshot->Agent(identity.organization, identity.agent));
  if (!organization.has_value() || !agent.has_value()) {
    standing.refusal = "unknown_agent: this hub knows no agent " + identity.ToUri();
  } else if (organization->organization().disabled()) {
    standing.refusal = "disabled: the organisation '" + identity.organization + "' is disabled";
  } else if (agent->revoked()) {
    standing.refusal = "revoked: the agent was revoked: " + agent->revoked_reason();
  } else {
    standing.serial = agent->serial();
    standing.previous_serial = agent->previous_serial();
  }
  return standing;
}

Result<Directory::Standing> Directory::Find(const tls::Identity& identity) const {
  const std::pair key(identity.organization, identity.agent);
  // Taken before reading: a change in between makes the answer stale, not wrong for ever.
  const uint64_t generation = generation_.load();
  const std::lock_guard lock(mutex_);
  Standing& standing = cache_[key];
  if (standing.generation != generation) {
    auto read = Read(identity);
    if (!read.ok()) return read.error();
    standing = std::move(*read);
    standing.generation = generation;
  }
  if (standing.refusal.empty()) return standing;
  const Error error{ErrorCode::kDenied, standing.refusal};
  // What does not exist is not remembered: the cache is bounded by what does.
  if (standing.refusal.starts_with("unknown_agent")) cache_.erase(key);
  return error;
}

Result<void> Directory::MayAct(const tls::Identity& identity) const {
  const auto standing = Find(identity);
  if (!standing.ok()) return standing.error();
  return {};
}

Result<void> Directory::MayAct(const tls::Identity& identity, const std::string& serial) const {
  const auto standing = Find(identity);
  if (!standing.ok()) return standing.error();
  if (serial.empty() || (serial != standing->serial && serial != standing->previous_serial)) {
    return Error{ErrorCode::kDenied,
                 "superseded: this certificate was replaced; use the newest, or enrol again"};
  }
  return {};
}

}  // namespace noroshi::app
