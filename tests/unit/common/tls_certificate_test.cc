#include <gtest/gtest.h>

#include "common/tls/certificate.h"
#include "tests/unit/common/tls_pki.h"

namespace noroshi::tls {
namespace {

using testing_support::TestPki;

// The place of the signature's BIT STRING: it ends the certificate.
size_t SignatureOf(const std::string& der) {
  for (size_t at = der.size() - 3; at > 0; --at) {
    const size_t length = static_cast<uint8_t>(der[at + 1]);
    if (der[at] == 0x03 && at + 2 + length == der.size() && der[at + 2] == 0) return at;
  }
  return 0;
}

TEST(CertificateTest, OnlyTheDerEncodingIsRead) {
  const TestPki pki(1'800'000'000'000);
  const std::string der = pki.Agent({"mof", "agent-1"}).der;
  ASSERT_TRUE(ReadCertificate(der).ok());
  EXPECT_EQ(ReadCertificate(der)->der, der);
  EXPECT_FALSE(ReadCertificate(der + "x").ok());
  EXPECT_FALSE(ReadCertificate(der.substr(0, der.size() - 1)).ok());
  // Bits of the signature that do not count: OpenSSL reads it, and writes it otherwise.
  std::string loose = der;
  const size_t signature = SignatureOf(der);
  ASSERT_GT(signature, 0U);
  loose[signature + 2] = 5;
  const auto read = ReadCertificate(loose);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, "certificate: not encoded as DER demands");
}

}  // namespace
}  // namespace noroshi::tls
