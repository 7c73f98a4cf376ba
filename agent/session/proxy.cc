#include "agent/session/proxy.h"

#include <fmt/format.h>

#include <algorithm>

namespace noroshi::session {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Visible ASCII, space and tab; and bytes over 0x7f, which old proxies send.
bool IsFieldByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

Error Malformed(std::string_view what) {
  return {ErrorCode::kInvalid, fmt::format("the proxy's answer is not HTTP: {}", what)};
}

// "HTTP/1.1 200 Connection established"
Result<void> CheckStatusLine(std::string_view line) {
  constexpr size_t kStatusAt = 9;
  const bool version = line.starts_with("HTTP/1.0 ") || line.starts_with("HTTP/1.1 ");
  if (!version || line.size() < kStatusAt + 3 ||
      !std::all_of(line.begin() + kStatusAt, line.begin() + kStatusAt + 3, IsDigit) ||
      (line.size() > kStatusAt + 3 && line[kStatusAt + 3] != ' '))
    return Malformed("status line");
  if (!std::all_of(line.begin(), line.end(), IsFieldByte)) return Malformed("status line");
  if (line[kStatusAt] == '2') return {};
  return Error{ErrorCode::kDenied,
               fmt::format("the proxy answered with status {}", line.substr(kStatusAt, 3))};
}

Result<void> CheckFieldLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return Malformed("header line");
  const std::string_view name = line.substr(0, colon);
  const bool token = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!token || !std::all_of(line.begin(), line.end(), IsFieldByte))
    return Malformed("header line");
  return {};
}

}  // namespace

Result<tls::HostPort> ParseProxyUrl(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme))
    return Error{ErrorCode::kInvalid, "a proxy is written http://HOST:PORT"};
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.find('@') != std::string_view::npos)
    return Error{ErrorCode::kInvalid, "a proxy URL must not hold credentials"};
  auto address = tls::ParseHostPort(url);
  if (!address.ok()) return address.error().Prefixed("proxy");
  if (address->port == 0) return Error{ErrorCode::kInvalid, "proxy: port 0"};
  return address;
}

std::string ConnectRequest(const tls::HostPort& target) {
  const std::string authority = target.ToString();
  return fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", authority);
}

Result<bool> ReadConnectAnswer(std::string_view received) {
  const size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (received.size() >= kProxyAnswerBytesMax) return Malformed("too long");
    return false;
  }
  if (end + 4 > kProxyAnswerBytesMax) return Malformed("too long");
  std::string_view lines = received.substr(0, end + 2);
  bool first = true;
  while (!lines.empty()) {
    const size_t length = lines.find("\r\n");
    const std::string_view line = lines.substr(0, length);
    NOROSHI_RETURN_IF_ERROR(first ? CheckStatusLine(line) : CheckFieldLine(line));
    first = false;
    lines.remove_prefix(length + 2);
  }
  // The hub never speaks first: whatever follows did not come from it.
  if (received.size() != end + 4) return Malformed("bytes after the answer");
  return true;
}

}  // namespace noroshi::session
