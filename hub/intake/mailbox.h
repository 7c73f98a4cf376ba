// Mailbox: how other threads answer a session. They post events; the first one
// into an empty box wakes the session, which takes all of them at once: so all
// receipts of a journal batch go out together.
//
// Threads: thread-safe. Bounded by what the session itself has asked for.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/journal.h"

namespace noroshi::intake {

// The journal answered a submission.
struct Appended {
  std::string submission_id;
  uint64_t bytes = 0;  // To give back to the window.
  Result<journal::Acceptance> result;
};
// The registrar answered RenewRequest or EnrollRequest.
struct Certified {
  Result<v1::Certificate> result;
};
struct Marked {
  v1::MarkAlert mark;
  Result<void> result;
};
struct Answered {
  std::string question_id;
  Result<void> result;
};
using Event = std::variant<Appended, Certified, Marked, Answered>;

class Mailbox {
 public:
  struct Content {
    std::vector<Event> events;
    bool deliveries = false;  // There may be more deliveries.
  };

  // wake is called, on the poster's thread, when an empty box gets its first event.
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Post(Event event) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    content_.events.push_back(std::move(event));
    Wake();
  }
  void PostDeliveries() {
    const std::lock_guard lock(mutex_);
    if (closed_ || content_.deliveries) return;
    content_.deliveries = true;
    Wake();
  }
  Content Take() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(content_, {});
  }
  // Nothing is taken or woken from now on.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    content_ = {};
    wake_ = nullptr;
  }

 private:
  void Wake() {
    if (std::exchange(woken_, true)) return;
    wake_();
  }

  std::mutex mutex_;
  std::function<void()> wake_;
  Content content_;
  bool woken_ = false;
  bool closed_ = false;
};

}  // namespace noroshi::intake
