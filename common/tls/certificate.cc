#include "common/tls/certificate.h"

#include <fmt/format.h>

#include <ctime>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/tls/openssl.h"

namespace noroshi::tls {
namespace {

constexpr std::string_view kUriPrefix = "noroshi://";
constexpr size_t kNamesMax = 64;  // SANs that we look at; more are refused.

std::string Bytes(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

Result<int64_t> TimeMs(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "certificate with an unreadable validity time"};
  }
  return int64_t{timegm(&parts)} * 1000;
}

std::string Serial(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
          static_cast<size_t>(ASN1_STRING_length(serial))};
}

std::string Subject(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio) return "";
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : "";
}

Result<void> ReadNames(const X509* certificate, CertificateInfo* info) {
  int critical = -1;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  ERR_clear_error();
  if (!names) {
    if (critical == -1) return {};  // -1: no such extension.
    return Error{ErrorCode::kInvalid, "certificate with an unreadable or repeated SAN extension"};
  }
  const int count = sk_GENERAL_NAME_num(names.get());
  if (count > static_cast<int>(kNamesMax)) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("certificate with {} SANs; at most {} are read", count, kNamesMax)};
  }
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      info->uris.push_back(Bytes(name->d.uniformResourceIdentifier));
    } else if (name->type == GEN_DNS) {
      info->dns_names.push_back(Bytes(name->d.dNSName));
    } else {
      ++info->other_names;
    }
  }
  return {};
}

Result<void> CheckSize(std::string_view der) {
  if (der.size() <= kCertificateBytesMax) return {};
  return Error{ErrorCode::kInvalid, fmt::format("a certificate of {} bytes; at most {} are allowed",
                                                der.size(), kCertificateBytesMax)};
}

}  // namespace

std::string Identity::ToUri() const {
  return fmt::format("{}{}/{}", kUriPrefix, organization, agent);
}

Result<Identity> ParseIdentityUri(std::string_view uri) {
  const std::string_view form = "noroshi://<organization>/<agent>";
  if (!uri.starts_with(kUriPrefix)) {
    return Error{ErrorCode::kInvalid, fmt::format("the identity is not of the form {}", form)};
  }
  const std::string_view rest = uri.substr(kUriPrefix.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos || !IsIdentifier(rest.substr(0, slash)) ||
      !IsIdentifier(rest.substr(slash + 1))) {
    return Error{ErrorCode::kInvalid, fmt::format("the identity is not of the form {}", form)};
  }
  return Identity{std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
}

Result<CertificateInfo> ReadCertificate(std::string_view der) {
  NOROSHI_RETURN_IF_ERROR(CheckSize(der));
  NOROSHI_ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(der));
  NOROSHI_ASSIGN_OR_RETURN(CertificateInfo info, ReadParsed(certificate.get()));
  // OpenSSL reads looser encodings as well: one certificate must not have two fingerprints.
  if (info.der != der) return Error{ErrorCode::kInvalid, "certificate: not encoded as DER demands"};
  return info;
}

Result<CertificateInfo> ReadParsed(X509* certificate) {
  CertificateInfo info;
  NOROSHI_ASSIGN_OR_RETURN(info.der, CertificateDer(certificate));
  NOROSHI_RETURN_IF_ERROR(CheckSize(info.der));
  info.serial = Serial(certificate);
  info.subject = Subject(certificate);
  info.sha256 = Sha256Of(info.der);
  NOROSHI_ASSIGN_OR_RETURN(info.not_before_ms, TimeMs(X509_get0_notBefore(certificate)));
  NOROSHI_ASSIGN_OR_RETURN(info.not_after_ms, TimeMs(X509_get0_notAfter(certificate)));
  NOROSHI_RETURN_IF_ERROR(ReadNames(certificate, &info));
  info.is_ca = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
  ERR_clear_error();
  return info;
}

Result<Identity> AgentIdentity(const CertificateInfo& certificate) {
  if (certificate.uris.size() != 1) {
    return Error{ErrorCode::kDenied, fmt::format("the certificate has {} SAN URIs; exactly one "
                                                 "names the agent",
                                                 certificate.uris.size())};
  }
  if (!certificate.dns_names.empty() || certificate.other_names != 0) {
    return Error{ErrorCode::kDenied, "the certificate has SANs beside the agent's URI"};
  }
  auto identity = ParseIdentityUri(certificate.uris.front());
  if (!identity.ok()) return Error{ErrorCode::kDenied, identity.error().message};
  return identity;
}

std::string CertificateDerToPem(std::string_view der) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  NOROSHI_CHECK(bio);
  NOROSHI_CHECK(PEM_write_bio(bio.get(), PEM_STRING_X509, "",
                              reinterpret_cast<const unsigned char*>(der.data()),
                              static_cast<long>(der.size())) > 0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

Result<std::vector<std::string>> CertificatesFromPem(std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return OpensslError("certificates");
  std::vector<std::string> certificates;
  while (const X509Ptr certificate{PEM_read_bio_X509(
      bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr)}) {
    NOROSHI_ASSIGN_OR_RETURN(std::string der, CertificateDer(certificate.get()));
    certificates.push_back(std::move(der));
  }
  // The end of the text is the only good reason to stop.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end || certificates.empty()) {
    return Error{ErrorCode::kInvalid, "not a PEM text of certificates"};
  }
  return certificates;
}

}  // namespace noroshi::tls
