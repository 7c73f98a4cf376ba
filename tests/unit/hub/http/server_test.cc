// The web server as its clients see it: ordinary requests.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/assertions.h"
#include "tests/support/waiting.h"
#include "tests/unit/hub/http/server_fixture.h"

namespace noroshi::http {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  Start();
  const auto client = Connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client->Send(Get("/caf%C3%A9?q=a+b%26c&empty")));
    const Answer answer = client->Read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /café [] q=a b&c empty=");
    EXPECT_EQ(answer.Field("Connection"), "");
  }
  EXPECT_EQ(server_->stats().connections_total, 1U);
  EXPECT_EQ(server_->stats().responses.at(200), 3U);
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  const auto client = Connect();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += Get("/p" + std::to_string(i), "Content-Length: 2\r\n", "POST") + std::to_string(10 + i);
  }
  ASSERT_TRUE(client->Send(all));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client->Read().body,
              "POST /p" + std::to_string(i) + " [" + std::to_string(10 + i) + "]");
  }
}

TEST_F(ServerTest, BytesMayComeOneByOne) {
  Start();
  const auto client = Connect();
  const std::string request =
      Get("/slow", "Transfer-Encoding: chunked\r\n", "POST") + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(client->Send({&c, 1}));
  EXPECT_EQ(client->Read().body, "POST /slow [abcde]");
}

TEST_F(ServerTest, TrailersAreDropped) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/t", "Transfer-Encoding: chunked\r\n", "POST") +
                           "1\r\na\r\n0\r\nHost: other.example\r\nX-Role: admin\r\n\r\n" +
                           Get("/next")));
  EXPECT_EQ(client->Read().body, "POST /t [a]");
  EXPECT_EQ(client->Read().body, "GET /next []");
}

TEST_F(ServerTest, HeadHasTheSameHeaderAndNoBody) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/x", "", "HEAD")));
  const Answer answer = client->Read(/*head_request=*/true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Field("Content-Length"), std::to_string(std::string("HEAD /x []").size()));
  ASSERT_TRUE(client->Send(Get("/y")));
  EXPECT_EQ(client->Read().body, "GET /y []");
}

TEST_F(ServerTest, NoContentHasNoLength) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/none") + Get("/y")));
  const Answer none = client->Read();
  EXPECT_EQ(none.status, 204);
  EXPECT_EQ(none.Field("Content-Length"), "");
  EXPECT_EQ(client->Read().body, "GET /y []");
}

TEST_F(ServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/up", "Expect: 100-Continue\r\nContent-Length: 3\r\n", "PUT")));
  EXPECT_EQ(client->ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client->Send("abc"));
  EXPECT_EQ(client->Read().body, "PUT /up [abc]");
  EXPECT_EQ(Ask(Get("/up", "Expect: 200-ok\r\n")).status, 417);
}

TEST_F(ServerTest, ExpectContinueOfTooMuchIsRefusedBeforeTheBody) {
  Start();
  const Answer answer =
      Ask(Get("/up", "Expect: 100-continue\r\nContent-Length: 1048577\r\n", "PUT"));
  EXPECT_EQ(answer.status, 413);
}

TEST_F(ServerTest, ConnectionCloseIsKept) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/x", "Connection: close\r\n")));
  EXPECT_EQ(client->Read().Field("Connection"), "close");
  EXPECT_TRUE(client->Ended());
}

TEST_F(ServerTest, ConnectionEndsAfterItsLastRequest) {
  options_.limits.requests_per_connection_max = 2;
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/1") + Get("/2") + Get("/3")));
  EXPECT_EQ(client->Read().Field("Connection"), "");
  EXPECT_EQ(client->Read().Field("Connection"), "close");
  EXPECT_EQ(client->Read().status, 0);
  EXPECT_EQ(handled_, 2);
}

TEST_F(ServerTest, EveryAnswerHasTheSecurityHeaders) {
  Start();
  for (const std::string& request : {Get("/x"), Get("/throw"), std::string("nonsense\r\n\r\n")}) {
    const Answer answer = Ask(request);
    EXPECT_THAT(answer.Field("Strict-Transport-Security"), HasSubstr("max-age=31536000"));
    EXPECT_EQ(answer.Field("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.Field("Content-Security-Policy"),
              "default-src 'none'; frame-ancestors 'none'");
    EXPECT_EQ(answer.Field("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(answer.Field("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(answer.Field("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(answer.Field("Cache-Control"), "no-store");
    EXPECT_EQ(answer.Field("X-Frame-Options"), "DENY");
    EXPECT_EQ(answer.Field("Date"), "Wed, 18 Nov 2026 11:06:40 GMT");
    EXPECT_EQ(answer.Field("Server"), "");
  }
}

TEST_F(ServerTest, HandlersMayReplaceDefaults) {
  Start();
  const Answer answer = Ask(Get("/page"));
  EXPECT_EQ(answer.Field("Content-Security-Policy"), "default-src 'self'");
  EXPECT_EQ(answer.Field("Cache-Control"), "max-age=60");
  EXPECT_THAT(answer.head, Not(HasSubstr("frame-ancestors")));
  EXPECT_THAT(answer.head, HasSubstr("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
}

TEST_F(ServerTest, WhatAHandlerThrowsIsNotTold) {
  Start();
  const auto client = Connect();
  for (const char* path : {"/throw", "/throw-odd"}) {
    ASSERT_TRUE(client->Send(Get(path)));
    const Answer answer = client->Read();
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.Field("Content-Type"), "application/problem+json");
    EXPECT_THAT(answer.body, HasSubstr(R"("title":"Internal Server Error","status":500)"));
    EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
  }
  ASSERT_TRUE(client->Send(Get("/x")));
  EXPECT_EQ(client->Read().status, 200);
}

TEST_F(ServerTest, AnAnswerThatWouldForgeFieldsIsNotSent) {
  Start();
  for (const char* target : {"/evil?value=a%0d%0aSet-Cookie:%20x=1", "/evil?value=a%0ab",
                             "/evil?value=a%0db", "/length"}) {
    const Answer answer = Ask(Get(target));
    EXPECT_EQ(answer.status, 500) << target;
    EXPECT_EQ(answer.Field("Set-Cookie"), "");
    EXPECT_EQ(answer.Field("X-Evil"), "");
  }
  EXPECT_EQ(Ask(Get("/evil?value=fine")).Field("X-Evil"), "fine");
}

TEST_F(ServerTest, HostMustBeOneOfOurs) {
  Start();
  const auto with_host = [](const std::string& host) {
    return "GET /x HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  };
  for (const char* host :
       {"hub.example", "HUB.example:8444", "127.0.0.1:1", "[::1]:8444", "[0:0:0:0:0:0:0:1]"}) {
    EXPECT_EQ(Ask(with_host(host)).status, 200) << host;
  }
  for (const char* host : {"evil.example", "hub.example.evil.example", "localhost", "[::2]"}) {
    EXPECT_EQ(Ask(with_host(host)).status, 421) << host;
  }
  for (const char* host : {"", "hub.example:", "hub.example:0", "hub.example:99999", "a b",
                           "hub.example,hub.example", "user@hub.example", "[::1", "hub.example/"}) {
    EXPECT_EQ(Ask(with_host(host)).status, 400) << host;
  }
  EXPECT_EQ(Ask("GET /x HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(Ask("GET /x HTTP/1.1\r\nHost: hub.example\r\nhost: hub.example\r\n\r\n").status, 400);
}

TEST_F(ServerTest, AClientCertificateIsTold) {
  Start();
  RawClient::Options options;
  options.credentials = pki_.Agent({"mof", "agent-1"});
  RawClient client(server_->address(), options);
  ASSERT_TRUE(client.Send(Get("/x")));
  EXPECT_EQ(client.Read().body, "GET /x [] cert=noroshi://mof/agent-1");
}

TEST_F(ServerTest, AnothersClientCertificateIsRefused) {
  Start();
  const testing_support::TestPki other(kNowMs);
  RawClient::Options options;
  options.credentials = other.Agent({"mof", "agent-1"});
  RawClient client(server_->address(), options);
  client.Send(Get("/x"));  // TLS 1.3 tells a refused client after its own handshake.
  EXPECT_EQ(client.Read().status, 0);
  EXPECT_EQ(handled_, 0);
  support::Wake wake;
  wake.ask = true;
  EXPECT_OK(support::WaitUntil("the refusal to be counted", wake,
                               [&] { return server_->stats().handshakes_refused == 1; }));
}

TEST_F(ServerTest, Tls12IsRefused) {
  Start();
  RawClient::Options options;
  options.version_max = TLS1_2_VERSION;
  options.handshake = false;
  RawClient client(server_->address(), options);
  EXPECT_FALSE(client.Handshake());
  EXPECT_EQ(Ask(Get("/x")).status, 200);
}

TEST_F(ServerTest, TheLogHasALineForEachRequestAndNoSecrets) {
  Start();
  testing::internal::CaptureStderr();
  EXPECT_EQ(
      Ask(Get("/a%22,%22event%22:%22forged%E2%80%A8?token=hush",
              "Cookie: hush=1\r\nAuthorization: Bearer hush\r\nContent-Length: 4\r\n", "POST") +
          "hush")
          .status,
      200);
  EXPECT_EQ(Ask("GET /secret-in-a-bad-request hush\r\nHost: a\r\n\r\n").status, 505);
  EXPECT_EQ(Ask(Get("/throw")).status, 500);
  server_->Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, Not(HasSubstr("hush")));
  EXPECT_THAT(log,
              HasSubstr(R"("event":"http_request","method":"POST",)"
                        R"("path":"/a\",\"event\":\"forged\u2028","status":200,"duration_ms":)"));
  EXPECT_THAT(log, HasSubstr(R"("peer":"127.0.0.1:)"));
  EXPECT_THAT(log, HasSubstr(R"("event":"http_handler_failed","method":"GET","path":"/throw",)"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4) << log;
}

TEST_F(ServerTest, StopFinishesWhatIsUnderWay) {
  Start();
  const auto working = Connect();
  const auto idle = Connect();
  ASSERT_TRUE(idle->Send(Get("/x")));
  EXPECT_EQ(idle->Read().status, 200);
  ASSERT_TRUE(working->Send(Get("/gate")));
  AwaitAtGate(1);
  std::thread stopping([this] { server_->Stop(); });
  EXPECT_TRUE(idle->Ended());
  OpenGate();
  const Answer answer = working->Read();
  EXPECT_EQ(answer.body, "GET /gate []");
  EXPECT_EQ(answer.Field("Connection"), "close");
  stopping.join();
}

TEST_F(ServerTest, StopDoesNotWaitForEver) {
  options_.limits.stop_grace = std::chrono::milliseconds(50);
  Start();
  const auto working = Connect();
  ASSERT_TRUE(working->Send(Get("/gate")));
  AwaitAtGate(1);
  std::thread stopping([this] { server_->Stop(); });
  EXPECT_EQ(working->Read().status, 0);  // Cut, though its handler has not returned.
  OpenGate();
  stopping.join();
}

TEST_F(ServerTest, MakeTellsWhatIsWrong) {
  const auto handler = [](const Request&) { return Response(); };
  options_.host_names.clear();
  EXPECT_EQ(Server::Make(options_, handler, clock_).error().code, ErrorCode::kInvalid);
  options_.host_names = {"not a name"};
  EXPECT_EQ(Server::Make(options_, handler, clock_).error().code, ErrorCode::kInvalid);
  options_.host_names = {"hub.example"};
  options_.listen_address = "hub.example:1";
  EXPECT_EQ(Server::Make(options_, handler, clock_).error().code, ErrorCode::kInvalid);
  options_.listen_address = "127.0.0.1:0";
  Start();
  options_.listen_address = server_->address();
  EXPECT_EQ(Server::Make(options_, handler, clock_).error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace noroshi::http
