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
  return effect.ok() ? Result<void>() : effect.error();
}

}  // namespace

std::string AgentName(const std::string& organization, const std::string& agent) {
  return organization + '/' + agent;
}

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
  WriteTouched();
  WriteDeliveries();
  memory_.meta.set_format(store::kFormat);
  state_.SetMeta(memory_.meta);
  NOROSHI_RETURN_IF_ERROR(state_.Commit());
  applied_.next = memory_.meta.applied();
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

const store::PlaceRow& Batch::PlaceOf(const store::OrganizationRow& organization) const {
  const uint64_t number = organization.number();
  return memory_.places.at(number / store::kPlacesPerRow)
      .places(static_cast<int>(number % store::kPlacesPerRow));
}

store::PlaceRow* Batch::MovePlace(const store::OrganizationRow& organization) {
  const uint64_t number = organization.number();
  places_.insert(number / store::kPlacesPerRow);
  return memory_.places.at(number / store::kPlacesPerRow)
      .mutable_places(static_cast<int>(number % store::kPlacesPerRow));
}

uint64_t Batch::CursorOf(uint64_t agent_number) const {
  return memory_.cursors.at(agent_number / store::kCursorsPerRow)
      .cursors(static_cast<int>(agent_number % store::kCursorsPerRow));
}

void Batch::MoveCursor(uint64_t agent_number, uint64_t position) {
  cursors_.insert(agent_number / store::kCursorsPerRow);
  memory_.cursors.at(agent_number / store::kCursorsPerRow)
      .set_cursors(static_cast<int>(agent_number % store::kCursorsPerRow), position);
}

void Batch::WriteTouched() {
  for (const std::string& id : touched_) state_.SetOrganization(memory_.organizations.at(id));
  for (const uint64_t number : places_) state_.SetPlaces(number, memory_.places.at(number));
  for (const uint64_t number : cursors_) state_.SetCursors(number, memory_.cursors.at(number));
}

std::vector<const v1::OrganizationSet*> Batch::Candidates() const {
  std::vector<const v1::OrganizationSet*> candidates;
  candidates.reserve(memory_.organizations.size());
  for (const auto& [id, row] : memory_.organizations) candidates.push_back(&row.organization());
  return candidates;
}

}  // namespace noroshi::engine
