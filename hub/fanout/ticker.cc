#include "hub/fanout/ticker.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/check.h"
#include "common/log/log.h"

namespace noroshi::fanout {

struct Ticker::State : std::enable_shared_from_this<State> {
  journal::Journal* journal = nullptr;
  const store::Store* store = nullptr;
  const Clock* clock = nullptr;

  std::mutex mutex;
  std::condition_variable changed;
  bool poked = false;
  bool stopping = false;
  bool in_flight = false;
  std::optional<uint64_t> appended;  // Sequence of the newest TimeReached.
  std::thread thread;

  void Run();
  int64_t Look();
  bool IsBusy(const store::MetaRow& meta);
  void Append(int64_t now);
};

// Whether an entry that lets time pass is still on its way into the state.
bool Ticker::State::IsBusy(const store::MetaRow& meta) {
  const std::lock_guard lock(mutex);
  return in_flight || (appended && meta.applied() <= *appended);
}

int64_t Ticker::State::Look() {
  const auto view = store->Snapshot();
  const auto deadline = view->NextDeadline();
  const auto meta = view->Meta();
  if (!deadline.ok() || !meta.ok()) {
    const Error& error = deadline.ok() ? meta.error() : deadline.error();
    Log(Level::kError, "deadlines_unreadable", {{"reason", error.message}});
    return kTickMaxMs;
  }
  if (!*deadline || IsBusy(*meta)) return kTickMaxMs;
  const int64_t now = clock->NowMs();
  if (**deadline > now) return std::clamp<int64_t>(**deadline - now, 1, kTickMaxMs);
  Append(now);
  return kTickMaxMs;
}

void Ticker::State::Append(int64_t now) {
  {
    const std::lock_guard lock(mutex);
    in_flight = true;
  }
  v1::TimeReached reached;
  reached.set_time_ms(now);
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_TIME_REACHED;
  NOROSHI_CHECK(reached.SerializeToString(&draft.body));
  journal->Append(std::move(draft),
                  [self = shared_from_this()](const Result<journal::Acceptance>& accepted) {
                    const std::lock_guard lock(self->mutex);
                    self->in_flight = false;
                    if (accepted.ok()) self->appended = accepted->sequence;
                  });
}

void Ticker::State::Run() {
  while (true) {
    const int64_t wait = Look();
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(wait), [&] { return stopping || poked; });
    if (stopping) return;
    poked = false;
  }
}

Ticker::Ticker(journal::Journal* journal, const store::Store* store, const Clock* clock)
    : state_(std::make_shared<State>()) {
  state_->journal = journal;
  state_->store = store;
  state_->clock = clock;
}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

void Ticker::Start() {
  NOROSHI_CHECK(!state_->thread.joinable());
  state_->thread = std::thread([raw = state_.get()] { raw->Run(); });
  pthread_setname_np(state_->thread.native_handle(), "ticker");
}

void Ticker::OnDeadlinesChanged() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->poked = true;
  }
  state_->changed.notify_all();
}

int64_t Ticker::RunOnce() { return state_->Look(); }

}  // namespace noroshi::fanout
