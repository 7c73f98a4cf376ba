// Certificates, requests, identities and PEM texts as strangers send them.
#include "common/base/check.h"
#include "common/tls/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto info = noroshi::tls::ReadCertificate(bytes); info.ok()) {
    NOROSHI_CHECK(info->der == bytes && info->sha256.size() == 32);
    if (auto identity = noroshi::tls::AgentIdentity(*info); identity.ok()) {
      NOROSHI_CHECK(identity->ToUri() == info->uris.front());
    }
  }
  if (auto identity = noroshi::tls::ParseIdentityUri(bytes); identity.ok()) {
    NOROSHI_CHECK(identity->ToUri() == bytes);
  }
  if (auto certificates = noroshi::tls::CertificatesFromPem(bytes); certificates.ok()) {
    NOROSHI_CHECK(!certificates->empty());
  }
  // The request is parsed and refused before the (absent) CA is needed.
  const auto issued = noroshi::tls::IssueAgentCertificate({"", "", std::string(16, 's'), 0, 1000},
                                                          bytes, {"org", "agent"});
  NOROSHI_CHECK(!issued.ok());
  return 0;
}
