// Keys, requests and certificates that we make.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/tls/certificate.h"
#include "common/tls/openssl.h"

namespace noroshi::tls {
namespace {

constexpr size_t kSerialBytes = 16;
constexpr size_t kCommonNameBytesMax = 64;  // X.520's ub-common-name.
constexpr size_t kHostNamesMax = 32;
constexpr size_t kHostNameBytesMax = 253;
constexpr size_t kPemBytesMax = 2 * kCsrBytesMax;

Result<void> SetName(X509_NAME* name, const char* field, const std::string& text) {
  if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(text.data()),
                                 static_cast<int>(text.size()), -1, 0) != 1) {
    return OpensslError("certificate name");
  }
  return {};
}

Result<void> SetSerial(X509* certificate, std::string serial) {
  NOROSHI_CHECK(serial.size() == kSerialBytes);
  serial[0] = static_cast<char>(serial[0] & 0x7f);  // A serial is a positive number.
  const OpensslPtr<BIGNUM, BN_free> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), kSerialBytes, nullptr));
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpensslError("certificate serial");
  }
  return {};
}

// Version, serial and validity: what every certificate of ours begins with.
Result<X509Ptr> NewCertificate(const std::string& serial, int64_t not_before_ms,
                               int64_t not_after_ms) {
  NOROSHI_CHECK(not_before_ms < not_after_ms);
  X509Ptr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), not_before_ms / 1000) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), not_after_ms / 1000) == nullptr) {
    return OpensslError("certificate");
  }
  NOROSHI_RETURN_IF_ERROR(SetSerial(certificate.get(), serial));
  return certificate;
}

// value is one of our own constants, never input: this is OpenSSL's configuration language.
Result<void> AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpensslError("certificate extension");
  }
  return {};
}

Result<void> AddName(GENERAL_NAMES* names, int type, std::string_view text) {
  OpensslPtr<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  OpensslPtr<ASN1_STRING, ASN1_STRING_free> value(
      ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  if (!name || !value ||
      ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) != 1) {
    return OpensslError("certificate name");
  }
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  if (sk_GENERAL_NAME_push(names, name.get()) <= 0) return OpensslError("certificate name");
  name.release();
  return {};
}

Result<void> AddHostName(GENERAL_NAMES* names, const std::string& host) {
  in6_addr v6{};
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return AddName(names, GEN_IPADD, {reinterpret_cast<const char*>(&v4), sizeof v4});
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return AddName(names, GEN_IPADD, {reinterpret_cast<const char*>(&v6), sizeof v6});
  }
  const bool plain = host.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789.-") == std::string::npos;
  if (host.empty() || host.size() > kHostNameBytesMax || !plain) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("\"{}\" is neither a DNS name nor an IP address", host)};
  }
  return AddName(names, GEN_DNS, host);
}

Result<KeyPtr> CsrKey(std::string_view der) {
  if (der.size() > kCsrBytesMax) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("a certificate request of {} bytes; at most {} are allowed",
                             der.size(), kCsrBytesMax)};
  }
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = data + der.size();
  const CsrPtr csr(d2i_X509_REQ(nullptr, &data, static_cast<long>(der.size())));
  KeyPtr key(csr && data == end ? X509_REQ_get_pubkey(csr.get()) : nullptr);
  if (!key) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "not a PKCS #10 request in DER"};
  }
  if (!IsP256(key.get())) {
    return Error{ErrorCode::kInvalid, "the request's key is not ECDSA P-256"};
  }
  if (X509_REQ_verify(csr.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "the request is not signed by its own key"};
  }
  return key;
}

struct Leaf {
  std::string organization;
  std::string common_name;
  const char* purpose;
  GENERAL_NAMES* names;
};

Result<std::string> IssueLeaf(const IssueRequest& request, std::string_view csr_der,
                              const Leaf& leaf) {
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr key, CsrKey(csr_der));
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr ca_key, ParsePrivateKey(request.ca_key_pem));
  NOROSHI_ASSIGN_OR_RETURN(const X509Ptr ca, ParseCertificate(request.ca_certificate_der));
  NOROSHI_ASSIGN_OR_RETURN(
      const X509Ptr certificate,
      NewCertificate(request.serial, request.not_before_ms, request.not_after_ms));
  X509* const made = certificate.get();
  X509_NAME* subject = X509_get_subject_name(made);
  if (!leaf.organization.empty()) {
    NOROSHI_RETURN_IF_ERROR(SetName(subject, "O", leaf.organization));
  }
  NOROSHI_RETURN_IF_ERROR(SetName(subject, "CN", leaf.common_name));
  if (X509_set_pubkey(made, key.get()) != 1 ||
      X509_set_issuer_name(made, X509_get_subject_name(ca.get())) != 1) {
    return OpensslError("certificate");
  }
  NOROSHI_RETURN_IF_ERROR(AddExtension(made, ca.get(), NID_basic_constraints, "critical,CA:FALSE"));
  NOROSHI_RETURN_IF_ERROR(AddExtension(made, ca.get(), NID_key_usage, "critical,digitalSignature"));
  NOROSHI_RETURN_IF_ERROR(AddExtension(made, ca.get(), NID_ext_key_usage, leaf.purpose));
  NOROSHI_RETURN_IF_ERROR(AddExtension(made, ca.get(), NID_subject_key_identifier, "hash"));
  NOROSHI_RETURN_IF_ERROR(
      AddExtension(made, ca.get(), NID_authority_key_identifier, "keyid:always"));
  if (X509_add1_ext_i2d(made, NID_subject_alt_name, leaf.names, 0, X509V3_ADD_DEFAULT) != 1 ||
      X509_sign(made, ca_key.get(), EVP_sha256()) == 0) {
    return OpensslError("certificate");
  }
  return CertificateDer(made);
}

}  // namespace

Result<std::string> GeneratePrivateKeyPem() {
  char curve[] = "P-256";  // OpenSSL takes a char* that it only reads.
  const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!key || !bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return OpensslError("private key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

Result<std::string> MakeCsr(const std::string& private_key_pem, const std::string& label) {
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr key, ParsePrivateKey(private_key_pem));
  const CsrPtr csr(X509_REQ_new());
  if (!csr) return OpensslError("certificate request");
  const std::string name(TruncateUtf8(label, kCommonNameBytesMax));
  if (!name.empty()) {
    NOROSHI_RETURN_IF_ERROR(SetName(X509_REQ_get_subject_name(csr.get()), "CN", name));
  }
  if (X509_REQ_set_pubkey(csr.get(), key.get()) != 1 ||
      X509_REQ_sign(csr.get(), key.get(), EVP_sha256()) == 0) {
    return OpensslError("certificate request");
  }
  const int size = i2d_X509_REQ(csr.get(), nullptr);
  if (size <= 0) return OpensslError("certificate request");
  std::string der(static_cast<size_t>(size), '\0');
  auto* data = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_X509_REQ(csr.get(), &data) != size) return OpensslError("certificate request");
  return der;
}

Result<std::string> CsrFromPem(std::string_view pem) {
  const BioPtr bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), kPemBytesMax))));
  if (!bio) return OpensslError("certificate request");
  const CsrPtr csr(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  unsigned char* data = nullptr;
  const int size = csr ? i2d_X509_REQ(csr.get(), &data) : 0;
  if (size <= 0) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "not a PKCS #10 request in PEM"};
  }
  std::string der(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  OPENSSL_free(data);
  return der;
}

Result<void> PrivateKeyFits(const std::string& private_key_pem, std::string_view certificate_der) {
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr key, ParsePrivateKey(private_key_pem));
  NOROSHI_ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(certificate_der));
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) return Error{ErrorCode::kInvalid, "private key and certificate do not fit"};
  return {};
}

Result<std::string> MakeCaCertificate(const std::string& ca_key_pem, const std::string& name,
                                      const std::string& serial, int64_t not_before_ms,
                                      int64_t not_after_ms) {
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr key, ParsePrivateKey(ca_key_pem));
  NOROSHI_ASSIGN_OR_RETURN(const X509Ptr certificate,
                           NewCertificate(serial, not_before_ms, not_after_ms));
  X509* const ca = certificate.get();
  NOROSHI_RETURN_IF_ERROR(SetName(X509_get_subject_name(ca), "CN",
                                  std::string(TruncateUtf8(name, kCommonNameBytesMax))));
  if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
      X509_set_pubkey(ca, key.get()) != 1) {
    return OpensslError("CA certificate");
  }
  NOROSHI_RETURN_IF_ERROR(
      AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  NOROSHI_RETURN_IF_ERROR(AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign"));
  NOROSHI_RETURN_IF_ERROR(AddExtension(ca, ca, NID_subject_key_identifier, "hash"));
  NOROSHI_RETURN_IF_ERROR(AddExtension(ca, ca, NID_authority_key_identifier, "keyid:always"));
  if (X509_sign(ca, key.get(), EVP_sha256()) == 0) return OpensslError("CA certificate");
  return CertificateDer(ca);
}

Result<std::string> IssueAgentCertificate(const IssueRequest& request, std::string_view csr_der,
                                          const Identity& identity) {
  NOROSHI_CHECK(IsIdentifier(identity.organization) && IsIdentifier(identity.agent));
  const NamesPtr names(GENERAL_NAMES_new());
  if (!names) return OpensslError("certificate name");
  NOROSHI_RETURN_IF_ERROR(AddName(names.get(), GEN_URI, identity.ToUri()));
  return IssueLeaf(request, csr_der,
                   Leaf{identity.organization, identity.agent, "clientAuth", names.get()});
}

Result<std::string> IssuePersonCertificate(const IssueRequest& request, std::string_view csr_der,
                                           const std::string& organization,
                                           const std::string& person) {
  NOROSHI_CHECK(IsIdentifier(organization) && IsIdentifier(person));
  const NamesPtr names(GENERAL_NAMES_new());
  if (!names) return OpensslError("certificate name");
  NOROSHI_RETURN_IF_ERROR(
      AddName(names.get(), GEN_URI, "noroshi://" + organization + "/person:" + person));
  return IssueLeaf(request, csr_der, Leaf{organization, person, "clientAuth", names.get()});
}

Result<std::string> IssueServerCertificate(const IssueRequest& request, std::string_view csr_der,
                                           const std::vector<std::string>& host_names) {
  if (host_names.empty() || host_names.size() > kHostNamesMax) {
    return Error{ErrorCode::kInvalid, fmt::format("{} host names; 1 to {} are allowed",
                                                  host_names.size(), kHostNamesMax)};
  }
  const NamesPtr names(GENERAL_NAMES_new());
  if (!names) return OpensslError("certificate name");
  for (const std::string& host : host_names) {
    NOROSHI_RETURN_IF_ERROR(AddHostName(names.get(), host));
  }
  return IssueLeaf(request, csr_der, Leaf{"", "noroshi hub", "serverAuth", names.get()});
}

}  // namespace noroshi::tls
