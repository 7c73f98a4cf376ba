#include "common/tls/verify.h"

#include <fmt/format.h>

#include "common/crypto/crypto.h"
#include "common/runtime/clock.h"
#include "common/tls/certificate.h"

namespace noroshi::tls {
namespace {

Error Refuse(std::string_view word, std::string_view sentence) {
  return Error{ErrorCode::kDenied, fmt::format("{}: {}", word, sentence)};
}

// A certificate chain is the leaf, and at most the CA after it.
Result<void> CheckPresented(X509* leaf, STACK_OF(X509) * presented, X509* anchor) {
  const int count = presented == nullptr ? 0 : sk_X509_num(presented);
  for (int i = 0; i < count; ++i) {
    X509* certificate = sk_X509_value(presented, i);
    if (X509_cmp(certificate, leaf) == 0 || X509_cmp(certificate, anchor) == 0) continue;
    if (X509_self_signed(certificate, /*verify_signature=*/0) == 1) {
      return Refuse("certificate_unknown_issuer", "the chain ends in another CA");
    }
    return Refuse("certificate_chain",
                  "the chain must be the certificate and the hub's CA, nothing between");
  }
  return {};
}

Result<X509*> FindAnchor(STACK_OF(X509) * presented, const VerifyRules& rules) {
  if (rules.ca != nullptr) return rules.ca;
  const int count = presented == nullptr ? 0 : sk_X509_num(presented);
  if (count == 0) return Refuse("certificate_chain", "the CA certificate was not presented");
  X509* last = sk_X509_value(presented, count - 1);
  NOROSHI_ASSIGN_OR_RETURN(const std::string der, CertificateDer(last));
  if (!EqualInConstantTime(Sha256Of(der), rules.ca_sha256)) {
    return Refuse("certificate_unknown_issuer",
                  "the presented CA is not the one that the token names");
  }
  return last;
}

// OpenSSL treats a certificate without the extension as good for everything; we do not.
Result<void> CheckPurpose(X509* leaf, bool peer_is_server) {
  const uint32_t flags = X509_get_extension_flags(leaf);
  const uint32_t wanted = peer_is_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
  if ((flags & EXFLAG_CA) != 0) return Refuse("certificate_purpose", "a CA cannot be the peer");
  if ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(leaf) & wanted) == 0) {
    return Refuse("certificate_purpose", peer_is_server
                                             ? "the certificate is not for servers (serverAuth)"
                                             : "the certificate is not for clients (clientAuth)");
  }
  return {};
}

Result<void> CheckName(X509* leaf, const VerifyRules& rules) {
  if (rules.peer_is_server) {
    const bool matches =
        X509_check_ip_asc(leaf, rules.server_name.c_str(), 0) == 1 ||
        X509_check_host(leaf, rules.server_name.data(), rules.server_name.size(),
                        X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                        nullptr) == 1;
    ERR_clear_error();
    if (matches) return {};
    return Refuse("certificate_identity",
                  fmt::format("the certificate does not name \"{}\"", rules.server_name));
  }
  if (rules.any_identity) return {};
  auto info = ReadParsed(leaf);
  if (!info.ok()) return Refuse("certificate_identity", info.error().message);
  auto identity = AgentIdentity(*info);
  if (!identity.ok()) return Refuse("certificate_identity", identity.error().message);
  return {};
}

int64_t NotAfterMs(X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return 0;
  return int64_t{timegm(&parts)} * 1000;
}

bool IsInGrace(X509* expired, const VerifyRules& rules) {
  return rules.expired_grace_ms > 0 && rules.now_ms - NotAfterMs(expired) <= rules.expired_grace_ms;
}

// What the callback below learns; OpenSSL carries it as application data.
struct Outcome {
  const VerifyRules* rules;
  bool expired = false;
};

int OnVerify(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  auto* outcome = static_cast<Outcome*>(X509_STORE_CTX_get_app_data(context));
  if (X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_HAS_EXPIRED ||
      X509_STORE_CTX_get_error_depth(context) != 0) {
    return 0;
  }
  outcome->expired = IsInGrace(X509_STORE_CTX_get_current_cert(context), *outcome->rules);
  return outcome->expired ? 1 : 0;
}

std::string_view WordOf(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate_expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate_not_yet_valid";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return "certificate_chain";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "certificate_unknown_issuer";
    case X509_V_ERR_INVALID_PURPOSE:
      return "certificate_purpose";
    default:
      return "certificate_invalid";
  }
}

Error RefusePath(int error, bool of_the_ca) {
  return Refuse(WordOf(error), fmt::format("{}{}", of_the_ca ? "the CA's certificate: " : "",
                                           X509_verify_cert_error_string(error)));
}

// Path, signature and times, by OpenSSL with our anchor and our clock.
Result<Verified> CheckPath(X509* leaf, X509* anchor, const VerifyRules& rules) {
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), anchor) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) != 1) {
    return OpensslError("certificate check");
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(
      parameters, rules.peer_is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_time(parameters, rules.now_ms / 1000);
  X509_VERIFY_PARAM_set_depth(parameters, 0);  // Certificates between leaf and CA.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  Outcome outcome{&rules};
  X509_STORE_CTX_set_app_data(context.get(), &outcome);
  X509_STORE_CTX_set_verify_cb(context.get(), OnVerify);
  const bool valid = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  const bool of_the_ca = X509_STORE_CTX_get_error_depth(context.get()) > 0;
  ERR_clear_error();
  if (!valid) return RefusePath(error, of_the_ca);
  return Verified{outcome.expired};
}

// Of a certificate whose path was found good: X509_V_OK, or what OpenSSL would say now.
int TimesError(X509* certificate, int64_t now_ms) {
  time_t now = now_ms / 1000;
  if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0) {
    return X509_V_ERR_CERT_NOT_YET_VALID;
  }
  const bool over = X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0;
  return over ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

}  // namespace

Result<Verified> VerifyPeer(X509* leaf, STACK_OF(X509) * presented, const VerifyRules& rules) {
  if (!IsP256(X509_get0_pubkey(leaf))) {
    return Refuse("certificate_weak_key", "the certificate's key is not ECDSA P-256");
  }
  NOROSHI_ASSIGN_OR_RETURN(X509* const anchor, FindAnchor(presented, rules));
  NOROSHI_RETURN_IF_ERROR(CheckPresented(leaf, presented, anchor));
  NOROSHI_RETURN_IF_ERROR(CheckPurpose(leaf, rules.peer_is_server));
  NOROSHI_ASSIGN_OR_RETURN(const Verified verified, CheckPath(leaf, anchor, rules));
  NOROSHI_RETURN_IF_ERROR(CheckName(leaf, rules));
  return verified;
}

Result<Verified> VerifyTimes(X509* leaf, const VerifyRules& rules) {
  NOROSHI_CHECK(rules.ca != nullptr);
  const int of_ca = TimesError(rules.ca, rules.now_ms);
  if (of_ca != X509_V_OK) return RefusePath(of_ca, /*of_the_ca=*/true);
  const int of_leaf = TimesError(leaf, rules.now_ms);
  if (of_leaf == X509_V_OK) return Verified{};
  if (of_leaf == X509_V_ERR_CERT_HAS_EXPIRED && IsInGrace(leaf, rules)) return Verified{true};
  return RefusePath(of_leaf, /*of_the_ca=*/false);
}

}  // namespace noroshi::tls
