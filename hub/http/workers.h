// Workers: threads that run handlers, with a bounded queue before them. Nobody has all
// threads, nor the whole queue: of both one key (a network) leaves the others a quarter.
//
// Threads: thread-safe; Stop is for one owner.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace noroshi::http {

class Workers {
 public:
  explicit Workers(size_t waiting_max) : waiting_max_(waiting_max) {}
  ~Workers() { Stop(); }

  void Start(size_t threads);
  // False: as many wait as may, of all or of this key. A job must not throw.
  bool TryPost(const std::string& key, std::function<void()> job);
  // Waits for the jobs that run; those that wait are dropped. Idempotent.
  void Stop();

  size_t waiting() const;

 private:
  struct Job {
    std::string key;
    std::function<void()> work;
  };
  // Of one key, when there is so much of it.
  static size_t Share(size_t all) { return all - all / 4; }
  // The first that may run now, or the end.
  std::deque<Job>::iterator Next();
  void Run();

  const size_t waiting_max_;
  size_t share_ = 0;          // Threads that one key may have; set before they start.
  mutable std::mutex mutex_;  // Guards what follows, but for threads_.
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::map<std::string, size_t> waiting_;  // By key, of those above 0.
  std::map<std::string, size_t> running_;  // Likewise.
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace noroshi::http
