// "host:port" as people write it. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::tls {

inline constexpr size_t kAddressBytesMax = 255;

struct HostPort {
  std::string host;  // DNS name, IPv4 or (without brackets) IPv6 address.
  uint16_t port = 0;

  std::string ToString() const;
  bool operator==(const HostPort&) const = default;
};

// "hub.example:8443", "192.0.2.7:8443", "[2001:db8::7]:8443". Port 0 is for
// listening on a free port only; the caller refuses it elsewhere. kInvalid else.
Result<HostPort> ParseHostPort(std::string_view text);

// The network of a peer's address as in TlsStream::peer_address: an IPv4 address,
// or the first 64 bits of an IPv6 one, all of which one customer has.
std::string NetworkOf(const std::string& peer_address);

}  // namespace noroshi::tls
