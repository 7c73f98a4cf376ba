// Secrets that a browser or a link carries: 32 random bytes as base64url. The hub
// keeps only a SHA-256, so that what it stores opens nothing.
//
// A token's purpose goes into its hash: a link is no session.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/runtime/random.h"

namespace noroshi::identity {

inline constexpr size_t kSecretTokenBytes = 32;
inline constexpr size_t kSecretTokenTextBytes = 43;

enum class TokenPurpose { kSession, kLink };

struct SecretToken {
  std::string text;  // To hand over, once. A secret.
  std::string hash;  // 32 bytes: what the hub keeps and looks up.
};

SecretToken NewSecretToken(TokenPurpose purpose, Random& random);

// The hash of what was presented. kDenied unless it has a token's form. Looking
// the hash up needs no constant time: who guesses it still lacks the token.
Result<std::string> SecretTokenHash(TokenPurpose purpose, std::string_view text);

// The token that a page must send back in a header with every change: an HMAC of
// the session's, so it needs no storage and ends with it. 43 characters.
// REQUIRES: session_text was made by NewSecretToken.
std::string CsrfToken(std::string_view session_text);
// In constant time.
bool IsCsrfToken(std::string_view session_text, std::string_view presented);

}  // namespace noroshi::identity
