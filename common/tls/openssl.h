// OpenSSL's objects with owners, and its error queue as text. Only for common/tls.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/tls/certificate.h"

namespace noroshi::tls {

template <auto Free>
struct OpensslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter<Free>>;

inline void FreeCertificateStack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

using BioPtr = OpensslPtr<BIO, BIO_free>;
using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using KeyContextPtr = OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using X509Ptr = OpensslPtr<X509, X509_free>;
using CsrPtr = OpensslPtr<X509_REQ, X509_REQ_free>;
using NamesPtr = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;
using ExtensionPtr = OpensslPtr<X509_EXTENSION, X509_EXTENSION_free>;
using StorePtr = OpensslPtr<X509_STORE, X509_STORE_free>;
using StoreContextPtr = OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
using CertificateStackPtr = OpensslPtr<STACK_OF(X509), FreeCertificateStack>;
using SslPtr = OpensslPtr<SSL, SSL_free>;
using SessionPtr = OpensslPtr<SSL_SESSION, SSL_SESSION_free>;

// The newest reason in OpenSSL's queue, which is then cleared.
std::string TakeOpensslReason();
// kInternal: "<what>: <reason>".
Error OpensslError(std::string_view what);

// Exactly one DER certificate and nothing after it.
Result<X509Ptr> ParseCertificate(std::string_view der);
Result<KeyPtr> ParsePrivateKey(const std::string& pem);
Result<std::string> CertificateDer(X509* certificate);
// ReadCertificate of one that is parsed already: OpenSSL takes a fifth of a
// millisecond to parse one.
Result<CertificateInfo> ReadParsed(X509* certificate);
// Whether this is an ECDSA key on the named curve P-256, the only kind we use.
bool IsP256(EVP_PKEY* key);

}  // namespace noroshi::tls
