#include "common/tls/stream.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "common/tls/context_impl.h"
#include "common/tls/socket_bio.h"

namespace noroshi::tls {
namespace asio = boost::asio;
using asio::ip::tcp;
using Deadline = std::chrono::steady_clock::time_point;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr size_t kDepartPieceBytes = 4096;

Deadline After(TlsStream::Duration timeout) { return std::chrono::steady_clock::now() + timeout; }

std::string AddressOf(const tcp::socket& socket) {
  boost::system::error_code ignored;
  const auto endpoint = socket.remote_endpoint(ignored);
  if (ignored) return "unknown";
  const auto address = endpoint.address();
  return fmt::format(fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), address.to_string(),
                     endpoint.port());
}

bool IsAlert(unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
         reason < SSL_AD_REASON_OFFSET + 256;
}

// What OpenSSL's queue says, as "<word>: <sentence>".
Error FromQueue() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return Error{ErrorCode::kClosed, "closed: the other side cut the connection"};
  }
  const char* text = ERR_reason_error_string(code);
  const std::string sentence = text == nullptr ? "unknown reason" : text;
  ERR_clear_error();
  if (IsAlert(code)) return Error{ErrorCode::kDenied, "alert: the other side says: " + sentence};
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return Error{ErrorCode::kDenied, "certificate_missing: no certificate was presented"};
  }
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_VERSION_NUMBER ||
      reason == SSL_R_VERSION_TOO_LOW) {
    return Error{ErrorCode::kDenied, "tls_version: TLS 1.3 is the only version: " + sentence};
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_BAD_SIGNATURE) {
    return Error{ErrorCode::kDenied,
                 "certificate_proof: whoever shows the certificate does not hold its key"};
  }
  if (ERR_GET_LIB(code) == ERR_LIB_ASN1) {
    return Error{ErrorCode::kInvalid, "certificate_invalid: unreadable: " + sentence};
  }
  return Error{ErrorCode::kInvalid, "tls_error: " + sentence};
}

}  // namespace

// One direction's wait and its deadline. A timer that stays armed looks, when it
// fires, whether a wait is due, and else arms itself for the present one.
struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  Deadline deadline;
  bool armed = false;
  bool waiting = false;
  bool expired = false;
};

struct TlsStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(tcp::socket s, std::string a)
      : socket(std::move(s)),
        address(std::move(a)),
        reading(socket.get_executor()),
        writing(socket.get_executor()) {}

  tcp::socket socket;
  std::string address;
  HandshakeState state;  // Before ssl: outlives it.
  SslPtr ssl;
  Waiter reading;
  Waiter writing;
  Pacer* pacer = nullptr;
  bool closed = false;
  bool timers_stay = false;
  bool broken = false;   // After a fatal TLS error nothing more may be sent.
  bool refused = false;  // By us, in or after the handshake.
  size_t dropped = 0;    // Bytes that came after that.

  void Arm(Waiter* waiter);
  static void Disarm(Waiter* waiter);
  asio::awaitable<Result<void>> Wait(bool for_read, Deadline deadline);
  // After a call returned `result`: waits if OpenSSL asks for it, else explains.
  asio::awaitable<Result<void>> Continue(int result, Deadline deadline);
  // Why a call failed, by what SSL_get_error says.
  Error Explain(int why);
  Result<Peer> Finish();
  // close_notify, once and if it may still be sent.
  void SayGoodbye();
  void BeginToDepart();
  // True: more may come.
  bool DropWhatWaits();
  void Close();
};

void TlsStream::Impl::Arm(Waiter* waiter) {
  waiter->armed = true;
  waiter->timer.expires_at(waiter->deadline);
  waiter->timer.async_wait(
      [self = shared_from_this(), waiter](const boost::system::error_code& error) {
        if (error) return;  // Armed anew, or closed.
        waiter->armed = false;
        if (!waiter->waiting) return;
        if (std::chrono::steady_clock::now() < waiter->deadline) return self->Arm(waiter);
        waiter->expired = true;
        boost::system::error_code ignored;
        self->socket.cancel(ignored);
      });
}

void TlsStream::Impl::Disarm(Waiter* waiter) {
  waiter->timer.cancel();
  waiter->armed = false;
}

asio::awaitable<Result<void>> TlsStream::Impl::Wait(bool for_read, Deadline deadline) {
  if (closed) co_return Error{ErrorCode::kClosed, "closed: on our side"};
  Waiter& waiter = for_read ? reading : writing;
  waiter.expired = false;
  waiter.waiting = true;
  waiter.deadline = deadline;
  if (!waiter.armed || waiter.timer.expiry() > deadline) Arm(&waiter);
  const auto [error] = co_await socket.async_wait(
      for_read ? tcp::socket::wait_read : tcp::socket::wait_write, kToken);
  waiter.waiting = false;
  if (!timers_stay) Disarm(&waiter);
  if (closed) co_return Error{ErrorCode::kClosed, "closed: on our side"};
  if (waiter.expired) co_return Error{ErrorCode::kTimeout, "timeout: no progress in time"};
  // The other direction's deadline cancels both waits: this one just tries again.
  if (error == asio::error::operation_aborted) co_return Result<void>();
  if (error) co_return Error{ErrorCode::kClosed, "closed: " + error.message()};
  co_return Result<void>();
}

asio::awaitable<Result<void>> TlsStream::Impl::Continue(int result, Deadline deadline) {
  const int want = SSL_get_error(ssl.get(), result);
  if (want == SSL_ERROR_WANT_READ) co_return co_await Wait(/*for_read=*/true, deadline);
  if (want == SSL_ERROR_WANT_WRITE) co_return co_await Wait(/*for_read=*/false, deadline);
  co_return Explain(want);
}

Error TlsStream::Impl::Explain(int why) {
  if (why == SSL_ERROR_ZERO_RETURN) return {ErrorCode::kClosed, "closed: by the other side"};
  broken = true;
  const int number = errno;
  if (why != SSL_ERROR_SYSCALL || ERR_peek_error() != 0) return FromQueue();
  // Else OpenSSL would forget the session, which is as good as it was.
  SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN);
  return {ErrorCode::kClosed,
          // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe.
          fmt::format("closed: {}", number == 0 ? "cut" : std::strerror(number))};
}

Result<Peer> TlsStream::Impl::Finish() {
  Peer peer;
  peer.resumed = SSL_session_reused(ssl.get()) == 1;
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl.get(), &alpn, &alpn_size);
  if (alpn_size > 0) peer.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  if (state.context->server && !state.context->web && peer.alpn.empty()) {
    return Error{ErrorCode::kDenied, "alpn: the client offers no protocol of ours"};
  }
  if (!state.context->server && peer.alpn != state.context->alpn) {
    return Error{ErrorCode::kDenied, "alpn: the server does not speak " + state.context->alpn};
  }
  if (peer.alpn == kAlpnAgent && SSL_get0_peer_certificate(ssl.get()) == nullptr) {
    return Error{ErrorCode::kDenied, "certificate_missing: no certificate was presented"};
  }
  if (X509* certificate = SSL_get0_peer_certificate(ssl.get())) {
    // A resumed session skipped the check, and time has passed since it was made.
    if (peer.resumed && !state.context->CheckAgain(certificate, &state)) {
      return Error{ErrorCode::kDenied, state.refusal};
    }
    auto info = ReadParsed(certificate);
    if (!info.ok()) return info.error().Prefixed("certificate_invalid");
    peer.certificate = std::move(*info);
  }
  peer.expired = state.expired;
  return peer;
}

void TlsStream::Impl::SayGoodbye() {
  if (!broken && SSL_is_init_finished(ssl.get()) == 1) SSL_shutdown(ssl.get());
  broken = true;
  ERR_clear_error();
}

void TlsStream::Impl::BeginToDepart() {
  if (!refused || closed) return;
  SayGoodbye();
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

bool TlsStream::Impl::DropWhatWaits() {
  char bytes[kDepartPieceBytes];
  ssize_t got = 1;
  while (got > 0 && !closed && dropped < kDepartBytesMax) {
    got = ::recv(socket.native_handle(), bytes, sizeof bytes, 0);  // Asio's would wait.
    if (got > 0) dropped += static_cast<size_t>(got);
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

void TlsStream::Impl::Close() {
  if (closed) return;
  closed = true;
  SayGoodbye();
  reading.timer.cancel();
  writing.timer.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

Result<std::unique_ptr<TlsStream>> TlsStream::Make(tcp::socket socket, const Context& context) {
  boost::system::error_code error;
  socket.native_non_blocking(true, error);
  if (error) return Error{ErrorCode::kIo, "socket: " + error.message()};
  socket.set_option(tcp::no_delay(true), error);
  if (error) return Error{ErrorCode::kIo, "socket: " + error.message()};
  std::string address = AddressOf(socket);
  auto impl = std::make_shared<Impl>(std::move(socket), std::move(address));
  auto ssl = context.impl().NewSsl(&impl->state);
  if (!ssl.ok()) return ssl.error();
  impl->ssl = std::move(*ssl);
  BioPtr bio = MakeSocketBio(impl->socket.native_handle());
  if (!bio) return OpensslError("TLS connection");
  BIO* owned = bio.release();
  SSL_set_bio(impl->ssl.get(), owned, owned);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
}

TlsStream::TlsStream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsStream::~TlsStream() { impl_->Close(); }
void TlsStream::SetPacer(Pacer* pacer) { impl_->pacer = pacer; }

asio::awaitable<Result<Peer>> TlsStream::Handshake(Duration timeout) {
  const auto self = impl_;
  const Deadline deadline = After(timeout);
  while (true) {
    if (self->pacer != nullptr && !self->pacer->MayGo()) co_await self->pacer->Wait();
    if (self->closed) co_return Error{ErrorCode::kClosed, "closed: on our side"};
    ERR_clear_error();
    const int result = SSL_do_handshake(self->ssl.get());
    if (self->pacer != nullptr) self->pacer->Spend(kHandshakeStepBytes);
    if (result == 1) {
      Result<Peer> peer = self->Finish();
      self->refused = !peer.ok();
      co_return peer;
    }
    Result<void> next = co_await self->Continue(result, deadline);
    if (next.ok()) continue;
    if (!self->state.refusal.empty()) next = Error{ErrorCode::kDenied, self->state.refusal};
    const ErrorCode code = next.error().code;
    self->refused = code == ErrorCode::kDenied || code == ErrorCode::kInvalid;
    co_return next.error();
  }
}

asio::awaitable<void> TlsStream::Depart(Duration linger) {
  const auto self = impl_;
  const Deadline deadline = After(linger);
  self->BeginToDepart();
  bool waiting = self->refused;
  while (waiting && self->DropWhatWaits()) {
    Result<void> next = co_await self->Wait(/*for_read=*/true, deadline);
    waiting = next.ok();
  }
  self->Close();
}

asio::awaitable<Result<size_t>> TlsStream::ReadSome(std::span<char> buffer, Duration timeout) {
  const auto self = impl_;
  const Deadline deadline = After(timeout);
  while (true) {
    if (self->pacer != nullptr && !self->pacer->MayGo()) co_await self->pacer->Wait();
    if (self->closed) co_return Error{ErrorCode::kClosed, "closed: on our side"};
    ERR_clear_error();
    size_t got = 0;
    const int result = SSL_read_ex(self->ssl.get(), buffer.data(), buffer.size(), &got);
    if (self->pacer != nullptr) self->pacer->Spend(got);
    if (result == 1) co_return got;
    Result<void> next = co_await self->Continue(result, deadline);
    if (!next.ok()) co_return next.error();
  }
}

asio::awaitable<Result<void>> TlsStream::Write(std::string_view bytes, Duration timeout) {
  const auto self = impl_;
  Deadline deadline = After(timeout);
  while (!bytes.empty()) {
    if (self->closed) co_return Error{ErrorCode::kClosed, "closed: on our side"};
    ERR_clear_error();
    size_t written = 0;
    const int result = SSL_write_ex(self->ssl.get(), bytes.data(), bytes.size(), &written);
    if (result == 1) {
      bytes.remove_prefix(written);
      deadline = After(timeout);
      continue;
    }
    Result<void> next = co_await self->Continue(result, deadline);
    if (!next.ok()) co_return next.error();
  }
  co_return Result<void>();
}

Result<size_t> TlsStream::WriteNow(std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    if (impl_->closed) return Error{ErrorCode::kClosed, "closed: on our side"};
    ERR_clear_error();
    size_t written = 0;
    const int result =
        SSL_write_ex(impl_->ssl.get(), bytes.data() + done, bytes.size() - done, &written);
    done += written;
    if (result == 1) continue;
    const int want = SSL_get_error(impl_->ssl.get(), result);
    if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) break;
    return impl_->Explain(want);
  }
  return done;
}

void TlsStream::LetTimersStay() { impl_->timers_stay = true; }
void TlsStream::Close() { impl_->Close(); }
asio::any_io_executor TlsStream::executor() { return impl_->socket.get_executor(); }
const std::string& TlsStream::peer_address() const { return impl_->address; }
size_t TlsStream::pending() const { return static_cast<size_t>(SSL_pending(impl_->ssl.get())); }

}  // namespace noroshi::tls
