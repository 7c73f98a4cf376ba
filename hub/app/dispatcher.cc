#include "hub/app/dispatcher.h"

#include <pthread.h>

#include <chrono>
#include <optional>

#include "common/log/log.h"

namespace noroshi::app {
namespace {

// A submission whose result is not appended yet.
constexpr uint64_t kWorking = UINT64_MAX;

analysis::WorkKind KindOf(v1::EntryKind kind) {
  if (kind == v1::ENTRY_KIND_INCIDENT_REPORT) return analysis::WorkKind::kIncident;
  if (kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL) return analysis::WorkKind::kMail;
  return analysis::WorkKind::kObservation;
}

size_t CapFor(uint32_t priority) {
  const size_t reserve = priority == store::kPriorityIncident ? kAnalysisIncidentReserve : 0;
  return kAnalysisInFlightMax + reserve;
}

}  // namespace

struct Dispatcher::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool wanted = true;  // Look at the table: something may have come, or become free.
  bool idle = false;   // The last look found nothing to do and nothing under way.
  // Submission -> sequence of its result's entry, or kWorking.
  std::map<uint64_t, uint64_t> in_flight;

  void Settle(uint64_t submission, std::optional<uint64_t> result) {
    const std::lock_guard lock(mutex);
    if (result.has_value()) {
      in_flight[submission] = *result;
    } else {
      in_flight.erase(submission);  // The next scan finds it again.
    }
  }
};

Dispatcher::Dispatcher(journal::Journal* journal, const store::Store* store, analysis::Pool* pool)
    : journal_(journal), store_(store), pool_(pool), state_(std::make_shared<State>()) {
  thread_ = std::thread([this] { Run(); });
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
      // Looking again by itself covers work that was refused for a moment.
      state_->changed.wait_for(
          lock, std::chrono::milliseconds(state_->in_flight.empty() ? 60'000 : kAnalysisRetryMs));
    }
    if (state_->stop) return;
    state_->wanted = false;
    lock.unlock();
    Scan();
    lock.lock();
  }
}

void Dispatcher::Scan() {
  const auto snapshot = store_->Snapshot();
  const auto meta = snapshot->Meta();
  if (!meta.ok()) {
    Log(Level::kError, "analysis_state_unreadable", {{"reason", meta.error().message}});
    return;
  }
  size_t busy = 0;
  {
    // The same snapshot tells what is applied and what is pending: a result that
    // is applied is no longer pending, so its submission may be forgotten.
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->in_flight, [&](const auto& item) {
      return item.second != kWorking && item.second < meta->applied();
    });
    busy = state_->in_flight.size();
  }
  const auto pending = snapshot->AnalysisPending(std::nullopt, kAnalysisInFlightMax + busy);
  if (!pending.ok()) {
    Log(Level::kError, "analysis_state_unreadable", {{"reason", pending.error().message}});
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->idle = pending->empty() && busy == 0;
  }
  for (const auto& item : *pending) {
    // Incidents come first: nothing behind this item may be taken either.
    if (busy >= CapFor(item.priority)) return;
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->stop || !state_->in_flight.emplace(item.sequence, kWorking).second) continue;
    }
    ++busy;
    if (!Dispatch(item)) return;
  }
}

bool Dispatcher::Dispatch(const store::PendingAnalysis& pending) {
  auto entries = journal_->Read(pending.sequence, 1, 1);
  if (!entries.ok() || entries->empty()) {
    Log(Level::kError, "analysis_entry_unreadable",
        {{"sequence", pending.sequence},
         {"reason", entries.ok() ? "no such entry" : entries.error().message}});
    // Kept in flight: trying again at once would only repeat the line.
    return true;
  }
  journal::Entry& entry = entries->front();
  analysis::Work work;
  work.sequence = pending.sequence;
  work.kind = KindOf(entry.header.kind());
  work.submission = std::move(entry.body);
  // The callback may run after this Dispatcher is gone: it holds only the state
  // and the journal, which outlives the pool.
  const auto submitted = pool_->Submit(
      std::move(work), [state = state_, journal = journal_](uint64_t sequence, std::string result) {
        journal::Draft draft;
        draft.kind = v1::ENTRY_KIND_ANALYSIS_RESULT;
        draft.agent = "analysis";
        draft.body = std::move(result);
        journal->Append(std::move(draft), [state, sequence](Result<journal::Acceptance> done) {
          state->Settle(sequence, done.ok() ? std::optional(done->sequence) : std::nullopt);
        });
      });
  if (submitted.ok()) return true;
  state_->Settle(pending.sequence, std::nullopt);
  return false;
}

}  // namespace noroshi::app
