#include "agent/session/credentials.h"

#include "common/tls/certificate.h"

namespace noroshi::session {
namespace {

constexpr uint32_t kKeyMode = 0600;
constexpr size_t kCredentialsBytesMax = 64 * 1024;
constexpr std::string_view kCertificateMark = "-----BEGIN CERTIFICATE-----";

}  // namespace

Result<Credentials> LoadCredentials(FileSystem& files, const std::string& path) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string pem, files.Read(path, kCredentialsBytesMax));
  const size_t chain = pem.find(kCertificateMark);
  if (chain == 0 || chain == std::string::npos)
    return Error{ErrorCode::kCorruption, path + ": does not hold a key and a certificate"};
  Credentials credentials;
  credentials.key_pem = pem.substr(0, chain);
  credentials.chain_pem = pem.substr(chain);
  const auto certificates = tls::CertificatesFromPem(credentials.chain_pem);
  if (!certificates.ok()) return certificates.error().Prefixed(path);
  if (certificates->empty()) return Error{ErrorCode::kCorruption, path + ": no certificate"};
  const auto info = tls::ReadCertificate(certificates->front());
  if (!info.ok()) return info.error().Prefixed(path);
  credentials.not_before_ms = info->not_before_ms;
  credentials.not_after_ms = info->not_after_ms;
  return credentials;
}

Result<void> StoreCredentials(FileSystem& files, const std::string& path,
                              const std::string& key_pem, const v1::Certificate& certificate,
                              const std::string& ca_pem, const Clock& clock) {
  if (certificate.chain_der().empty())
    return Error{ErrorCode::kInvalid, "the hub sent no certificate"};
  NOROSHI_ASSIGN_OR_RETURN(const auto info, tls::ReadCertificate(certificate.chain_der(0)));
  NOROSHI_ASSIGN_OR_RETURN(const auto identity, tls::AgentIdentity(info));
  if (identity != tls::Identity{certificate.organization(), certificate.agent()})
    return Error{ErrorCode::kInvalid, "the hub sent a certificate for " + identity.ToUri()};
  tls::ClientOptions options;
  options.private_key_pem = key_pem;
  options.ca_pem = ca_pem;
  options.alpn = tls::kAlpnAgent;
  options.server_name = "localhost";  // Not used: the context is only a check of the pair.
  options.clock = &clock;
  for (const std::string& der : certificate.chain_der())
    options.certificate_chain_pem += tls::CertificateDerToPem(der);
  const auto context = tls::Context::MakeClient(options);
  if (!context.ok()) return context.error().Prefixed("the hub's certificate does not fit our key");
  return files.WriteDurably(path, key_pem + options.certificate_chain_pem, kKeyMode);
}

}  // namespace noroshi::session
