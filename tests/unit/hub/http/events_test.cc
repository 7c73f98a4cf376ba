// Server-sent events over the wire.
#include <gmock/gmock.h>

#include "tests/support/assertions.h"
#include "tests/support/waiting.h"
#include "tests/unit/hub/http/server_fixture.h"

namespace noroshi::http {
namespace {

using std::chrono::milliseconds;

class EventsTest : public ServerTest {
 protected:
  std::unique_ptr<RawClient> Listen(const std::string& key = "") {
    auto client = Connect();
    EXPECT_TRUE(client->Send(Get("/events?key=" + key)));
    EXPECT_EQ(client->Read().status, 200);
    return client;
  }
  void AwaitStreams(uint64_t open) {
    support::Wake wake;
    wake.ask = true;
    EXPECT_OK(
        support::WaitUntil("streams", wake, [&] { return server_->stats().streams_open == open; }));
  }
};

TEST_F(EventsTest, EventsArriveInOrder) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/events")));
  const Answer answer = client->Read();
  EXPECT_EQ(answer.Field("Content-Type"), "text/plain");  // The handler's own word.
  EXPECT_EQ(answer.Field("Content-Length"), "");
  EXPECT_EQ(answer.Field("Connection"), "close");
  EXPECT_EQ(answer.Field("X-Content-Type-Options"), "nosniff");
  const auto sink = AwaitSink();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(sink->Send(std::to_string(i), "case", "{\"n\":" + std::to_string(i) + "}"));
  }
  sink->Close();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    expected += "id: " + n + "\nevent: case\ndata: {\"n\":" + n + "}\n\n";
  }
  EXPECT_EQ(client->ReadToEnd(), expected);
  EXPECT_FALSE(sink->Send("", "", "late"));
  AwaitStreams(0);
}

TEST_F(EventsTest, SilenceIsFilledWithHeartbeats) {
  options_.limits.heartbeat = milliseconds(20);
  Start();
  const auto client = Listen();
  EXPECT_EQ(client->ReadUntil(":\n\n:\n\n:\n\n"), ":\n\n:\n\n:\n\n");
  ASSERT_TRUE(AwaitSink()->Send("", "", "x"));
  EXPECT_NE(client->ReadUntil("data: x\n\n"), "");
}

TEST_F(EventsTest, AListenerThatGoesEndsItsStream) {
  Start();
  auto client = Listen();
  const auto sink = AwaitSink();
  EXPECT_FALSE(sink->closed());
  client.reset();
  AwaitStreams(0);
  EXPECT_TRUE(sink->closed());
  EXPECT_FALSE(sink->Send("", "", "x"));
}

TEST_F(EventsTest, AListenerThatTalksEndsItsStream) {
  Start();
  const auto client = Listen();
  ASSERT_TRUE(client->Send(Get("/x")));
  EXPECT_TRUE(client->Ended());
  EXPECT_EQ(handled_, 1);
}

TEST_F(EventsTest, ASlowListenerIsCutAndNobodyWaits) {
  options_.limits.event_bytes_max = 64 * kKiB;
  Start();
  RawClient::Options options;
  options.receive_buffer_bytes = 4096;
  RawClient slow(server_->address(), options);
  ASSERT_TRUE(slow.Send(Get("/events")));
  EXPECT_EQ(slow.Read().status, 200);
  const auto sink = AwaitSink();
  const std::string data(16 * kKiB, 'x');
  size_t sent = 0;
  while (sent < 100'000 && sink->Send("", "", data)) ++sent;
  EXPECT_LT(sent, 100'000U);
  EXPECT_TRUE(sink->closed());
  AwaitStreams(0);
  EXPECT_EQ(server_->stats().streams_cut, 1U);
}

TEST_F(EventsTest, StreamsAreCountedByKeyAndInAll) {
  options_.limits.streams_per_key_max = 2;
  options_.limits.streams_max = 3;
  Start();
  auto first = Listen("a");
  const auto second = Listen("a");
  EXPECT_EQ(Ask(Get("/events?key=a")).status, 429);
  const auto third = Listen("b");
  const Answer full = Ask(Get("/events?key=c"));
  EXPECT_EQ(full.status, 503);
  EXPECT_NE(full.Field("Retry-After"), "");
  first.reset();
  AwaitStreams(2);
  const auto fourth = Listen("c");
}

TEST_F(EventsTest, HeadOpensNoStream) {
  Start();
  const auto client = Connect();
  ASSERT_TRUE(client->Send(Get("/events", "", "HEAD")));
  EXPECT_EQ(client->Read(/*head_request=*/true).status, 200);
  EXPECT_TRUE(client->Ended());
  EXPECT_EQ(server_->stats().streams_open, 0U);
}

TEST_F(EventsTest, StopEndsStreamsAndSinksOutliveTheServer) {
  Start();
  const auto client = Listen();
  const auto sink = AwaitSink();
  server_->Stop();
  EXPECT_TRUE(client->Ended());
  EXPECT_TRUE(sink->closed());
  server_.reset();
  EXPECT_FALSE(sink->Send("", "", "x"));
  sink->Close();
}

}  // namespace
}  // namespace noroshi::http
