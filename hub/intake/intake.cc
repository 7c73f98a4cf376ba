#include "hub/intake/intake.h"

#include <google/protobuf/stubs/logging.h>
#include <pthread.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <thread>
#include <vector>

#include "common/log/log.h"
#include "common/tls/listen.h"
#include "hub/intake/codes.h"
#include "hub/intake/session.h"
#include "hub/intake/strangers.h"

namespace noroshi::intake {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 4096;                  // A restarted hub finds all agents at its door.
constexpr size_t kReadBufferBytes = 16 * kKiB;  // One TLS record.
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::chrono::seconds kTick{1};
constexpr uint32_t kRestartRetryMs = 2'000;

void AbortOnException(const std::exception_ptr& error) { NOROSHI_CHECK(!error); }

}  // namespace

struct Intake::Impl {
  Impl(const IntakeOptions& o, journal::Journal& journal, Directory& directory,
       Registrar& registrar, DeliveryFeed& feed, const Clock& clock)
      : options(o), admission(options.limits), services{journal,        directory,
                                                        registrar,      feed,
                                                        clock,          options.vocabulary,
                                                        options.limits, admission,
                                                        counters} {}

  asio::awaitable<void> Accept();
  asio::awaitable<void> TellTheTime();
  void Open(tcp::socket socket);
  void RefuseConnection(const tcp::socket& socket);
  void BeginStop();

  const IntakeOptions options;
  Admission admission;
  Counters counters;
  Services services;
  std::vector<char> read_buffer = std::vector<char>(kReadBufferBytes);

  Strangers strangers{options.limits.strangers_max};
  Turns turns{io, options.limits};  // Before io: see its lifetime.
  asio::io_context io{1};           // One thread runs it: no locks inside.
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  tcp::acceptor acceptor{io};
  asio::steady_timer accept_timer{io};
  asio::steady_timer stop_timer{io};
  asio::steady_timer tick_timer{io};
  Host host{io,
            services,
            read_buffer,
            turns,
            [this](const Session* session) { strangers.Remove(session); },
            [this](const std::shared_ptr<Session>& session) {
              sessions.erase(session);
              if (stopping && sessions.empty()) stop_timer.cancel();
            }};
  std::set<std::shared_ptr<Session>> sessions;
  bool stopping = false;
  std::string address;
  std::thread thread;
};

asio::awaitable<void> Intake::Impl::Accept() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kToken);
    if (stopping) co_return;
    if (!error) {
      Open(std::move(socket));
      continue;
    }
    if (error == asio::error::connection_aborted) continue;
    counters.Update([](Stats& stats) { ++stats.accept_failures; });
    Log(Level::kError, "accept_failed", {{"error", error.message()}});
    accept_timer.expires_after(kAcceptRetry);  // Out of descriptors: they will come back.
    co_await accept_timer.async_wait(kToken);
  }
}

asio::awaitable<void> Intake::Impl::TellTheTime() {
  while (!stopping) {
    tick_timer.expires_after(kTick);
    co_await tick_timer.async_wait(kToken);
    turns.Tick();
  }
}

void Intake::Impl::Open(tcp::socket socket) {
  if (sessions.size() >= options.limits.connections_max) {
    counters.Update([](Stats& stats) { ++stats.connections_refused; });
    RefuseConnection(socket);
    return;  // Closes the socket.
  }
  auto stream = tls::TlsStream::Make(std::move(socket), *options.context);
  if (!stream.ok()) {
    Log(Level::kWarning, "connection_failed", {{"error", stream.error().message}});
    return;
  }
  (*stream)->LetTimersStay();
  const auto session = std::make_shared<Session>(host, std::move(*stream));
  sessions.insert(session);
  Session* crowded_out = strangers.Add(session.get(), session->peer_address());
  if (crowded_out != nullptr) crowded_out->GiveWay();
  asio::co_spawn(io, session->Run(), AbortOnException);
}

void Intake::Impl::RefuseConnection(const tcp::socket& socket) {
  const int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             services.clock.Steady().time_since_epoch())
                             .count();
  if (!admission.MayLog(kStrangers, now_ms)) {
    counters.Update([](Stats& stats) { ++stats.log_lines_dropped; });
    return;
  }
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  Log(Level::kWarning, "connection_refused",
      {{"peer", error ? "" : peer.address().to_string()},
       {"connections", static_cast<uint64_t>(sessions.size())}});
}

void Intake::Impl::BeginStop() {
  stopping = true;
  boost::system::error_code ignored;
  acceptor.close(ignored);
  accept_timer.cancel();
  tick_timer.cancel();
  work.reset();
  if (sessions.empty()) return;
  const std::vector<std::shared_ptr<Session>> all(sessions.begin(), sessions.end());
  for (const auto& session : all) {
    session->End(goodbye::kShuttingDown, "the hub is shutting down", kRestartRetryMs);
  }
  stop_timer.expires_after(options.limits.stop_grace);
  stop_timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    for (const auto& session : sessions) session->Abandon();
  });
}

Intake::Intake(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Intake::~Intake() { Stop(); }

Result<std::unique_ptr<Intake>> Intake::Make(const IntakeOptions& options,
                                             journal::Journal& journal, Directory& directory,
                                             Registrar& registrar, DeliveryFeed& feed,
                                             const Clock& clock) {
  NOROSHI_CHECK(options.context != nullptr);
  // protobuf would write its own lines to standard error for every hostile text.
  google::protobuf::SetLogHandler(nullptr);
  auto impl = std::make_unique<Impl>(options, journal, directory, registrar, feed, clock);
  NOROSHI_ASSIGN_OR_RETURN(impl->address,
                           tls::Listen(&impl->acceptor, options.listen_address, kBacklog));
  return std::unique_ptr<Intake>(new Intake(std::move(impl)));
}

void Intake::Start() {
  NOROSHI_CHECK(!impl_->thread.joinable());
  asio::co_spawn(impl_->io, impl_->Accept(), AbortOnException);
  asio::co_spawn(impl_->io, impl_->TellTheTime(), AbortOnException);
  impl_->thread = std::thread([this] {
    pthread_setname_np(pthread_self(), "intake");
    impl_->io.run();
  });
}

void Intake::Stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [this] { impl_->BeginStop(); });
  impl_->thread.join();
}

const std::string& Intake::address() const { return impl_->address; }

Stats Intake::stats() const {
  Stats stats = impl_->counters.Snapshot();
  stats.memory_used = impl_->admission.memory_used();
  return stats;
}

void Intake::CutSessions(std::function<Result<void>(const tls::Identity&)> may_act) {
  asio::post(impl_->io, [this, may_act = std::move(may_act)] {
    const std::vector<std::shared_ptr<Session>> all(impl_->sessions.begin(), impl_->sessions.end());
    for (const auto& session : all) {
      if (session->identity() == nullptr) continue;
      const auto may = may_act(*session->identity());
      // One whose standing cannot be read now is asked again before it does anything.
      if (may.ok() || may.error().code != ErrorCode::kDenied) continue;
      session->End(WordOf(may.error().message), may.error().message);
    }
  });
}

void Intake::OnApplied(uint64_t next) { impl_->turns.OnApplied(next); }

}  // namespace noroshi::intake
