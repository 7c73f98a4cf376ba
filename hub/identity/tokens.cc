#include "hub/identity/tokens.h"

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"

namespace noroshi::identity {
namespace {

std::string HashOf(TokenPurpose purpose, std::string_view bytes) {
  Sha256 hash;
  hash.Update(purpose == TokenPurpose::kSession ? "noroshi/v1 session" : "noroshi/v1 link");
  return hash.Update(bytes).Finish();
}

Result<std::string> BytesOf(std::string_view text) {
  const Error denied{ErrorCode::kDenied, "not a token"};
  if (text.size() != kSecretTokenTextBytes) return denied;
  auto bytes = FromBase64Url(text);
  if (!bytes.ok()) return denied;  // Also a second spelling of the same bytes.
  return bytes;
}

}  // namespace

SecretToken NewSecretToken(TokenPurpose purpose, Random& random) {
  const std::string bytes = random.Bytes(kSecretTokenBytes);
  return {ToBase64Url(bytes), HashOf(purpose, bytes)};
}

Result<std::string> SecretTokenHash(TokenPurpose purpose, std::string_view text) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string bytes, BytesOf(text));
  return HashOf(purpose, bytes);
}

std::string CsrfToken(std::string_view session_text) {
  const auto bytes = BytesOf(session_text);
  NOROSHI_CHECK(bytes.ok());
  return ToBase64Url(HmacSha256(*bytes, "noroshi/v1 csrf"));
}

bool IsCsrfToken(std::string_view session_text, std::string_view presented) {
  return EqualInConstantTime(CsrfToken(session_text), presented);
}

}  // namespace noroshi::identity
