// What Fanout knows of a live subscription; shared by both. For hub/fanout only.
//
// Threads: thread-safe but for what names its owner.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace noroshi::fanout {

struct Subscriber {
  std::string organization;
  std::string agent;
  uint64_t start = 0;
  bool refused = false;                 // Beyond kSubscriptionsMax.
  bool due = false;                     // In the next round. Under Rounds' mutex.
  std::optional<uint64_t> allowed;      // The identities under which it may act. Look's mutex.
  std::atomic<bool> woken{false};       // Told, and has not looked since.
  std::atomic<uint64_t> handed_out{0};  // The furthest position it may acknowledge.
  std::mutex wake_mutex;
  std::function<void()> wake;  // Empty when the subscription is gone.

  void Wake() {
    if (woken.exchange(true)) return;
    const std::lock_guard lock(wake_mutex);
    if (wake) wake();
  }
};

}  // namespace noroshi::fanout
