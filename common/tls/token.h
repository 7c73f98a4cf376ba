// One-time enrolment tokens: where the hub is, how to know it, and the secret
// that lets one agent ask for its first certificate.
//
// Text: "nrs1_" and base64url of
//   SHA-256 of the CA certificate (32) ‖ secret (32) ‖ hub's address ("host:port")
//   ‖ first 4 bytes of SHA-256 over all before.
// The check bytes tell a token that was cut or mistyped from a wrong one.
//
// A token is a secret: it never reaches a log, an error or a command line.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::tls {

inline constexpr char kTokenPrefix[] = "nrs1_";
inline constexpr size_t kTokenSecretBytes = 32;
inline constexpr size_t kTokenTextBytesMax = 512;

struct EnrollToken {
  std::string hub_address;  // "host:port".
  std::string ca_sha256;    // 32 bytes.
  std::string secret;       // 32 bytes; the hub keeps its SHA-256 only.

  bool operator==(const EnrollToken&) const = default;
};

// kInvalid: an address that ParseHostPort refuses. REQUIRES: both digests of 32 bytes.
Result<std::string> MakeToken(const EnrollToken& token);
// White space around the token is ignored. kInvalid says what is wrong, never what was read.
Result<EnrollToken> ParseToken(std::string_view text);

}  // namespace noroshi::tls
