#include "hub/intake/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/log/log.h"
#include "hub/intake/codes.h"

namespace noroshi::intake {
namespace asio = boost::asio;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

const Error kCrowded{ErrorCode::kOverloaded,
                     "crowded: too many handshakes at once, and this one was not finished"};
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

int64_t SteadyMs() {
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

milliseconds Remaining(steady_clock::time_point since, milliseconds allowed) {
  const auto left = duration_cast<milliseconds>(since + allowed - steady_clock::now());
  return std::max(left, milliseconds(0));
}

}  // namespace

Session::Session(Host& host, std::unique_ptr<tls::TlsStream> stream)
    : host_(host), stream_(std::move(stream)), turn_(host.turns) {
  stream_->SetPacer(&turn_);
}

const tls::Identity* Session::identity() const {
  if (!conversation_ || conversation_->party().mode == Mode::kEnroll) return nullptr;
  return &conversation_->party().identity;
}

asio::awaitable<void> Session::Run() {
  const auto self = shared_from_this();
  auto peer = co_await stream_->Handshake(host_.services.limits.handshake_timeout);
  if (!peer.ok()) {
    RefuseHandshake(gave_way_ ? kCrowded : peer.error());
    co_await stream_->Depart(host_.services.limits.linger);
  } else if (Begin(*peer)) {
    co_await Converse();
    co_await WaitUntilAnswered();
  }
  Finish();
  host_.session_over(self);
}

bool Session::MayLog() {
  const tls::Identity* who = identity();
  if (host_.services.admission.MayLog(who == nullptr ? "" : who->organization, SteadyMs())) {
    return true;
  }
  host_.services.counters.Update([](Stats& stats) { ++stats.log_lines_dropped; });
  return false;
}

void Session::RefuseHandshake(const Error& error) {
  const std::string word = WordOf(error.message);
  host_.services.counters.Update([&](Stats& stats) { ++stats.handshakes_refused[word]; });
  if (!MayLog()) return;  // Counted all the same.
  Log(Level::kWarning, "handshake_refused",
      {{"peer", stream_->peer_address()}, {"reason", error.message}});
}

bool Session::Begin(const tls::Peer& peer) {
  Services& services = host_.services;
  Party party;
  if (peer.alpn == tls::kAlpnEnroll) {
    party.mode = Mode::kEnroll;
  } else {
    auto identity = tls::AgentIdentity(*peer.certificate);
    if (!identity.ok()) {
      RefuseHandshake(identity.error().Prefixed("certificate_identity"));
      return false;
    }
    party.identity = *identity;
    party.serial = peer.certificate->serial;
    party.not_after_ms = peer.certificate->not_after_ms;
    party.mode = peer.expired ? Mode::kRenewOnly : Mode::kAgent;
    host_.stranger_over(this);
    turn_.Join(party.identity.organization);
  }
  began_ = steady_clock::now();
  mailbox_ = std::make_shared<Mailbox>([io = &host_.io, weak = weak_from_this()] {
    asio::post(*io, [weak] {
      if (const auto session = weak.lock()) session->OnMail();
    });
  });
  conversation_ = std::make_unique<Conversation>(services, party, mailbox_);
  services.counters.Update([](Stats& stats) {
    ++stats.sessions_total;
    ++stats.sessions_open;
  });
  if (party.mode != Mode::kEnroll) {
    auto may = services.directory.MayAct(party.identity, party.serial);
    if (!may.ok()) {
      RefuseHandshake(may.error().code == ErrorCode::kDenied
                          ? may.error()
                          : may.error().Prefixed(goodbye::kUnavailable));
      conversation_->EndFor(may.error(), "state_unreadable");
      return true;
    }
  }
  // Those who enrol remain strangers, and are counted as such.
  if (party.mode != Mode::kEnroll) {
    admitted_ = services.admission.OpenSession(party.identity.organization, SteadyMs());
  }
  if (!admitted_ && party.mode != Mode::kEnroll) {
    conversation_->End(goodbye::kTooManySessions, "the organisation has too many sessions", 60'000);
  }
  if (!MayLog()) return true;
  Log(Level::kInfo, "session_open",
      {{"organization", party.identity.organization},
       {"agent", party.identity.agent},
       {"peer", stream_->peer_address()},
       {"resumed", peer.resumed ? "yes" : "no"},
       {"expired", peer.expired ? "yes" : "no"}});
  return true;
}

asio::awaitable<void> Session::Converse() {
  const Limits& limits = host_.services.limits;
  while (true) {
    Proceed();
    const bool over = conversation_->over();
    if (!over && !broken_ && conversation_->paused()) {
      co_await WaitUntilResumed();
      continue;
    }
    auto got = co_await stream_->ReadSome(host_.read_buffer, over ? limits.linger : ReadTimeout());
    if (got.ok()) {
      // After the end whatever still comes is read and dropped, so that the
      // connection is not reset before the other side has read Goodbye.
      if (!conversation_->over()) OnBytes({host_.read_buffer.data(), *got});
      continue;
    }
    if (got.error().code != ErrorCode::kTimeout || over) break;
    OnReadTimeout();
  }
}

void Session::OnBytes(std::string_view bytes) {
  host_.services.counters.Update([&](Stats& stats) { stats.bytes_received += bytes.size(); });
  if (decoder_.buffered() == 0) frame_began_ = steady_clock::now();
  decoder_.Append(bytes);
  while (!conversation_->over()) {
    auto frame = decoder_.Next();
    if (!frame.ok()) {
      conversation_->End(goodbye::kBadFrame, frame.error().message);
      break;
    }
    if (!frame->has_value()) break;
    frame_began_ = steady_clock::now();
    conversation_->OnFrame(**frame);
  }
  conversation_->EndOfRead();
  turn_.SetUnderWay(conversation_->under_way(), conversation_->log_size());
  decoder_.ReleaseIfEmpty();
}

tls::TlsStream::Duration Session::ReadTimeout() const {
  const Limits& limits = host_.services.limits;
  if (!conversation_->greeted()) return Remaining(began_, limits.hello_timeout);
  if (conversation_->party().mode == Mode::kEnroll) return limits.certificate_timeout;
  if (decoder_.buffered() > 0) return Remaining(frame_began_, limits.frame_timeout);
  return limits.idle_timeout;
}

void Session::OnReadTimeout() {
  if (!conversation_->greeted()) {
    conversation_->End(goodbye::kHelloTimeout, "no first frame in time");
  } else if (conversation_->party().mode == Mode::kEnroll) {
    conversation_->End(goodbye::kUnavailable, "the hub could not certify in time", 30'000);
  } else if (decoder_.buffered() > 0) {
    conversation_->End(goodbye::kFrameTimeout, "a frame was begun and not ended in time");
  } else {
    conversation_->End(goodbye::kIdle, "nothing was heard; agents ping every 60 seconds");
  }
}

asio::awaitable<void> Session::WaitUntilResumed() {
  resume_ = std::make_unique<asio::steady_timer>(host_.io, host_.services.limits.idle_timeout);
  co_await resume_->async_wait(kToken);
  resume_.reset();
}

void Session::WriteOutput() {
  while (conversation_->has_output() && !broken_) {
    std::string bytes = conversation_->TakeOutput();
    const auto written = stream_->WriteNow(bytes);
    if (!written.ok()) return Close();
    if (*written < bytes.size()) {
      writing_ = true;
      asio::co_spawn(
          host_.io,
          [self = shared_from_this(), rest = std::move(bytes), done = *written]() mutable {
            return self->WriteRest(std::move(rest), done);
          },
          [](const std::exception_ptr& error) { NOROSHI_CHECK(!error); });
      return;
    }
    OnWritten(bytes.size());
  }
}

asio::awaitable<void> Session::WriteRest(std::string bytes, size_t written) {
  const std::string_view rest = std::string_view(bytes).substr(written);
  const auto done = co_await stream_->Write(rest, host_.services.limits.write_timeout);
  writing_ = false;
  if (!done.ok()) {
    if (done.error().code == ErrorCode::kTimeout) {
      conversation_->End(goodbye::kSlowReader, "nothing was read in time");
    }
    Close();
  } else {
    OnWritten(bytes.size());
  }
  Proceed();
}

void Session::OnWritten(size_t bytes) {
  host_.services.counters.Update([&](Stats& stats) { stats.bytes_sent += bytes; });
  conversation_->OnSent();
}

void Session::Proceed() {
  const bool over = conversation_->over();
  if (resume_ && (over || broken_ || !conversation_->paused())) resume_->cancel();
  if (broken_) return;
  if (!writing_) WriteOutput();
  if (broken_) return;
  if (over && !linger_) {
    linger_ = std::make_unique<asio::steady_timer>(host_.io, host_.services.limits.linger);
    linger_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->Close();
    });
  }
}

void Session::OnMail() {
  conversation_->OnEvents(mailbox_->Take());
  turn_.SetUnderWay(conversation_->under_way(), conversation_->log_size());
  if (answered_) return void(answered_->cancel());
  Proceed();
}

asio::awaitable<void> Session::WaitUntilAnswered() {
  Close();
  conversation_->Leave();
  while (conversation_->outstanding() > 0 && !abandoned_) {
    answered_ = std::make_unique<asio::steady_timer>(host_.io, steady_clock::time_point::max());
    co_await answered_->async_wait(kToken);
  }
}

void Session::End(std::string_view code, std::string_view reason, uint32_t retry_after_ms) {
  if (!conversation_) return Close();
  conversation_->End(code, reason, retry_after_ms);
  Proceed();
}

void Session::Close() {
  broken_ = true;
  stream_->Close();
  turn_.Cancel();
  if (resume_) resume_->cancel();
}

void Session::GiveWay() {
  gave_way_ = true;
  if (conversation_) RefuseHandshake(kCrowded);  // It was to enrol.
  Close();
}

void Session::Abandon() {
  abandoned_ = true;
  Close();
  if (answered_) answered_->cancel();
}

void Session::Finish() {
  Close();
  host_.stranger_over(this);
  if (!conversation_) return;
  mailbox_->Close();
  if (linger_) linger_->cancel();
  const Party& party = conversation_->party();
  conversation_->Leave();
  const bool may_log = MayLog();
  if (admitted_) {
    host_.services.admission.CloseSession(party.identity.organization, SteadyMs());
  }
  host_.services.counters.Update([](Stats& stats) { --stats.sessions_open; });
  if (!may_log) return;
  Log(Level::kInfo, "session_end",
      {{"organization", party.identity.organization},
       {"agent", party.identity.agent},
       {"peer", stream_->peer_address()},
       {"code", conversation_->ended_with()},
       {"reason", conversation_->end_reason()}});
}

}  // namespace noroshi::intake
