// What crosses a connection after its handshake, and how it ends.
#include "tests/unit/common/tls_fixture.h"

namespace noroshi::tls {
namespace {

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
