#include "agent/session/runner.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <csignal>

#include "agent/session/backoff.h"
#include "agent/session/credentials.h"
#include "agent/session/dial.h"
#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/tls/certificate.h"
#include "common/wire/frame.h"

namespace noroshi::session {
namespace {

namespace asio = boost::asio;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr size_t kWatchBufferBytes = 64 * 1024;
constexpr size_t kCaBytesMax = 64 * 1024;
constexpr int kQuietPings = 2;  // Round trips without a delivery, until once is done.
// A hub that welcomes and then breaks off at once is not asked again at once.
constexpr std::chrono::milliseconds kSettledAfter{10'000};
constexpr size_t kEvidenceFilesMax = 20;
constexpr std::chrono::milliseconds kHousekeepingInterval{24 * 3600 * 1000};

}  // namespace

struct Runner::Impl {
  // One connection: reader and writer share it.
  struct Live {
    Live(asio::io_context& io, const Conversation::Parts& parts, Conversation::Options options,
         Conversation::Events events)
        : conversation(parts, std::move(options), std::move(events)),
          wake(io),
          ended(io),
          ping(io) {}

    Conversation conversation;
    std::unique_ptr<tls::Context> context;  // Outlives the stream.
    std::unique_ptr<tls::TlsStream> stream;
    asio::steady_timer wake;   // Cancelled: there may be something to send.
    asio::steady_timer ended;  // Cancelled: the writer has ended.
    asio::steady_timer ping;
    bool closing = false;
    bool writer_ended = false;
    std::optional<Error> error;  // The first one.
    uint64_t pings = 0;
    uint64_t deliveries_at_ping = 0;
    int quiet_pings = 0;
    bool told = false;     // Status says that it is connected.
    bool writing = false;  // A write is under way.

    void End(std::optional<Error> why) {
      if (!closing && why) error = std::move(why);
      closing = true;
      stream->Close();
      wake.cancel();
      ping.cancel();
    }
  };

  Impl(const Parts& p, Options o)
      : parts(p), options(std::move(o)), retry(io), housekeeping(io), watch(io), signals(io) {}

  Result<void> Run();
  Result<void> StartWatching();
  void OnSignal();
  void Finish(Result<void> how);
  void Status(std::string_view state, const std::string& error);
  asio::awaitable<void> Watch();
  void OnWatchEvents(std::string_view bytes);
  asio::awaitable<void> KeepHouse();
  asio::awaitable<void> Supervise();
  asio::awaitable<Result<void>> Session();
  asio::awaitable<Result<void>> Converse(std::shared_ptr<Live> live);
  asio::awaitable<void> Write(std::shared_ptr<Live> live);
  asio::awaitable<void> PingNow(std::shared_ptr<Live> live);
  asio::awaitable<void> Wait(std::chrono::milliseconds time);
  bool Done(Live& live);
  bool AllGone();
  Result<void> Renewed(const std::string& key_pem, const v1::Certificate& certificate);
  Result<void> KeepRestore(const v1::TreeHead& head, size_t put_back);
  void KeepEvidence(const std::string& evidence);

  asio::io_context io{1};
  Parts parts;
  Options options;
  asio::steady_timer retry;
  asio::steady_timer housekeeping;
  asio::posix::stream_descriptor watch;
  asio::signal_set signals;
  int watch_new = -1;
  int watch_marks = -1;
  int watch_answers = -1;
  std::shared_ptr<Live> live;
  std::chrono::steady_clock::time_point last_attempt;
  std::string last_error;
  std::string ca_pem;
  std::chrono::milliseconds advice{0};
  bool was_useful = false;  // The last connection got something done, or stood for a while.
  size_t gone = 0;          // Of until_gone, from the front.
  std::optional<Result<void>> outcome;
};

Runner::Runner(const Parts& parts, Options options)
    : impl_(std::make_unique<Impl>(parts, std::move(options))) {}
Runner::~Runner() = default;
Result<void> Runner::Run() { return impl_->Run(); }

Result<void> Runner::Impl::Run() {
  NOROSHI_ASSIGN_OR_RETURN(ca_pem, parts.files.Read(options.folder + "/ca.pem", kCaBytesMax));
  NOROSHI_RETURN_IF_ERROR(parts.files.MakeFolder(options.folder + "/run", 0700));
  NOROSHI_RETURN_IF_ERROR(StartWatching());
  signals.add(SIGTERM);
  signals.add(SIGINT);
  signals.async_wait([this](boost::system::error_code error, int) {
    if (!error) OnSignal();
  });
  std::optional<asio::steady_timer> patience;
  if (options.once) {
    patience.emplace(io, options.patience);
    patience->async_wait([this](boost::system::error_code error) {
      if (!error)
        Finish(Error{ErrorCode::kTimeout, last_error.empty() ? "no answer in time"
                                                             : "no answer in time: " + last_error});
    });
  }
  asio::co_spawn(io, Watch(), asio::detached);
  asio::co_spawn(io, KeepHouse(), asio::detached);
  asio::co_spawn(io, Supervise(), asio::detached);
  try {
    io.run();
  } catch (const std::exception& error) {
    outcome.emplace(Error{ErrorCode::kInternal, error.what()});
  }
  NOROSHI_CHECK(outcome.has_value());
  Status("stopped", last_error);
  return *outcome;
}

void Runner::Impl::OnSignal() {
  Log(Level::kInfo, "stopping");
  Finish({});
}

// Everything that matters is on disk at any time: stopping is only politeness.
void Runner::Impl::Finish(Result<void> how) {
  if (outcome) return;
  outcome.emplace(std::move(how));
  if (live) {
    if (auto closed = live->conversation.Close(); !closed.ok())
      Log(Level::kWarning, "head_not_kept", {{"error", closed.error().message}});
    live->stream->Close();
  }
  io.stop();
}

void Runner::Impl::Status(std::string_view state, const std::string& error) {
  const boost::json::object status = {
      {"state", state},
      {"since", FormatUtc(parts.conversation.clock.NowMs())},
      {"hub", options.route.hub.ToString()},
      {"proxy", options.route.proxy ? options.route.proxy->ToString() : ""},
      {"error", error},
      {"pid", ::getpid()}};
  const auto written = parts.files.WriteDurably(options.folder + "/run/status.json",
                                                boost::json::serialize(status) + "\n", 0600);
  if (!written.ok()) Log(Level::kWarning, "status_not_kept", {{"error", written.error().message}});
}

// ---- what appears on disk ----

Result<void> Runner::Impl::StartWatching() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return ErrnoError("inotify");
  watch.assign(fd);
  const auto& conversation = parts.conversation;
  constexpr uint32_t kEvents = IN_CREATE | IN_MOVED_TO;
  watch_new = ::inotify_add_watch(fd, conversation.spool.waiting_folder().c_str(), kEvents);
  watch_marks = ::inotify_add_watch(fd, conversation.marks.folder().c_str(), kEvents);
  watch_answers = ::inotify_add_watch(fd, conversation.questions.waiting_folder().c_str(), kEvents);
  if (watch_new < 0 || watch_marks < 0 || watch_answers < 0) return ErrnoError("inotify");
  return {};
}

asio::awaitable<void> Runner::Impl::Watch() {
  std::vector<char> buffer(kWatchBufferBytes);
  while (true) {
    auto [error, got] = co_await watch.async_read_some(asio::buffer(buffer), kAwait);
    if (error) {
      // Without it only new files are noticed later; say so and go on.
      Log(Level::kError, "inotify_failed", {{"error", error.message()}});
      co_return;
    }
    OnWatchEvents({buffer.data(), got});
  }
}

void Runner::Impl::OnWatchEvents(std::string_view bytes) {
  bool changed = false;
  while (bytes.size() >= sizeof(inotify_event)) {
    inotify_event event;
    std::memcpy(&event, bytes.data(), sizeof event);
    if (bytes.size() < sizeof event + event.len) break;
    const std::string_view padded = bytes.substr(sizeof event, event.len);
    const std::string_view name = padded.substr(0, padded.find('\0'));
    bytes.remove_prefix(sizeof event + event.len);
    const bool welcomed = live && live->conversation.welcomed();
    if (event.mask & IN_Q_OVERFLOW) {
      changed = true;
      if (live) live->conversation.OnQueued();
      if (welcomed) {
        if (auto scanned = live->conversation.Rescan(); !scanned.ok()) live->End(scanned.error());
      }
    } else if (event.wd == watch_marks || event.wd == watch_answers) {
      changed = true;
      if (live) live->conversation.OnQueued();
    } else if (const auto item = spool::Item::FromName(name)) {
      changed = true;
      if (welcomed) live->conversation.OnSpooled(*item);  // Else Welcome scans.
    }
  }
  if (!changed) return;
  if (live) {
    live->wake.cancel();
  } else if (parts.conversation.clock.Steady() >= last_attempt + kHurryInterval) {
    retry.cancel();
  }
}

asio::awaitable<void> Runner::Impl::KeepHouse() {
  while (true) {
    const int64_t now = parts.conversation.clock.NowMs();
    if (auto pruned = parts.conversation.spool.Prune(now); !pruned.ok())
      Log(Level::kWarning, "prune_failed", {{"error", pruned.error().message}});
    if (auto pruned = parts.conversation.marks.Prune(now); !pruned.ok())
      Log(Level::kWarning, "prune_failed", {{"error", pruned.error().message}});
    housekeeping.expires_after(kHousekeepingInterval);
    auto [error] = co_await housekeeping.async_wait(kAwait);
    if (error) co_return;
  }
}

// ---- connections ----

asio::awaitable<void> Runner::Impl::Supervise() {
  Backoff backoff(parts.random);
  while (true) {
    last_attempt = parts.conversation.clock.Steady();
    advice = std::chrono::milliseconds(0);
    was_useful = false;
    auto ended = co_await Session();
    live.reset();
    if (ended.ok()) {
      if (outcome) co_return;
      backoff.Reset();
      continue;  // A renewed certificate: with it, at once.
    }
    if (was_useful) backoff.Reset();
    last_error = ended.error().message;
    const auto wait = backoff.Next(advice);
    Log(Level::kWarning, "disconnected",
        {{"error", last_error}, {"retry_in_ms", static_cast<int64_t>(wait.count())}});
    Status("waiting", last_error);
    co_await Wait(wait);
  }
}

asio::awaitable<void> Runner::Impl::Wait(std::chrono::milliseconds time) {
  retry.expires_after(time);
  co_await retry.async_wait(kAwait);
}

// Ok: the certificate was renewed, or everything is done (then outcome is set).
asio::awaitable<Result<void>> Runner::Impl::Session() {
  const Clock& clock = parts.conversation.clock;
  const std::string credentials_path = options.folder + "/keys/agent.pem";
  auto credentials = LoadCredentials(parts.files, credentials_path);
  if (!credentials.ok()) co_return credentials.error();
  tls::ClientOptions tls_options;
  tls_options.certificate_chain_pem = credentials->chain_pem;
  tls_options.private_key_pem = credentials->key_pem;
  tls_options.ca_pem = ca_pem;
  tls_options.server_name =
      options.route.server_name.empty() ? options.route.hub.host : options.route.server_name;
  tls_options.alpn = tls::kAlpnAgent;
  tls_options.clock = &clock;
  auto context = tls::Context::MakeClient(tls_options);
  if (!context.ok()) co_return context.error();

  Conversation::Options conversation_options;
  conversation_options.pins = options.pins;
  conversation_options.wants_deliveries = options.wants_deliveries;
  std::string next_key;
  if (credentials->RenewalDue(clock.NowMs())) {
    auto key = tls::GeneratePrivateKeyPem();
    if (!key.ok()) co_return key.error();
    auto csr = tls::MakeCsr(*key, options.pins.agent);
    if (!csr.ok()) co_return csr.error();
    next_key = *std::move(key);
    conversation_options.renewal_csr = *std::move(csr);
  }
  Conversation::Events events;
  events.delivered = options.delivered;
  events.renewed = [this, next_key](const v1::Certificate& certificate) {
    return Renewed(next_key, certificate);
  };
  events.restored = [this](const v1::TreeHead& head, size_t put_back) {
    return KeepRestore(head, put_back);
  };
  Status("connecting", last_error);
  auto stream = co_await Dial(options.route, **context);
  if (!stream.ok()) co_return stream.error();
  // Shared by the coroutines that read, write and ping.
  auto next = std::make_shared<Live>(io, parts.conversation, std::move(conversation_options),
                                     std::move(events));
  next->context = *std::move(context);
  next->stream = *std::move(stream);
  live = next;
  co_return co_await Converse(next);
}

asio::awaitable<Result<void>> Runner::Impl::Converse(std::shared_ptr<Live> session) {
  if (auto begun = session->conversation.Begin(); !begun.ok()) co_return begun.error();
  asio::co_spawn(io, Write(session), asio::detached);
  asio::co_spawn(io, PingNow(session), asio::detached);
  wire::FrameDecoder decoder;
  std::vector<char> buffer(kReadBufferBytes);
  while (!session->closing) {
    auto got = co_await session->stream->ReadSome(buffer, kSilenceMax);
    if (!got.ok()) {
      session->End(got.error());
      break;
    }
    decoder.Append({buffer.data(), *got});
    while (!session->closing) {
      auto frame = decoder.Next();
      if (!frame.ok()) session->End(frame.error());
      if (!frame.ok() || !frame->has_value()) break;
      if (auto taken = session->conversation.OnFrame(**frame); !taken.ok())
        session->End(taken.error());
    }
    // Else the writer does it, once for all frames that are at hand.
    if (session->writing && !session->closing) {
      if (auto settled = session->conversation.Settle(); !settled.ok())
        session->End(settled.error());
    }
    if (!session->told && session->conversation.welcomed()) {
      session->told = true;
      last_error.clear();
      Status("connected", "");
    }
    if (session->conversation.renewed() || Done(*session)) session->End(std::nullopt);
    session->wake.cancel();
  }
  while (!session->writer_ended) {
    session->ended.expires_at(asio::steady_timer::time_point::max());
    co_await session->ended.async_wait(kAwait);
  }
  if (auto closed = session->conversation.Close(); !closed.ok()) co_return closed.error();
  KeepEvidence(session->conversation.evidence());
  was_useful = session->conversation.receipts_seen() > 0 ||
               (session->conversation.welcomed() &&
                parts.conversation.clock.Steady() >= last_attempt + kSettledAfter);
  advice = std::chrono::milliseconds(session->conversation.goodbye().retry_after_ms());
  if (outcome) {
    io.stop();
    co_return Result<void>();
  }
  if (session->error) co_return *session->error;
  co_return Result<void>();
}

asio::awaitable<void> Runner::Impl::Write(std::shared_ptr<Live> session) {
  std::string out;
  while (!session->closing) {
    out.clear();
    if (auto filled = session->conversation.Fill(&out); !filled.ok()) {
      session->End(filled.error());
    } else if (!out.empty()) {
      session->writing = true;
      auto written = co_await session->stream->Write(out, kWriteTimeout);
      session->writing = false;
      if (!written.ok()) session->End(written.error());
    } else if (Done(*session)) {
      session->End(std::nullopt);
    } else if (!session->conversation.HasControl()) {
      const auto next = session->conversation.NextWake();
      session->wake.expires_at(next.value_or(asio::steady_timer::time_point::max()));
      co_await session->wake.async_wait(kAwait);
    }
  }
  session->writer_ended = true;
  session->ended.cancel();
}

// Keeps the connection alive, and notices when the certificate is due.
asio::awaitable<void> Runner::Impl::PingNow(std::shared_ptr<Live> session) {
  while (!session->closing) {
    session->ping.expires_after(kPingInterval);
    co_await session->ping.async_wait(kAwait);
    if (session->closing || !session->conversation.welcomed()) continue;
    session->conversation.Ping(++session->pings);
    session->wake.cancel();
    const auto credentials = LoadCredentials(parts.files, options.folder + "/keys/agent.pem");
    if (credentials.ok() && credentials->RenewalDue(parts.conversation.clock.NowMs()) &&
        !session->conversation.renewing())
      session->End(std::nullopt);
  }
}

// Whether there is nothing left to do for once: the spool is drained, and (if
// deliveries are wanted) the hub has been silent for kQuietPings round trips.
bool Runner::Impl::Done(Live& session) {
  if (!options.once || outcome) return outcome.has_value();
  const Conversation& conversation = session.conversation;
  if (!options.until_gone.empty()) {
    if (AllGone()) outcome.emplace();
    return outcome.has_value();
  }
  if (!conversation.Drained()) return false;
  if (!options.wants_deliveries) {
    outcome.emplace();
    return true;
  }
  if (conversation.last_pong() != session.pings) return false;
  if (session.pings > 0 && conversation.deliveries_seen() == session.deliveries_at_ping)
    ++session.quiet_pings;
  else
    session.quiet_pings = 0;
  if (session.quiet_pings >= kQuietPings) {
    outcome.emplace();
    return true;
  }
  session.deliveries_at_ping = conversation.deliveries_seen();
  session.conversation.Ping(++session.pings);
  return false;
}

bool Runner::Impl::AllGone() {
  while (gone < options.until_gone.size() && !parts.files.Exists(options.until_gone[gone])) ++gone;
  return gone == options.until_gone.size();
}

Result<void> Runner::Impl::Renewed(const std::string& key_pem, const v1::Certificate& certificate) {
  if (certificate.organization() != options.pins.organization ||
      certificate.agent() != options.pins.agent)
    return Error{ErrorCode::kInvalid, "the hub sent somebody else's certificate"};
  NOROSHI_RETURN_IF_ERROR(StoreCredentials(parts.files, options.folder + "/keys/agent.pem", key_pem,
                                           certificate, ca_pem, parts.conversation.clock));
  Log(Level::kInfo, "certificate_renewed");
  return {};
}

// For `status`: it stays until the next restore.
Result<void> Runner::Impl::KeepRestore(const v1::TreeHead& head, size_t put_back) {
  const boost::json::object restore = {{"at", FormatUtc(parts.conversation.clock.NowMs())},
                                       {"log_id", ToHex(head.log_id())},
                                       {"put_back", put_back}};
  return parts.files.WriteDurably(options.folder + "/run/restored.json",
                                  boost::json::serialize(restore) + "\n", 0600);
}

void Runner::Impl::KeepEvidence(const std::string& evidence) {
  if (evidence.empty()) return;
  const std::string path =
      options.folder + "/evidence/" + FormatUtc(parts.conversation.clock.NowMs()) + ".json";
  auto kept = parts.files.MakeFolder(options.folder + "/evidence", 0700);
  const auto files = parts.files.List(options.folder + "/evidence", kEvidenceFilesMax);
  // The hub says the same at every attempt: the first ones are what matters.
  if (files.ok() && files->size() >= kEvidenceFilesMax) return;
  if (kept.ok()) kept = parts.files.WriteDurably(path, evidence, 0600);
  Log(Level::kError, kept.ok() ? "evidence_kept" : "evidence_lost",
      {{"file", path}, {"error", kept.ok() ? "" : kept.error().message}});
}

}  // namespace noroshi::session
