#include "hub/engine/runner.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/runtime/priority.h"

namespace noroshi::engine {
namespace {

// How soon the thread sees a Stop while the journal is silent.
constexpr int64_t kWaitMs = 100;

Error NotTogether(const std::string& what) {
  return {ErrorCode::kInvalid, "state: " + what + ": rebuild the state"};
}

// Whether the state may have come from the journal's first entries.
Result<void> CheckTogether(const journal::Journal& journal, const store::MetaRow& meta) {
  if (meta.applied() > journal.size()) {
    return NotTogether("it holds " + std::to_string(meta.applied()) + " entries, the journal " +
                       std::to_string(journal.size()));
  }
  if (meta.applied() == 0 || meta.log_id() == journal.log_id()) return {};
  for (const v1::Restored& restored : journal.Restores()) {
    // Of the older log, as far as that survives in this one.
    if (restored.old_log_id() == meta.log_id() && meta.applied() <= restored.old_tree_size()) {
      return {};
    }
  }
  return NotTogether("of log " + ToHex(meta.log_id()) + ", the journal is " +
                     ToHex(journal.log_id()));
}

}  // namespace

struct Runner::State {
  journal::Journal* journal = nullptr;
  RunnerOptions options;
  Listener listener;
  std::unique_ptr<Engine> engine;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  uint64_t applied = 0;
  bool stopping = false;
  std::optional<Error> error;
  std::thread thread;

  bool IsStopping() const {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  void Run();
  // One batch; false when there was nothing to apply.
  Result<bool> Step();
  void Fail(const Error& why);
};

Result<bool> Runner::State::Step() {
  NOROSHI_ASSIGN_OR_RETURN(
      const auto entries,
      journal->Read(engine->next(), options.batch_entries_max, options.batch_bytes_max));
  if (entries.empty()) return false;
  NOROSHI_ASSIGN_OR_RETURN(const Applied done, engine->Apply(entries));
  {
    const std::lock_guard lock(mutex);
    applied = done.next;
  }
  changed.notify_all();
  if (listener) listener(done);
  return true;
}

void Runner::State::Run() {
  while (!IsStopping()) {
    if (journal->WaitBeyond(engine->next(), kWaitMs) <= engine->next()) continue;
    if (options.hold && options.hold()) {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, std::chrono::milliseconds(kWaitMs), [this] { return stopping; });
      continue;
    }
    const auto stepped = Step();
    if (!stepped.ok()) return Fail(stepped.error());
  }
}

void Runner::State::Fail(const Error& why) {
  Log(Level::kError, "engine_stopped",
      {{"code", ToString(why.code)}, {"reason", why.message}, {"applied", engine->next()}});
  {
    const std::lock_guard lock(mutex);
    error = why.Prefixed("stopped until a restart");
  }
  changed.notify_all();
}

Runner::Runner(std::unique_ptr<State> state) : state_(std::move(state)) {}

Runner::~Runner() { Stop(); }

Result<std::unique_ptr<Runner>> Runner::Start(journal::Journal* journal, store::Store* store,
                                              const RunnerOptions& options, Listener listener) {
  NOROSHI_ASSIGN_OR_RETURN(const store::MetaRow meta, store->Snapshot()->Meta());
  NOROSHI_RETURN_IF_ERROR(CheckTogether(*journal, meta));
  auto state = std::make_unique<State>();
  state->journal = journal;
  state->options = options;
  state->listener = std::move(listener);
  NOROSHI_ASSIGN_OR_RETURN(state->engine, Engine::Create(store));
  state->applied = state->engine->next();
  state->thread = std::thread([raw = state.get()] {
    StandBack();  // Receipts come before state.
    raw->Run();
  });
  pthread_setname_np(state->thread.native_handle(), "engine");
  return std::unique_ptr<Runner>(new Runner(std::move(state)));
}

uint64_t Runner::applied() const {
  const std::lock_guard lock(state_->mutex);
  return state_->applied;
}

Result<void> Runner::WaitApplied(uint64_t sequence, int64_t timeout_ms) const {
  std::unique_lock lock(state_->mutex);
  const bool over = state_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    return state_->applied > sequence || state_->error || state_->stopping;
  });
  if (state_->applied > sequence) return {};
  if (over) return Error{ErrorCode::kUnavailable, "engine: it has stopped"};
  return Error{ErrorCode::kTimeout, "engine: entry " + std::to_string(sequence) +
                                        " is not applied within " + std::to_string(timeout_ms) +
                                        " ms"};
}

Result<void> Runner::Health() const {
  const std::lock_guard lock(state_->mutex);
  return state_->error ? Result<void>(*state_->error) : Result<void>();
}

void Runner::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace noroshi::engine
