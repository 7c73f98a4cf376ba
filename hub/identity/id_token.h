// ID tokens (OpenID Connect Core 1.0, sections 2 and 3.1.3.7). Internal to hub/identity.
//
// Hostile bytes come in here: fuzzed. Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hub/identity/oidc.h"
#include "hub/identity/provider.h"

namespace noroshi::identity {

inline constexpr size_t kIdTokenBytesMax = 16 * 1024;
inline constexpr size_t kSubjectBytesMax = 255;  // Core 1.0, section 2.
inline constexpr size_t kAmrMax = 16;
inline constexpr int64_t kClockSkewMs = 60'000;
// A token comes straight from the provider; an older one was kept by somebody.
inline constexpr int64_t kIdTokenAgeMaxMs = 10 * 60 * 1000;

struct IdTokenExpectation {
  std::string issuer;
  std::string client_id;
  std::string nonce;
  std::string acr;  // Empty: any.
  int64_t now_ms = 0;
};

// Who signed in, by a token that holds in every respect. kNotFound: the keys have none
// that the token names; fetch newer ones and try again. kDenied says what does not
// hold, and repeats nothing of the token.
Result<OidcIdentity> VerifyIdToken(std::string_view token, const std::vector<ProviderKey>& keys,
                                   const IdTokenExpectation& expected);

// The part of VerifyIdToken that follows the signature: the claims as JSON.
Result<OidcIdentity> CheckIdTokenClaims(std::string_view claims,
                                        const IdTokenExpectation& expected);

}  // namespace noroshi::identity
