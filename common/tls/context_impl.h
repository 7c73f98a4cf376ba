// What a Context is made of. Only for common/tls.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "common/tls/context.h"
#include "common/tls/openssl.h"
#include "common/tls/verify.h"

namespace noroshi::tls {

using SslContextPtr = OpensslPtr<SSL_CTX, SSL_CTX_free>;

// What one handshake learns; hangs on its SSL object.
struct HandshakeState {
  const Context::Impl* context = nullptr;
  std::string refusal;  // "<word>: <sentence>" once a rule is broken.
  bool expired = false;
};

struct Context::Impl {
  bool server = false;
  bool web = false;  // A server for ALPN http/1.1, or none.
  const Clock* clock = nullptr;
  X509Ptr ca;
  std::string ca_sha256;
  std::string server_name;
  std::string alpn;  // Client only.

  std::mutex mutex;  // Guards what follows.
  SslContextPtr ssl_context;
  SessionPtr session;  // Client: of the last connection, to resume once.

  VerifyRules Rules(bool agent_peer) const;
  // A connection's object; `state` must outlive it.
  Result<SslPtr> NewSsl(HandshakeState* state);
  // Checks a certificate against the rules and records the outcome in state.
  bool Check(X509* leaf, STACK_OF(X509) * presented, HandshakeState* state) const;
  // The certificate of a resumed session. Where it is the very object that Check found
  // good, only its times are looked at: its session was kept in memory.
  bool CheckAgain(X509* leaf, HandshakeState* state) const;
};

}  // namespace noroshi::tls
