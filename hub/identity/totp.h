// Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 s, as
// every authenticator program understands them.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/runtime/random.h"

namespace noroshi::identity {

inline constexpr size_t kTotpSecretBytes = 20;  // RFC 4226, section 4, R6.
inline constexpr size_t kTotpDigits = 6;
inline constexpr int64_t kTotpStepMs = 30'000;
// Steps before and after the present one that are accepted: clocks differ.
inline constexpr int64_t kTotpWindow = 1;
// The last_step of a secret that was never used.
inline constexpr int64_t kTotpNever = -1;

// Secret bytes; stored sealed, shown once.
std::string NewTotpSecret(Random& random);

// The secret as people type it: base32 without padding.
std::string TotpSecretText(std::string_view secret);

// otpauth://totp/... for a QR code. A secret.
std::string TotpUri(std::string_view issuer, std::string_view login, std::string_view secret);

// The code of a step (milliseconds since 1970 / kTotpStepMs). For tests and tools.
std::string TotpCode(std::string_view secret, int64_t step);

// The step whose code this is: store it as last_step before letting anybody in.
// kDenied: no code of these steps, or one of last_step or before, which somebody
// used already. Takes as long for every six digits.
// REQUIRES: secret of kTotpSecretBytes.
Result<int64_t> VerifyTotp(std::string_view secret, std::string_view code, int64_t now_ms,
                           int64_t last_step);

}  // namespace noroshi::identity
