#include "hub/fanout/rounds.h"

#include <pthread.h>

#include <utility>

namespace noroshi::fanout {

Rounds::Rounds(Milliseconds gather, Milliseconds calm)
    : gather_(gather), calm_(calm), last_(Steady::now() - calm), thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "rounds");
}

Rounds::~Rounds() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Rounds::Add(Subscribers subscribers) {
  Subscribers now;
  {
    const std::lock_guard lock(mutex_);
    const bool gathering = !waiting_.empty();
    for (auto& subscriber : subscribers) {
      if (std::exchange(subscriber->due, true)) continue;
      waiting_.push_back(std::move(subscriber));
    }
    if (gathering || waiting_.empty()) return;
    if (Steady::now() < last_ + calm_) return changed_.notify_one();
    now = Begin();
  }
  for (const auto& subscriber : now) subscriber->Wake();
}

Rounds::Subscribers Rounds::Begin() {
  last_ = Steady::now();
  for (const auto& subscriber : waiting_) subscriber->due = false;
  return std::exchange(waiting_, {});
}

void Rounds::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, gather_, [this] { return stopping_; });
    if (stopping_) return;
    const Subscribers now = Begin();
    lock.unlock();
    for (const auto& subscriber : now) subscriber->Wake();
    lock.lock();
  }
}

}  // namespace noroshi::fanout
