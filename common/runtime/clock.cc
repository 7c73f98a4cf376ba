#include "common/runtime/clock.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace noroshi {
namespace {

class RealClock final : public Clock {
 public:
  int64_t NowMs() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

std::string FormatUtc(int64_t time_ms) {
  int64_t seconds = time_ms / 1000;
  int64_t millis = time_ms % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     millis);
}

Result<int64_t> ParseUtc(std::string_view text) {
  const Error bad{ErrorCode::kInvalid, "no time like 2026-11-21T05:03:00Z"};
  // With a fraction it is 24 characters; without one it lacks ".000".
  std::string full(text);
  if (full.size() == 20 && full.back() == 'Z') full.insert(19, ".000");
  const auto number = [&](size_t at, size_t digits) {
    int value = 0;
    const char* begin = full.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + digits, value);
    return error == std::errc() && end == begin + digits ? value : -1;
  };
  if (full.size() != 24 || full.front() == '-') return bad;
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  const int64_t time_ms = int64_t{timegm(&parts)} * 1000 + number(20, 3);
  // Whatever was no digit, no separator or no day of its month comes out differently.
  return FormatUtc(time_ms) == full ? Result<int64_t>(time_ms) : bad;
}

}  // namespace noroshi
