// Rounds: wakes subscribers when there is something for them. After a calm they are woken
// at once; in a burst, what comes gathers for a moment first and travels together: one
// record to each agent instead of many, which is most of what a delivery costs
// (docs/performance.md). For hub/fanout only.
//
// Threads: thread-safe; wakes run on the caller's thread or on one of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/fanout/subscriber.h"

namespace noroshi::fanout {

class Rounds {
 public:
  using Subscribers = std::vector<std::shared_ptr<Subscriber>>;
  using Milliseconds = std::chrono::milliseconds;

  // gather: how long a burst gathers. calm: without a round for so long, nothing waits; 0:
  // nothing ever does.
  Rounds(Milliseconds gather, Milliseconds calm);
  // Joins the thread; whoever waits is not woken any more.
  ~Rounds();
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  void Add(Subscribers subscribers);

 private:
  using Steady = std::chrono::steady_clock;

  void Run();
  // Takes those who wait. REQUIRES: somebody does, and the mutex is held.
  Subscribers Begin();

  const Milliseconds gather_;
  const Milliseconds calm_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Subscribers waiting_;  // Each once.
  Steady::time_point last_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace noroshi::fanout
