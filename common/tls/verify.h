// The rules for the other side's certificate. Only for common/tls.
//
// Errors begin with a stable word and a colon; context.h lists the words.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/tls/openssl.h"

namespace noroshi::tls {

struct VerifyRules {
  X509* ca = nullptr;           // The only trust anchor, or …
  std::string ca_sha256;        // … its digest: the anchor is then the last one presented.
  bool peer_is_server = false;  // serverAuth and server_name, else clientAuth and an identity.
  bool any_identity = false;    // Of a client: whom the certificate names is not looked at.
  std::string server_name;
  int64_t now_ms = 0;
  int64_t expired_grace_ms = 0;
};

struct Verified {
  bool expired = false;  // Past its end, within the grace.
};

// presented: what the other side sent beside the leaf, or with it; may be null
// (a resumed session keeps the leaf only).
Result<Verified> VerifyPeer(X509* leaf, STACK_OF(X509) * presented, const VerifyRules& rules);
// The part of it that time can change, of a leaf that passed it under the same rules
// with `ca`.
Result<Verified> VerifyTimes(X509* leaf, const VerifyRules& rules);

}  // namespace noroshi::tls
