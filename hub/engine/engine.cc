#include "hub/engine/engine.h"

#include "common/base/check.h"
#include "hub/engine/batch.h"
#include "hub/engine/prepare.h"

namespace noroshi::engine {

namespace {

Error Incomplete(const std::string& what) {
  return {ErrorCode::kCorruption, "state: rows of " + what + " are missing: rebuild the state"};
}

Result<void> RememberOrganizations(const store::View& view, Memory* memory) {
  auto& organizations = memory->organizations;
  while (true) {
    const std::string after = organizations.empty() ? "" : organizations.rbegin()->first;
    NOROSHI_ASSIGN_OR_RETURN(auto rows, view.Organizations(after, store::kListMax));
    if (rows.empty()) break;
    for (auto& row : rows) {
      std::string id = row.organization().id();
      organizations.emplace(std::move(id), std::move(row));
    }
  }
  while (memory->places.size() * store::kPlacesPerRow < memory->meta.organizations()) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Places(memory->places.size()));
    if (!row) return Incomplete("places");
    memory->places.push_back(*std::move(row));
  }
  return {};
}

Result<void> RememberAgents(const store::View& view, Memory* memory) {
  store::AgentRow last;
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                             view.Agents(last.organization(), last.agent(), store::kListMax));
    if (rows.empty()) break;
    for (const auto& row : rows) {
      memory->agents.emplace(AgentName(row.organization(), row.agent()), row.number());
    }
    last = rows.back();
  }
  while (memory->cursors.size() * store::kCursorsPerRow < memory->meta.agents()) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Cursors(memory->cursors.size()));
    if (!row) return Incomplete("cursors");
    memory->cursors.push_back(*std::move(row));
  }
  return {};
}

}  // namespace

struct Engine::State {
  store::Store* store = nullptr;
  Memory memory;
  bool failed = false;

  // The committed state's.
  Result<void> Remember();
  Result<Applied> ApplyAll(std::span<Prepared> entries);
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Create(store::Store* store) {
  auto state = std::make_unique<State>();
  state->store = store;
  NOROSHI_RETURN_IF_ERROR(state->Remember());
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Result<void> Engine::State::Remember() {
  const auto view = store->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(memory.meta, view->Meta());
  NOROSHI_ASSIGN_OR_RETURN(memory.rules, view->Rules());
  NOROSHI_RETURN_IF_ERROR(RememberOrganizations(*view, &memory));
  return RememberAgents(*view, &memory);
}

uint64_t Engine::next() const { return state_->memory.meta.applied(); }

Result<Applied> Engine::Apply(std::span<const journal::Entry> entries) {
  std::vector<Prepared> prepared;
  prepared.reserve(entries.size());
  for (const journal::Entry& entry : entries) {
    auto one = Prepare(entry);
    if (!one.ok()) state_->failed = true;
    NOROSHI_ASSIGN_OR_RETURN(Prepared read, std::move(one));
    prepared.push_back(std::move(read));
  }
  return ApplyPrepared(prepared);
}

Result<Applied> Engine::ApplyPrepared(std::span<Prepared> entries) {
  if (state_->failed) {
    return Error{ErrorCode::kUnavailable, "engine: stopped after an earlier error"};
  }
  auto applied = state_->ApplyAll(entries);
  if (!applied.ok()) state_->failed = true;
  return applied;
}

Result<Applied> Engine::State::ApplyAll(std::span<Prepared> entries) {
  const auto transaction = store->Begin();
  Batch batch(&memory, transaction.get());
  for (Prepared& entry : entries) {
    if (entry.sequence != memory.meta.applied()) {
      return Error{ErrorCode::kCorruption, "journal: entry " + std::to_string(entry.sequence) +
                                               " where " + std::to_string(memory.meta.applied()) +
                                               " is due"};
    }
    NOROSHI_RETURN_IF_ERROR(batch.Apply(entry));
  }
  return batch.Finish();
}

}  // namespace noroshi::engine
