// Workers: threads that run handlers, with a bounded queue before them.
//
// Threads: thread-safe; Stop is for one owner.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace noroshi::http {

class Workers {
 public:
  explicit Workers(size_t waiting_max) : waiting_max_(waiting_max) {}
  ~Workers() { Stop(); }

  void Start(size_t threads);
  // False: as many wait as may. A job must not throw.
  bool TryPost(std::function<void()> job);
  // Waits for the jobs that run; those that wait are dropped. Idempotent.
  void Stop();

  size_t waiting() const;

 private:
  void Run();

  const size_t waiting_max_;
  mutable std::mutex mutex_;  // Guards what follows, but for threads_.
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace noroshi::http
