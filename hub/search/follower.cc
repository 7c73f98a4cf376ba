#include "hub/search/follower.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <map>
#include <mutex>
#include <semaphore>
#include <set>
#include <thread>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/runtime/priority.h"
#include "hub/search/documents.h"

namespace noroshi::search {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int64_t kUntilCalled = INT64_MAX;

// One that is to be written, and the entry that brought it.
struct Change {
  Object object;
  uint64_t sequence = 0;
  int64_t time_ms = 0;
};

// What one batch changes, each object once, in the order of the journal.
class Changes {
 public:
  void Add(Object object, uint64_t sequence, int64_t time_ms) {
    if (!known_.insert(object).second) return;
    changes_.push_back({std::move(object), sequence, time_ms});
  }
  std::vector<Change> InOrder() {
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const Change& a, const Change& b) { return a.sequence < b.sequence; });
    return std::move(changes_);
  }

 private:
  std::set<Object> known_;
  std::vector<Change> changes_;
};

// Entries of the journal, those at hand first.
class Entries {
 public:
  Entries(journal::Journal* journal, std::vector<journal::Entry> entries)
      : journal_(*journal), entries_(std::move(entries)) {}

  const std::vector<journal::Entry>& all() const { return entries_; }
  Result<journal::Entry> Read(uint64_t sequence) const {
    const uint64_t first = entries_.front().sequence;
    if (sequence >= first && sequence - first < entries_.size()) {
      return entries_[sequence - first];
    }
    NOROSHI_ASSIGN_OR_RETURN(auto read, journal_.Read(sequence, 1, 1));
    if (read.empty()) return Error{ErrorCode::kCorruption, "journal: an entry is missing"};
    return std::move(read.front());
  }

 private:
  journal::Journal& journal_;
  const std::vector<journal::Entry> entries_;
};

uint64_t ThreadCpuMs() {
  timespec time{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1000 + static_cast<uint64_t>(time.tv_nsec) / 1000000;
}

}  // namespace

struct Follower::State {
  Parts parts;
  std::unique_ptr<Index> index;  // Absent: to be opened.
  Progress progress;             // Of what has been put.
  size_t pending = 0;            // Documents put and not committed.
  size_t pending_bytes = 0;
  Steady::time_point uncommitted_since;

  std::atomic<bool> stopping{false};
  std::atomic<bool> called{false};
  std::counting_semaphore<> calls{0};  // One for each time that `called` became true.
  std::counting_semaphore<> ends{0};   // One when the end has come.
  std::atomic<uint64_t> found{0};      // As Stats::entries, and so on.
  std::atomic<uint64_t> documents{0};
  std::atomic<uint64_t> cpu_ms{0};
  mutable std::mutex mutex;
  mutable std::condition_variable committed;  // For those who WaitFor.
  std::thread thread;

  void Run();
  // As long as there is something to do; then how long to wait, kUntilCalled for ever.
  Result<int64_t> Work();
  Result<void> OpenIndex();
  // One batch.
  enum class Taken { kNothing, kSome, kWhileBusy };
  Result<Taken> Step();
  Result<bool> HasRoom() const;
  // Whether a document stands for a body that has been erased since.
  Result<bool> HoldsErased(const Entries& entries) const;
  Result<void> AddAlerts(const store::View& view, uint64_t end, Changes* changes);
  Result<void> Write(const store::View& view, const Entries& entries,
                     const std::vector<Change>& changes);
  Result<void> Commit();
  // There may be entries to take, or the end has come.
  void Call();
  // Until called, or until that time is over or the end has come.
  void Wait(int64_t pause_ms);
};

void Follower::State::Call() {
  if (!called.exchange(true)) calls.release();
}

void Follower::State::Wait(int64_t pause_ms) {
  if (pause_ms == kUntilCalled) {
    calls.acquire();
    called = false;
  } else {
    (void)ends.try_acquire_for(std::chrono::milliseconds(pause_ms));
  }
}

Result<void> Follower::State::OpenIndex() {
  NOROSHI_ASSIGN_OR_RETURN(index, Index::Open(parts.folder, parts.files));
  const std::string log_id = parts.journal->log_id();
  if (index->progress().entries > 0 && index->progress().log_id != log_id) {
    index.reset();
    NOROSHI_RETURN_IF_ERROR(WipeIndex(parts.folder));
    NOROSHI_ASSIGN_OR_RETURN(index, Index::Open(parts.folder, parts.files));
  }
  progress = index->progress();
  progress.log_id = log_id;
  pending = pending_bytes = 0;
  if (progress.entries == 0) Log(Level::kInfo, "search_index_made_anew", {});
  return Commit();
}

Result<bool> Follower::State::HasRoom() const {
  const std::string beside = std::filesystem::path(parts.folder).parent_path().string();
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t free, parts.files->FreeBytes(beside));
  return free >= parts.reserve_bytes + kRoomBytes;
}

Result<bool> Follower::State::HoldsErased(const Entries& entries) const {
  for (const journal::Entry& entry : entries.all()) {
    if (entry.header.kind() != v1::ENTRY_KIND_BODY_ERASED) continue;
    v1::BodyErased erased;
    if (!erased.ParseFromString(entry.body)) continue;
    NOROSHI_ASSIGN_OR_RETURN(const bool has,
                             index->Has({Kind::kReport, BigEndian64(erased.sequence())}));
    if (has) return true;
  }
  return false;
}

// Alerts have dense numbers, in the order in which they were issued.
Result<void> Follower::State::AddAlerts(const store::View& view, uint64_t end, Changes* changes) {
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, view.Alerts(progress.alerts + 2, 1));
    const bool is_next = !rows.empty() && rows.front().number() == progress.alerts + 1;
    if (!is_next || rows.front().sequence() >= end) return {};
    const store::AlertRow& row = rows.front();
    changes->Add({Kind::kAlert, row.alert_id()}, row.sequence(), row.original().issued_at_ms());
    ++progress.alerts;
  }
}

Result<Follower::State::Taken> Follower::State::Step() {
  const auto view = parts.store->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const store::MetaRow meta, view->Meta());
  if (meta.applied() <= progress.entries) return Taken::kNothing;
  const size_t count = std::min<uint64_t>(kBatchEntries, meta.applied() - progress.entries);
  NOROSHI_ASSIGN_OR_RETURN(auto read, parts.journal->Read(progress.entries, count, kBatchBytes));
  if (read.empty()) return Error{ErrorCode::kCorruption, "journal: it ends before the state"};
  const Entries entries(parts.journal, std::move(read));
  NOROSHI_ASSIGN_OR_RETURN(const bool holds_erased, HoldsErased(entries));
  if (holds_erased) {
    index.reset();
    NOROSHI_RETURN_IF_ERROR(WipeIndex(parts.folder));
    NOROSHI_RETURN_IF_ERROR(OpenIndex());
    return Taken::kSome;
  }
  Changes changes;
  for (const journal::Entry& entry : entries.all()) {
    NOROSHI_ASSIGN_OR_RETURN(auto touched, TouchedBy(*view, entry));
    for (Object& object : touched) {
      changes.Add(std::move(object), entry.sequence, entry.header.time_ms());
    }
  }
  const uint64_t end = entries.all().back().sequence + 1;
  NOROSHI_RETURN_IF_ERROR(AddAlerts(*view, end, &changes));
  if (progress.entries == index->progress().entries) uncommitted_since = Steady::now();
  NOROSHI_RETURN_IF_ERROR(Write(*view, entries, changes.InOrder()));
  progress.entries = end;
  const bool is_behind = parts.journal->size() > meta.applied() + kBatchEntries ||
                         meta.analysis_pending() > kBatchEntries;
  return is_behind ? Taken::kWhileBusy : Taken::kSome;
}

Result<void> Follower::State::Write(const store::View& view, const Entries& entries,
                                    const std::vector<Change>& changes) {
  const ReadEntry read = [&](uint64_t sequence) { return entries.Read(sequence); };
  for (const Change& change : changes) {
    NOROSHI_ASSIGN_OR_RETURN(auto document, MakeDocument(view, read, change.object));
    if (!document) {
      NOROSHI_RETURN_IF_ERROR(index->Remove(change.object));
      continue;
    }
    document->time_ms = change.time_ms;
    NOROSHI_RETURN_IF_ERROR(index->Put(*document));
    ++pending;
    for (const std::string& term : document->terms) pending_bytes += term.size();
  }
  return {};
}

Result<void> Follower::State::Commit() {
  NOROSHI_RETURN_IF_ERROR(index->Commit(progress));
  documents += pending;
  cpu_ms = ThreadCpuMs();
  {
    const std::lock_guard lock(mutex);
    found = progress.entries;
  }
  committed.notify_all();
  pending = pending_bytes = 0;
  return {};
}

Result<int64_t> Follower::State::Work() {
  while (!stopping) {
    NOROSHI_ASSIGN_OR_RETURN(const bool has_room, HasRoom());
    if (!has_room) return kRetryMs;
    if (index == nullptr) NOROSHI_RETURN_IF_ERROR(OpenIndex());
    NOROSHI_ASSIGN_OR_RETURN(const Taken taken, Step());
    const bool has_news = progress.entries > index->progress().entries;
    const bool is_full = pending >= kPendingDocumentsMax || pending_bytes >= kPendingBytesMax;
    const auto age = Steady::now() - uncommitted_since;
    const auto age_max =
        std::chrono::milliseconds(taken == Taken::kNothing ? kCommitMs : kBusyCommitMs);
    if (is_full || (has_news && age >= age_max)) {
      NOROSHI_RETURN_IF_ERROR(Commit());
    } else if (taken == Taken::kNothing) {
      return has_news ? kGatherMs : kUntilCalled;
    }
    if (taken == Taken::kWhileBusy) return kBusyPauseMs;
  }
  return int64_t{0};
}

void Follower::State::Run() {
  while (!stopping) {
    const auto pause = Work();
    if (pause.ok()) {
      Wait(*pause);
      continue;
    }
    Log(Level::kError, "search_index_failed", {{"reason", pause.error().message}});
    index.reset();
    const auto wiped = WipeIndex(parts.folder);
    if (!wiped.ok()) {
      Log(Level::kError, "search_index_stays", {{"reason", wiped.error().message}});
    }
    Wait(kRetryMs);
  }
}

Follower::Follower(Parts parts) : state_(std::make_unique<State>()) {
  state_->parts = std::move(parts);
  state_->thread = std::thread([state = state_.get()] {
    StandAside();
    state->Run();
    if (state->index == nullptr) return;
    auto closed = state->Commit();
    if (closed.ok()) closed = state->index->Close();
    if (!closed.ok())
      Log(Level::kWarning, "search_index_not_closed", {{"reason", closed.error().message}});
  });
  pthread_setname_np(state_->thread.native_handle(), "search");
}

Follower::~Follower() {
  state_->stopping = true;
  state_->ends.release();
  state_->Call();
  state_->thread.join();
}

void Follower::OnApplied() { state_->Call(); }

Result<void> Follower::WaitFor(uint64_t entries, int64_t timeout_ms) const {
  std::unique_lock lock(state_->mutex);
  const bool reached = state_->committed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                                  [&] { return state_->found >= entries; });
  if (reached) return {};
  return Error{ErrorCode::kTimeout, "search: the index lags behind"};
}

Follower::Stats Follower::stats() const {
  return {state_->found, state_->documents, state_->cpu_ms};
}

}  // namespace noroshi::search
