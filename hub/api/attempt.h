// Attempt: one guess at something secret, throttled: a granted one is told how it
// ended. For hub/api only.
//
// Threads: one thread. Lifetime: the call's parts outlive it.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "common/base/result.h"
#include "hub/api/call.h"
#include "hub/identity/throttle.h"

namespace noroshi::api {

class Attempt {
 public:
  Attempt(Call& call, identity::GuessKind kind, std::string account)
      : call_(call),
        throttle_(*call.parts().throttle),
        kind_(kind),
        account_(std::move(account)),
        address_(call.address()),
        now_ms_(SteadyMs(*call.parts().clock)) {}

  // kOverloaded: too soon, and how long to wait.
  Result<void> Take() {
    const int64_t wait = throttle_.TakeOrWaitMs(guess(), now_ms_);
    if (wait == 0) return {};
    const int64_t seconds = (wait + 999) / 1000;
    call_.SetRetryAfter(seconds);
    return Error{ErrorCode::kOverloaded, fmt::format("too many attempts; wait {} s", seconds)};
  }
  void Failed() { throttle_.Failed(guess(), now_ms_); }
  void Succeeded() { throttle_.Succeeded(guess(), now_ms_); }

 private:
  // The throttle counts by a clock that does not jump.
  static int64_t SteadyMs(const Clock& clock) {
    const auto since = clock.Steady().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  }
  identity::Guess guess() const { return {kind_, account_, address_}; }
  Call& call_;
  identity::Throttle& throttle_;
  const identity::GuessKind kind_;
  const std::string account_;
  const std::string address_;
  const int64_t now_ms_;
};

}  // namespace noroshi::api
