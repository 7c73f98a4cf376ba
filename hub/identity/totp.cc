#include "hub/identity/totp.h"

#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/identity/base32.h"
#include "hub/identity/http.h"

namespace noroshi::identity {

std::string NewTotpSecret(Random& random) { return random.Bytes(kTotpSecretBytes); }

std::string TotpSecretText(std::string_view secret) { return Base32(secret, kRfc4648Alphabet); }

std::string TotpUri(std::string_view issuer, std::string_view login, std::string_view secret) {
  const std::string name = FormEncode(issuer);
  return fmt::format("otpauth://totp/{}:{}?secret={}&issuer={}&algorithm=SHA1&digits={}&period={}",
                     name, FormEncode(login), TotpSecretText(secret), name, kTotpDigits,
                     kTotpStepMs / 1000);
}

// RFC 4226, section 5.3.
std::string TotpCode(std::string_view secret, int64_t step) {
  NOROSHI_CHECK(step >= 0);
  const std::string mac = HmacSha1(secret, BigEndian64(static_cast<uint64_t>(step)));
  const size_t offset = static_cast<unsigned char>(mac.back()) & 0xf;
  const uint32_t number = ReadBigEndian32(std::string_view(mac).substr(offset)) & 0x7fffffff;
  return fmt::format("{:0{}}", number % 1'000'000, kTotpDigits);
}

Result<int64_t> VerifyTotp(std::string_view secret, std::string_view code, int64_t now_ms,
                           int64_t last_step) {
  NOROSHI_CHECK(secret.size() == kTotpSecretBytes && now_ms >= 0);
  const int64_t now_step = now_ms / kTotpStepMs;
  int64_t found = kTotpNever;
  // All steps are tried, whichever fits. Neighbours with the same code: the later one,
  // so that the code cannot be used once more.
  for (int64_t step = now_step - kTotpWindow; step <= now_step + kTotpWindow; ++step) {
    if (step >= 0 && EqualInConstantTime(TotpCode(secret, step), code)) found = step;
  }
  if (found == kTotpNever) return Error{ErrorCode::kDenied, "the one-time code is not right"};
  if (found <= last_step) {
    return Error{ErrorCode::kDenied, "the one-time code was used before; wait for the next one"};
  }
  return found;
}

}  // namespace noroshi::identity
