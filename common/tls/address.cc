#include "common/tls/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace noroshi::tls {
namespace {

bool IsDnsName(std::string_view host) {
  for (const char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_') return false;
  }
  return !host.empty();
}

}  // namespace

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<HostPort> ParseHostPort(std::string_view text) {
  const Error error{ErrorCode::kInvalid,
                    "not an address: write HOST:PORT, with an IPv6 HOST in brackets"};
  const size_t colon = text.rfind(':');
  if (text.size() > kAddressBytesMax || colon == std::string_view::npos) return error;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  HostPort result;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (code != std::errc() || end != port.data() + port.size()) return error;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    result.host = host.substr(1, host.size() - 2);
    in6_addr address{};
    if (inet_pton(AF_INET6, result.host.c_str(), &address) != 1) return error;
    return result;
  }
  if (!IsDnsName(host)) return error;
  result.host = host;
  return result;
}

}  // namespace noroshi::tls
