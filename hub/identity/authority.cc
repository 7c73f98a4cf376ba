#include "hub/identity/authority.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/crypto/crypto.h"
#include "common/tls/token.h"

namespace noroshi::identity {
namespace {

constexpr uint32_t kFolderMode = 0700;
constexpr uint32_t kFileMode = 0600;
constexpr size_t kFileBytesMax = 256 * 1024;
constexpr size_t kSerialBytes = 16;

std::string KeyPath(const AuthorityOptions& options) { return options.folder + "/ca.key.pem"; }
std::string CaPath(const AuthorityOptions& options) { return options.folder + "/ca.pem"; }
std::string ServerPath(const AuthorityOptions& options) { return options.folder + "/server.pem"; }

// First line of server.pem; PEM readers skip it.
std::string Heading(const std::vector<std::string>& host_names) {
  return fmt::format("Noroshi server certificate for {}\n", fmt::join(host_names, ","));
}

}  // namespace

Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Create(
    const AuthorityOptions& options, const std::string& hub_name) {
  FileSystem& files = *options.files;
  if (files.Exists(CaPath(options))) {
    return Error{ErrorCode::kConflict, CaPath(options) + " exists; this hub has a CA already"};
  }
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(options.folder, kFolderMode));
  NOROSHI_ASSIGN_OR_RETURN(const std::string key, tls::GeneratePrivateKeyPem());
  const int64_t now_ms = options.clock->NowMs();
  NOROSHI_ASSIGN_OR_RETURN(
      const std::string der,
      tls::MakeCaCertificate(key, hub_name + " CA", options.random->Bytes(kSerialBytes),
                             now_ms - kBackdateMs, now_ms + kCaLifeMs));
  // The certificate comes last: without it a half-made CA is simply made again.
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(KeyPath(options), key, kFileMode));
  NOROSHI_RETURN_IF_ERROR(
      files.CreateDurably(CaPath(options), tls::CertificateDerToPem(der), kFileMode));
  return Open(options);
}

Result<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Open(
    const AuthorityOptions& options) {
  std::unique_ptr<CertificateAuthority> made(new CertificateAuthority(options));
  NOROSHI_ASSIGN_OR_RETURN(made->ca_pem_, options.files->Read(CaPath(options), kFileBytesMax));
  NOROSHI_ASSIGN_OR_RETURN(made->key_pem_, options.files->Read(KeyPath(options), kFileBytesMax));
  auto certificates = tls::CertificatesFromPem(made->ca_pem_);
  if (!certificates.ok() || certificates->size() != 1) {
    return Error{ErrorCode::kCorruption, CaPath(options) + " does not hold one certificate"};
  }
  NOROSHI_ASSIGN_OR_RETURN(made->ca_, tls::ReadCertificate(certificates->front()));
  // A certificate made with the key proves that they belong together.
  auto fits = tls::PrivateKeyFits(made->key_pem_, made->ca_.der);
  if (!fits.ok())
    return Error{ErrorCode::kCorruption, fits.error().message}.Prefixed(KeyPath(options));
  return made;
}

tls::IssueRequest CertificateAuthority::Request(int64_t life_ms) const {
  const int64_t now_ms = options_.clock->NowMs();
  tls::IssueRequest request;
  request.ca_key_pem = key_pem_;
  request.ca_certificate_der = ca_.der;
  request.serial = options_.random->Bytes(kSerialBytes);
  request.not_before_ms = now_ms - kBackdateMs;
  // Nothing outlives its issuer.
  request.not_after_ms = std::min(now_ms + life_ms, ca_.not_after_ms);
  return request;
}

Result<ClientCertificate> CertificateAuthority::IssueAgent(const tls::Identity& identity,
                                                           std::string_view csr_der) const {
  return Made(kAgentLifeMs, [&](const tls::IssueRequest& request) {
    return tls::IssueAgentCertificate(request, csr_der, identity);
  });
}

Result<ClientCertificate> CertificateAuthority::IssuePerson(const std::string& organization,
                                                            const std::string& person,
                                                            std::string_view csr_der) const {
  return Made(kPersonLifeMs, [&](const tls::IssueRequest& request) {
    return tls::IssuePersonCertificate(request, csr_der, organization, person);
  });
}

Result<ClientCertificate> CertificateAuthority::Made(
    int64_t life_ms,
    const std::function<Result<std::string>(const tls::IssueRequest&)>& issue) const {
  const tls::IssueRequest request = Request(life_ms);
  if (request.not_after_ms <= options_.clock->NowMs()) {
    return Error{ErrorCode::kUnavailable, "the CA's certificate has expired"};
  }
  ClientCertificate made;
  NOROSHI_ASSIGN_OR_RETURN(made.der, issue(request));
  NOROSHI_ASSIGN_OR_RETURN(const tls::CertificateInfo info, tls::ReadCertificate(made.der));
  made.serial = info.serial;
  made.sha256 = info.sha256;
  made.not_after_ms = info.not_after_ms;
  return made;
}

Result<OneTimeToken> CertificateAuthority::NewToken(const std::string& hub_address) const {
  tls::EnrollToken token;
  token.hub_address = hub_address;
  token.ca_sha256 = ca_.sha256;
  token.secret = options_.random->Bytes(tls::kTokenSecretBytes);
  OneTimeToken made;
  NOROSHI_ASSIGN_OR_RETURN(made.text, tls::MakeToken(token));
  made.secret_sha256 = Sha256Of(token.secret);
  return made;
}

Result<ServerCertificate> CertificateAuthority::Server(const std::vector<std::string>& host_names) {
  const std::lock_guard lock(server_mutex_);
  const std::string heading = Heading(host_names);
  auto present = ReadServer(heading);
  if (present.ok()) return present;
  return MakeServer(host_names, heading);
}

// Not ok, for whatever reason: make a new one.
Result<ServerCertificate> CertificateAuthority::ReadServer(const std::string& heading) const {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text,
                           options_.files->Read(ServerPath(options_), kFileBytesMax));
  if (!text.starts_with(heading)) return Error{ErrorCode::kNotFound, "other host names"};
  NOROSHI_ASSIGN_OR_RETURN(const auto chain, tls::CertificatesFromPem(text));
  if (chain.size() != 2 || chain.back() != ca_.der) {
    return Error{ErrorCode::kNotFound, "another CA"};
  }
  NOROSHI_RETURN_IF_ERROR(tls::PrivateKeyFits(text, chain.front()));
  NOROSHI_ASSIGN_OR_RETURN(const tls::CertificateInfo info, tls::ReadCertificate(chain.front()));
  const int64_t renew_at_ms = info.not_before_ms + (info.not_after_ms - info.not_before_ms) / 3 * 2;
  if (options_.clock->NowMs() >= renew_at_ms) return Error{ErrorCode::kNotFound, "old"};
  // Made while the clock was wrong: nobody would believe it.
  if (options_.clock->NowMs() < info.not_before_ms) return Error{ErrorCode::kNotFound, "early"};
  ServerCertificate present;
  present.key_pem = text;
  present.chain_pem =
      tls::CertificateDerToPem(chain.front()) + tls::CertificateDerToPem(chain.back());
  present.not_after_ms = info.not_after_ms;
  return present;
}

Result<ServerCertificate> CertificateAuthority::MakeServer(
    const std::vector<std::string>& host_names, const std::string& heading) const {
  ServerCertificate made;
  made.renewed = true;
  NOROSHI_ASSIGN_OR_RETURN(made.key_pem, tls::GeneratePrivateKeyPem());
  NOROSHI_ASSIGN_OR_RETURN(const std::string csr, tls::MakeCsr(made.key_pem, "noroshi hub"));
  const tls::IssueRequest request = Request(kServerLifeMs);
  made.not_after_ms = request.not_after_ms;
  if (request.not_after_ms <= options_.clock->NowMs()) {
    return Error{ErrorCode::kUnavailable, "the CA's certificate has expired"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string der,
                           tls::IssueServerCertificate(request, csr, host_names));
  made.chain_pem = tls::CertificateDerToPem(der) + ca_pem_;
  NOROSHI_RETURN_IF_ERROR(options_.files->WriteDurably(
      ServerPath(options_), heading + made.key_pem + made.chain_pem, kFileMode));
  return made;
}

}  // namespace noroshi::identity
