// The way to a hub, and enrolment: exchanging a one-time token for a certificate.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/tls/address.h"
#include "common/tls/token.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::session {

struct Route {
  tls::HostPort hub;
  std::string server_name;             // That the hub's certificate must hold; empty: hub.host.
  std::optional<tls::HostPort> proxy;  // HTTP CONNECT.
};

inline constexpr std::chrono::milliseconds kDialTimeout{10'000};  // Each of: resolve and connect,
                                                                  // proxy, handshake.

struct Enrolment {
  std::string key_pem;  // Made here; it never left this process.
  std::string ca_der;   // Its SHA-256 is the token's.
  v1::Certificate certificate;
};

// Makes a key, asks the hub for a certificate and checks what came. Blocks.
// kDenied: the hub refused (a token is good once, and for a limited time).
Result<Enrolment> Enroll(const Route& route, const tls::EnrollToken& token, const Clock& clock);

}  // namespace noroshi::session
