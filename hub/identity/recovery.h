// Recovery codes: ten, each good for one sign-in without the second factor.
//
// A code is 80 random bits as "7GZK-4M2Q-9XTD-H3WB", without I, L, O and U. It is
// read with either case, with or without hyphens and spaces, O as 0 and I, L as 1.
// Stored is a salt and its SHA-256: 80 bits need no slow hash.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/random.h"

namespace noroshi::identity {

inline constexpr size_t kRecoveryCodes = 10;
inline constexpr size_t kRecoveryCodeBytes = 10;     // 80 bits.
inline constexpr size_t kRecoveryTextBytesMax = 64;  // As typed.
inline constexpr size_t kRecoverySaltBytes = 16;
inline constexpr size_t kRecoveryStoredBytes = 48;  // Salt ‖ SHA-256.

struct RecoveryCodes {
  std::vector<std::string> codes;   // To show, once. Secrets.
  std::vector<std::string> stored;  // What the hub keeps, in the same order.
};

RecoveryCodes NewRecoveryCodes(Random& random);

// The index in `stored` of the code's hash; the caller then makes that element
// empty, which matches nothing. kDenied: none of them. Compares with all of them.
// REQUIRES: at most kRecoveryCodes elements, each empty or of kRecoveryStoredBytes.
Result<size_t> FindRecoveryCode(std::string_view code, const std::vector<std::string>& stored);

}  // namespace noroshi::identity
