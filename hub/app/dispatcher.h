// Dispatcher: hands submissions that await analysis to the pool, and appends
// what was found to the journal. The state's table of pending analyses is the
// queue: nothing is forgotten by a crash, and memory stays bounded.
//
// Threads: thread-safe; has a thread "analysis". Lifetime: journal, store and
// pool outlive it. Order of destruction: Dispatcher, then Pool.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "hub/analysis/pool.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::app {

// Submissions handed to the pool whose results are not yet in the journal; and how many
// more incident reports may be: they never wait for a place behind slow mails.
inline constexpr size_t kAnalysisInFlightMax = 512;
inline constexpr size_t kAnalysisIncidentReserve = 256;
// After a refusal (pool full, journal below its reserve) we look again.
inline constexpr int64_t kAnalysisRetryMs = 200;
inline constexpr int64_t kAnalysisIdleMs = 60'000;

class Dispatcher {
 public:
  Dispatcher(journal::Journal* journal, const store::Store* store, analysis::Pool* pool);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The engine applied something that awaits analysis, or results.
  void OnApplied();

 private:
  struct State;  // Shared with callbacks that outlive a stop.
  void Run();
  // What was refused a moment ago. False: no more can be taken now.
  bool TakeRefused();
  // Takes what is pending behind the last one taken, as far as there is room.
  void Scan();
  size_t Room(uint32_t priority) const;
  // False: no more can be taken now; this one is among the refused.
  bool Dispatch(const store::PendingAnalysis& pending);

  journal::Journal* const journal_;
  const store::Store* const store_;
  analysis::Pool* const pool_;
  const std::shared_ptr<State> state_;
  // By priority: the sequence of the last one taken. The dispatcher's thread only.
  std::map<uint32_t, uint64_t> taken_;
  std::thread thread_;
};

}  // namespace noroshi::app
