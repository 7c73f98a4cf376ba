// TLS over real sockets: who may connect, who may not, and with what word.
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
namespace {

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

constexpr int64_t kNowMs = 1'795'000'000'000;  // Some day in 2026.
constexpr milliseconds kTimeout{10'000};

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

TEST_F(TlsTest, ValidAgentIsWelcome) {
  const auto server = Server();
  const Credentials agent = pki_.Agent(agent_);
  const auto client = Client(Options(agent));
  const Outcome outcome = Connect(*server, *client);
  ASSERT_TRUE(outcome.server->ok()) << outcome.server->error().message;
  ASSERT_TRUE(outcome.client->ok()) << outcome.client->error().message;
  const Peer& peer = **outcome.server;
  EXPECT_EQ(peer.alpn, kAlpnAgent);
  EXPECT_FALSE(peer.expired);
  EXPECT_FALSE(peer.resumed);
  ASSERT_TRUE(peer.certificate.has_value());
  EXPECT_EQ(AgentIdentity(*peer.certificate).value(), agent_);
  EXPECT_EQ(peer.certificate->der, agent.der);
  EXPECT_EQ(**outcome.received, "welcome");
}

TEST_F(TlsTest, AgentWithoutTheCaInItsChainIsWelcome) {
  const auto server = Server();
  LeafSpec spec;
  spec.present_ca = false;
  const auto client = Client(Options(pki_.Odd(spec)));
  EXPECT_TRUE(Connect(*server, *client).server->ok());
}

TEST_F(TlsTest, ExpiredAgentPassesFlaggedWithinTheGrace) {
  const auto server = Server(pki_.Server({"localhost"}, kNowMs - kDayMs, kNowMs + 3000 * kDayMs));
  const int64_t end = kNowMs - 10 * kDayMs;
  const auto client = Client(Options(pki_.Agent(agent_, kNowMs - 40 * kDayMs, end)));
  for (const int64_t now : {end + 2000, end + kRenewGraceMs}) {
    server_clock_.Set(now);
    const Outcome outcome = Connect(*server, *client);
    ASSERT_TRUE(outcome.server->ok()) << outcome.server->error().message;
    EXPECT_TRUE((*outcome.server)->expired);
  }
}

TEST_F(TlsTest, ExpiredAgentIsRefusedAfterTheGrace) {
  const int64_t end = kNowMs - kRenewGraceMs - 2000;
  EXPECT_EQ(Refusal(pki_.Agent(agent_, end - 30 * kDayMs, end)), "certificate_expired");
}

TEST_F(TlsTest, NotYetValidIsRefused) {
  EXPECT_EQ(Refusal(pki_.Agent(agent_, kNowMs + kDayMs, kNowMs + 2 * kDayMs)),
            "certificate_not_yet_valid");
}

TEST_F(TlsTest, OtherCaIsRefused) {
  const TestPki other(kNowMs);
  EXPECT_EQ(Refusal(other.Agent(agent_)), "certificate_unknown_issuer");
  LeafSpec alone;
  alone.present_ca = false;
  EXPECT_EQ(Refusal(other.Odd(alone)), "certificate_unknown_issuer");
}

TEST_F(TlsTest, NoCertificateIsRefused) {
  EXPECT_EQ(Refusal(Credentials{}), "certificate_missing");
}

TEST_F(TlsTest, WrongOrMissingExtendedKeyUsageIsRefused) {
  LeafSpec spec;
  spec.extended_key_usage = "serverAuth";
  EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_purpose");
  spec.extended_key_usage = std::nullopt;
  EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_purpose");
}

TEST_F(TlsTest, CaCertificateAsPeerIsRefused) {
  LeafSpec spec;
  spec.is_ca = true;
  EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_purpose");
}

TEST_F(TlsTest, WrongIdentitiesAreRefused) {
  for (const std::vector<std::string>& uris : {std::vector<std::string>{},
                                               {"noroshi://mof/a", "noroshi://mof/b"},
                                               {"https://mof/a"},
                                               {"noroshi://mof"},
                                               {"noroshi://mof/a/b"},
                                               {"noroshi://MOF/a"},
                                               {"noroshi://mof/a%20"}}) {
    LeafSpec spec;
    spec.uris = uris;
    EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_identity") << testing::PrintToString(uris);
  }
  LeafSpec spec;
  spec.dns_names = {"agent.example"};
  EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_identity");
}

TEST_F(TlsTest, OtherKeysThanP256AreRefused) {
  for (const char* curve : {"P-384", "RSA"}) {
    LeafSpec spec;
    spec.curve = curve;
    EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_weak_key") << curve;
  }
}

TEST_F(TlsTest, ChainWithAnIntermediateIsRefused) {
  LeafSpec spec;
  spec.through_intermediate = true;
  EXPECT_EQ(Refusal(pki_.Odd(spec)), "certificate_chain");
}

TEST_F(TlsTest, ClientLearnsTheAlertOnItsFirstRead) {
  const auto server = Server();
  const auto client = Client(Options(Credentials{}));
  const Outcome outcome = Connect(*server, *client);
  ASSERT_TRUE(outcome.received.has_value());
  EXPECT_THAT(outcome.received->error().message, HasSubstr("certificate required"));
}

TEST_F(TlsTest, ClientChecksTheServer) {
  const ClientOptions options = Options(pki_.Agent(agent_));
  EXPECT_EQ(ClientRefusal(*Server(pki_.Server({"hub.example"})), options), "certificate_identity");
  LeafSpec wildcard;
  wildcard.uris = {};
  wildcard.dns_names = {"*.example"};
  wildcard.extended_key_usage = "serverAuth";
  ClientOptions wild = options;
  wild.server_name = "hub.example";
  EXPECT_EQ(ClientRefusal(*Server(pki_.Odd(wildcard)), wild), "certificate_identity");
  EXPECT_EQ(ClientRefusal(*Server(pki_.Server({"localhost"}, kNowMs - 9 * kDayMs, kNowMs - 1000)),
                          options),
            "certificate_expired");
  LeafSpec client_certificate;
  client_certificate.uris = {};
  client_certificate.dns_names = {"localhost"};
  EXPECT_EQ(ClientRefusal(*Server(pki_.Odd(client_certificate)), options), "certificate_purpose");
  const TestPki other(kNowMs);
  EXPECT_EQ(ClientRefusal(*Server(other.Server({"localhost"})), options),
            "certificate_unknown_issuer");
}

TEST_F(TlsTest, ServerNameMayBeAnAddress) {
  const auto server = Server();
  ClientOptions options = Options(pki_.Agent(agent_));
  options.server_name = "127.0.0.1";
  EXPECT_TRUE(Connect(*server, *Client(options)).client->ok());
  options.server_name = "127.0.0.2";
  EXPECT_EQ(ClientRefusal(*server, options), "certificate_identity");
}

TEST_F(TlsTest, EnrollingNeedsNoCertificateAndPinsTheCa) {
  const auto server = Server();
  ClientOptions options = Options(Credentials{});
  options.ca_pem.clear();
  options.ca_sha256 = Sha256Of(pki_.ca_der());
  options.alpn = kAlpnEnroll;
  const Outcome outcome = Connect(*server, *Client(options));
  ASSERT_TRUE(outcome.server->ok()) << outcome.server->error().message;
  EXPECT_FALSE((*outcome.server)->certificate.has_value());
  EXPECT_EQ((*outcome.server)->alpn, kAlpnEnroll);
  EXPECT_EQ(**outcome.received, "welcome");
  options.ca_sha256[0] ^= 1;
  EXPECT_EQ(ClientRefusal(*server, options), "certificate_unknown_issuer");
}

TEST_F(TlsTest, UnknownAlpnIsRefused) {
  ClientOptions options = Options(pki_.Agent(agent_));
  options.alpn = "http/1.1";
  const auto server = Server();
  const Outcome outcome = Connect(*server, *Client(options));
  EXPECT_THAT(outcome.server->error().message, StartsWith("alpn:"));
  EXPECT_THAT(outcome.client->error().message, HasSubstr("no application protocol"));
}

// Scanners offer no ALPN. They are refused after a handshake that ends well.
TEST_F(TlsTest, WithoutAlpnTheHandshakeEndsWellAndTheConnectionInOrder) {
  const auto server = Server();
  for (const Credentials& credentials : {Credentials{}, pki_.Agent(agent_)}) {
    const auto client = Client(Options(credentials));
    KeepTickets(*client);
    SSL_CTX_set_alpn_protos(client->impl().ssl_context.get(), nullptr, 0);
    client->impl().alpn.clear();
    const Outcome outcome = Connect(*server, *client);
    ASSERT_TRUE(outcome.client->ok()) << outcome.client->error().message;
    EXPECT_EQ(outcome.received->error().message, "closed: by the other side");
    ASSERT_FALSE(outcome.server->ok());
    EXPECT_THAT(outcome.server->error().message, StartsWith("alpn:"));
    EXPECT_EQ(client->impl().session, nullptr) << "a ticket that would resume without certificate";
  }
}

TEST_F(TlsTest, WithoutAlpnABadCertificateIsRefusedAllTheSame) {
  const TestPki other(kNowMs);
  const auto server = Server();
  const auto client = Client(Options(other.Agent(agent_)));
  SSL_CTX_set_alpn_protos(client->impl().ssl_context.get(), nullptr, 0);
  client->impl().alpn.clear();
  const Outcome outcome = Connect(*server, *client);
  EXPECT_THAT(outcome.server->error().message, StartsWith("certificate_unknown_issuer:"));
}

TEST_F(TlsTest, Tls12IsRefused) {
  const auto server = Server();
  const auto client = Client(Options(pki_.Agent(agent_)));
  SSL_CTX* raw = client->impl().ssl_context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
  const Outcome outcome = Connect(*server, *client);
  EXPECT_THAT(outcome.server->error().message, StartsWith("tls_version:"));
}

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

TEST_F(TlsTest, ReplacedCertificateServesNewHandshakes) {
  const auto server = Server();
  const auto client = Client(Options(pki_.Agent(agent_)));
  ASSERT_TRUE(Connect(*server, *client).server->ok());
  const Credentials fresh = pki_.Server({"localhost"});
  ASSERT_TRUE(server->ReplaceCertificate(fresh.chain_pem, fresh.key_pem).ok());
  const Outcome outcome = Connect(*server, *client);
  ASSERT_TRUE(outcome.client->ok()) << outcome.client->error().message;
  EXPECT_FALSE((*outcome.client)->resumed);
  EXPECT_EQ((*outcome.client)->certificate->der, fresh.der);
  const Credentials other = pki_.Server({"localhost"});
  EXPECT_FALSE(server->ReplaceCertificate(fresh.chain_pem, other.key_pem).ok());
}

TEST_F(TlsTest, SilentPeerTimesOut) {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::socket silent(io);
  silent.connect(acceptor.local_endpoint());
  const auto server = Server();
  std::optional<Result<Peer>> result;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto stream = TlsStream::Make(co_await acceptor.async_accept(asio::use_awaitable), *server);
        result = co_await (*stream)->Handshake(milliseconds(30));
      },
      asio::detached);
  io.run();
  EXPECT_EQ(result->error().code, ErrorCode::kTimeout);
}

// What somebody reads who sends `bytes` instead of TLS, and how that ends.
struct Answered {
  std::string bytes;
  boost::system::error_code end;
  std::string refusal;
};

Answered SendInsteadOfTls(const Context& server, const std::string& bytes, milliseconds linger) {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::socket raw(io);
  raw.connect(acceptor.local_endpoint());
  asio::write(raw, asio::buffer(bytes));
  Answered answered;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        auto stream = TlsStream::Make(co_await acceptor.async_accept(asio::use_awaitable), server);
        auto peer = co_await (*stream)->Handshake(kTimeout);
        answered.refusal = peer.ok() ? "accepted" : peer.error().message;
        co_await (*stream)->Depart(linger);
      },
      asio::detached);
  io.run();
  asio::read(raw, asio::dynamic_buffer(answered.bytes), answered.end);
  return answered;
}

TEST_F(TlsTest, GarbageInsteadOfTlsIsRefused) {
  const Answered answered = SendInsteadOfTls(*Server(), "GET / HTTP/1.1\r\n\r\n", milliseconds(0));
  EXPECT_THAT(answered.refusal, testing::AnyOf(StartsWith("tls_"), StartsWith("closed")));
}

// A record that holds no handshake message, and what follows it.
std::string BadRecord(size_t more) {
  return std::string("\x16\x03\x01\x00\x04zzzz", 9) + std::string(more, 'x');
}

// The alert is read and the end is orderly, also if much was sent that nobody wants.
TEST_F(TlsTest, WhoIsRefusedReadsWhyAndIsNotReset) {
  const Answered answered =
      SendInsteadOfTls(*Server(), BadRecord(kDepartBytesMax / 2), milliseconds(0));
  EXPECT_THAT(answered.refusal, StartsWith("tls_"));
  EXPECT_THAT(answered.bytes, StartsWith("\x15")) << "no alert";
  EXPECT_EQ(answered.end, asio::error::eof) << answered.end.message();
}

TEST_F(TlsTest, WhoGoesOnSendingAfterARefusalIsCut) {
  // Returns at all: nobody waits for the other side's end, which never comes.
  const Answered answered =
      SendInsteadOfTls(*Server(), BadRecord(kDepartBytesMax * 2), std::chrono::hours(24));
  EXPECT_THAT(answered.refusal, StartsWith("tls_"));
}

TEST_F(TlsTest, WebServerAsksForACertificateAndDoesWithout) {
  const auto server = WebServer();
  const Outcome none = Connect(*server, *Client(WebOptions(Credentials{})));
  ASSERT_TRUE(none.server->ok()) << none.server->error().message;
  EXPECT_FALSE((*none.server)->certificate.has_value());
  EXPECT_EQ((*none.server)->alpn, kAlpnHttp);
  EXPECT_EQ(**none.received, "welcome");
  // Whom it names is not TLS's matter.
  LeafSpec person;
  person.uris = {"https://example.test/people/7"};
  const Credentials named = pki_.Odd(person);
  const Outcome some = Connect(*server, *Client(WebOptions(named)));
  ASSERT_TRUE(some.server->ok()) << some.server->error().message;
  EXPECT_EQ((*some.server)->certificate->der, named.der);
}

TEST_F(TlsTest, WebServerRefusesEveryBadCertificate) {
  const auto server = WebServer();
  const TestPki other(kNowMs);
  LeafSpec serving;
  serving.extended_key_usage = "serverAuth";
  LeafSpec weak;
  weak.curve = "RSA";
  const std::pair<Credentials, std::string> bad[] = {
      {other.Agent(agent_), "certificate_unknown_issuer"},
      {pki_.Agent(agent_, kNowMs - 2 * kDayMs, kNowMs - 1000), "certificate_expired"},
      {pki_.Agent(agent_, kNowMs + kDayMs, kNowMs + 2 * kDayMs), "certificate_not_yet_valid"},
      {pki_.Odd(serving), "certificate_purpose"},
      {pki_.Odd(weak), "certificate_weak_key"},
  };
  for (const auto& [credentials, word] : bad) {
    const Outcome outcome = Connect(*server, *Client(WebOptions(credentials)));
    ASSERT_FALSE(outcome.server->ok()) << word;
    EXPECT_THAT(outcome.server->error().message, StartsWith(word));
  }
}

TEST_F(TlsTest, WebServerSpeaksNoOtherProtocol) {
  const auto server = WebServer();
  for (const char* alpn : {kAlpnAgent, kAlpnEnroll, "h2"}) {
    ClientOptions options = Options(pki_.Agent(agent_));
    options.alpn = alpn;
    const Outcome outcome = Connect(*server, *Client(options));
    ASSERT_FALSE(outcome.server->ok()) << alpn;
    EXPECT_THAT(outcome.server->error().message, StartsWith("alpn:"));
  }
  const auto old = Client(WebOptions(Credentials{}));
  SSL_CTX_set_min_proto_version(old->impl().ssl_context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(old->impl().ssl_context.get(), TLS1_2_VERSION);
  EXPECT_THAT(Connect(*server, *old).server->error().message, StartsWith("tls_version:"));
}

TEST_F(TlsTest, WebServerNeedsNoAlpn) {
  const auto server = WebServer();
  const auto client = Client(WebOptions(Credentials{}));
  SSL_CTX_set_alpn_protos(client->impl().ssl_context.get(), nullptr, 0);
  client->impl().alpn.clear();
  const Outcome outcome = Connect(*server, *client);
  ASSERT_TRUE(outcome.server->ok()) << outcome.server->error().message;
  EXPECT_EQ((*outcome.server)->alpn, "");
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
  for (const bool same_keys : {false, true}) {
    if (same_keys) {  // Even then: tickets are bound to their kind of server.
      unsigned char keys[80];
      ASSERT_EQ(SSL_CTX_get_tlsext_ticket_keys(agents->impl().ssl_context.get(), keys, 80), 1);
      ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(web->impl().ssl_context.get(), keys, 80), 1);
    }
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
}

// A pair of shaken hands, for what happens after.
struct Pair {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
};

class TlsPairTest : public TlsTest {
 protected:
  void SetUp() override {
    server_context_ = Server();
    client_context_ = Client(Options(pki_.Agent(agent_)));
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket socket(io_);
    socket.connect(acceptor.local_endpoint());
    pair_.server = TlsStream::Make(acceptor.accept(), *server_context_).value();
    pair_.client = TlsStream::Make(std::move(socket), *client_context_).value();
    int done = 0;
    for (TlsStream* stream : {pair_.server.get(), pair_.client.get()}) {
      Spawn([&done, stream]() -> asio::awaitable<void> {
        auto peer = co_await stream->Handshake(kTimeout);
        if (peer.ok()) ++done;
      });
    }
    Run();
    ASSERT_EQ(done, 2);
  }
  template <typename Function>
  void Spawn(Function function) {
    asio::co_spawn(io_, std::move(function), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  }
  void Run() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_;
  std::unique_ptr<Context> server_context_;
  std::unique_ptr<Context> client_context_;
  Pair pair_;
};

TEST_F(TlsPairTest, MegabytesCrossBothWaysAtOnce) {
  const std::string bytes(3 * 1024 * 1024 + 17, 'x');
  size_t received[2] = {0, 0};
  TlsStream* streams[2] = {pair_.server.get(), pair_.client.get()};
  for (int i = 0; i < 2; ++i) {
    Spawn([&, i]() -> asio::awaitable<void> {
      auto written = co_await streams[i]->Write(bytes, kTimeout);
      EXPECT_TRUE(written.ok());
    });
    Spawn([&, i]() -> asio::awaitable<void> {
      std::vector<char> buffer(16 * 1024);
      while (received[i] < bytes.size()) {
        auto got = co_await streams[i]->ReadSome(buffer, kTimeout);
        EXPECT_TRUE(got.ok());
        if (!got.ok()) co_return;
        received[i] += *got;
      }
    });
  }
  Run();
  EXPECT_EQ(received[0], bytes.size());
  EXPECT_EQ(received[1], bytes.size());
}

TEST_F(TlsPairTest, ReadTimesOutAndCloseEndsAWaitingRead) {
  std::optional<Result<size_t>> timed_out;
  std::optional<Result<size_t>> closed;
  Spawn([&]() -> asio::awaitable<void> {
    char buffer[16];
    timed_out = co_await pair_.server->ReadSome(buffer, milliseconds(20));
    pair_.server->Close();
  });
  Spawn([&]() -> asio::awaitable<void> {
    char buffer[16];
    closed = co_await pair_.client->ReadSome(buffer, kTimeout);
  });
  Run();
  EXPECT_EQ(timed_out->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(closed->error().code, ErrorCode::kClosed);

  closed.reset();
  Spawn([&]() -> asio::awaitable<void> {
    char buffer[16];
    closed = co_await pair_.client->ReadSome(buffer, kTimeout);
  });
  Spawn([&]() -> asio::awaitable<void> {
    pair_.client->Close();
    co_return;
  });
  Run();
  EXPECT_EQ(closed->error().code, ErrorCode::kClosed);
}

TEST_F(TlsPairTest, WriteToAReaderThatDoesNotReadTimesOut) {
  std::optional<Result<void>> result;
  Spawn([&]() -> asio::awaitable<void> {
    const std::string bytes(64 * 1024 * 1024, 'x');
    result = co_await pair_.server->Write(bytes, milliseconds(50));
  });
  Run();
  EXPECT_EQ(result->error().code, ErrorCode::kTimeout);
}

TEST_F(TlsPairTest, WriteToAClosedPeerIsAnErrorAndNoSignal) {
  pair_.client.reset();
  std::optional<Result<void>> result;
  Spawn([&]() -> asio::awaitable<void> {
    const std::string bytes(1024 * 1024, 'x');
    Result<void> written;
    while (written.ok()) written = co_await pair_.server->Write(bytes, kTimeout);
    result = written;
  });
  Run();
  EXPECT_EQ(result->error().code, ErrorCode::kClosed);
}

TEST_F(TlsPairTest, DestroyedWhileAReadWaits) {
  std::optional<Result<size_t>> result;
  Spawn([&]() -> asio::awaitable<void> {
    char buffer[16];
    result = co_await pair_.server->ReadSome(buffer, kTimeout);
  });
  Spawn([&]() -> asio::awaitable<void> {
    pair_.server.reset();
    co_return;
  });
  Run();
  EXPECT_EQ(result->error().code, ErrorCode::kClosed);
}

}  // namespace
}  // namespace noroshi::tls
