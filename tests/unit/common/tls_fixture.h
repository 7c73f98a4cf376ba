// TLS over real sockets: both sides of a connection in one thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "common/crypto/crypto.h"
#include "common/tls/context_impl.h"
#include "common/tls/stream.h"
#include "tests/unit/common/tls_pki.h"

namespace noroshi::tls {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;
using testing_support::Credentials;
using testing_support::kDayMs;
using testing_support::LeafSpec;
using testing_support::TestClock;
using testing_support::TestPki;

inline constexpr int64_t kNowMs = 1'795'000'000'000;  // Some day in 2026.
inline constexpr milliseconds kTimeout{10'000};

struct Outcome {
  std::optional<Result<Peer>> server;
  std::optional<Result<Peer>> client;
  std::optional<Result<std::string>> received;  // By the client, after its handshake.
};

class TlsTest : public testing::Test {
 protected:
  std::unique_ptr<Context> Server() { return Server(pki_.Server({"localhost", "127.0.0.1"})); }
  std::unique_ptr<Context> WebServer() {
    const Credentials credentials = pki_.Server({"localhost", "127.0.0.1"});
    auto context = Context::MakeWebServer(
        {credentials.chain_pem, credentials.key_pem, pki_.ca_pem(), &server_clock_});
    EXPECT_TRUE(context.ok());
    return std::move(*context);
  }
  ClientOptions WebOptions(const Credentials& credentials) {
    ClientOptions options = Options(credentials);
    options.alpn = kAlpnHttp;
    return options;
  }
  // The client's next ticket is kept, whatever its protocol.
  static void KeepTickets(Context& client) {
    SSL_CTX_sess_set_new_cb(client.impl().ssl_context.get(), [](SSL* ssl, SSL_SESSION* session) {
      auto* state = static_cast<HandshakeState*>(SSL_get_app_data(ssl));
      const_cast<Context::Impl*>(state->context)->session.reset(session);
      return 1;
    });
  }
  std::unique_ptr<Context> Server(const Credentials& credentials) {
    auto context = Context::MakeServer(
        {credentials.chain_pem, credentials.key_pem, pki_.ca_pem(), &server_clock_});
    EXPECT_TRUE(context.ok());
    return std::move(*context);
  }
  ClientOptions Options(const Credentials& credentials) {
    ClientOptions options;
    options.certificate_chain_pem = credentials.chain_pem;
    options.private_key_pem = credentials.key_pem;
    options.ca_pem = pki_.ca_pem();
    options.server_name = "localhost";
    options.alpn = kAlpnAgent;
    options.clock = &client_clock_;
    return options;
  }
  std::unique_ptr<Context> Client(const ClientOptions& options) {
    auto context = Context::MakeClient(options);
    EXPECT_TRUE(context.ok()) << context.error().message;
    return std::move(*context);
  }

  // Both sides shake hands; then the server sends "welcome" and closes.
  Outcome Connect(const Context& server, const Context& client) {
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    Outcome outcome;
    asio::co_spawn(io, Serve(acceptor, server, &outcome), asio::detached);
    asio::co_spawn(io, Dial(acceptor.local_endpoint(), client, &outcome), asio::detached);
    io.run();
    return outcome;
  }

  asio::awaitable<void> Serve(tcp::acceptor& acceptor, const Context& context, Outcome* outcome) {
    auto stream = TlsStream::Make(co_await acceptor.async_accept(asio::use_awaitable), context);
    EXPECT_TRUE(stream.ok());
    outcome->server = co_await (*stream)->Handshake(kTimeout);
    if (outcome->server->ok()) {
      auto written = co_await (*stream)->Write("welcome", kTimeout);
      EXPECT_TRUE(written.ok());
    } else {
      co_await (*stream)->Depart(kTimeout);
    }
  }

  asio::awaitable<void> Dial(tcp::endpoint endpoint, const Context& context, Outcome* outcome) {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(endpoint, asio::use_awaitable);
    auto stream = TlsStream::Make(std::move(socket), context);
    EXPECT_TRUE(stream.ok());
    outcome->client = co_await (*stream)->Handshake(kTimeout);
    if (!outcome->client->ok()) co_return;
    char buffer[64];
    auto got = co_await (*stream)->ReadSome(buffer, kTimeout);
    if (got.ok()) {
      outcome->received = Result<std::string>(std::string(buffer, *got));
    } else {
      outcome->received = Result<std::string>(got.error());
    }
  }

  // The server's word of refusal for these credentials.
  std::string Refusal(const Credentials& credentials) {
    const auto server = Server();
    const auto client = Client(Options(credentials));
    Outcome outcome = Connect(*server, *client);
    EXPECT_FALSE(outcome.server->ok());
    if (outcome.server->ok()) return "accepted";
    // A refused client never reads a byte; TLS 1.3 tells it after its own handshake.
    EXPECT_FALSE(outcome.received.has_value() && outcome.received->ok());
    const std::string message = outcome.server->error().message;
    return message.substr(0, message.find(':'));
  }

  std::string ClientRefusal(const Context& server, const ClientOptions& options) {
    const auto client = Client(options);
    Outcome outcome = Connect(server, *client);
    EXPECT_FALSE(outcome.client->ok());
    if (outcome.client->ok()) return "accepted";
    const std::string message = outcome.client->error().message;
    return message.substr(0, message.find(':'));
  }

  TestClock server_clock_{kNowMs};
  TestClock client_clock_{kNowMs};
  TestPki pki_{kNowMs};
  const Identity agent_{"mof", "agent-1"};
};

}  // namespace noroshi::tls
