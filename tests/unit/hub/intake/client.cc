#include "tests/unit/hub/intake/client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "common/tls/address.h"

namespace noroshi::intake {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {
constexpr std::chrono::milliseconds kTimeout{10'000};
}

struct Client::Loop {
  asio::io_context io;
};

namespace {
asio::awaitable<void> Shake(tls::TlsStream& stream, std::optional<Result<tls::Peer>>* out) {
  *out = co_await stream.Handshake(kTimeout);
}
asio::awaitable<void> Put(tls::TlsStream& stream, const std::string& bytes,
                          std::optional<Result<void>>* out) {
  *out = co_await stream.Write(bytes, kTimeout);
}
asio::awaitable<void> Get(tls::TlsStream& stream, std::span<char> buffer,
                          std::optional<Result<size_t>>* out) {
  *out = co_await stream.ReadSome(buffer, kTimeout);
}
void Await(asio::io_context& io, asio::awaitable<void> call) {
  asio::co_spawn(io, std::move(call), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io.restart();
  io.run();
}
}  // namespace

Client::Client(const std::string& address, const tls::Context& context)
    : loop_(std::make_unique<Loop>()) {
  const auto at = tls::ParseHostPort(address).value();
  tcp::socket socket(loop_->io);
  socket.connect({asio::ip::make_address(at.host), at.port});
  stream_ = tls::TlsStream::Make(std::move(socket), context).value();
  std::optional<Result<tls::Peer>> peer;
  Await(loop_->io, Shake(*stream_, &peer));
  if (peer->ok()) {
    resumed_ = (*peer)->resumed;
  } else {
    state_ = peer->error();
  }
}

Client::~Client() = default;

Result<void> Client::SendBytes(const std::string& bytes) {
  if (!state_.ok()) return state_;
  std::optional<Result<void>> result;
  Await(loop_->io, Put(*stream_, bytes, &result));
  return *result;
}

Result<void> Client::Send(const v1::AgentFrame& frame) {
  std::string bytes;
  wire::AppendFrame(frame, &bytes);
  return SendBytes(bytes);
}

Result<v1::HubFrame> Client::Receive() {
  if (!state_.ok()) return state_.error();
  std::vector<char> buffer(16 * 1024);
  while (true) {
    auto next = decoder_.Next();
    if (!next.ok()) return next.error();
    if (next->has_value()) {
      v1::HubFrame frame;
      NOROSHI_CHECK(frame.ParseFromArray((*next)->data(), static_cast<int>((*next)->size())));
      return frame;
    }
    std::optional<Result<size_t>> got;
    Await(loop_->io, Get(*stream_, buffer, &got));
    if (!got->ok()) return got->error();
    decoder_.Append({buffer.data(), **got});
  }
}

Result<v1::Welcome> Client::Greet(const v1::Hello& hello) {
  v1::AgentFrame frame;
  *frame.mutable_hello() = hello;
  NOROSHI_RETURN_IF_ERROR(Send(frame));
  NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, Receive());
  if (answer.has_welcome()) return answer.welcome();
  return Error{ErrorCode::kDenied, answer.ShortDebugString()};
}

std::string Client::GoodbyeCode() {
  while (true) {
    auto frame = Receive();
    if (!frame.ok()) return "error: " + frame.error().message;
    if (frame->has_goodbye()) return frame->goodbye().code();
  }
}

}  // namespace noroshi::intake
