#include "hub/http/workers.h"

#include <pthread.h>

#include <algorithm>

#include "common/base/check.h"

namespace noroshi::http {

void Workers::Start(size_t threads) {
  NOROSHI_CHECK(threads > 0 && threads_.empty());
  share_ = Share(threads);
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "http-work");
      Run();
    });
  }
}

bool Workers::TryPost(const std::string& key, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    // A job that an idle thread is about to take does not wait.
    if (stopping_ || jobs_.size() >= waiting_max_ + idle_) return false;
    size_t& waiting = waiting_[key];
    if (waiting >= Share(waiting_max_) + idle_) return false;
    ++waiting;
    jobs_.push_back({key, std::move(job)});
  }
  changed_.notify_one();
  return true;
}

std::deque<Workers::Job>::iterator Workers::Next() {
  return std::find_if(jobs_.begin(), jobs_.end(), [this](const Job& job) {
    const auto running = running_.find(job.key);
    return running == running_.end() || running->second < share_;
  });
}

void Workers::Run() {
  const auto take = [](std::map<std::string, size_t>* counts, const std::string& key) {
    const auto count = counts->find(key);
    if (--count->second == 0) counts->erase(count);
  };
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || Next() != jobs_.end(); });
    --idle_;
    if (stopping_) return;
    const auto next = Next();
    Job job = std::move(*next);
    jobs_.erase(next);
    take(&waiting_, job.key);
    ++running_[job.key];
    lock.unlock();
    job.work();
    job.work = nullptr;  // What it holds ends before the next one begins.
    lock.lock();
    take(&running_, job.key);
  }
}

void Workers::Stop() {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

size_t Workers::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

}  // namespace noroshi::http
