// X.509 certificates of Noroshi: ECDSA P-256, identity in one SAN URI
// noroshi://<organization>/<agent>.
//
// Threads: functions are thread-safe; objects are values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::tls {

inline constexpr size_t kCertificateBytesMax = 16 * 1024;  // DER.
inline constexpr size_t kCsrBytesMax = 8 * 1024;           // DER.

// Who a certificate says it is. Both parts are identifiers (IsIdentifier).
struct Identity {
  std::string organization;
  std::string agent;

  std::string ToUri() const;  // "noroshi://org/agent"
  bool operator==(const Identity&) const = default;
};

// kInvalid says what is wrong. Accepts exactly the canonical form.
Result<Identity> ParseIdentityUri(std::string_view uri);

// What we read out of a certificate.
struct CertificateInfo {
  std::string der;
  std::string serial;   // Big-endian bytes.
  std::string subject;  // One line, for people.
  std::string sha256;   // Of the DER, 32 bytes.
  int64_t not_before_ms = 0;
  int64_t not_after_ms = 0;
  std::vector<std::string> uris;       // SAN URIs as written.
  std::vector<std::string> dns_names;  // SAN DNS names.
  size_t other_names = 0;              // SANs of any other kind (IP, mail, …).
  bool is_ca = false;
};
// kInvalid: not exactly one DER certificate, or over kCertificateBytesMax.
Result<CertificateInfo> ReadCertificate(std::string_view der);

// The identity of an agent's certificate: exactly one SAN URI and no other SAN,
// in canonical form. kDenied says which rule is broken.
Result<Identity> AgentIdentity(const CertificateInfo& certificate);

// ---- keys and requests ----

// A new ECDSA P-256 private key, PKCS #8 PEM.
Result<std::string> GeneratePrivateKeyPem();
// A PKCS #10 request (DER) signed by this key; its subject is only a label.
Result<std::string> MakeCsr(const std::string& private_key_pem, const std::string& label);

// The request of a PEM text, as DER; kInvalid if there is none.
Result<std::string> CsrFromPem(std::string_view pem);

// Whether this private key belongs to this certificate; kInvalid if not.
Result<void> PrivateKeyFits(const std::string& private_key_pem, std::string_view certificate_der);

std::string CertificateDerToPem(std::string_view der);
// Every certificate of a PEM text, as DER, in order.
Result<std::vector<std::string>> CertificatesFromPem(std::string_view pem);

// ---- issuing ----

// A self-signed CA certificate (DER) with pathlen 0, keyCertSign and cRLSign.
Result<std::string> MakeCaCertificate(const std::string& ca_key_pem, const std::string& name,
                                      const std::string& serial, int64_t not_before_ms,
                                      int64_t not_after_ms);

struct IssueRequest {
  std::string ca_key_pem;
  std::string ca_certificate_der;
  std::string serial;  // 16 random bytes; the top bit is cleared.
  int64_t not_before_ms = 0;
  int64_t not_after_ms = 0;
};
// A clientAuth certificate for this agent and the CSR's key. kInvalid if the
// CSR's own signature does not verify or the key is not P-256.
Result<std::string> IssueAgentCertificate(const IssueRequest& request, std::string_view csr_der,
                                          const Identity& identity);
// The same for a person, whom the certificate names as noroshi://<organization>/person:<id>:
// no agent's name, so that it is none's.
Result<std::string> IssuePersonCertificate(const IssueRequest& request, std::string_view csr_der,
                                           const std::string& organization,
                                           const std::string& person);
// A serverAuth certificate for these DNS names and IP addresses.
Result<std::string> IssueServerCertificate(const IssueRequest& request, std::string_view csr_der,
                                           const std::vector<std::string>& host_names);

}  // namespace noroshi::tls
