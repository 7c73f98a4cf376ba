// Enrolment tokens and addresses: what parses, writes back as it was read.
#include "common/base/check.h"
#include "common/tls/address.h"
#include "common/tls/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto token = noroshi::tls::ParseToken(text); token.ok()) {
    NOROSHI_CHECK(token->secret.size() == noroshi::tls::kTokenSecretBytes);
    const auto again = noroshi::tls::MakeToken(*token);
    NOROSHI_CHECK(again.ok() && noroshi::tls::ParseToken(*again)->secret == token->secret);
  }
  if (auto address = noroshi::tls::ParseHostPort(text); address.ok()) {
    NOROSHI_CHECK(noroshi::tls::ParseHostPort(address->ToString()).value() == *address);
  }
  return 0;
}
