// Follower: the thread "search". It follows what the engine has applied and keeps the
// index (hub/search/index.h) up to date: some seconds behind when little happens, as far
// behind as need be when there is much to do. It does not slow the receipts: its thread has
// a small share of the processors, pauses while engine or analysis is behind, and writes
// without syncing. OnApplied takes no lock that the thread may hold.
//
// Its cursor is in the index itself, so that nothing is left out after a crash. An index
// that is lost, of another format or of another log is made anew from the beginning; so is
// one from which a body has been erased: freed places in its files would keep the words.
//
// While the disk has little more than the reserve left, it stands still.
//
// Threads: thread-safe. Lifetime: everything in Parts outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "hub/journal/journal.h"
#include "hub/search/index.h"
#include "hub/store/store.h"

namespace noroshi::search {

// Entries, and bytes of their bodies, that are read at a time.
inline constexpr size_t kBatchEntries = 512;
inline constexpr size_t kBatchBytes = 8 * 1024 * 1024;
// A batch, and a commit more so, cost much the same for one document and for many: entries
// wait so long for others, and so long for a commit, with more to do up to so long. These
// documents at most wait for one, or these bytes of terms.
inline constexpr int64_t kGatherMs = 200;
// The engine is more than a batch behind the journal, or analysis behind what came: others
// come first.
inline constexpr int64_t kBusyPauseMs = 2'000;
inline constexpr int64_t kCommitMs = 1'000;
inline constexpr int64_t kBusyCommitMs = 5'000;
inline constexpr size_t kPendingDocumentsMax = 4'000;
inline constexpr size_t kPendingBytesMax = 16 * 1024 * 1024;
// After an error it begins anew.
inline constexpr int64_t kRetryMs = 5'000;
// Free space beyond the hub's reserve, or the index does not grow.
inline constexpr uint64_t kRoomBytes = uint64_t{64} * 1024 * 1024;

class Follower {
 public:
  struct Parts {
    journal::Journal* journal = nullptr;
    const store::Store* store = nullptr;
    FileSystem* files = nullptr;
    std::string folder;
    uint64_t reserve_bytes = 0;
  };
  struct Stats {
    uint64_t entries = 0;    // Taken, and found.
    uint64_t documents = 0;  // Written since the start; one that changes counts again.
    uint64_t cpu_ms = 0;     // Of its thread, since the start.
  };

  explicit Follower(Parts parts);
  // Leaves the index whole on the disk.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // The engine has applied something. Does not wait.
  void OnApplied();

  // Blocks until everything before this entry is found. kTimeout.
  Result<void> WaitFor(uint64_t entries, int64_t timeout_ms) const;

  Stats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace noroshi::search
