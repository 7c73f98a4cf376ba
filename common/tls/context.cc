#include "common/tls/context.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

#include "common/crypto/crypto.h"
#include "common/tls/certificate.h"
#include "common/tls/context_impl.h"

namespace noroshi::tls {
namespace {

constexpr char kCipherSuites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr size_t kTicketsPerHandshake = 1;

HandshakeState* StateOf(const SSL* ssl) {
  return static_cast<HandshakeState*>(SSL_get_app_data(ssl));
}

// ALPN protocols are length-prefixed names.
std::string AlpnWire(std::string_view name) {
  std::string wire(1, static_cast<char>(name.size()));
  return wire.append(name);
}

// Ours that the client offers, the agent's first; empty: none.
std::string_view ChooseAlpn(std::string_view offered) {
  std::string_view chosen;
  while (!offered.empty()) {
    const size_t size = static_cast<unsigned char>(offered[0]);
    if (size == 0 || size >= offered.size()) return {};
    const std::string_view name = offered.substr(1, size);
    if (name == kAlpnAgent) return kAlpnAgent;
    if (name == kAlpnEnroll) chosen = kAlpnEnroll;
    offered.remove_prefix(1 + size);
  }
  return chosen;
}

bool Offers(std::string_view offered, std::string_view wanted) {
  while (!offered.empty()) {
    const size_t size = static_cast<unsigned char>(offered[0]);
    if (size == 0 || size >= offered.size()) return false;
    if (offered.substr(1, size) == wanted) return true;
    offered.remove_prefix(1 + size);
  }
  return false;
}

// The certificates that are asked for and the tickets that are good depend on the ALPN.
void SetRulesFor(SSL* ssl, std::string_view alpn, int verify) {
  const std::string id = Sha256Of(alpn);
  SSL_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(id.data()),
                             static_cast<unsigned>(id.size()));
  SSL_set_verify(ssl, verify, nullptr);
}

// Runs before OpenSSL looks at tickets.
int OnClientHello(SSL* ssl, int* alert, void*) {
  const unsigned char* data = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                &size) != 1) {
    // A scanner may see which TLS this is, and that a certificate is asked for. Its
    // handshake ends well and the connection in order (TlsStream): were an alert sent
    // instead, it would race with the scanner's own end and look like a fault.
    SetRulesFor(ssl, "", SSL_VERIFY_PEER);
    SSL_set_num_tickets(ssl, 0);
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  std::string_view chosen;
  if (size > 2) chosen = ChooseAlpn({reinterpret_cast<const char*>(data) + 2, size - 2});
  if (chosen.empty()) {
    StateOf(ssl)->refusal = "alpn: the client offers no protocol of ours";
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (chosen == kAlpnEnroll) {
    SetRulesFor(ssl, chosen, SSL_VERIFY_NONE);
    // Strangers must not push agents' sessions out.
    SSL_set_num_tickets(ssl, 0);
  } else {
    SetRulesFor(ssl, chosen, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

int OnAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
           unsigned in_size, void*) {
  const std::string_view chosen = ChooseAlpn({reinterpret_cast<const char*>(in), in_size});
  if (chosen.empty()) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = reinterpret_cast<const unsigned char*>(chosen.data());
  *out_size = static_cast<unsigned char>(chosen.size());
  return SSL_TLSEXT_ERR_OK;
}

int OnWebAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
              unsigned in_size, void*) {
  static constexpr std::string_view kChosen = kAlpnHttp;
  if (!Offers({reinterpret_cast<const char*>(in), in_size}, kChosen)) {
    StateOf(ssl)->refusal = "alpn: the client offers no protocol of ours";
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = reinterpret_cast<const unsigned char*>(kChosen.data());
  *out_size = static_cast<unsigned char>(kChosen.size());
  return SSL_TLSEXT_ERR_OK;
}

// The alert that tells the other side what is wrong follows from this code.
int AlertError(const std::string& refusal) {
  if (refusal.starts_with("certificate_expired")) return X509_V_ERR_CERT_HAS_EXPIRED;
  if (refusal.starts_with("certificate_unknown_issuer")) {
    return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
  }
  return X509_V_ERR_CERT_REJECTED;
}

int OnCertificate(X509_STORE_CTX* store, void*) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  HandshakeState* state = StateOf(ssl);
  if (state->context->Check(X509_STORE_CTX_get0_cert(store), X509_STORE_CTX_get0_untrusted(store),
                            state)) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  X509_STORE_CTX_set_error(store, AlertError(state->refusal));
  return 0;
}

int OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto* context = const_cast<Context::Impl*>(StateOf(ssl)->context);  // NOLINT: see NewSsl
  const std::lock_guard lock(context->mutex);
  context->session.reset(session);
  return 1;  // Ours now.
}

Result<void> UseCertificate(SSL_CTX* ssl_context, const std::string& chain_pem,
                            const std::string& key_pem) {
  NOROSHI_ASSIGN_OR_RETURN(const std::vector<std::string> chain, CertificatesFromPem(chain_pem));
  NOROSHI_ASSIGN_OR_RETURN(const KeyPtr key, ParsePrivateKey(key_pem));
  NOROSHI_ASSIGN_OR_RETURN(const X509Ptr leaf, ParseCertificate(chain.front()));
  const CertificateStackPtr rest(sk_X509_new_null());
  if (!rest) return OpensslError("certificate chain");
  for (size_t i = 1; i < chain.size(); ++i) {
    NOROSHI_ASSIGN_OR_RETURN(X509Ptr next, ParseCertificate(chain[i]));
    if (sk_X509_push(rest.get(), next.get()) <= 0) return OpensslError("certificate chain");
    static_cast<void>(next.release());  // The stack's now.
  }
  if (SSL_CTX_use_cert_and_key(ssl_context, leaf.get(), key.get(), rest.get(), 1) != 1) {
    return Error{ErrorCode::kInvalid,
                 "certificate and private key do not fit: " + TakeOpensslReason()};
  }
  return {};
}

void SetServerRules(SSL_CTX* ssl_context) {
  // Sessions stay in memory: a ticket that carried one would carry the certificate, and
  // to parse that costs more than the rest of a resumption. A line that was cut, without
  // close_notify, does not spoil its session; our frames and HTTP's tell where they end.
  SSL_CTX_set_options(ssl_context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(ssl_context, kSessionsKept);
  SSL_CTX_set_num_tickets(ssl_context, kTicketsPerHandshake);
}

void SetAgentServerRules(SSL_CTX* ssl_context) {
  SSL_CTX_set_client_hello_cb(ssl_context, OnClientHello, nullptr);
  SSL_CTX_set_alpn_select_cb(ssl_context, OnAlpn, nullptr);
}

Result<void> SetWebServerRules(SSL_CTX* ssl_context, X509* ca) {
  SSL_CTX_set_alpn_select_cb(ssl_context, OnWebAlpn, nullptr);
  SSL_CTX_set_verify(ssl_context, SSL_VERIFY_PEER, nullptr);
  const std::string id = Sha256Of(kAlpnHttp);
  if (SSL_CTX_set_session_id_context(ssl_context, reinterpret_cast<const unsigned char*>(id.data()),
                                     static_cast<unsigned>(id.size())) != 1 ||
      // Browsers ask their user only about certificates of this issuer.
      SSL_CTX_add_client_CA(ssl_context, ca) != 1) {
    return OpensslError("TLS context");
  }
  return {};
}

Result<void> SetClientRules(SSL_CTX* ssl_context, const Context::Impl& impl) {
  SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  if (impl.alpn == kAlpnAgent) SSL_CTX_sess_set_new_cb(ssl_context, OnNewSession);
  SSL_CTX_set_verify(ssl_context, SSL_VERIFY_PEER, nullptr);
  const std::string wire = AlpnWire(impl.alpn);
  if (SSL_CTX_set_alpn_protos(ssl_context, reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned>(wire.size())) != 0) {
    return OpensslError("ALPN");
  }
  return {};
}

Result<SslContextPtr> MakeSslContext(const Context::Impl& impl, const std::string& chain_pem,
                                     const std::string& key_pem) {
  char groups[] = "X25519:P-256";  // OpenSSL takes a char* that it only reads.
  SslContextPtr made(SSL_CTX_new(impl.server ? TLS_server_method() : TLS_client_method()));
  if (!made || SSL_CTX_set_min_proto_version(made.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(made.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(made.get(), kCipherSuites) != 1 ||
      SSL_CTX_set1_groups_list(made.get(), groups) != 1) {
    return OpensslError("TLS context");
  }
  SSL_CTX_set_options(made.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(made.get(), 1);  // A record in one read, not in two.
  // One write may take many records; progress is seen after each.
  SSL_CTX_set_mode(made.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A read returns after each record, also after those that carry no data: else
  // one call could go on as long as the other side sends such records.
  SSL_CTX_clear_mode(made.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_timeout(made.get(), kTicketLifetimeS);
  SSL_CTX_set_cert_verify_callback(made.get(), OnCertificate, nullptr);
  if (impl.server) {
    SetServerRules(made.get());
  }
  if (impl.web) {
    NOROSHI_RETURN_IF_ERROR(SetWebServerRules(made.get(), impl.ca.get()));
  } else if (impl.server) {
    SetAgentServerRules(made.get());
  } else {
    NOROSHI_RETURN_IF_ERROR(SetClientRules(made.get(), impl));
  }
  if (!chain_pem.empty()) {
    NOROSHI_RETURN_IF_ERROR(UseCertificate(made.get(), chain_pem, key_pem));
  }
  return made;
}

Result<X509Ptr> ReadCa(const std::string& pem) {
  NOROSHI_ASSIGN_OR_RETURN(const std::vector<std::string> certificates, CertificatesFromPem(pem));
  if (certificates.size() != 1) {
    return Error{ErrorCode::kInvalid, "exactly one CA certificate is the trust anchor"};
  }
  return ParseCertificate(certificates.front());
}

bool IsIpAddress(const std::string& name) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), address) == 1;
}

int CheckedByIndex() {
  static const int index = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool Record(const Result<Verified>& verified, HandshakeState* state) {
  if (!verified.ok()) {
    state->refusal = verified.error().message;
    return false;
  }
  state->expired = verified->expired;
  return true;
}

}  // namespace

VerifyRules Context::Impl::Rules(bool agent_peer) const {
  VerifyRules rules;
  rules.ca = ca.get();
  rules.ca_sha256 = ca_sha256;
  rules.peer_is_server = !agent_peer;
  rules.server_name = server_name;
  rules.now_ms = clock->NowMs();
  rules.any_identity = web;
  rules.expired_grace_ms = agent_peer && !web ? kRenewGraceMs : 0;
  return rules;
}

bool Context::Impl::Check(X509* leaf, STACK_OF(X509) * presented, HandshakeState* state) const {
  if (!Record(VerifyPeer(leaf, presented, Rules(/*agent_peer=*/server)), state)) return false;
  // Who checked it; not owned. Should this fail, CheckAgain does it all.
  X509_set_ex_data(leaf, CheckedByIndex(), const_cast<Impl*>(this));  // NOLINT: only compared
  return true;
}

bool Context::Impl::CheckAgain(X509* leaf, HandshakeState* state) const {
  const bool known = ca != nullptr && X509_get_ex_data(leaf, CheckedByIndex()) == this;
  if (!known) return Check(leaf, nullptr, state);
  return Record(VerifyTimes(leaf, Rules(/*agent_peer=*/server)), state);
}

Result<SslPtr> Context::Impl::NewSsl(HandshakeState* state) {
  state->context = this;
  const std::lock_guard lock(mutex);
  SslPtr ssl(SSL_new(ssl_context.get()));
  if (!ssl || SSL_set_app_data(ssl.get(), state) != 1) return OpensslError("TLS connection");
  if (server) {
    SSL_set_accept_state(ssl.get());
    return ssl;
  }
  SSL_set_connect_state(ssl.get());
  if (!IsIpAddress(server_name) && SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) != 1) {
    return OpensslError("server name");
  }
  if (session) {
    // A ticket is used once: seen twice it would link two connections.
    SSL_set_session(ssl.get(), session.get());
    session.reset();
  }
  return ssl;
}

Context::Context(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Context::~Context() = default;

Result<std::unique_ptr<Context>> Context::MakeAnyServer(const ServerOptions& options, bool web) {
  NOROSHI_CHECK(options.clock != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->server = true;
  impl->web = web;
  impl->clock = options.clock;
  NOROSHI_ASSIGN_OR_RETURN(impl->ca, ReadCa(options.ca_pem));
  if (options.certificate_chain_pem.empty()) {
    return Error{ErrorCode::kInvalid, "a server needs a certificate"};
  }
  NOROSHI_ASSIGN_OR_RETURN(impl->ssl_context, MakeSslContext(*impl, options.certificate_chain_pem,
                                                             options.private_key_pem));
  return std::unique_ptr<Context>(new Context(std::move(impl)));
}

Result<std::unique_ptr<Context>> Context::MakeServer(const ServerOptions& options) {
  return MakeAnyServer(options, /*web=*/false);
}

Result<std::unique_ptr<Context>> Context::MakeWebServer(const ServerOptions& options) {
  return MakeAnyServer(options, /*web=*/true);
}

Result<std::unique_ptr<Context>> Context::MakeClient(const ClientOptions& options) {
  NOROSHI_CHECK(options.clock != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->clock = options.clock;
  impl->server_name = options.server_name;
  impl->alpn = options.alpn;
  if (options.server_name.empty() || options.alpn.empty() || options.alpn.size() > 255) {
    return Error{ErrorCode::kInvalid, "a client needs the server's name and a protocol"};
  }
  if (!options.ca_pem.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(impl->ca, ReadCa(options.ca_pem));
  } else if (options.ca_sha256.size() == kSha256Bytes) {
    impl->ca_sha256 = options.ca_sha256;
  } else {
    return Error{ErrorCode::kInvalid, "a client needs the CA's certificate or its SHA-256"};
  }
  NOROSHI_ASSIGN_OR_RETURN(impl->ssl_context, MakeSslContext(*impl, options.certificate_chain_pem,
                                                             options.private_key_pem));
  return std::unique_ptr<Context>(new Context(std::move(impl)));
}

Result<void> Context::ReplaceCertificate(const std::string& chain_pem, const std::string& key_pem) {
  // A new SSL_CTX, because an SSL_CTX in use must not change.
  NOROSHI_ASSIGN_OR_RETURN(SslContextPtr fresh, MakeSslContext(*impl_, chain_pem, key_pem));
  const std::lock_guard lock(impl_->mutex);
  impl_->ssl_context = std::move(fresh);
  impl_->session.reset();
  return {};
}

}  // namespace noroshi::tls
