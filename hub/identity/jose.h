// Signatures of ID tokens (RFC 7515), over libjose.
//
// Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace noroshi::identity {

struct Jws {
  // The three parts as they were sent: base64url.
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

// The algorithms that may sign an ID token. Never "none", nor one with a shared secret.
inline constexpr std::string_view kSigningAlgorithms[] = {"ES256", "RS256", "PS256"};

// Whether the public key (a JWK as JSON) made the signature with this algorithm.
// REQUIRES: algorithm is one of kSigningAlgorithms.
bool SignatureHolds(const Jws& jws, std::string_view algorithm, std::string_view jwk);

}  // namespace noroshi::identity
