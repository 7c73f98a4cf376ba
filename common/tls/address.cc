#include "common/tls/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>

namespace noroshi::tls {
namespace ip = boost::asio::ip;

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

std::string NetworkOf(const std::string& peer_address) {
  constexpr unsigned short kCustomerBits = 64;  // NOLINT: Asio's type
  const auto parsed = ParseHostPort(peer_address);
  if (!parsed.ok()) return peer_address;
  boost::system::error_code error;
  const ip::address address = ip::make_address(parsed->host, error);
  if (error || address.is_v4()) return parsed->host;
  if (address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
  }
  return ip::make_network_v6(address.to_v6(), kCustomerBits).canonical().to_string();
}

}  // namespace noroshi::tls
