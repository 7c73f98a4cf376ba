#include "tests/unit/common/tls_pki.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <memory>

#include "common/runtime/random.h"
#include "common/tls/openssl.h"

namespace noroshi::testing_support {
namespace {

using tls::KeyPtr;
using tls::X509Ptr;

KeyPtr KeyOf(const std::string& pem) { return std::move(tls::ParsePrivateKey(pem)).value(); }

std::string KeyPem(EVP_PKEY* key) {
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  NOROSHI_CHECK(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const tls::ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  NOROSHI_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

X509Ptr Begin(const std::string& name, int64_t now_ms, EVP_PKEY* key, X509* issuer) {
  X509Ptr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), SystemRandom().Below(1ULL << 62));
  ASN1_TIME_set(X509_getm_notBefore(made.get()), now_ms / 1000 - 86400);
  ASN1_TIME_set(X509_getm_notAfter(made.get()), now_ms / 1000 + 30 * 86400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  X509_set_pubkey(made.get(), key);
  return made;
}

void AddIds(X509* certificate, X509* issuer) {
  Extend(certificate, issuer, NID_subject_key_identifier, "hash");
  Extend(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

// OpenSSL believes that it belongs to the first one's certificate.
KeyPtr PublicOfOneAndPrivateOfAnother(EVP_PKEY* one, EVP_PKEY* another) {
  unsigned char point[128];
  size_t point_size = 0;
  NOROSHI_CHECK(EVP_PKEY_get_octet_string_param(one, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                                &point_size) == 1);
  BIGNUM* secret = nullptr;
  NOROSHI_CHECK(EVP_PKEY_get_bn_param(another, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> secret_owner(secret, BN_free);
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point, point_size);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret);
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(
      OSSL_PARAM_BLD_to_param(builder.get()), OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  NOROSHI_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  NOROSHI_CHECK(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) == 1);
  return KeyPtr(key);
}

}  // namespace

TestPki::TestPki(int64_t now_ms) : now_ms_(now_ms) {
  ca_key_ = tls::GeneratePrivateKeyPem().value();
  ca_der_ = tls::MakeCaCertificate(ca_key_, "Test CA", SystemRandom().Bytes(16),
                                   now_ms - 400 * kDayMs, now_ms + 3650 * kDayMs)
                .value();
  ca_pem_ = tls::CertificateDerToPem(ca_der_);
}

TestPki::TestPki(int64_t now_ms, const std::string& ca_key_pem, const std::string& ca_pem)
    : now_ms_(now_ms),
      ca_key_(ca_key_pem),
      ca_der_(tls::CertificatesFromPem(ca_pem).value().front()),
      ca_pem_(ca_pem) {}

tls::IssueRequest TestPki::Request(int64_t not_before_ms, int64_t not_after_ms) const {
  return {ca_key_, ca_der_, SystemRandom().Bytes(16), not_before_ms, not_after_ms};
}

Credentials TestPki::Stolen(const tls::Identity& identity) const {
  Credentials made = Agent(identity);
  made.key_pem =
      KeyPem(PublicOfOneAndPrivateOfAnother(KeyOf(made.key_pem).get(),
                                            KeyOf(tls::GeneratePrivateKeyPem().value()).get())
                 .get());
  return made;
}

Credentials TestPki::Agent(const tls::Identity& identity) const {
  return Agent(identity, now_ms_ - kDayMs, now_ms_ + 30 * kDayMs);
}

Credentials TestPki::Agent(const tls::Identity& identity, int64_t not_before_ms,
                           int64_t not_after_ms) const {
  Credentials made;
  made.key_pem = tls::GeneratePrivateKeyPem().value();
  const std::string csr = tls::MakeCsr(made.key_pem, "agent").value();
  made.der =
      tls::IssueAgentCertificate(Request(not_before_ms, not_after_ms), csr, identity).value();
  made.chain_pem = tls::CertificateDerToPem(made.der) + ca_pem_;
  return made;
}

Credentials TestPki::Server(const std::vector<std::string>& hosts) const {
  return Server(hosts, now_ms_ - kDayMs, now_ms_ + 90 * kDayMs);
}

Credentials TestPki::Server(const std::vector<std::string>& hosts, int64_t not_before_ms,
                            int64_t not_after_ms) const {
  Credentials made;
  made.key_pem = tls::GeneratePrivateKeyPem().value();
  const std::string csr = tls::MakeCsr(made.key_pem, "hub").value();
  made.der = tls::IssueServerCertificate(Request(not_before_ms, not_after_ms), csr, hosts).value();
  made.chain_pem = tls::CertificateDerToPem(made.der) + ca_pem_;
  return made;
}

Credentials TestPki::Odd(const LeafSpec& spec) const {
  KeyPtr issuer_key = KeyOf(ca_key_);
  const X509Ptr ca = std::move(tls::ParseCertificate(ca_der_)).value();
  X509Ptr intermediate;
  if (spec.through_intermediate) {
    KeyPtr key(EVP_EC_gen("P-256"));
    intermediate = Begin("Intermediate", now_ms_, key.get(), ca.get());
    Extend(intermediate.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
    Extend(intermediate.get(), ca.get(), NID_key_usage, "critical,keyCertSign");
    AddIds(intermediate.get(), ca.get());
    X509_sign(intermediate.get(), issuer_key.get(), EVP_sha256());
    issuer_key = std::move(key);
  }
  X509* issuer = intermediate ? intermediate.get() : ca.get();
  const KeyPtr key(spec.curve == "RSA" ? EVP_RSA_gen(2048) : EVP_EC_gen(spec.curve.c_str()));
  const X509Ptr leaf = Begin("odd", now_ms_, key.get(), issuer);
  Extend(leaf.get(), issuer, NID_basic_constraints,
         spec.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  Extend(leaf.get(), issuer, NID_key_usage,
         spec.is_ca ? "critical,keyCertSign" : "critical,digitalSignature");
  if (spec.extended_key_usage) {
    Extend(leaf.get(), issuer, NID_ext_key_usage, *spec.extended_key_usage);
  }
  std::string names;
  for (const auto& uri : spec.uris) names += (names.empty() ? "URI:" : ",URI:") + uri;
  for (const auto& dns : spec.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + dns;
  if (!names.empty()) Extend(leaf.get(), issuer, NID_subject_alt_name, names);
  AddIds(leaf.get(), issuer);
  X509_sign(leaf.get(), issuer_key.get(), EVP_sha256());
  Credentials made;
  made.key_pem = KeyPem(key.get());
  made.der = tls::CertificateDer(leaf.get()).value();
  made.chain_pem = tls::CertificateDerToPem(made.der);
  if (intermediate) {
    made.chain_pem += tls::CertificateDerToPem(tls::CertificateDer(intermediate.get()).value());
  }
  if (spec.present_ca) made.chain_pem += ca_pem_;
  return made;
}

}  // namespace noroshi::testing_support
