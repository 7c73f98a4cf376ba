// Sessions that resume, and what a resumption must not get around.
#include "tests/unit/common/tls_fixture.h"

namespace noroshi::tls {
namespace {

TEST_F(TlsTest, SessionsResumeAndKeepTheIdentity) {
  const auto server = Server();
  const auto client = Client(Options(pki_.Agent(agent_)));
  ASSERT_TRUE(Connect(*server, *client).server->ok());
  const Outcome again = Connect(*server, *client);
  ASSERT_TRUE(again.server->ok()) << again.server->error().message;
  EXPECT_TRUE((*again.server)->resumed);
  EXPECT_TRUE((*again.client)->resumed);
  EXPECT_EQ(AgentIdentity(*(*again.server)->certificate).value(), agent_);
}

TEST_F(TlsTest, ResumptionChecksTheTimesAgain) {
  const auto server = Server(pki_.Server({"localhost"}, kNowMs - kDayMs, kNowMs + 3000 * kDayMs));
  const auto client = Client(Options(pki_.Agent(agent_, kNowMs - kDayMs, kNowMs + kDayMs)));
  ASSERT_TRUE(Connect(*server, *client).server->ok());
  server_clock_.Set(kNowMs + 2 * kDayMs);
  const Outcome expired = Connect(*server, *client);
  ASSERT_TRUE(expired.server->ok());
  EXPECT_TRUE((*expired.server)->resumed);
  EXPECT_TRUE((*expired.server)->expired);
  server_clock_.Set(kNowMs + kDayMs + kRenewGraceMs + 1000);
  const Outcome late = Connect(*server, *client);
  ASSERT_FALSE(late.server->ok());
  EXPECT_THAT(late.server->error().message, StartsWith("certificate_expired:"));
}

// A resumption says of every moment what a full handshake would say.
TEST_F(TlsTest, AtEveryMomentAResumptionIsAnsweredAsAFullHandshake) {
  const int64_t end_ms = kNowMs + kDayMs;
  const auto server = Server(pki_.Server({"localhost"}, kNowMs - kDayMs, kNowMs + 9000 * kDayMs));
  const ClientOptions options = Options(pki_.Agent(agent_, kNowMs, end_ms));
  long hits = 0;
  for (const int64_t moment :
       {kNowMs - 1000, kNowMs, end_ms - 1000, end_ms, end_ms + 1000, end_ms + kRenewGraceMs,
        end_ms + kRenewGraceMs + 1000, kNowMs - 365 * kDayMs, kNowMs + 8000 * kDayMs}) {
    server_clock_.Set(kNowMs);
    const auto comes_back = Client(options);
    ASSERT_TRUE(Connect(*server, *comes_back).server->ok());
    server_clock_.Set(moment);
    const Outcome resumed = Connect(*server, *comes_back);
    EXPECT_EQ(SSL_CTX_sess_hits(server->impl().ssl_context.get()), ++hits) << moment;
    const Outcome full = Connect(*server, *Client(options));
    ASSERT_EQ(resumed.server->ok(), full.server->ok()) << moment;
    if (full.server->ok()) {
      EXPECT_EQ((*resumed.server)->expired, (*full.server)->expired) << moment;
    } else {
      EXPECT_EQ(resumed.server->error().message, full.server->error().message) << moment;
    }
  }
}

TEST_F(TlsTest, TheOldestSessionGivesWay) {
  const auto server = Server();
  SSL_CTX* raw = server->impl().ssl_context.get();
  EXPECT_EQ(SSL_CTX_sess_get_cache_size(raw), kSessionsKept);
  SSL_CTX_sess_set_cache_size(raw, 3);  // OpenSSL keeps one less.
  std::vector<std::unique_ptr<Context>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Client(Options(pki_.Agent(agent_))));
    ASSERT_TRUE(Connect(*server, *clients.back()).server->ok());
  }
  EXPECT_EQ(SSL_CTX_sess_number(raw), 2);
  const Outcome newest = Connect(*server, *clients.back());
  EXPECT_TRUE((*newest.server)->resumed);
  const Outcome oldest = Connect(*server, *clients.front());
  ASSERT_TRUE(oldest.server->ok()) << oldest.server->error().message;
  EXPECT_FALSE((*oldest.server)->resumed);
}

TEST_F(TlsTest, StrangersKeepNoSession) {
  const auto server = Server();
  ClientOptions options = Options(Credentials{});
  options.alpn = kAlpnEnroll;
  const auto enrolling = Client(options);
  KeepTickets(*enrolling);
  ASSERT_TRUE(Connect(*server, *enrolling).server->ok());
  EXPECT_EQ(enrolling->impl().session, nullptr);
  EXPECT_EQ(SSL_CTX_sess_number(server->impl().ssl_context.get()), 0);
}

// How a line can end without close_notify.
enum class Cut { kEnd, kReset };

class TlsCutTest : public TlsTest, public testing::WithParamInterface<Cut> {
 protected:
  asio::awaitable<void> ServeUntilCut(tcp::acceptor& acceptor, const Context& context) {
    auto stream = TlsStream::Make(co_await acceptor.async_accept(asio::use_awaitable), context);
    auto peer = co_await (*stream)->Handshake(kTimeout);
    EXPECT_TRUE(peer.ok());
    auto written = co_await (*stream)->Write("welcome", kTimeout);
    EXPECT_TRUE(written.ok());
    char buffer[64];
    const auto got = co_await (*stream)->ReadSome(buffer, kTimeout);
    EXPECT_EQ(got.error().code, ErrorCode::kClosed);
  }
  asio::awaitable<void> DialAndCut(tcp::endpoint endpoint, const Context& context) {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(endpoint, asio::use_awaitable);
    socket.set_option(asio::socket_base::linger(GetParam() == Cut::kReset, 0));
    auto stream = TlsStream::Make(std::move(socket), context);
    auto peer = co_await (*stream)->Handshake(kTimeout);
    EXPECT_TRUE(peer.ok());
    char buffer[64];
    const auto got = co_await (*stream)->ReadSome(buffer, kTimeout);
    EXPECT_TRUE(got.ok());
  }
};

TEST_P(TlsCutTest, ACutLineDoesNotSpoilItsSession) {
  const auto server = Server();
  const auto client = Client(Options(pki_.Agent(agent_)));
  SSL_CTX_set_quiet_shutdown(client->impl().ssl_context.get(), 1);
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::co_spawn(io, ServeUntilCut(acceptor, *server), asio::detached);
  asio::co_spawn(io, DialAndCut(acceptor.local_endpoint(), *client), asio::detached);
  io.run();
  const Outcome again = Connect(*server, *client);
  ASSERT_TRUE(again.server->ok()) << again.server->error().message;
  EXPECT_TRUE((*again.server)->resumed);
}

INSTANTIATE_TEST_SUITE_P(All, TlsCutTest, testing::Values(Cut::kEnd, Cut::kReset));

TEST_F(TlsTest, TicketsAreBoundToTheirAlpn) {
  const auto server = Server();
  const auto agent = Client(Options(pki_.Agent(agent_)));
  ASSERT_TRUE(Connect(*server, *agent).server->ok());
  // Carry the agent's ticket into an enrolling client.
  ClientOptions options = Options(Credentials{});
  options.alpn = kAlpnEnroll;
  const auto enrolling = Client(options);
  enrolling->impl().session = std::move(agent->impl().session);
  ASSERT_NE(enrolling->impl().session, nullptr);
  const Outcome outcome = Connect(*server, *enrolling);
  ASSERT_TRUE(outcome.server->ok()) << outcome.server->error().message;
  EXPECT_FALSE((*outcome.server)->resumed);
  EXPECT_FALSE((*outcome.server)->certificate.has_value());
}

TEST_F(TlsTest, WebSessionsResumeAndCheckTheTimesAgain) {
  const auto server = WebServer();
  const auto client = Client(WebOptions(pki_.Agent(agent_, kNowMs - kDayMs, kNowMs + kDayMs)));
  KeepTickets(*client);
  ASSERT_TRUE(Connect(*server, *client).server->ok());
  const Outcome again = Connect(*server, *client);
  ASSERT_TRUE(again.server->ok()) << again.server->error().message;
  EXPECT_TRUE((*again.server)->resumed);
  EXPECT_EQ(AgentIdentity(*(*again.server)->certificate).value(), agent_);
  server_clock_.Set(kNowMs + kDayMs + 1000);
  const Outcome late = Connect(*server, *client);
  ASSERT_FALSE(late.server->ok());
  EXPECT_THAT(late.server->error().message, StartsWith("certificate_expired:"));
}

TEST_F(TlsTest, WebTicketsAndAgentsTicketsResumeNothingOfEachOther) {
  const auto agents = Server();
  const auto web = WebServer();
  const auto agent = Client(Options(pki_.Agent(agent_)));
  const auto browser = Client(WebOptions(pki_.Agent(agent_)));
  KeepTickets(*browser);
  ASSERT_TRUE(Connect(*agents, *agent).server->ok());
  ASSERT_TRUE(Connect(*web, *browser).server->ok());
  std::swap(agent->impl().session, browser->impl().session);
  ASSERT_NE(agent->impl().session, nullptr);
  ASSERT_NE(browser->impl().session, nullptr);
  const Outcome at_agents = Connect(*agents, *agent);
  ASSERT_TRUE(at_agents.server->ok()) << at_agents.server->error().message;
  EXPECT_FALSE((*at_agents.server)->resumed);
  const Outcome at_web = Connect(*web, *browser);
  ASSERT_TRUE(at_web.server->ok()) << at_web.server->error().message;
  EXPECT_FALSE((*at_web.server)->resumed);
}

}  // namespace
}  // namespace noroshi::tls
