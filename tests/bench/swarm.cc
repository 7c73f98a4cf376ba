#include "tests/bench/swarm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/check.h"
#include "common/tls/address.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kEventsMax = 512;
constexpr size_t kLineBytesMax = 4096;  // Of a greeting in plain.
constexpr std::chrono::milliseconds kTurn{50};

Error TlsError(size_t number, const char* what) {
  const unsigned long code = ::ERR_get_error();  // NOLINT: OpenSSL's type
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return Error{ErrorCode::kClosed, fmt::format("connection {}: {}: {}", number, what,
                                               reason != nullptr ? reason : "closed")};
}

using BioPtr = std::unique_ptr<BIO, decltype(&::BIO_free)>;

BioPtr Reader(const std::string& pem) {
  return {::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free};
}

}  // namespace

Swarm::Swarm(const SwarmOptions& options)
    : options_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(kReadBytes) {
  NOROSHI_CHECK(epoll_ >= 0);
}

Swarm::~Swarm() {
  for (const auto& connection : connections_) {
    Close(connection->number);
    ::SSL_SESSION_free(connection->session);
  }
  for (const Shown& shown : shown_) {
    ::X509_free(shown.certificate);
    ::EVP_PKEY_free(shown.key);
  }
  ::SSL_CTX_free(context_);
  ::close(epoll_);
}

Result<std::unique_ptr<Swarm>> Swarm::Make(const SwarmOptions& options) {
  NOROSHI_CHECK(!options.credentials.empty());
  std::unique_ptr<Swarm> swarm(new Swarm(options));
  NOROSHI_RETURN_IF_ERROR(swarm->LoadCredentials());
  return swarm;
}

Result<void> Swarm::LoadCredentials() {
  context_ = ::SSL_CTX_new(::TLS_client_method());
  NOROSHI_CHECK(context_ != nullptr);
  ::SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  NOROSHI_CHECK(::SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256") == 1);
  ::SSL_CTX_set_read_ahead(context_, 1);  // A record in one read.
  ::SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ::SSL_CTX_sess_set_new_cb(context_, OnNewSession);
  ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  const auto ca = Reader(options_.credentials.front().ca_pem);
  X509* anchor = ::PEM_read_bio_X509(ca.get(), nullptr, nullptr, nullptr);
  if (anchor == nullptr) return Error{ErrorCode::kInvalid, "no CA certificate"};
  ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context_), anchor);
  ::X509_free(anchor);
  for (const support::Credentials& credentials : options_.credentials) {
    const auto leaf = Reader(credentials.certificate_pem);
    const auto key = Reader(credentials.key_pem);
    shown_.push_back({::PEM_read_bio_X509(leaf.get(), nullptr, nullptr, nullptr),
                      ::PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr)});
    if (shown_.back().certificate == nullptr || shown_.back().key == nullptr) {
      return Error{ErrorCode::kInvalid, "credentials without certificate or key"};
    }
  }
  return {};
}

// The newest ticket stays with its connection.
int Swarm::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto* connection = static_cast<Connection*>(SSL_get_app_data(ssl));
  ::SSL_SESSION_free(connection->session);
  connection->session = session;
  return 1;
}

size_t Swarm::Add() {
  auto connection = std::make_unique<Connection>();
  connection->number = connections_.size();
  waiting_.push_back(connection.get());
  connections_.push_back(std::move(connection));
  return connections_.size() - 1;
}

void Swarm::Reopen(size_t number) {
  Connection* connection = connections_[number].get();
  NOROSHI_CHECK(connection->stage == Stage::kClosed);
  connection->stage = Stage::kWaiting;
  waiting_.push_back(connection);
}

void Swarm::Close(size_t number) {
  Connection* connection = connections_[number].get();
  if (connection->stage == Stage::kOpen) --open_;
  if (connection->stage == Stage::kHandshake || connection->stage == Stage::kGreeting) --shaking_;
  connection->stage = Stage::kClosed;
  connection->out.clear();
  connection->wants_write = false;
  if (connection->ssl != nullptr) {
    // Without this OpenSSL holds the session for a broken one and drops its ticket.
    ::SSL_set_shutdown(connection->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ::SSL_free(connection->ssl);
    connection->ssl = nullptr;
  }
  if (connection->descriptor >= 0) ::close(connection->descriptor);
  connection->descriptor = -1;
}

bool Swarm::resumed(size_t number) const {
  return ::SSL_session_reused(connections_[number]->ssl) == 1;
}

void Swarm::Fail(const Error& error) {
  if (!failed_) failed_ = error;
}

void Swarm::Send(size_t number, std::string_view bytes) {
  Connection* connection = connections_[number].get();
  connection->out += bytes;
  if (connection->dirty) return;
  connection->dirty = true;
  dirty_.push_back(connection);
}

Result<void> Swarm::StartWaiting() {
  while (!waiting_.empty() && shaking_ < options_.handshakes_max) {
    Connection* next = waiting_.back();
    waiting_.pop_back();
    NOROSHI_RETURN_IF_ERROR(Dial(next));
  }
  return {};
}

Result<void> Swarm::Dial(Connection* connection) {
  NOROSHI_ASSIGN_OR_RETURN(const auto address, tls::ParseHostPort(options_.address));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  NOROSHI_CHECK(::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) == 1);
  connection->descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->descriptor < 0) return ErrnoError("socket");
  // A loopback connection is made at once, or waits for a place in the backlog.
  if (::connect(connection->descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return ErrnoError("connect " + options_.address);
  }
  const int on = 1;
  ::setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(connection->descriptor, F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = connection;
  NOROSHI_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->descriptor, &event) == 0);
  ++shaking_;
  connection->stage = Stage::kGreeting;
  return options_.greeted_in_plain ? Result<void>() : StartTls(connection);
}

Result<void> Swarm::StartTls(Connection* connection) {
  connection->stage = Stage::kHandshake;
  connection->ssl = ::SSL_new(context_);
  NOROSHI_CHECK(connection->ssl != nullptr);
  SSL_set_app_data(connection->ssl, connection);
  const Shown& shown = shown_[connection->number % shown_.size()];
  NOROSHI_CHECK(::SSL_use_certificate(connection->ssl, shown.certificate) == 1 &&
                ::SSL_use_PrivateKey(connection->ssl, shown.key) == 1);
  if (!options_.alpn.empty()) {
    const std::string list = static_cast<char>(options_.alpn.size()) + options_.alpn;
    ::SSL_set_alpn_protos(connection->ssl, reinterpret_cast<const unsigned char*>(list.data()),
                          static_cast<unsigned>(list.size()));
  }
  if (options_.resume && connection->session != nullptr) {
    ::SSL_set_session(connection->ssl, connection->session);
  }
  SSL_set_tlsext_host_name(connection->ssl, "localhost");
  ::SSL_set_fd(connection->ssl, connection->descriptor);
  ::SSL_set_connect_state(connection->ssl);
  return Shake(connection);
}

Result<void> Swarm::Shake(Connection* connection) {
  ::ERR_clear_error();
  const int done = ::SSL_do_handshake(connection->ssl);
  if (done != 1) {
    if (::SSL_get_error(connection->ssl, done) == SSL_ERROR_WANT_READ) return {};
    return TlsError(connection->number, "handshake");
  }
  connection->stage = Stage::kOpen;
  --shaking_;
  ++open_;
  if (handlers_.open) handlers_.open(connection->number);
  return connection->stage == Stage::kOpen ? ReadAll(connection) : Result<void>();
}

Result<void> Swarm::OnReady(Connection* connection, uint32_t events) {
  switch (connection->stage) {
    case Stage::kGreeting: {
      char line[kLineBytesMax];
      const ssize_t got = ::recv(connection->descriptor, line, sizeof line, 0);
      if (got <= 0) return TlsError(connection->number, "greeting");
      // Nothing follows the line before we speak.
      return line[got - 1] == '\n' ? StartTls(connection) : Result<void>();
    }
    case Stage::kHandshake:
      return Shake(connection);
    case Stage::kOpen:
      if ((events & EPOLLOUT) != 0) NOROSHI_RETURN_IF_ERROR(Flush(connection));
      if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return {};
      return ReadAll(connection);
    case Stage::kWaiting:
    case Stage::kClosed:
      return {};  // Closed by another connection's handler in this turn.
  }
  return {};
}

Result<void> Swarm::ReadAll(Connection* connection) {
  while (connection->stage == Stage::kOpen) {
    ::ERR_clear_error();
    const int got = ::SSL_read(connection->ssl, buffer_.data(), static_cast<int>(buffer_.size()));
    if (got <= 0) {
      if (::SSL_get_error(connection->ssl, got) == SSL_ERROR_WANT_READ) return {};
      return TlsError(connection->number, "read");
    }
    if (handlers_.bytes) handlers_.bytes(connection->number, {buffer_.data(), size_t(got)});
  }
  return {};
}

Result<void> Swarm::Watch(Connection* connection, bool write) {
  if (connection->wants_write == write) return {};
  connection->wants_write = write;
  epoll_event event{};
  event.events = write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = connection;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection->descriptor, &event) == 0) return {};
  return ErrnoError("epoll_ctl");
}

Result<void> Swarm::Flush(Connection* connection) {
  size_t done = 0;
  std::string& out = connection->out;
  while (done < out.size()) {
    ::ERR_clear_error();
    const int wrote =
        ::SSL_write(connection->ssl, out.data() + done, static_cast<int>(out.size() - done));
    if (wrote <= 0) {
      if (::SSL_get_error(connection->ssl, wrote) != SSL_ERROR_WANT_WRITE) {
        return TlsError(connection->number, "write");
      }
      break;
    }
    done += static_cast<size_t>(wrote);
  }
  out.erase(0, done);
  return Watch(connection, !out.empty());
}

Result<void> Swarm::FlushDirty() {
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Connection* connection = dirty_[i];
    connection->dirty = false;
    if (connection->stage == Stage::kOpen && !connection->wants_write) {
      NOROSHI_RETURN_IF_ERROR(Flush(connection));
    }
  }
  dirty_.clear();
  return {};
}

Result<void> Swarm::Run(const std::function<bool()>& done, std::chrono::milliseconds timeout) {
  const auto end = Steady::now() + timeout;
  std::vector<epoll_event> events(kEventsMax);
  while (true) {
    NOROSHI_RETURN_IF_ERROR(StartWaiting());
    NOROSHI_RETURN_IF_ERROR(FlushDirty());
    if (failed_) return *failed_;
    if (done()) return {};
    if (Steady::now() > end) return Error{ErrorCode::kTimeout, "the server does not answer"};
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(kTurn.count()));
    if (ready < 0 && errno != EINTR) return ErrnoError("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      NOROSHI_RETURN_IF_ERROR(OnReady(connection, events[i].events));
    }
  }
}

Result<void> Swarm::RunUntilOpen() {
  const std::chrono::minutes patience(1 + size() / 1000);
  return Run([this] { return open_ == connections_.size(); }, patience);
}

}  // namespace noroshi::bench
