// Any bytes as what an identity provider sends: its configuration, its keys, an ID
// token, the claims of one whose signature holds. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "hub/identity/id_token.h"
#include "hub/identity/jose.h"

namespace {

using noroshi::identity::IdTokenExpectation;
using noroshi::identity::ProviderKey;

// The key that signed the seeds' token.
constexpr char kKeys[] = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"seed","alg":"ES256",)"
                         R"("x":"7ReZHWYHFxgOliY8i31_f6lUEZts1h5ZdM4SnaCB1fI",)"
                         R"("y":"NbGfvIS6RpXU4cQvpl1CUOt4MaWHmvBt7tLmw0qbOsg"}]})";

const IdTokenExpectation& Expected() {
  static const IdTokenExpectation expected = {"https://login.example", "noroshi", "the nonce", "",
                                              1'795'000'000'000};
  return expected;
}

void Claims(std::string_view text) {
  const auto identity = noroshi::identity::CheckIdTokenClaims(text, Expected());
  if (!identity.ok()) return;
  NOROSHI_CHECK(identity->issuer == Expected().issuer);
  NOROSHI_CHECK(!identity->subject.empty());
}

void Token(std::string_view text) {
  static const auto keys = noroshi::identity::ParseKeys(kKeys).value();
  const auto identity = noroshi::identity::VerifyIdToken(text, keys, Expected());
  // Nobody without the private key makes another one.
  NOROSHI_CHECK(!identity.ok() || identity->subject == "person-7");
}

void Keys(std::string_view text) {
  const auto keys = noroshi::identity::ParseKeys(text);
  if (!keys.ok()) return;
  // The library gets to read whatever key was let through.
  for (const ProviderKey& key : *keys) {
    const std::string algorithm = key.type == "EC" ? "ES256" : "RS256";
    noroshi::identity::SignatureHolds({"eyJhbGciOiJFUzI1NiJ9", "e30", "AAAA"}, algorithm, key.jwk);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'm':
      (void)noroshi::identity::ParseMetadata(text, "https://login.example").ok();
      break;
    case 'k':
      Keys(text);
      break;
    case 'c':
      Claims(text);
      break;
    default:
      Token(text);
  }
  return 0;
}
