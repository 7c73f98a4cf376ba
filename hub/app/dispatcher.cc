#include "hub/app/dispatcher.h"

#include <pthread.h>

#include <array>
#include <chrono>
#include <vector>

#include "common/log/log.h"
#include "common/runtime/priority.h"

namespace noroshi::app {
namespace {

analysis::WorkKind KindOf(v1::EntryKind kind) {
  if (kind == v1::ENTRY_KIND_INCIDENT_REPORT) return analysis::WorkKind::kIncident;
  if (kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL) return analysis::WorkKind::kMail;
  return analysis::WorkKind::kObservation;
}

// Incidents first: what is behind them waits while they wait.
constexpr std::array kPriorities = {store::kPriorityIncident, store::kPriorityMail};

// A look costs the same for one item and for many: it waits until there is room for so many.
constexpr size_t kRefill = kAnalysisInFlightMax / 2;
static_assert(kAnalysisIncidentReserve >= kRefill, "incidents would wait for mails");

size_t CapFor(uint32_t priority) {
  const size_t reserve = priority == store::kPriorityIncident ? kAnalysisIncidentReserve : 0;
  return kAnalysisInFlightMax + reserve;
}

}  // namespace

struct Dispatcher::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool wanted = true;    // Look at the table: something may have come, or become free.
  size_t in_flight = 0;  // Submissions whose result is not appended yet.
  std::vector<store::PendingAnalysis> refused;  // To be taken again; at most what was in flight.

  // The result is in the journal, or its submission must be taken again.
  void Settle(const store::PendingAnalysis& pending, bool appended) {
    const std::lock_guard lock(mutex);
    --in_flight;
    if (!appended) refused.push_back(pending);
    // The first one changes how long the dispatcher waits; the others wait with it.
    if (!appended && refused.size() == 1) changed.notify_all();
    if (in_flight == kAnalysisInFlightMax - kRefill) {
      wanted = true;
      changed.notify_all();
    }
  }
};

Dispatcher::Dispatcher(journal::Journal* journal, const store::Store* store, analysis::Pool* pool)
    : journal_(journal), store_(store), pool_(pool), state_(std::make_shared<State>()) {
  thread_ = std::thread([this] {
    StandBack();
    Run();
  });
  pthread_setname_np(thread_.native_handle(), "analysis");
}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->changed.notify_all();
  }
  thread_.join();
}

void Dispatcher::OnApplied() {
  const std::lock_guard lock(state_->mutex);
  state_->wanted = true;
  state_->changed.notify_all();
}

void Dispatcher::Run() {
  std::unique_lock lock(state_->mutex);
  while (!state_->stop) {
    if (!state_->wanted) {
      const bool idle = state_->refused.empty();
      state_->changed.wait_for(
          lock, std::chrono::milliseconds(idle ? kAnalysisIdleMs : kAnalysisRetryMs));
      if (idle && !state_->wanted && !state_->refused.empty()) continue;  // Not at once.
    }
    if (state_->stop) return;
    state_->wanted = false;
    lock.unlock();
    if (TakeRefused()) Scan();
    lock.lock();
  }
}

bool Dispatcher::TakeRefused() {
  std::vector<store::PendingAnalysis> again;
  {
    const std::lock_guard lock(state_->mutex);
    again.swap(state_->refused);
  }
  for (size_t i = 0; i < again.size(); ++i) {
    if (Dispatch(again[i])) continue;
    const std::lock_guard lock(state_->mutex);
    state_->refused.insert(state_->refused.end(), again.begin() + static_cast<ptrdiff_t>(i) + 1,
                           again.end());
    return false;
  }
  return true;
}

void Dispatcher::Scan() {
  const auto snapshot = store_->Snapshot();
  for (const uint32_t priority : kPriorities) {
    const size_t room = Room(priority);
    if (room < kRefill) return;
    uint64_t& last = taken_[priority];
    const auto pending = snapshot->AnalysisPending(priority, last, room);
    if (!pending.ok()) {
      Log(Level::kError, "analysis_state_unreadable", {{"reason", pending.error().message}});
      return;
    }
    for (const uint64_t sequence : *pending) {
      last = sequence;
      if (!Dispatch({priority, sequence})) return;
    }
  }
}

size_t Dispatcher::Room(uint32_t priority) const {
  const std::lock_guard lock(state_->mutex);
  const size_t cap = CapFor(priority);
  const size_t taken = state_->in_flight + state_->refused.size();
  return state_->stop || taken >= cap ? 0 : cap - taken;
}

bool Dispatcher::Dispatch(const store::PendingAnalysis& pending) {
  auto entries = journal_->Read(pending.sequence, 1, 1);
  if (!entries.ok() || entries->empty()) {
    // Not taken again before a restart: that would only repeat the line.
    Log(Level::kError, "analysis_entry_unreadable",
        {{"sequence", pending.sequence},
         {"reason", entries.ok() ? "no such entry" : entries.error().message}});
    return true;
  }
  journal::Entry& entry = entries->front();
  analysis::Work work;
  work.sequence = pending.sequence;
  work.kind = KindOf(entry.header.kind());
  work.submission = std::move(entry.body);
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->in_flight;
  }
  // The callback may run after this Dispatcher is gone: it holds only the state
  // and the journal, which outlives the pool.
  const auto submitted = pool_->Submit(std::move(work), [state = state_, journal = journal_,
                                                         pending](uint64_t, std::string result) {
    journal::Draft draft;
    draft.kind = v1::ENTRY_KIND_ANALYSIS_RESULT;
    draft.agent = "analysis";
    draft.body = std::move(result);
    journal->Append(std::move(draft), [state, pending](const Result<journal::Acceptance>& done) {
      state->Settle(pending, done.ok());
    });
  });
  if (!submitted.ok()) state_->Settle(pending, false);
  return submitted.ok();
}

}  // namespace noroshi::app
