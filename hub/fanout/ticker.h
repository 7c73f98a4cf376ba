// Ticker: lets time reach the state. When the clock passes the store's next
// deadline it appends a TimeReached entry; nothing else makes time pass.
//
// Threads: thread-safe. Lifetime: journal, store and clock outlive it; the
// destructor joins its thread.
#pragma once

#include <cstdint>
#include <memory>

#include "common/runtime/clock.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::fanout {

// The longest sleep between two looks at the clock, and the wait after a refusal.
inline constexpr int64_t kTickMaxMs = 1'000;

class Ticker {
 public:
  Ticker(journal::Journal* journal, const store::Store* store, const Clock* clock);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Starts the thread. Without it, tests drive RunOnce themselves.
  void Start();

  // The engine applied something that has a deadline, or handled one.
  void OnDeadlinesChanged();

  // Looks once; appends if a deadline has passed. Returns the milliseconds until
  // the next look, 1 to kTickMaxMs.
  int64_t RunOnce();

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with appends in flight.
};

}  // namespace noroshi::fanout
