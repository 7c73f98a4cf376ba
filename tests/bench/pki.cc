#include "tests/bench/pki.h"

#include "common/runtime/clock.h"
#include "common/tls/certificate.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

}  // namespace

Result<Pki> Pki::Make(const std::string& folder) {
  tls::IssueRequest request;
  request.not_before_ms = SystemClock().NowMs() - kDayMs;
  request.not_after_ms = SystemClock().NowMs() + kDayMs;
  NOROSHI_ASSIGN_OR_RETURN(request.ca_key_pem, tls::GeneratePrivateKeyPem());
  request.serial = std::string(16, '\1');
  NOROSHI_ASSIGN_OR_RETURN(request.ca_certificate_der,
                           tls::MakeCaCertificate(request.ca_key_pem, "bench", request.serial,
                                                  request.not_before_ms, request.not_after_ms));
  NOROSHI_ASSIGN_OR_RETURN(const std::string server_key, tls::GeneratePrivateKeyPem());
  NOROSHI_ASSIGN_OR_RETURN(const std::string server_csr, tls::MakeCsr(server_key, "server"));
  request.serial = std::string(16, '\2');
  NOROSHI_ASSIGN_OR_RETURN(
      const std::string server,
      tls::IssueServerCertificate(request, server_csr, {"localhost", "127.0.0.1"}));
  Pki pki;
  NOROSHI_ASSIGN_OR_RETURN(pki.client.key_pem, tls::GeneratePrivateKeyPem());
  NOROSHI_ASSIGN_OR_RETURN(const std::string csr, tls::MakeCsr(pki.client.key_pem, "client"));
  request.serial = std::string(16, '\3');
  NOROSHI_ASSIGN_OR_RETURN(const std::string client,
                           tls::IssueAgentCertificate(request, csr, {"bench", "client"}));
  pki.client.certificate_pem = tls::CertificateDerToPem(client);
  pki.client.ca_pem = tls::CertificateDerToPem(request.ca_certificate_der);
  pki.ca_file = folder + "/ca.pem";
  pki.server_certificate_file = folder + "/server.pem";
  pki.server_key_file = folder + "/server.key";
  support::WriteFile(pki.ca_file, pki.client.ca_pem);
  support::WriteFile(pki.server_certificate_file, tls::CertificateDerToPem(server));
  support::WriteFile(pki.server_key_file, server_key);
  return pki;
}

}  // namespace noroshi::bench
