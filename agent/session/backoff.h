// Backoff: how long to wait before the next attempt. Doubles from kInitial to
// kLongest, with jitter between half and the whole, so that a thousand agents do
// not come back in the same instant.
//
// Threads: external. Lifetime: random outlives it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "common/runtime/random.h"

namespace noroshi::session {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration kInitial{250};
  static constexpr Duration kLongest{60'000};
  static constexpr Duration kAdviceLongest{15 * 60'000};  // What we believe of a hub's advice.

  explicit Backoff(Random& random) : random_(random) {}

  // The wait after one more failure; at least what the hub advised.
  Duration Next(Duration advice = Duration(0)) {
    const auto half = static_cast<uint64_t>(next_.count()) / 2;
    const Duration wait(static_cast<int64_t>(half + random_.Below(half + 1)));
    next_ = std::min(next_ * 2, kLongest);
    return std::max(wait, std::min(advice, kAdviceLongest));
  }
  void Reset() { next_ = kInitial; }

 private:
  Random& random_;
  Duration next_ = kInitial;
};

}  // namespace noroshi::session
