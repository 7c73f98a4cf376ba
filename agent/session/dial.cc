#include "agent/session/dial.h"

#include <netinet/tcp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "agent/session/proxy.h"
#include "common/crypto/crypto.h"
#include "common/tls/certificate.h"
#include "common/wire/frame.h"

namespace noroshi::session {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Unsent bytes the kernel may hold: what is queued there an incident cannot overtake.
constexpr int kNotSentBytesMax = 256 * 1024;
constexpr size_t kEnrollBufferBytes = 16 * 1024;

// Closes the socket when time is up. Shared, for its handler may run late.
class Deadline {
 public:
  Deadline(std::shared_ptr<tcp::socket> socket, std::shared_ptr<tcp::resolver> resolver)
      : timer_(socket->get_executor(), kDialTimeout) {
    timer_.async_wait([socket, resolver, passed = passed_](boost::system::error_code error) {
      if (error) return;
      *passed = true;
      boost::system::error_code ignored;  // Closing is all that can be done.
      socket->close(ignored);
      resolver->cancel();
    });
  }
  Error ErrorFor(std::string_view what, const boost::system::error_code& error) const {
    if (*passed_) return {ErrorCode::kTimeout, std::string(what) + ": timed out"};
    return {ErrorCode::kIo, std::string(what) + ": " + error.message()};
  }

 private:
  std::shared_ptr<bool> passed_ = std::make_shared<bool>(false);
  asio::steady_timer timer_;
};

asio::awaitable<Result<void>> PassProxy(tcp::socket& socket, const tls::HostPort& hub,
                                        const Deadline& deadline) {
  const std::string request = ConnectRequest(hub);
  auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(request), kAwait);
  if (write_error) co_return deadline.ErrorFor("proxy", write_error);
  std::string answer;
  while (true) {
    char buffer[1024];
    auto [error, got] = co_await socket.async_read_some(asio::buffer(buffer), kAwait);
    if (error) co_return deadline.ErrorFor("proxy", error);
    answer.append(buffer, got);
    const auto complete = ReadConnectAnswer(answer);
    if (!complete.ok()) co_return complete.error();
    if (*complete) co_return Result<void>();
  }
}

asio::awaitable<Result<void>> Connect(std::shared_ptr<tcp::socket> socket, const Route& route) {
  auto resolver = std::make_shared<tcp::resolver>(socket->get_executor());
  const Deadline deadline(socket, resolver);
  const tls::HostPort& next = route.proxy ? *route.proxy : route.hub;
  auto [resolve_error, endpoints] =
      co_await resolver->async_resolve(next.host, std::to_string(next.port), kAwait);
  if (resolve_error) co_return deadline.ErrorFor("resolve " + next.host, resolve_error);
  auto [error, endpoint] = co_await asio::async_connect(*socket, endpoints, kAwait);
  if (error) co_return deadline.ErrorFor("connect to " + next.ToString(), error);
  if (!route.proxy) co_return Result<void>();
  co_return co_await PassProxy(*socket, route.hub, deadline);
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<tls::TlsStream>>> Dial(const Route& route,
                                                              const tls::Context& context) {
  auto socket = std::make_shared<tcp::socket>(co_await asio::this_coro::executor);
  auto connected = co_await Connect(socket, route);
  if (!connected.ok()) co_return connected.error();
  using NotSent = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
  boost::system::error_code ignored;  // Without it incidents are only a little slower.
  socket->set_option(NotSent(kNotSentBytesMax), ignored);
  auto stream = tls::TlsStream::Make(std::move(*socket), context);
  if (!stream.ok()) co_return stream.error();
  auto peer = co_await (*stream)->Handshake(kDialTimeout);
  if (!peer.ok()) co_return peer.error().Prefixed("handshake");
  co_return std::move(*stream);
}

namespace {

asio::awaitable<Result<v1::Certificate>> Ask(const Route& route, const tls::Context& context,
                                             const v1::AgentFrame& request) {
  auto stream = co_await Dial(route, context);
  if (!stream.ok()) co_return stream.error();
  std::string bytes;
  wire::AppendFrame(request, &bytes);
  auto written = co_await (*stream)->Write(bytes, kDialTimeout);
  if (!written.ok()) co_return written.error();
  wire::FrameDecoder decoder;
  std::vector<char> buffer(kEnrollBufferBytes);
  while (true) {
    auto got = co_await (*stream)->ReadSome(buffer, kDialTimeout);
    if (!got.ok()) co_return got.error();
    decoder.Append({buffer.data(), *got});
    auto frame = decoder.Next();
    if (!frame.ok()) co_return frame.error();
    if (!frame->has_value()) continue;
    v1::HubFrame answer;
    const std::string_view view = **frame;
    if (!answer.ParseFromArray(view.data(), static_cast<int>(view.size())))
      co_return Error{ErrorCode::kInvalid, "the hub sent a frame that is not a HubFrame"};
    if (answer.has_goodbye())
      co_return Error{ErrorCode::kDenied,
                      answer.goodbye().code() + ": " + answer.goodbye().reason()};
    if (!answer.has_certificate())
      co_return Error{ErrorCode::kInvalid, "the hub sent no certificate"};
    (*stream)->Close();
    co_return std::move(*answer.mutable_certificate());
  }
}

}  // namespace

Result<Enrolment> Enroll(const Route& route, const tls::EnrollToken& token, const Clock& clock) {
  Enrolment enrolment;
  NOROSHI_ASSIGN_OR_RETURN(enrolment.key_pem, tls::GeneratePrivateKeyPem());
  v1::AgentFrame request;
  request.mutable_enroll()->set_token_secret(token.secret);
  NOROSHI_ASSIGN_OR_RETURN(*request.mutable_enroll()->mutable_csr_der(),
                           tls::MakeCsr(enrolment.key_pem, "noroshi-agent"));
  tls::ClientOptions options;
  options.ca_sha256 = token.ca_sha256;
  options.server_name = route.server_name.empty() ? route.hub.host : route.server_name;
  options.alpn = tls::kAlpnEnroll;
  options.clock = &clock;
  NOROSHI_ASSIGN_OR_RETURN(const auto context, tls::Context::MakeClient(options));
  std::optional<Result<v1::Certificate>> answer;
  asio::io_context io;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> { answer.emplace(co_await Ask(route, *context, request)); },
      asio::detached);
  io.run();
  if (!answer) return Error{ErrorCode::kInternal, "enrolment ended without an answer"};
  if (!answer->ok()) return answer->error();
  enrolment.certificate = **std::move(answer);
  if (!enrolment.certificate.error().empty())
    return Error{ErrorCode::kDenied, enrolment.certificate.error()};
  if (enrolment.certificate.chain_der().size() < 2)
    return Error{ErrorCode::kInvalid, "the hub sent no chain"};
  enrolment.ca_der = *enrolment.certificate.chain_der().rbegin();
  if (Sha256Of(enrolment.ca_der) != token.ca_sha256)
    return Error{ErrorCode::kDenied, "the chain does not end in the token's CA"};
  return enrolment;
}

}  // namespace noroshi::session
