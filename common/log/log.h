// Structured logging: one JSON object a line, to standard error.
//
//   Log(Level::kInfo, "session_open", {{"organization", org}, {"agent", agent}});
//   {"time":"2026-11-21T05:03:00.123Z","level":"info","event":"session_open","organization":…}
//
// Every value is escaped (JSON, and beyond it control, bidi and line-separator
// characters), invalid UTF-8 is replaced, values are cut at kLogValueBytesMax: no
// input can forge a line. Bodies and secrets are never values; a caller that has
// one logs its size or hash.
//
// Threads: thread-safe; one write(2) a line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace noroshi {

enum class Level { kDebug, kInfo, kWarning, kError };

inline constexpr size_t kLogValueBytesMax = 1024;

struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), text(v) {}
  LogField(std::string_view k, const char* v) : key(k), text(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), text(v) {}
  LogField(std::string_view k, int64_t v) : key(k), number(v), is_number(true) {}
  LogField(std::string_view k, uint64_t v) : LogField(k, static_cast<int64_t>(v)) {}
  LogField(std::string_view k, int v) : LogField(k, static_cast<int64_t>(v)) {}
  LogField(std::string_view k, unsigned v) : LogField(k, static_cast<int64_t>(v)) {}

  std::string_view key;
  std::string_view text;
  int64_t number = 0;
  bool is_number = false;
};

// event is a stable word that operators search for (docs/operations.md).
void Log(Level level, std::string_view event, std::initializer_list<LogField> fields = {});

// How often each event was logged at warning or above, since the start. Events are
// constants of the code, so there are few.
std::map<std::string, uint64_t> LogCounts();

// Lines below this level are dropped. Default: kInfo.
void SetLogLevel(Level level);

// The line without its newline: what Log writes. For tests.
std::string FormatLogLine(int64_t time_ms, Level level, std::string_view event,
                          std::initializer_list<LogField> fields);

}  // namespace noroshi
