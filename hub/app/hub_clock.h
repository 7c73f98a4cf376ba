// HubClock: the machine's clock, as far as it can be believed.
//
// A hub writes times that last: of entries, deadlines, certificates. A wall clock
// that jumps by years (a dead battery, a wrong time server, a wrong command) would
// let all deadlines pass at once, refuse every agent and every report, and stand
// in the journal for good. So after a jump the hub counts on by itself, from the
// last believable time, says so in the log and in `health`, and believes the
// clock again as soon as it is near its own count.
//
// Threads: thread-safe. Lifetime: the machine's clock outlives it.
#pragma once

#include <mutex>

#include "common/base/result.h"
#include "common/runtime/clock.h"

namespace noroshi::app {

inline constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
// Between two looks, beyond the time that has passed. A machine that sleeps for some
// weeks wakes up with a jump that is right.
inline constexpr int64_t kClockJumpMaxMs = 30 * kDayMs;
// At the start: from the journal's last entry.
inline constexpr int64_t kClockBehindMaxMs = kDayMs;
inline constexpr int64_t kClockAheadMaxMs = 400 * kDayMs;

class HubClock final : public Clock {
 public:
  explicit HubClock(const Clock& machine);

  int64_t NowMs() const override;
  std::chrono::steady_clock::time_point Steady() const override { return machine_.Steady(); }

  // Not ok: the machine's clock is not believed, and by how much it is off.
  Result<void> Health() const;

 private:
  int64_t JumpMs(int64_t wall_ms) const;  // REQUIRES: mutex_ held.
  const Clock& machine_;
  mutable std::mutex mutex_;
  // The last time that was believed.
  mutable int64_t wall_ms_;
  mutable std::chrono::steady_clock::time_point steady_;
  mutable bool jumped_ = false;
};

// kInvalid: the clock is too far from the last entry's time (0: there is none) to
// start with it.
Result<void> CheckClock(int64_t now_ms, int64_t last_entry_ms);

}  // namespace noroshi::app
