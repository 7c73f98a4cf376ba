#include "hub/http/respond.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace noroshi::http {
namespace {

constexpr int kYearSeconds = 365 * 24 * 3600;

// The server alone frames its answers.
constexpr std::array<const char*, 7> kReserved = {
    "Connection", "Content-Length",    "Date",   "Keep-Alive",
    "Trailer",    "Transfer-Encoding", "Upgrade"};

// "Sat, 21 Nov 2026 05:03:00 GMT"; not strftime, whose words follow the locale.
std::string HttpDate(int64_t now_ms) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = now_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

Headers Defaults(const Response& response, const Framing& framing) {
  Headers fields = {
      {"Strict-Transport-Security", fmt::format("max-age={}", kYearSeconds)},
      {"X-Content-Type-Options", "nosniff"},
      {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cache-Control", "no-store"},
      {"X-Frame-Options", "DENY"},
  };
  if (framing.streaming) {
    fields.Add("Content-Type", "text/event-stream");
  } else if (!response.body.empty()) {
    fields.Add("Content-Type", "application/octet-stream");
  }
  return fields;
}

Result<void> Check(const Response& response) {
  if (response.status < 200 || response.status > 599) {
    return Error{ErrorCode::kInvalid, fmt::format("status {} is none", response.status)};
  }
  for (const char* name : kReserved) {
    if (response.headers.Find(name) != nullptr) {
      return Error{ErrorCode::kInvalid, fmt::format("field {} is the server's own", name)};
    }
  }
  for (const auto& [name, value] : response.headers) {
    if (!IsSendable(name, value)) {
      return Error{ErrorCode::kInvalid, fmt::format("field \"{}\" cannot be sent", name)};
    }
  }
  return {};
}

}  // namespace

bool HasBody(int status) { return status != 204 && status != 304; }

Result<std::string> HeadOf(const Response& response, const Framing& framing) {
  NOROSHI_RETURN_IF_ERROR(Check(response));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                                 ReasonPhrase(response.status), HttpDate(framing.now_ms));
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : Defaults(response, framing)) {
    if (response.headers.Find(name) == nullptr) add(name, value);
  }
  for (const auto& [name, value] : response.headers) add(name, value);
  if (!framing.streaming && HasBody(response.status)) {
    add("Content-Length", fmt::format("{}", response.body.size()));
  }
  if (framing.close) add("Connection", "close");
  head += "\r\n";
  return head;
}

}  // namespace noroshi::http
