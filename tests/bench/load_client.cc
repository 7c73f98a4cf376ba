#include "tests/bench/load_client.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <unordered_map>

#include "common/base/uuid.h"
#include "common/runtime/clock.h"
#include "common/tls/address.h"
#include "common/tls/context.h"
#include "common/tls/stream.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"
#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Steady = std::chrono::steady_clock;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr std::chrono::hours kForever{24};
constexpr size_t kReadBytes = 64 * 1024;

double SecondsBetween(Steady::time_point from, Steady::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

struct LoadClient::Impl {
  // One agent. Everything runs on the client's thread.
  struct Connection {
    explicit Connection(asio::io_context& io) : retry(io) {}
    std::unique_ptr<tls::Context> context;
    std::unique_ptr<tls::TlsStream> stream;
    std::string out;
    bool writing = false;
    std::unordered_map<std::string, Steady::time_point> in_flight;  // By submission id.
    asio::steady_timer retry;
    bool postponed = false;
  };

  explicit Impl(const LoadOptions& o) : options(o), work(io.get_executor()) {
    thread = std::thread([this] { io.run(); });
    ::pthread_setname_np(thread.native_handle(), "load");
  }
  ~Impl();

  Result<void> Connect();
  asio::awaitable<Result<void>> Open(Connection* connection, support::Credentials credentials);
  asio::awaitable<void> Converse(Connection* connection, support::Credentials credentials);
  asio::awaitable<Result<void>> ReadFrames(Connection* connection);
  asio::awaitable<void> WriteOut(Connection* connection);
  Result<void> Handle(Connection* connection, const v1::HubFrame& frame);
  Result<void> HandleReceipts(Connection* connection, const v1::Receipts& receipts);
  Result<void> HandleRejection(Connection* connection, const v1::Rejection& rejection);
  void TopUp(Connection* connection);
  void Send(Connection* connection, const v1::AgentFrame& frame);
  void Flush(Connection* connection);
  void NoteError(const std::string& error);
  void FinishIfDone();
  void Fail(const Error& error);
  std::string NewId();

  const LoadOptions options;
  std::atomic<uint64_t> deliveries{0};
  std::mutex mutex;
  std::string analysis_error;  // Guarded by mutex.

  // The client's thread only:
  std::vector<std::unique_ptr<Connection>> connections;
  size_t greeted = 0;
  bool running = false;  // New submissions go out.
  size_t under_way = 0;
  LoadResult result;
  Steady::time_point started;
  Steady::time_point last_receipt;
  std::optional<Error> failed;
  std::optional<std::promise<Result<void>>> waiting;  // The caller waits for this.
  std::mt19937_64 random{std::random_device{}()};

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
};

LoadClient::Impl::~Impl() {
  asio::post(io, [this] {
    for (auto& connection : connections) {
      connection->retry.cancel();
      if (connection->stream) connection->stream->Close();
    }
    work.reset();  // The thread ends when every conversation has.
  });
  thread.join();
  connections.clear();  // Before io, whose services their sockets and timers use.
}

Result<void> LoadClient::Impl::Connect() {
  std::future<Result<void>> all;
  std::promise<void> begun;
  asio::post(io, [&] {
    all = waiting.emplace().get_future();
    for (const auto& credentials : options.agents) {
      connections.push_back(std::make_unique<Connection>(io));
      asio::co_spawn(io, Converse(connections.back().get(), credentials), asio::detached);
    }
    begun.set_value();
  });
  begun.get_future().wait();
  return all.get();
}

asio::awaitable<Result<void>> LoadClient::Impl::Open(Connection* connection,
                                                     support::Credentials credentials) {
  const auto address = tls::ParseHostPort(options.address);
  if (!address.ok()) co_return address.error();
  tls::ClientOptions tls_options;
  tls_options.certificate_chain_pem = credentials.certificate_pem;
  tls_options.private_key_pem = credentials.key_pem;
  tls_options.ca_pem = credentials.ca_pem;
  tls_options.server_name = "localhost";
  tls_options.alpn = tls::kAlpnAgent;
  tls_options.clock = &SystemClock();
  auto context = tls::Context::MakeClient(tls_options);
  if (!context.ok()) co_return context.error();
  connection->context = *std::move(context);
  tcp::socket socket(io);
  const tcp::endpoint hub(asio::ip::make_address(address->host), address->port);
  auto [error] = co_await socket.async_connect(hub, kAwait);
  if (error) co_return Error{ErrorCode::kIo, "connect: " + error.message()};
  auto stream = tls::TlsStream::Make(std::move(socket), *connection->context);
  if (!stream.ok()) co_return stream.error();
  connection->stream = *std::move(stream);
  const auto peer = co_await connection->stream->Handshake(kTimeout);
  if (!peer.ok()) co_return peer.error().Prefixed("handshake");
  v1::AgentFrame hello;
  hello.mutable_hello()->set_software("noroshi-bench/" NOROSHI_VERSION);
  hello.mutable_hello()->set_wants_deliveries(true);
  Send(connection, hello);
  Flush(connection);
  co_return Result<void>();
}

asio::awaitable<void> LoadClient::Impl::Converse(Connection* connection,
                                                 support::Credentials credentials) {
  Result<void> outcome = co_await Open(connection, std::move(credentials));
  if (outcome.ok()) outcome = co_await ReadFrames(connection);
  if (!outcome.ok()) Fail(outcome.error());
}

asio::awaitable<Result<void>> LoadClient::Impl::ReadFrames(Connection* connection) {
  wire::FrameDecoder decoder;
  std::vector<char> buffer(kReadBytes);
  v1::HubFrame frame;
  while (true) {
    const auto got = co_await connection->stream->ReadSome(buffer, kForever);
    if (!got.ok()) co_return got.error();
    decoder.Append({buffer.data(), *got});
    while (true) {
      const auto bytes = decoder.Next();
      if (!bytes.ok()) co_return bytes.error();
      if (!bytes->has_value()) break;
      if (!frame.ParseFromArray((*bytes)->data(), static_cast<int>((*bytes)->size()))) {
        co_return Error{ErrorCode::kInvalid, "the hub sent an unreadable frame"};
      }
      const auto handled = Handle(connection, frame);
      if (!handled.ok()) co_return handled.error();
    }
    TopUp(connection);
    Flush(connection);
    FinishIfDone();
  }
}

Result<void> LoadClient::Impl::Handle(Connection* connection, const v1::HubFrame& frame) {
  switch (frame.frame_case()) {
    case v1::HubFrame::kWelcome:
      if (++greeted == connections.size() && waiting) {
        waiting->set_value({});
        waiting.reset();
      }
      return {};
    case v1::HubFrame::kReceipts:
      return HandleReceipts(connection, frame.receipts());
    case v1::HubFrame::kRejection:
      return HandleRejection(connection, frame.rejection());
    case v1::HubFrame::kDeliveries: {
      const auto& items = frame.deliveries().deliveries();
      if (items.empty()) return {};
      deliveries += static_cast<uint64_t>(items.size());
      for (const v1::Delivery& item : items) NoteError(item.update().analysis_error());
      v1::AgentFrame answer;
      answer.mutable_delivery_ack()->set_position(items.rbegin()->position());
      Send(connection, answer);
      return {};
    }
    case v1::HubFrame::kGoodbye:
      return Error{ErrorCode::kClosed,
                   "goodbye: " + frame.goodbye().code() + ": " + frame.goodbye().reason()};
    default:
      return {};  // Window, Pong: nothing to do.
  }
}

Result<void> LoadClient::Impl::HandleReceipts(Connection* connection,
                                              const v1::Receipts& receipts) {
  last_receipt = Steady::now();
  for (const v1::Receipt& receipt : receipts.receipts()) {
    const auto sent = connection->in_flight.find(receipt.submission_id());
    if (sent == connection->in_flight.end()) {
      return Error{ErrorCode::kInvalid, "a receipt for something that was not under way"};
    }
    result.latencies_ms.push_back(SecondsBetween(sent->second, last_receipt) * 1000);
    connection->in_flight.erase(sent);
    ++result.acknowledged;
    --under_way;
  }
  return {};
}

Result<void> LoadClient::Impl::HandleRejection(Connection* connection,
                                               const v1::Rejection& rejection) {
  if (!rejection.retryable() || connection->in_flight.erase(rejection.submission_id()) == 0) {
    return Error{ErrorCode::kDenied, "rejected: " + rejection.ShortDebugString()};
  }
  --under_way;
  ++result.postponed;
  connection->postponed = true;
  connection->retry.expires_after(std::chrono::milliseconds(rejection.retry_after_ms()));
  connection->retry.async_wait([this, connection](const boost::system::error_code& error) {
    if (error) return;
    connection->postponed = false;
    TopUp(connection);
    Flush(connection);
  });
  return {};
}

void LoadClient::Impl::TopUp(Connection* connection) {
  if (!running || connection->postponed) return;
  while (connection->in_flight.size() < options.in_flight) {
    std::string id = NewId();
    v1::AgentFrame frame;
    frame.mutable_submit()->set_submission(options.source->Next(id));
    Send(connection, frame);
    connection->in_flight.emplace(std::move(id), Steady::now());
    ++under_way;
  }
}

std::string LoadClient::Impl::NewId() {
  std::array<uint8_t, 10> bytes{};
  const uint64_t words[2] = {random(), random()};
  std::memcpy(bytes.data(), words, bytes.size());
  return Uuid::MakeV7(SystemClock().NowMs(), bytes).bytes();
}

void LoadClient::Impl::Send(Connection* connection, const v1::AgentFrame& frame) {
  wire::AppendFrame(frame, &connection->out);
}

void LoadClient::Impl::Flush(Connection* connection) {
  if (connection->writing || connection->out.empty()) return;
  connection->writing = true;
  asio::co_spawn(io, WriteOut(connection), asio::detached);
}

asio::awaitable<void> LoadClient::Impl::WriteOut(Connection* connection) {
  while (!connection->out.empty()) {
    const std::string bytes = std::exchange(connection->out, {});
    const auto written = co_await connection->stream->Write(bytes, kTimeout);
    if (!written.ok()) {
      Fail(written.error().Prefixed("write"));
      co_return;  // `writing` stays set: nothing more goes out.
    }
  }
  connection->writing = false;
}

void LoadClient::Impl::NoteError(const std::string& error) {
  if (error.empty()) return;
  const std::lock_guard lock(mutex);
  if (analysis_error.empty()) analysis_error = error;
}

void LoadClient::Impl::FinishIfDone() {
  if (running || under_way > 0 || !waiting || greeted < connections.size()) return;
  waiting->set_value({});
  waiting.reset();
}

void LoadClient::Impl::Fail(const Error& error) {
  if (!failed) failed = error;
  running = false;
  if (!waiting) return;
  waiting->set_value(*failed);
  waiting.reset();
}

LoadClient::LoadClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadClient::~LoadClient() = default;

Result<std::unique_ptr<LoadClient>> LoadClient::Connect(const LoadOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  NOROSHI_RETURN_IF_ERROR(impl->Connect());
  return std::unique_ptr<LoadClient>(new LoadClient(std::move(impl)));
}

Result<LoadResult> LoadClient::Run(std::chrono::milliseconds duration) {
  Impl& impl = *impl_;
  const double cpu_before = ThreadCpuSeconds(impl.thread.native_handle());
  std::promise<std::future<Result<void>>> begun;
  asio::post(impl.io, [&] {
    impl.result = {};
    std::future<Result<void>> done = impl.waiting.emplace().get_future();
    impl.started = impl.last_receipt = Steady::now();
    impl.running = !impl.failed.has_value();
    if (impl.failed) impl.Fail(*impl.failed);
    for (auto& connection : impl.connections) {
      impl.TopUp(connection.get());
      impl.Flush(connection.get());
    }
    begun.set_value(std::move(done));
  });
  std::future<Result<void>> done = begun.get_future().get();
  if (done.wait_for(duration) == std::future_status::timeout) {
    asio::post(impl.io, [&impl] {
      impl.running = false;
      impl.FinishIfDone();
    });
    if (done.wait_for(kLastReceiptTimeout) == std::future_status::timeout) {
      return Error{ErrorCode::kTimeout, "receipts are missing a minute after the last submission"};
    }
  }
  NOROSHI_RETURN_IF_ERROR(done.get());
  std::promise<LoadResult> taken;
  asio::post(impl.io, [&] { taken.set_value(std::move(impl.result)); });
  LoadResult result = taken.get_future().get();
  result.seconds = SecondsBetween(impl.started, impl.last_receipt);
  result.client_cpu_seconds = ThreadCpuSeconds(impl.thread.native_handle()) - cpu_before;
  return result;
}

uint64_t LoadClient::deliveries() const { return impl_->deliveries; }

std::string LoadClient::analysis_error() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->analysis_error;
}

}  // namespace noroshi::bench
