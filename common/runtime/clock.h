// Clock: the seam for time. Code that needs time takes a Clock&, so that a test
// decides what time it is.
//
// Threads: thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock, milliseconds since 1970-01-01T00:00:00Z. May jump.
  virtual int64_t NowMs() const = 0;
  // Never jumps; for timeouts and durations only.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

// The machine's clock.
Clock& SystemClock();

// "2026-11-21T05:03:00.123Z".
std::string FormatUtc(int64_t time_ms);
// The reverse, also without the fraction. kInvalid for anything else, other zones included.
Result<int64_t> ParseUtc(std::string_view text);

}  // namespace noroshi
