#include "hub/engine/batch.h"

#include "common/base/check.h"

namespace noroshi::engine {
namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
// For clang 14, which the fuzzers are built with.
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

// Only an action has somebody to tell why it changed nothing.
Result<void> Unheard(const Result<std::string>& effect) {
  NOROSHI_RETURN_IF_ERROR(effect);
  return {};
}

}  // namespace

Batch::Batch(Memory* memory, store::Transaction* transaction)
    : memory_(*memory), state_(*transaction) {}

Result<void> Batch::Apply(Prepared& entry) {
  at_ = {entry.sequence, entry.time_ms, entry.organization, entry.agent, &entry.filing};
  address_ = {};
  session_ = {};
  NOROSHI_RETURN_IF_ERROR(
      std::visit(Overloaded{
                     [](std::monostate) { return Result<void>(); },
                     [&](store::SubmissionRow& body) { return ApplySubmission(body); },
                     [&](v1::LogStarted& body) { return ApplyStarted(body), Result<void>(); },
                     [&](v1::LogRestored& body) { return ApplyRestored(body), Result<void>(); },
                     [&](v1::SubmissionConflict& body) { return ApplyConflict(body); },
                     [&](v1::AnalysisResult& body) { return ApplyAnalysis(body); },
                     [&](v1::OrganizationSet& body) { return Unheard(ApplyOrganization(body)); },
                     [&](v1::AgentTokenIssued& body) { return Unheard(ApplyToken(body)); },
                     [&](v1::AgentCertified& body) { return ApplyCertified(body); },
                     [&](v1::AgentRevoked& body) { return Unheard(ApplyRevoked(body)); },
                     [&](v1::AlertRulesSet& body) {
                       state_.SetRules(body);
                       memory_.rules = std::move(body);
                       return Result<void>();
                     },
                     [&](v1::AlertIssued& body) { return Unheard(ApplyAlertIssued(body)); },
                     [&](v1::CursorsAdvanced& body) { return ApplyCursors(body); },
                     [&](v1::AlertMarked& body) { return Unheard(ApplyMarked(body)); },
                     [&](v1::TimeReached& body) { return ApplyTime(body); },
                     [&](v1::BodyErased& body) { return ApplyErased(body); },
                     [&](v1::Action& body) { return ApplyAction(body); },
                 },
                 entry.body));
  memory_.meta.set_applied(entry.sequence + 1);
  memory_.meta.set_time_ms(entry.time_ms);
  return {};
}

Result<Applied> Batch::Finish() {
  for (const std::string& id : touched_) state_.SetOrganization(memory_.organizations.at(id));
  memory_.meta.set_format(store::kFormat);
  state_.SetMeta(memory_.meta);
  NOROSHI_RETURN_IF_ERROR(state_.Commit());
  applied_.next = memory_.meta.applied();
  applied_.outboxes.assign(outboxes_.begin(), outboxes_.end());
  applied_.cases.assign(cases_.begin(), cases_.end());
  return std::move(applied_);
}

store::OrganizationRow* Batch::FindOrganization(std::string_view id) {
  const auto found = memory_.organizations.find(id);
  return found == memory_.organizations.end() ? nullptr : &found->second;
}

void Batch::Touch(const store::OrganizationRow& organization) {
  touched_.insert(organization.organization().id());
}

std::vector<const v1::OrganizationSet*> Batch::Candidates() const {
  std::vector<const v1::OrganizationSet*> candidates;
  candidates.reserve(memory_.organizations.size());
  for (const auto& [id, row] : memory_.organizations) candidates.push_back(&row.organization());
  return candidates;
}

}  // namespace noroshi::engine
