#include "tests/support/wire_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/tls/certificate.h"
#include "common/tls/token.h"

namespace noroshi::support {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

Error TlsError(std::string_view what) {
  std::string message(what);
  while (const unsigned long code = ::ERR_get_error()) {  // NOLINT: OpenSSL's type
    char text[256];
    ::ERR_error_string_n(code, text, sizeof text);
    message += std::string(": ") + text;
  }
  return Error{ErrorCode::kClosed, message};
}

sockaddr_in Ipv4(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  NOROSHI_CHECK(::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1);
  return address;
}

Result<int> ConnectSocket(const std::string& address, const std::string& from,
                          int receive_buffer_bytes) {
  const size_t colon = address.rfind(':');
  NOROSHI_CHECK(colon != std::string::npos);
  const sockaddr_in to = Ipv4(address.substr(0, colon), std::atoi(address.c_str() + colon + 1));
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ErrnoError("socket");
  const int on = 1;
  if (!from.empty()) {
    const sockaddr_in own = Ipv4(from, 0);
    ::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    NOROSHI_CHECK(::bind(descriptor, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  }
  if (receive_buffer_bytes > 0) {
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes);
  }
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    Error error = ErrnoError("connect " + address);
    ::close(descriptor);
    return error;
  }
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  return descriptor;
}

struct PemReader {
  explicit PemReader(const std::string& pem)
      : bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))) {}
  ~PemReader() { ::BIO_free(bio); }
  BIO* bio;
};

void Trust(SSL_CTX* context, const std::string& ca_pem) {
  if (ca_pem.empty()) return;
  PemReader reader(ca_pem);
  X509* certificate = ::PEM_read_bio_X509(reader.bio, nullptr, nullptr, nullptr);
  NOROSHI_CHECK(certificate != nullptr);
  ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), certificate);
  ::X509_free(certificate);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

void ShowCertificate(SSL_CTX* context, const Credentials& credentials) {
  if (credentials.certificate_pem.empty()) return;
  PemReader chain(credentials.certificate_pem);
  X509* leaf = ::PEM_read_bio_X509(chain.bio, nullptr, nullptr, nullptr);
  NOROSHI_CHECK(leaf != nullptr);
  NOROSHI_CHECK(::SSL_CTX_use_certificate(context, leaf) == 1);
  ::X509_free(leaf);
  while (X509* issuer = ::PEM_read_bio_X509(chain.bio, nullptr, nullptr, nullptr)) {
    NOROSHI_CHECK(::SSL_CTX_add_extra_chain_cert(context, issuer) == 1);
  }
  ::ERR_clear_error();  // The end of the chain reads as an error.
  PemReader key_reader(credentials.key_pem);
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(key_reader.bio, nullptr, nullptr, nullptr);
  NOROSHI_CHECK(key != nullptr);
  NOROSHI_CHECK(::SSL_CTX_use_PrivateKey(context, key) == 1);
  ::EVP_PKEY_free(key);
}

}  // namespace

Result<std::unique_ptr<WireClient>> WireClient::ConnectPlain(const std::string& address,
                                                             const std::string& from) {
  NOROSHI_ASSIGN_OR_RETURN(const int descriptor, ConnectSocket(address, from, 0));
  return std::unique_ptr<WireClient>(new WireClient(descriptor));
}

Result<std::unique_ptr<WireClient>> WireClient::Connect(const WireOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(const int descriptor, ConnectSocket(options.address, options.from,
                                                               options.receive_buffer_bytes));
  std::unique_ptr<WireClient> client(new WireClient(descriptor));
  NOROSHI_RETURN_IF_ERROR(client->StartTls(options));
  return client;
}

Result<std::unique_ptr<WireClient>> WireClient::ConnectHalf(const WireOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(auto client, ConnectPlain(options.address, options.from));
  client->PrepareTls(options);
  ::SSL_connect(client->ssl_);
  return client;
}

WireClient::~WireClient() {
  ::SSL_free(ssl_);
  ::SSL_CTX_free(context_);
  ::close(descriptor_);
}

void WireClient::PrepareTls(const WireOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  context_ = ::SSL_CTX_new(::TLS_client_method());
  NOROSHI_CHECK(context_ != nullptr);
  const int version = options.tls_version == 0 ? TLS1_3_VERSION : options.tls_version;
  ::SSL_CTX_set_min_proto_version(context_, version);
  ::SSL_CTX_set_max_proto_version(context_, version);
  ::SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  Trust(context_, options.credentials.ca_pem);
  ShowCertificate(context_, options.credentials);
  ssl_ = ::SSL_new(context_);
  if (!options.alpn.empty()) {
    const std::string list = static_cast<char>(options.alpn.size()) + options.alpn;
    ::SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(list.data()),
                          static_cast<unsigned>(list.size()));
  }
  ::SSL_set_tlsext_host_name(ssl_, "localhost");
  ::SSL_set_fd(ssl_, descriptor_);
  if (options.session.empty()) return;
  const auto* bytes = reinterpret_cast<const unsigned char*>(options.session.data());
  SSL_SESSION* session =
      ::d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(options.session.size()));  // NOLINT
  NOROSHI_CHECK(session != nullptr && ::SSL_set_session(ssl_, session) == 1);
  ::SSL_SESSION_free(session);
}

Result<void> WireClient::StartTls(const WireOptions& options) {
  PrepareTls(options);
  const Deadline deadline(kPatience);
  while (true) {
    ::ERR_clear_error();
    const int done = ::SSL_connect(ssl_);
    if (done == 1) return {};
    const int want = ::SSL_get_error(ssl_, done);
    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return TlsError("handshake");
    NOROSHI_RETURN_IF_ERROR(Wait(want, deadline));
  }
}

Result<void> WireClient::Wait(int want, const Deadline& deadline) {
  const short events = want == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;  // NOLINT: poll's type
  pollfd descriptor{descriptor_, events, 0};
  if (::poll(&descriptor, 1, static_cast<int>(deadline.Left().count())) > 0) return {};
  return Error{ErrorCode::kTimeout, "the hub neither reads nor answers"};
}

Result<void> WireClient::Send(const v1::AgentFrame& frame) {
  const std::string message = frame.SerializeAsString();
  std::string bytes;
  AppendBigEndian32(static_cast<uint32_t>(message.size()), &bytes);
  return SendBytes(bytes + message);
}

Result<size_t> WireClient::TrySend(std::string_view bytes) {
  ::ERR_clear_error();
  if (ssl_ == nullptr) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno == EAGAIN) return size_t{0};
    return ErrnoError("send");
  }
  const int sent = ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  if (sent > 0) return static_cast<size_t>(sent);
  const int want = ::SSL_get_error(ssl_, sent);
  if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) return size_t{0};
  return TlsError("send");
}

Result<void> WireClient::SendBytes(std::string_view bytes) {
  const Deadline deadline(kPatience);
  while (!bytes.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const size_t sent, TrySend(bytes));
    bytes.remove_prefix(sent);
    if (sent == 0) NOROSHI_RETURN_IF_ERROR(Wait(SSL_ERROR_WANT_WRITE, deadline));
  }
  return {};
}

Result<size_t> WireClient::TryDiscard(size_t max) {
  char bytes[kReadBytes];
  ::ERR_clear_error();
  const int got = ::SSL_read(ssl_, bytes, static_cast<int>(std::min(max, sizeof bytes)));
  if (got > 0) return static_cast<size_t>(got);
  const int want = ::SSL_get_error(ssl_, got);
  if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) return size_t{0};
  return TlsError("closed");
}

Result<bool> WireClient::TryKeyUpdate() {
  ::ERR_clear_error();
  ::SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED);
  const int done = ::SSL_do_handshake(ssl_);
  if (done == 1) return true;
  const int want = ::SSL_get_error(ssl_, done);
  if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) return false;
  return TlsError("key update");
}

std::string WireClient::TakeSession() const {
  SSL_SESSION* session = ::SSL_get1_session(ssl_);
  std::string bytes;
  if (session != nullptr && ::SSL_SESSION_is_resumable(session) == 1) {
    bytes.resize(static_cast<size_t>(::i2d_SSL_SESSION(session, nullptr)));
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    ::i2d_SSL_SESSION(session, &out);
  }
  ::SSL_SESSION_free(session);
  return bytes;
}

bool WireClient::Resumed() const { return ::SSL_session_reused(ssl_) == 1; }

Result<size_t> WireClient::ReadSome(char* data, size_t size, const Deadline& deadline) {
  while (true) {
    ::ERR_clear_error();
    int want = SSL_ERROR_WANT_READ;
    ssize_t got = 0;
    if (ssl_ != nullptr) {
      got = ::SSL_read(ssl_, data, static_cast<int>(size));
      if (got <= 0) want = ::SSL_get_error(ssl_, static_cast<int>(got));
    } else {
      got = ::recv(descriptor_, data, size, 0);
      if (got == 0) return Error{ErrorCode::kClosed, "closed"};
      if (got < 0 && errno != EAGAIN) return Error{ErrorCode::kClosed, ErrnoError("recv").message};
    }
    if (got > 0) return static_cast<size_t>(got);
    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return TlsError("closed");
    NOROSHI_RETURN_IF_ERROR(Wait(want, deadline));
  }
}

Result<v1::HubFrame> WireClient::Receive(Milliseconds timeout) {
  const Deadline deadline(timeout);
  while (true) {
    if (buffer_.size() >= 4 && buffer_.size() - 4 >= ReadBigEndian32(buffer_)) {
      const size_t size = ReadBigEndian32(buffer_);
      v1::HubFrame frame;
      const bool parsed = frame.ParseFromArray(buffer_.data() + 4, static_cast<int>(size));
      buffer_.erase(0, 4 + size);
      if (!parsed) return Error{ErrorCode::kCorruption, "the hub sent something unreadable"};
      return frame;
    }
    char bytes[kReadBytes];
    NOROSHI_ASSIGN_OR_RETURN(const size_t got, ReadSome(bytes, sizeof bytes, deadline));
    buffer_.append(bytes, got);
  }
}

bool WireClient::Readable(Milliseconds timeout) {
  if (buffer_.size() >= 4 && buffer_.size() - 4 >= ReadBigEndian32(buffer_)) return true;
  if (ssl_ != nullptr && ::SSL_pending(ssl_) > 0) return true;
  pollfd descriptor{descriptor_, POLLIN, 0};
  return ::poll(&descriptor, 1, static_cast<int>(timeout.count())) > 0;
}

Result<Credentials> Enroll(const std::string& token, const std::string& address) {
  NOROSHI_ASSIGN_OR_RETURN(const tls::EnrollToken parsed, tls::ParseToken(token));
  Credentials credentials;
  NOROSHI_ASSIGN_OR_RETURN(credentials.key_pem, tls::GeneratePrivateKeyPem());
  WireOptions options;
  options.address = address;
  options.alpn = "noroshi-enroll/1";
  NOROSHI_ASSIGN_OR_RETURN(auto client, WireClient::Connect(options));
  v1::AgentFrame frame;
  frame.mutable_enroll()->set_token_secret(parsed.secret);
  NOROSHI_ASSIGN_OR_RETURN(*frame.mutable_enroll()->mutable_csr_der(),
                           tls::MakeCsr(credentials.key_pem, "test"));
  NOROSHI_RETURN_IF_ERROR(client->Send(frame));
  NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client->Receive());
  const v1::Certificate& issued = answer.certificate();
  if (!issued.error().empty() || issued.chain_der_size() < 2) {
    return Error{ErrorCode::kDenied, "not enrolled: " + answer.ShortDebugString()};
  }
  const std::string& ca_der = issued.chain_der(issued.chain_der_size() - 1);
  if (Sha256Of(ca_der) != parsed.ca_sha256) {
    return Error{ErrorCode::kDenied, "the CA is not the one that the token names"};
  }
  credentials.organization = issued.organization();
  credentials.ca_pem = tls::CertificateDerToPem(ca_der);
  credentials.certificate_pem = tls::CertificateDerToPem(issued.chain_der(0));
  credentials.log_public_key = issued.log_public_key();
  return credentials;
}

}  // namespace noroshi::support
