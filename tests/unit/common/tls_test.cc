// Who may connect, who may not, and with what word.
#include "tests/unit/common/tls_fixture.h"

namespace noroshi::tls {
namespace {

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

TEST_F(TlsTest, ACertificateWithoutItsKeyIsRefused) {
  EXPECT_EQ(Refusal(pki_.Stolen(agent_)), "certificate_proof");
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

}  // namespace
}  // namespace noroshi::tls
