// TlsStream: TLS 1.3 over an Asio TCP socket, driving OpenSSL directly on the
// socket's descriptor. asio::ssl::stream keeps two 17 KiB buffers for each
// connection; this keeps none while a connection is idle.
//
// Threads: one strand (the socket's executor). One read and one write may be
// under way at a time. Deadlines: each call takes one; when it passes, the call
// returns kTimeout. After a handshake's or a write's the stream is only fit for
// Close(); after a read's it can still write (a last word) and read.
// Cancelling: Close() from the same strand ends waiting calls with kClosed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tls/certificate.h"
#include "common/tls/context.h"

namespace noroshi::tls {

// Why and with whom a handshake ended well.
struct Peer {
  std::optional<CertificateInfo>
      certificate;       // Of the other side, verified; absent if it sent none.
  bool expired = false;  // Only past its end (within the context's grace); else fully valid.
  bool resumed = false;
  std::string alpn;
};

// Shares a thread fairly among many streams. A stream asks it before it works on
// the other side's bytes, and tells it afterwards how many there were.
class Pacer {
 public:
  virtual ~Pacer() = default;
  virtual bool MayGo() const = 0;
  // Returns when the stream may go on.
  virtual boost::asio::awaitable<void> Wait() = 0;
  virtual void Spend(size_t bytes) = 0;
};

// What a handshake's step costs, told to the pacer in bytes: its signatures take
// about as long as so many bytes of submissions.
inline constexpr size_t kHandshakeStepBytes = 16 * 1024;

// What Depart reads and drops of somebody who goes on sending.
inline constexpr size_t kDepartBytesMax = 64 * 1024;

class TlsStream {
 public:
  using Duration = std::chrono::milliseconds;

  // Takes over a connected socket and sets it non-blocking, TCP_NODELAY. The
  // context must outlive the stream.
  static Result<std::unique_ptr<TlsStream>> Make(boost::asio::ip::tcp::socket socket,
                                                 const Context& context);
  ~TlsStream();
  // Before the first call, if at all. It must outlive every call.
  void SetPacer(Pacer* pacer);

  // As server or client by the context. The error names the alert or the
  // certificate rule (e.g. "certificate has expired").
  boost::asio::awaitable<Result<Peer>> Handshake(Duration timeout);

  // After Handshake refused the other side: lets it read why, dropping what it still
  // sends, until it closes, for at most `linger` and kDepartBytesMax; then closes. Were
  // the socket closed with bytes unread, its reset could overtake our alert. After any
  // other end it only closes.
  boost::asio::awaitable<void> Depart(Duration linger);

  // At least one byte; kClosed at the orderly end of the stream.
  boost::asio::awaitable<Result<size_t>> ReadSome(std::span<char> buffer, Duration timeout);
  // All of it. The timeout holds for every write that makes no progress.
  boost::asio::awaitable<Result<void>> Write(std::string_view bytes, Duration timeout);
  // As much of it as the socket takes without waiting; the rest is for Write. Not
  // while a Write is under way.
  Result<size_t> WriteNow(std::string_view bytes);
  // Timers stay armed from one wait to the next, since nearly all waits end in
  // time and arming costs more than they do. Until Close they then keep the
  // io_context from running out of work.
  void LetTimersStay();
  // Sends close_notify if that needs no waiting, and closes. Idempotent.
  void Close();

  boost::asio::any_io_executor executor();
  // "192.0.2.7:4711", for logs.
  const std::string& peer_address() const;
  // Bytes that the other side has sent and we have decrypted but not read; 0 almost always.
  size_t pending() const;

 private:
  struct Impl;
  explicit TlsStream(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // Shared with calls and timers under way.
};

}  // namespace noroshi::tls
