// Context: the TLS rules of one side. TLS 1.3 only, AES-128-GCM first, X25519
// and P-256, no 0-RTT, no renegotiation, no compression.
//
// A refused handshake's error begins with one of these words and a colon:
//   certificate_expired, certificate_not_yet_valid, certificate_unknown_issuer,
//   certificate_chain, certificate_purpose, certificate_identity,
//   certificate_weak_key, certificate_missing, certificate_proof, certificate_invalid,
//   alpn, tls_version, alert, timeout, closed, tls_error.
//
// Threads: immutable after Make, except ReplaceCertificate (thread-safe; new
// handshakes use the new one) and the sessions kept, which OpenSSL locks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/clock.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace noroshi::tls {

inline constexpr char kAlpnAgent[] = "noroshi/1";
inline constexpr char kAlpnEnroll[] = "noroshi-enroll/1";
inline constexpr char kAlpnHttp[] = "http/1.1";
// An expired, unrevoked certificate may renew itself for this long.
inline constexpr int64_t kRenewGraceMs = int64_t{90} * 24 * 3600 * 1000;
// A session can be resumed for this long, …
inline constexpr int64_t kTicketLifetimeS = int64_t{12} * 3600;
// … while it is among a server's newest. One takes 1 to 6 KiB.
inline constexpr long kSessionsKept = 8'192;

struct ServerOptions {
  std::string certificate_chain_pem;  // Leaf first.
  std::string private_key_pem;
  std::string ca_pem;            // Issuer of agents' certificates; the only trust anchor.
  const Clock* clock = nullptr;  // For validity periods.
};

struct ClientOptions {
  std::string certificate_chain_pem;  // Empty when enrolling.
  std::string private_key_pem;
  // Trust: either the CA …
  std::string ca_pem;
  // … or, while enrolling, the SHA-256 (32 bytes) of the CA certificate that the
  // server must present at the end of its chain.
  std::string ca_sha256;
  std::string server_name;  // DNS name or IP address that the server's SAN must hold.
  std::string alpn;
  const Clock* clock = nullptr;
};

class Context {
 public:
  // ALPN noroshi/1 demands a client certificate of the CA with clientAuth, chain
  // of exactly leaf and CA; an expired one passes with Peer::expired within the
  // grace. ALPN noroshi-enroll/1 asks for none. Another is refused at once; a missing one
  // after the handshake, with or without a certificate, so that scanners can finish theirs.
  // Agents' sessions are kept in memory and resume by a ticket that only names one, under
  // the ALPN that it was issued for. Whoever enrols or offers no ALPN gets none.
  static Result<std::unique_ptr<Context>> MakeServer(const ServerOptions& options);
  // For browsers and programs: ALPN http/1.1, or none. A client certificate is asked
  // for and may be missing; one that is sent must be the CA's, for clientAuth and
  // valid now (no grace), and may name anybody. Its tickets resume nothing of
  // MakeServer's, nor the reverse.
  static Result<std::unique_ptr<Context>> MakeWebServer(const ServerOptions& options);
  static Result<std::unique_ptr<Context>> MakeClient(const ClientOptions& options);
  ~Context();

  // Tickets issued before no longer resume a session.
  Result<void> ReplaceCertificate(const std::string& chain_pem, const std::string& key_pem);

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  static Result<std::unique_ptr<Context>> MakeAnyServer(const ServerOptions& options, bool web);
  explicit Context(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::tls
