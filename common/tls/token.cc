#include "common/tls/token.h"

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/tls/address.h"

namespace noroshi::tls {
namespace {

constexpr size_t kCheckBytes = 4;
constexpr std::string_view kWhiteSpace = " \t\r\n";

std::string CheckOf(std::string_view bytes) { return Sha256Of(bytes).substr(0, kCheckBytes); }

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

}  // namespace

Result<std::string> MakeToken(const EnrollToken& token) {
  NOROSHI_CHECK(token.ca_sha256.size() == kSha256Bytes);
  NOROSHI_CHECK(token.secret.size() == kTokenSecretBytes);
  NOROSHI_ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(token.hub_address));
  const std::string bytes = token.ca_sha256 + token.secret + address.ToString();
  return kTokenPrefix + ToBase64Url(bytes + CheckOf(bytes));
}

Result<EnrollToken> ParseToken(std::string_view text) {
  text = Trim(text);
  if (text.size() > kTokenTextBytesMax || !text.starts_with(kTokenPrefix)) {
    return Error{ErrorCode::kInvalid, "not an enrolment token: it begins with nrs1_"};
  }
  text.remove_prefix(std::string_view(kTokenPrefix).size());
  const Error damaged{ErrorCode::kInvalid, "the enrolment token is damaged; copy it whole"};
  auto bytes = FromBase64Url(text);
  if (!bytes.ok()) return damaged;
  constexpr size_t kFixed = kSha256Bytes + kTokenSecretBytes;
  if (bytes->size() <= kFixed + kCheckBytes) return damaged;
  const std::string check = bytes->substr(bytes->size() - kCheckBytes);
  bytes->resize(bytes->size() - kCheckBytes);
  if (CheckOf(*bytes) != check) return damaged;
  EnrollToken token;
  token.ca_sha256 = bytes->substr(0, kSha256Bytes);
  token.secret = bytes->substr(kSha256Bytes, kTokenSecretBytes);
  token.hub_address = bytes->substr(kFixed);
  auto address = ParseHostPort(token.hub_address);
  if (!address.ok() || address->port == 0) return damaged;
  return token;
}

}  // namespace noroshi::tls
