#include "common/log/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "common/base/encoding.h"
#include "common/runtime/clock.h"

namespace noroshi {
namespace {

std::atomic<Level> minimum_level{Level::kInfo};

struct Counts {
  std::mutex mutex;
  std::map<std::string, uint64_t, std::less<>> by_event;  // Guarded by mutex.
};

// Threads log until the very end: never destroyed.
Counts& AllCounts() {
  static Counts& counts = *new Counts;
  return counts;
}

void Count(std::string_view event) {
  Counts& counts = AllCounts();
  const std::lock_guard lock(counts.mutex);
  const auto known = counts.by_event.find(event);
  if (known != counts.by_event.end()) {
    ++known->second;
  } else {
    counts.by_event.emplace(event, 1);
  }
}

std::string_view Word(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

// Characters that are legal in JSON but can deceive a person or a line-based
// tool: C1 controls, line and paragraph separators, bidirectional controls, BOM.
bool IsDeceptive(uint32_t c) {
  return (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x061c || c == 0xfeff;
}

uint32_t Decode(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  switch (sequence.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1fU) << 6 | (byte(1) & 0x3fU);
    case 3:
      return (byte(0) & 0x0fU) << 12 | (byte(1) & 0x3fU) << 6 | (byte(2) & 0x3fU);
    default:
      return (byte(0) & 0x07U) << 18 | (byte(1) & 0x3fU) << 12 | (byte(2) & 0x3fU) << 6 |
             (byte(3) & 0x3fU);
  }
}

// Length of a well-formed sequence at the start, else 0.
size_t WellFormedLength(std::string_view text) {
  for (size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (IsValidUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

void AppendEscaped(std::string_view text, std::string* out) {
  const bool cut = text.size() > kLogValueBytesMax;
  text = text.substr(0, kLogValueBytesMax);
  out->push_back('"');
  while (!text.empty()) {
    const size_t length = WellFormedLength(text);
    if (length == 0) {
      out->append("\\ufffd");
      text.remove_prefix(1);
      continue;
    }
    const uint32_t c = Decode(text.substr(0, length));
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else if (c < 0x20 || IsDeceptive(c)) {
      out->append(fmt::format("\\u{:04x}", c));
    } else {
      out->append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  if (cut) out->append("…");
  out->push_back('"');
}

}  // namespace

std::string FormatLogLine(int64_t time_ms, Level level, std::string_view event,
                          std::initializer_list<LogField> fields) {
  std::string line =
      fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"event\":", FormatUtc(time_ms), Word(level));
  AppendEscaped(event, &line);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendEscaped(field.key, &line);
    line.push_back(':');
    if (field.is_number) {
      line.append(std::to_string(field.number));
    } else {
      AppendEscaped(field.text, &line);
    }
  }
  line.push_back('}');
  return line;
}

void Log(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level >= Level::kWarning) Count(event);
  if (level < minimum_level.load(std::memory_order_relaxed)) return;
  std::string line = FormatLogLine(SystemClock().NowMs(), level, event, fields);
  line.push_back('\n');
  // A log that cannot be written must not stop the hub, and there is no other
  // place to say so.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::map<std::string, uint64_t> LogCounts() {
  Counts& counts = AllCounts();
  const std::lock_guard lock(counts.mutex);
  return {counts.by_event.begin(), counts.by_event.end()};
}

void SetLogLevel(Level level) { minimum_level.store(level, std::memory_order_relaxed); }

}  // namespace noroshi
