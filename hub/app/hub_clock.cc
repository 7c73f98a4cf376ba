#include "hub/app/hub_clock.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "common/log/log.h"

namespace noroshi::app {

HubClock::HubClock(const Clock& machine)
    : machine_(machine), wall_ms_(machine.NowMs()), steady_(machine.Steady()) {}

int64_t HubClock::JumpMs(int64_t wall_ms) const {
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(machine_.Steady() - steady_);
  return wall_ms - (wall_ms_ + passed.count());
}

int64_t HubClock::NowMs() const {
  int64_t now_ms = machine_.NowMs();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const int64_t jump_ms = JumpMs(now_ms);
    const bool jumped = std::abs(jump_ms) > kClockJumpMaxMs;
    changed = std::exchange(jumped_, jumped) != jumped;
    if (jumped) {
      now_ms -= jump_ms;
    } else {
      wall_ms_ = now_ms;
      steady_ = machine_.Steady();
    }
  }
  if (changed) {
    const auto health = Health();
    Log(health.ok() ? Level::kInfo : Level::kError, "clock_jumped",
        {{"reason", health.ok() ? "the clock is right again" : health.error().message}});
  }
  return now_ms;
}

Result<void> HubClock::Health() const {
  const std::lock_guard lock(mutex_);
  if (!jumped_) return {};
  const int64_t days = JumpMs(machine_.NowMs()) / kDayMs;
  return Error{
      ErrorCode::kInvalid,
      fmt::format("the machine's clock jumped by {} days; the hub counts on by itself. Set "
                  "the clock; if it is right, restart",
                  days)};
}

Result<void> CheckClock(int64_t now_ms, int64_t last_entry_ms) {
  if (last_entry_ms == 0) return {};
  const int64_t ahead_ms = now_ms - last_entry_ms;
  if (ahead_ms >= -kClockBehindMaxMs && ahead_ms <= kClockAheadMaxMs) return {};
  return Error{
      ErrorCode::kInvalid,
      fmt::format("the machine's clock says {}, but the journal's last entry is of {}: set the "
                  "clock. If it is right, start once with --believe-clock",
                  FormatUtc(now_ms), FormatUtc(last_entry_ms))};
}

}  // namespace noroshi::app
