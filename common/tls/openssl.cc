#include "common/tls/openssl.h"

namespace noroshi::tls {

std::string TakeOpensslReason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

Error OpensslError(std::string_view what) {
  return Error{ErrorCode::kInternal, std::string(what) + ": " + TakeOpensslReason()};
}

Result<X509Ptr> ParseCertificate(std::string_view der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = data + der.size();
  X509Ptr certificate(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
  if (!certificate || data != end) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "not a DER certificate"};
  }
  return certificate;
}

Result<KeyPtr> ParsePrivateKey(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return OpensslError("private key");
  // An empty passphrase callback: an encrypted key is refused instead of asking the terminal.
  KeyPtr key(PEM_read_bio_PrivateKey(
      bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  if (!key) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "not a PEM private key"};
  }
  return key;
}

Result<std::string> CertificateDer(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return OpensslError("certificate encoding");
  std::string der(static_cast<size_t>(size), '\0');
  auto* data = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_X509(certificate, &data) != size) return OpensslError("certificate encoding");
  return der;
}

bool IsP256(EVP_PKEY* key) {
  if (key == nullptr || !EVP_PKEY_is_a(key, "EC")) return false;
  char group[64];
  size_t size = 0;
  // Explicit curve parameters have no group name, so they fail here too.
  const bool named = EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1;
  ERR_clear_error();
  return named && std::string_view(group, size) == "prime256v1";
}

}  // namespace noroshi::tls
