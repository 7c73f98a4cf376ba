#include "hub/http/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/log/log.h"
#include "hub/http/respond.h"

namespace noroshi::http {
namespace asio = boost::asio;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr size_t kWritePieceBytes = 16 * kKiB;    // One TLS record: a deadline for each.
constexpr size_t kLingerBytesMax = 256 * kKiB;    // Read and dropped after a refusal.
constexpr milliseconds kWatchTimeout{3'600'000};  // Then it watches again.
constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr char kHeartbeat[] = ":\n\n";

void AbortOnException(const std::exception_ptr& error) { NOROSHI_CHECK(!error); }

milliseconds Until(Connection::TimePoint deadline) {
  const auto left = duration_cast<milliseconds>(deadline - steady_clock::now());
  return std::max(left, milliseconds(0));
}

milliseconds TimeFor(uint64_t bytes, uint64_t bytes_per_second) {
  return milliseconds(bytes * 1000 / std::max<uint64_t>(bytes_per_second, 1));
}

Response Busy(std::string_view detail) {
  Response response = Problem(503, detail);
  response.headers.Set("Retry-After", "2");
  return response;
}

Response Failure() {
  return Problem(500, "the server failed; its operator finds the reason in the log");
}

}  // namespace

bool LineBudget::Take(std::chrono::steady_clock::time_point now) {
  if (now - second_begin_ >= std::chrono::seconds(1)) {
    second_begin_ = now;
    taken_ = 0;
  }
  return taken_++ < per_second_;
}

Connection::Connection(Shared& shared, std::unique_ptr<tls::TlsStream> stream, std::string network)
    : shared_(shared),
      limits_(shared.options.limits),
      stream_(std::move(stream)),
      network_(std::move(network)),
      reader_(limits_, shared.host_names),
      waker_(shared.io),
      idle_since_(steady_clock::now()) {}

void Connection::Idle() {
  idle_ = true;
  idle_since_ = steady_clock::now();
}

void Connection::BeginStop() {
  closing_ = true;
  if (idle_) return Abandon();
  waker_.cancel();
}

void Connection::Abandon() {
  closing_ = gone_ = true;
  stream_->Close();
  waker_.cancel();
}

void Connection::OnWake() {
  // A write to a slow reader is under way, perhaps for long.
  if (events_ != nullptr && events_->cut()) stream_->Close();
  waker_.cancel();
}

asio::awaitable<void> Connection::Run() {
  const auto self = shared_from_this();
  const bool welcome = co_await ShakeHands();
  if (welcome) co_await Converse();
  HoldBody(0);
  stream_->Close();
  shared_.over(self);
}

asio::awaitable<bool> Connection::ShakeHands() {
  auto peer = co_await stream_->Handshake(limits_.handshake_timeout);
  if (peer.ok()) {
    certificate_ = std::move(peer->certificate);
    co_return true;
  }
  shared_.counters.Update([](Stats& stats) { ++stats.handshakes_refused; });
  if (shared_.refusal_lines.Take(steady_clock::now())) {
    Log(Level::kWarning, "handshake_refused",
        {{"peer", stream_->peer_address()}, {"reason", peer.error().message}, {"door", "web"}});
  } else {
    shared_.counters.Update([](Stats& stats) { ++stats.log_lines_dropped; });
  }
  co_await stream_->Depart(limits_.linger);
  co_return false;
}

asio::awaitable<void> Connection::Converse() {
  while (!closing_) {
    Idle();
    const bool head = co_await ReadHead();
    if (!head) co_return;
    const bool body = co_await ReadBody();
    if (!body) co_return;
    idle_ = false;
    closing_ =
        closing_ || !reader_.keep_alive() || ++requests_ >= limits_.requests_per_connection_max;
    auto exchange = std::make_shared<Exchange>();
    exchange->request = reader_.Take();
    exchange->request.remote_address = stream_->peer_address();
    exchange->request.certificate = certificate_;
    exchange->began = request_began_;
    ExchangePtr answer = co_await AwaitAnswer(exchange);
    if (answer == nullptr) co_return;
    const bool written = co_await Answer(answer);
    HoldBody(0);
    if (!written) co_return;
  }
  if (reader_.waiting_bytes() > 0) co_await Linger();
}

// One read; false if the connection is over. A deadline that passes is a 408.
asio::awaitable<bool> Connection::Receive(TimePoint deadline, Refusal* refusal) {
  auto got = co_await stream_->ReadSome(shared_.read_buffer, Until(deadline));
  if (got.ok()) {
    reader_.Receive({shared_.read_buffer.data(), *got});
    shared_.counters.Update([&](Stats& stats) { stats.bytes_received += *got; });
    co_return true;
  }
  if (got.error().code == ErrorCode::kTimeout) {
    *refusal = {408, "the request did not come in time"};
  }
  co_return false;
}

asio::awaitable<bool> Connection::ReadHead() {
  using Stage = RequestReader::Stage;
  request_began_ = steady_clock::now();
  TimePoint deadline = request_began_ + limits_.idle_timeout;
  bool begun = false;
  while (true) {
    const Stage stage = reader_.stage();
    if (stage == Stage::kHeadDone) co_return true;
    if (stage == Stage::kRefused) {
      co_await Refuse(reader_.refusal());
      co_return false;
    }
    if (stage == Stage::kHead && !begun) {
      begun = true;
      request_began_ = steady_clock::now();
      deadline = request_began_ + limits_.header_timeout;
    }
    Refusal late;
    late.status = 0;
    const bool received = co_await Receive(deadline, &late);
    if (received) continue;
    if (begun && late.status != 0) co_await Refuse(late);
    co_return false;
  }
}

uint64_t Connection::BodyMax() {
  if (!shared_.options.body_limit || !reader_.has_body()) return limits_.body_bytes_max;
  Request head = reader_.request();
  head.remote_address = stream_->peer_address();
  head.certificate = certificate_;
  try {
    return shared_.options.body_limit(head);
  } catch (const std::exception& error) {
    Log(Level::kError, "http_handler_failed",
        {{"method", head.method}, {"path", head.path}, {"error", error.what()}});
    return limits_.body_bytes_max;
  }
}

// Counts the body's bytes among those of all; false, and nothing changed, if they
// are too many.
bool Connection::HoldBody(size_t bytes) {
  if (bytes > body_held_ &&
      shared_.body_memory + (bytes - body_held_) > limits_.body_memory_bytes_max) {
    return false;
  }
  shared_.body_memory = shared_.body_memory - body_held_ + bytes;
  body_held_ = bytes;
  return true;
}

asio::awaitable<bool> Connection::ReadBody() {
  using Stage = RequestReader::Stage;
  reader_.AllowBody(BodyMax());
  const TimePoint began = steady_clock::now();
  bool continued = !reader_.expects_continue();
  while (true) {
    const Stage stage = reader_.stage();
    const size_t body_bytes = reader_.request().body.size();
    if (stage == Stage::kRefused) {
      co_await Refuse(reader_.refusal());
      co_return false;
    }
    if (!HoldBody(body_bytes)) {
      const Refusal refusal{503, "too many uploads are under way; try again later"};
      co_await Refuse(refusal);
      co_return false;
    }
    if (stage == Stage::kDone) co_return true;
    if (!continued) {
      continued = true;
      const bool written = co_await Write(kContinue);
      if (!written) co_return false;
    }
    const TimePoint deadline =
        began + limits_.body_grace + TimeFor(body_bytes, limits_.body_rate_min);
    Refusal late;
    late.status = 0;
    const bool received = co_await Receive(deadline, &late);
    if (received) continue;
    if (late.status != 0) co_await Refuse(late);
    co_return false;
  }
}

void Connection::OpenStream(const Work& work, Exchange* exchange) {
  const auto open = std::move(exchange->response.stream);
  const std::string key = exchange->response.stream_key;
  if (const int refused = work.streams.Open(key); refused != 0) {
    exchange->streaming = false;
    exchange->response = Problem(refused, "too many event streams are open; close one, or wait");
    exchange->response.headers.Set("Retry-After", "10");
    return;
  }
  auto stream = std::make_shared<EventStream>(work.event_bytes_max, work.wake);
  exchange->slot = std::make_unique<StreamSlot>(work.streams, key, stream);
  open(stream);
}

void Connection::Handle(const Work& work, Exchange* exchange) {
  const Request& request = exchange->request;
  std::string reason = "not a std::exception";
  try {
    exchange->response = work.handler(request);
    exchange->streaming = exchange->response.stream && exchange->response.status == 200;
    if (exchange->streaming && request.method != "HEAD") OpenStream(work, exchange);
    return;
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {  // Nothing that a handler throws may end the server.
  }
  Log(Level::kError, "http_handler_failed",
      {{"method", request.method}, {"path", request.path}, {"error", reason}});
  exchange->slot.reset();
  exchange->streaming = false;
  exchange->response = Failure();
}

// Hands the request to a worker and waits for the answer, not for ever.
asio::awaitable<Connection::ExchangePtr> Connection::AwaitAnswer(ExchangePtr exchange) {
  auto* io = &shared_.io;
  const std::weak_ptr<Connection> weak = weak_from_this();
  const Work work{shared_.handler, shared_.streams, limits_.event_bytes_max, [io, weak] {
                    asio::post(*io, [weak] {
                      if (const auto self = weak.lock()) self->OnWake();
                    });
                  }};
  auto job = [work, exchange, io, weak] {
    if (exchange->abandoned) return;
    Handle(work, exchange.get());
    asio::post(*io, [weak, exchange] {
      exchange->done = true;
      if (const auto self = weak.lock()) self->waker_.cancel();
    });
  };
  const bool watching = shared_.options.watch_paths.contains(exchange->request.path);
  Workers& workers = watching ? shared_.watch_worker : shared_.workers;
  if (!workers.TryPost(network_, std::move(job))) {
    exchange->response = Busy("the server has too much to do; try again later");
    co_return exchange;
  }
  const TimePoint deadline = steady_clock::now() + limits_.handler_timeout;
  while (!exchange->done && !gone_ && steady_clock::now() < deadline) {
    waker_.expires_at(deadline);
    co_await waker_.async_wait(kToken);
  }
  if (gone_) exchange->abandoned = true;
  if (gone_) co_return nullptr;
  if (exchange->done) co_return exchange;
  // The handler may still be at work on the exchange: another one takes its place.
  exchange->abandoned = true;
  closing_ = true;
  auto late = std::make_shared<Exchange>();
  late->request.method = exchange->request.method;
  late->request.path = exchange->request.path;
  late->began = exchange->began;
  late->response = Busy("the server did not answer in time; try again later");
  co_return late;
}

std::string Connection::Prepare(Exchange* exchange) {
  Response& response = exchange->response;
  if (shared_.response_memory + response.body.size() > limits_.response_memory_bytes_max) {
    response = Busy("the server sends too much at once; try again later");
  }
  Framing framing;
  framing.streaming = exchange->streaming;
  framing.close = closing_;
  framing.now_ms = shared_.clock.NowMs();
  auto head = HeadOf(response, framing);
  if (head.ok() && response.body.size() <= limits_.response_bytes_max) return *head;
  Log(Level::kError, "http_response_refused",
      {{"path", exchange->request.path},
       {"error", head.ok() ? "the body has too many bytes" : head.error().message}});
  exchange->slot.reset();
  exchange->streaming = framing.streaming = false;
  response = Failure();
  auto failure = HeadOf(response, framing);
  NOROSHI_CHECK(failure.ok());
  return *failure;
}

asio::awaitable<bool> Connection::Answer(ExchangePtr exchange) {
  // Events go on until the connection ends.
  closing_ = closing_ || exchange->streaming;
  const std::string head = Prepare(exchange.get());
  const Response& response = exchange->response;
  const size_t held = response.body.size();
  shared_.response_memory += held;
  shared_.counters.Update([&](Stats& stats) { ++stats.responses[response.status]; });
  bool written = co_await Write(head);
  if (written && exchange->request.method != "HEAD" && !exchange->streaming &&
      HasBody(response.status)) {
    written = co_await Write(response.body);
  }
  shared_.response_memory -= held;
  LogRequest(exchange->request, response.status, exchange->began);
  if (written && exchange->slot != nullptr) co_await WriteEvents(exchange);
  co_return written;
}

asio::awaitable<void> Connection::WriteEvents(ExchangePtr exchange) {
  const auto self = shared_from_this();
  events_ = exchange->slot->stream();
  asio::co_spawn(shared_.io, WatchForTheEnd(), AbortOnException);
  while (!gone_ && !shared_.stopping) {
    std::string bytes = events_->Take();
    if (bytes.empty()) {
      if (events_->closed()) break;
      waker_.expires_after(limits_.heartbeat);
      const auto [error] = co_await waker_.async_wait(kToken);
      if (error) continue;  // Woken.
      bytes = kHeartbeat;
    }
    const bool written = co_await Write(bytes);
    if (!written) break;
    events_->Written();
  }
  if (events_->cut()) shared_.counters.Update([](Stats& stats) { ++stats.streams_cut; });
  events_.reset();
  exchange->slot.reset();
  stream_->Close();  // Ends the watch.
}

// While events are sent, whatever the other side says ends the stream.
asio::awaitable<void> Connection::WatchForTheEnd() {
  const auto self = shared_from_this();
  char byte[1];
  while (true) {
    auto got = co_await stream_->ReadSome(byte, kWatchTimeout);
    if (!got.ok() && got.error().code == ErrorCode::kTimeout) continue;
    break;
  }
  gone_ = true;
  waker_.cancel();
}

asio::awaitable<void> Connection::Refuse(Refusal refusal) {
  closing_ = true;
  Response response = Problem(refusal.status, refusal.detail);
  if (refusal.status == 503) response.headers.Set("Retry-After", "2");
  Framing framing;
  framing.close = true;
  framing.now_ms = shared_.clock.NowMs();
  auto head = HeadOf(response, framing);
  NOROSHI_CHECK(head.ok());
  const std::string bytes = *head + response.body;
  LogRefusal(refusal.status);
  const bool written = co_await Write(bytes);
  if (written) co_await Linger();
}

// After a refusal the other side may still be sending: were the connection closed
// now, it would be reset, and the answer perhaps never read.
asio::awaitable<void> Connection::Linger() {
  Idle();
  const TimePoint deadline = steady_clock::now() + limits_.linger;
  size_t dropped = 0;
  while (dropped < kLingerBytesMax) {
    auto got = co_await stream_->ReadSome(shared_.read_buffer, Until(deadline));
    if (!got.ok()) co_return;
    dropped += *got;
  }
}

asio::awaitable<bool> Connection::Write(std::string_view bytes) {
  const TimePoint began = steady_clock::now();
  size_t done = 0;
  while (done < bytes.size()) {
    const std::string_view piece = bytes.substr(done, kWritePieceBytes);
    const TimePoint deadline = began + limits_.write_grace + TimeFor(done, limits_.write_rate_min);
    auto written = co_await stream_->Write(piece, Until(deadline));
    if (!written.ok()) co_return false;
    done += piece.size();
  }
  shared_.counters.Update([&](Stats& stats) { stats.bytes_sent += done; });
  co_return true;
}

void Connection::LogRequest(const Request& request, int status, TimePoint began) {
  const auto took = duration_cast<milliseconds>(steady_clock::now() - began);
  Log(Level::kInfo, "http_request",
      {{"method", request.method},
       {"path", request.path},
       {"status", status},
       {"duration_ms", static_cast<int64_t>(took.count())},
       {"peer", stream_->peer_address()}});
}

// A request that was not read to its end: its address may be anything.
void Connection::LogRefusal(int status) {
  const bool may_log = shared_.refusal_lines.Take(steady_clock::now());
  shared_.counters.Update([&](Stats& stats) {
    ++stats.responses[status];
    if (!may_log) ++stats.log_lines_dropped;
  });
  if (!may_log) return;
  Request unread;
  unread.method = reader_.request().method;
  unread.path = reader_.request().path;
  LogRequest(unread, status, request_began_);
}

}  // namespace noroshi::http
