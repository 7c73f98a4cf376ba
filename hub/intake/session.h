// Session: one connection, its coroutines and its end. Only for hub/intake.
//
// A reader runs from the handshake to the end; output goes out at once, and a
// writer runs only for what the socket does not take, so that an idle session
// costs one suspended read.
//
// Threads: intake's, which runs one io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/tls/stream.h"
#include "common/wire/frame.h"
#include "hub/intake/conversation.h"
#include "hub/intake/turns.h"

namespace noroshi::intake {

class Session;

// What a session needs of its intake; outlives it.
struct Host {
  boost::asio::io_context& io;
  Services& services;
  // All sessions read into this one buffer: they share a thread, and what was
  // read is used up before anything else runs.
  std::span<char> read_buffer;
  Turns& turns;
  // The other side is known, or gone: it is no stranger any more.
  std::function<void(const Session*)> stranger_over;
  std::function<void(const std::shared_ptr<Session>&)> session_over;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Host& host, std::unique_ptr<tls::TlsStream> stream);

  // From handshake to close; runs once.
  boost::asio::awaitable<void> Run();
  // Says Goodbye and closes; before the handshake's end it just closes.
  void End(std::string_view code, std::string_view reason, uint32_t retry_after_ms = 0);
  // Closes at once.
  void Close();
  // Closes because newer strangers need the place.
  void GiveWay();
  // Closes, and waits for no answer of the journal any more.
  void Abandon();
  const std::string& peer_address() const { return stream_->peer_address(); }
  // Whose it is; nullptr before the handshake's end and while enrolling.
  const tls::Identity* identity() const;

 private:
  // Starts the conversation, or refuses. False: nothing can be said, only closed.
  bool Begin(const tls::Peer& peer);
  void RefuseHandshake(const Error& error);
  // Whether a line may be written about this session; if not, that is counted.
  bool MayLog();
  boost::asio::awaitable<void> Converse();
  boost::asio::awaitable<void> WaitUntilResumed();
  // Sends what there is, as far as the socket takes it; the rest in WriteRest.
  void WriteOutput();
  boost::asio::awaitable<void> WriteRest(std::string bytes, size_t written);
  void OnWritten(size_t bytes);
  void OnBytes(std::string_view bytes);
  void OnReadTimeout();
  tls::TlsStream::Duration ReadTimeout() const;
  void OnMail();
  // The connection is gone, but its submissions still take their organisation's
  // share of the journal: the session lasts until they are answered.
  boost::asio::awaitable<void> WaitUntilAnswered();
  // After anything that may have changed the conversation: writes, resumes, lingers.
  void Proceed();
  void Finish();

  Host& host_;
  const std::unique_ptr<tls::TlsStream> stream_;
  Turn turn_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<Conversation> conversation_;
  wire::FrameDecoder decoder_;
  std::chrono::steady_clock::time_point began_;          // End of the handshake.
  std::chrono::steady_clock::time_point frame_began_;    // First byte of an unfinished frame.
  std::unique_ptr<boost::asio::steady_timer> resume_;    // Exists while reading is paused.
  std::unique_ptr<boost::asio::steady_timer> linger_;    // Exists once the conversation is over.
  std::unique_ptr<boost::asio::steady_timer> answered_;  // Exists in WaitUntilAnswered.
  bool admitted_ = false;                                // Counted in admission.
  bool writing_ = false;
  bool broken_ = false;
  bool gave_way_ = false;
  bool abandoned_ = false;
};

}  // namespace noroshi::intake
