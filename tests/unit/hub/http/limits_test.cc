// Hostile clients of the web server: each limit at its maximum, and just above it.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/assertions.h"
#include "tests/support/waiting.h"
#include "tests/unit/hub/http/server_fixture.h"

namespace noroshi::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr milliseconds kSoon{150};
constexpr uint64_t kFast = uint64_t{1} << 40;  // Bytes a second: the grace is all there is.

class LimitsTest : public ServerTest {
 protected:
  std::unique_ptr<RawClient> From(const std::string& address) {
    RawClient::Options options;
    options.from = address;
    return std::make_unique<RawClient>(server_->address(), options);
  }
  // The server's count becomes this.
  void AwaitConnections(uint64_t open) {
    support::Wake wake;
    wake.ask = true;
    EXPECT_OK(support::WaitUntil("connections", wake,
                                 [&] { return server_->stats().connections_open == open; }));
  }
};

TEST_F(LimitsTest, SmuggledRequestsAreNeverHandled) {
  Start();
  for (const char* fields :
       {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 0\r\n", "Transfer-Encoding : chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity, chunked\r\n",
        "X: y\nContent-Length: 0\r\n"}) {
    const auto client = Connect();
    ASSERT_TRUE(client->Send(Get("/x", fields, "POST") + "0\r\n\r\n" + Get("/smuggled")));
    const Answer answer = client->Read();
    EXPECT_EQ(answer.status, 400) << fields;
    EXPECT_EQ(answer.Field("Connection"), "close");
    EXPECT_EQ(answer.Field("Content-Type"), "application/problem+json");
    EXPECT_TRUE(client->Ended());
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(LimitsTest, RefusalsAreProblems) {
  Start();
  const std::pair<std::string, int> requests[] = {
      {"GET / HTTP/1.1\r\nHost: hub.example\r\nHost: hub.example\r\n\r\n", 400},
      {Get("/x", "Content-Length: 1048577\r\n", "POST"), 413},
      {"GET /" + std::string(5000, 'x'), 414},
      {Get("/x", "Expect: more\r\n"), 417},
      {"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 421},
      {Get("/x", "X: " + std::string(17 * 1024, 'x') + "\r\n"), 431},
      {Get("/x", "", "BREW"), 501},
      {"GET / HTTP/1.0\r\n\r\n", 505},
  };
  for (const auto& [request, status] : requests) {
    const Answer answer = Ask(request);
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr("\"status\":" + std::to_string(status)));
    EXPECT_THAT(answer.body, HasSubstr(R"("type":"about:blank")"));
    EXPECT_THAT(answer.body, Not(HasSubstr("Unknown")));
  }
}

TEST_F(LimitsTest, RefusalOfALargeBodyIsRead) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/x", "Content-Length: 99999999\r\n", "PUT")));
  // What is still sent must not reset the connection before the answer is read.
  client->Send(std::string(128 * 1024, 'x'));
  EXPECT_EQ(client->Read().status, 413);
}

TEST_F(LimitsTest, BodyLimitDependsOnTheRequest) {
  std::atomic<int> asked = 0;
  options_.body_limit = [&asked](const Request& head) -> uint64_t {
    ++asked;
    if (head.path == "/odd") throw std::runtime_error("no");
    return head.method == "PUT" && head.path == "/samples" && head.certificate ? 3 * kMiB : 10;
  };
  Start();
  RawClient::Options options;
  options.credentials = pki_.Agent({"mof", "agent-1"});
  RawClient client(server_->address(), options);
  const std::string sample(3 * kMiB, 's');
  ASSERT_TRUE(client.Send(Get("/samples", "Content-Length: 3145728\r\n", "PUT") + sample));
  EXPECT_THAT(client.Read().body, HasSubstr(sample));
  ASSERT_TRUE(client.Send(Get("/samples", "Content-Length: 3145729\r\n", "PUT")));
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_EQ(Ask(Get("/samples", "Content-Length: 11\r\n", "PUT") + "12345678901").status, 413);
  EXPECT_EQ(Ask(Get("/samples", "Content-Length: 10\r\n", "PUT") + "1234567890").status, 200);
  EXPECT_EQ(Ask(Get("/odd", "Content-Length: 11\r\n", "PUT") + "12345678901").status, 200);
  EXPECT_EQ(asked, 5);
  EXPECT_EQ(Ask(Get("/x")).status, 200);  // No body: not asked.
  EXPECT_EQ(asked, 5);
}

TEST_F(LimitsTest, BodiesShareTheirMemory) {
  options_.limits.body_memory_bytes_max = 1000;
  Start();
  const auto holder = Connect();
  ASSERT_TRUE(
      holder->Send(Get("/gate", "Content-Length: 600\r\n", "POST") + std::string(600, 'x')));
  AwaitAtGate(1);
  const std::string at_most = Get("/x", "Content-Length: 400\r\n", "POST") + std::string(400, 'x');
  const std::string too_much = Get("/x", "Content-Length: 401\r\n", "POST") + std::string(401, 'x');
  EXPECT_EQ(Ask(at_most).status, 200);
  const Answer refused = Ask(too_much);
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.Field("Retry-After"), "");
  OpenGate();
  EXPECT_EQ(holder->Read().status, 200);
  EXPECT_EQ(Ask(too_much).status, 200);
}

TEST_F(LimitsTest, AnswersHaveASizeToo) {
  options_.limits.response_bytes_max = 1000;
  Start();
  EXPECT_EQ(Ask(Get("/size?n=1000")).body.size(), 1000U);
  EXPECT_EQ(Ask(Get("/size?n=1001")).status, 500);
}

TEST_F(LimitsTest, AnswersShareTheirMemory) {
  options_.limits.response_memory_bytes_max = 8 * kMiB;
  Start();
  RawClient::Options options;
  options.receive_buffer_bytes = 4096;
  RawClient slow(server_->address(), options);
  ASSERT_TRUE(slow.Send(Get("/size?n=" + std::to_string(8 * kMiB))));
  ASSERT_NE(slow.ReadUntil("\r\n\r\n"), "");  // Being sent now.
  EXPECT_EQ(Ask(Get("/size?n=1")).status, 503);
  EXPECT_NE(slow.ReadUntil(std::string(8 * kMiB, 'x')), "");
  EXPECT_EQ(Ask(Get("/size?n=1")).status, 200);
}

TEST_F(LimitsTest, MoreRequestsThanMayWaitAreTurnedAway) {
  options_.limits.workers = 1;
  options_.limits.requests_waiting_max = 2;
  Start();
  const auto working = Connect();
  ASSERT_TRUE(working->Send(Get("/gate")));
  AwaitAtGate(1);
  const auto first = Connect();
  const auto second = Connect();
  ASSERT_TRUE(first->Send(Get("/1")));
  ASSERT_TRUE(second->Send(Get("/2")));
  support::Wake wake;
  wake.ask = true;
  ASSERT_OK(
      support::WaitUntil("two wait", wake, [&] { return server_->stats().requests_waiting == 2; }));
  const auto third = Connect();
  ASSERT_TRUE(third->Send(Get("/3")));
  const Answer refused = third->Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.Field("Retry-After"), "");
  EXPECT_EQ(refused.Field("Connection"), "");
  OpenGate();
  EXPECT_EQ(working->Read().status, 200);
  EXPECT_EQ(first->Read().body, "GET /1 []");
  EXPECT_EQ(second->Read().body, "GET /2 []");
  ASSERT_TRUE(third->Send(Get("/3")));  // The connection is still good.
  EXPECT_EQ(third->Read().status, 200);
}

// All of these come from one address.
TEST_F(LimitsTest, OneNetworkLeavesOthersAQuarterOfTheWorkersAndOfTheQueue) {
  options_.limits.workers = 4;
  options_.limits.requests_waiting_max = 4;
  options_.watch_paths = {"/watch"};
  Start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back()->Send(Get("/gate")));
  }
  AwaitAtGate(3);
  support::Wake wake;
  wake.ask = true;
  ASSERT_OK(support::WaitUntil("three wait", wake,
                               [&] { return server_->stats().requests_waiting == 3; }));
  // One thread is idle, so one more may wait for it.
  clients.push_back(Connect());
  ASSERT_TRUE(clients.back()->Send(Get("/gate")));
  ASSERT_OK(support::WaitUntil("four wait", wake,
                               [&] { return server_->stats().requests_waiting == 4; }));
  EXPECT_EQ(Ask(Get("/x")).status, 503);
  EXPECT_EQ(Ask(Get("/watch")).status, 200);
  EXPECT_EQ(server_->stats().requests_waiting, 4U);
  OpenGate();
  for (const auto& client : clients) EXPECT_EQ(client->Read().status, 200);
}

TEST_F(LimitsTest, AHandlerThatHangsIsNotWaitedFor) {
  options_.limits.handler_timeout = kSoon;
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/gate")));
  const Answer answer = client->Read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(client->Ended());
  EXPECT_EQ(Ask(Get("/x")).status, 200);
}

TEST_F(LimitsTest, TheIdleGiveWayWhenThereAreTooMany) {
  options_.limits.connections_max = 3;
  Start();
  const auto busy = Connect();
  ASSERT_TRUE(busy->Send(Get("/gate")));
  AwaitAtGate(1);
  const auto first = Connect();
  const auto second = Connect();
  const auto third = Connect();
  EXPECT_TRUE(first->Ended());  // Idle for longest.
  for (const auto& client : {second.get(), third.get()}) {
    ASSERT_TRUE(client->Send(Get("/x")));
    EXPECT_EQ(client->Read().status, 200);
  }
  EXPECT_EQ(server_->stats().connections_refused, 1U);
  OpenGate();
  EXPECT_EQ(busy->Read().status, 200);
}

TEST_F(LimitsTest, NobodyGivesWayWhoIsBusy) {
  options_.limits.connections_max = 2;
  Start();
  const auto one = Connect();
  const auto two = Connect();
  ASSERT_TRUE(one->Send(Get("/gate")));
  ASSERT_TRUE(two->Send(Get("/gate")));
  AwaitAtGate(2);
  RawClient::Options options;
  options.handshake = false;
  RawClient refused(server_->address(), options);
  EXPECT_FALSE(refused.Handshake());
  OpenGate();
  EXPECT_EQ(one->Read().status, 200);
  EXPECT_EQ(two->Read().status, 200);
}

TEST_F(LimitsTest, AFloodOfOneNetworkCrowdsOutItselfOnly) {
  options_.limits.connections_per_network_max = 3;
  options_.limits.connections_max = 5;
  Start();
  const auto honest = From("127.0.0.2");
  const auto honest_too = From("127.0.0.3");
  std::vector<std::unique_ptr<RawClient>> flood;
  for (int i = 0; i < 20; ++i) flood.push_back(Connect());
  EXPECT_TRUE(flood.front()->Ended());
  for (const auto& client : {honest.get(), honest_too.get(), flood.back().get()}) {
    ASSERT_TRUE(client->Send(Get("/x")));
    EXPECT_EQ(client->Read().status, 200);
  }
  // The server is full: of the network with the most somebody goes.
  const auto third = From("127.0.0.4");
  for (const auto& client : {honest.get(), honest_too.get(), third.get()}) {
    ASSERT_TRUE(client->Send(Get("/x")));
    EXPECT_EQ(client->Read().status, 200);
  }
  EXPECT_EQ(server_->stats().connections_refused, 18U);
}

TEST_F(LimitsTest, HandshakesHaveATime) {
  options_.limits.handshake_timeout = kSoon;
  Start();
  RawClient::Options options;
  options.handshake = false;
  RawClient silent(server_->address(), options);
  EXPECT_TRUE(silent.Readable(20'000));
  EXPECT_FALSE(silent.Handshake());
}

TEST_F(LimitsTest, IdleConnectionsEnd) {
  options_.limits.idle_timeout = kSoon;
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/x")));
  EXPECT_EQ(client->Read().status, 200);
  EXPECT_EQ(client->ReadToEnd(), "");  // And nothing is said.
}

TEST_F(LimitsTest, SlowHeadersEnd) {
  options_.limits.header_timeout = kSoon;
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("GET /x HTTP/1.1\r\nX: "));
  int sent = 0;
  while (!client->Readable(5) && sent < 10'000 && client->Send("y")) ++sent;
  EXPECT_LT(sent, 10'000);
  EXPECT_EQ(client->Read().status, 408);
  EXPECT_TRUE(client->Ended());
}

TEST_F(LimitsTest, SlowBodiesEnd) {
  options_.limits.body_grace = kSoon;
  options_.limits.body_rate_min = kFast;
  Start();
  for (const char* length : {"Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const auto client = Connect();
    ASSERT_TRUE(client->Send(Get("/x", length, "POST")));
    int sent = 0;
    while (!client->Readable(5) && sent < 10'000 && client->Send("1\r\na\r\n")) ++sent;
    EXPECT_LT(sent, 10'000);
    EXPECT_EQ(client->Read().status, 408);
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(LimitsTest, ABodyMayBeAsSlowAsItsRateAllows) {
  options_.limits.body_grace = milliseconds(0);
  options_.limits.body_rate_min = 1;  // A second for each byte that has come.
  options_.limits.header_timeout = milliseconds(20'000);
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/x", "Content-Length: 40\r\n", "POST") + std::string(30, 'x')));
  EXPECT_FALSE(client->Readable(300));
  ASSERT_TRUE(client->Send(std::string(10, 'x')));
  EXPECT_EQ(client->Read().status, 200);
}

TEST_F(LimitsTest, SlowReadersEnd) {
  options_.limits.write_grace = kSoon;
  options_.limits.write_rate_min = kFast;
  Start();
  RawClient::Options options;
  options.receive_buffer_bytes = 4096;
  RawClient client(server_->address(), options);
  ASSERT_TRUE(client.Send(Get("/size?n=" + std::to_string(32 * kMiB))));
  ASSERT_TRUE(client.Readable(20'000));
  AwaitConnections(0);
  EXPECT_LT(client.ReadToEnd().size(), 32 * kMiB);
}

TEST_F(LimitsTest, RefusalsDoNotFloodTheLog) {
  options_.limits.refusal_lines_per_second_max = 2;
  testing::internal::CaptureStderr();
  Start();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(Ask("nonsense\r\n").status, 400);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  server_->Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  const auto lines = std::count(log.begin(), log.end(), '\n');
  EXPECT_GE(lines, 2);
  EXPECT_LE(lines, 2 * (seconds.count() + 2));
  EXPECT_EQ(server_->stats().log_lines_dropped + static_cast<uint64_t>(lines), 40U);
  EXPECT_EQ(server_->stats().responses.at(400), 40U);
}

}  // namespace
}  // namespace noroshi::http
