// Peers that take for ever, a byte at a time: each is cut at its deadline,
// however busy it looks, and costs the hub no memory meanwhile.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/payloads.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds kTick{100};  // A byte, or a look.
// As hub/intake/options.h has them, and what a busy machine adds.
constexpr Milliseconds kHandshake{10'000};
constexpr Milliseconds kHello{10'000};
constexpr Milliseconds kFrame{60'000};
constexpr Milliseconds kWrite{30'000};
constexpr Milliseconds kLate{8'000};
constexpr size_t kBurstsMax = 64;  // Of 64 KiB, between two looks.
constexpr size_t kGrowthMax = size_t{64} << 20;

// Somebody who dribbles until the hub has had enough.
struct Peer {
  std::string name;
  std::unique_ptr<WireClient> client;
  std::string bytes;    // Sent one by one; never all of them.
  std::string counter;  // Where `status` counts the cut.
  Milliseconds deadline;
  size_t sent = 0;
  std::optional<Milliseconds> cut_after;  // When the counter moved.
  bool floods = false;                    // Sends its bytes again and again instead.
};

class SlowPeersTest : public testing::Test {
 protected:
  SlowPeersTest() : hub_(folder_.path()) {}
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(credentials_, hub_.Certify("kasumi-ministry/test"));
  }

  size_t ResidentBytes() const {
    const std::string statm = ReadFile(fmt::format("/proc/{}/statm", hub_.process()->pid()));
    return std::stoull(statm.substr(statm.find(' ') + 1)) *
           static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  }

  // A stranger within the first message of a handshake.
  Peer Stranger() {
    auto client = WireClient::ConnectPlain(hub_.address());
    EXPECT_OK(client);
    const std::string record("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03", 11);
    return {"handshake",
            std::move(*client),
            record + std::string(10'000, 'x'),
            "/handshakes_refused/timeout",
            kHandshake,
            0,
            {}};
  }
  // An agent within its first frame.
  Peer Silent() {
    auto client = WireClient::Connect({hub_.address(), credentials_});
    EXPECT_OK(client);
    return {"hello",
            std::move(*client),
            Framed(std::string(10'000, 'x')),
            "/goodbyes/hello_timeout",
            kHello,
            0,
            {}};
  }
  // An agent within a report.
  Peer Writer() {
    auto client = Greet({hub_.address(), credentials_});
    EXPECT_OK(client);
    return {"writer",
            std::move(*client),
            SubmitFrame(MakeReport(std::string(10'000, 'x')).SerializeAsString()),
            "/goodbyes/frame_timeout",
            kFrame,
            0,
            {}};
  }
  // An agent that asks as long as it may, and reads nothing.
  Peer Reader() {
    WireOptions options{hub_.address(), credentials_};
    options.receive_buffer_bytes = 4096;
    auto client = Greet(options);
    EXPECT_OK(client);
    std::string questions;
    while (questions.size() < 64 * 1024) questions += SubmitFrame("\xff");
    return {"reader", std::move(*client), questions, "/goodbyes/slow_reader", kWrite, 0, {}, true};
  }

  // What goes now; it may be cut just now.
  static void Send(Peer& peer) {
    if (!peer.floods) {
      if (peer.sent + 1 == peer.bytes.size()) return;
      (void)peer.client->TrySend(peer.bytes.substr(peer.sent++, 1)).ok();
      return;
    }
    for (size_t i = 0; i < kBurstsMax; ++i) {
      const auto sent = peer.client->TrySend(std::string_view(peer.bytes).substr(peer.sent));
      if (!sent.ok() || *sent == 0) return;
      peer.sent = (peer.sent + *sent) % peer.bytes.size();
    }
  }

  TempDir folder_;
  HubUnderTest hub_;
  Credentials credentials_;
};

TEST_F(SlowPeersTest, EachIsCutAtItsDeadline) {
  const size_t resident = ResidentBytes();
  size_t most = 0;
  std::vector<Peer> peers;
  peers.push_back(Stranger());
  peers.push_back(Silent());
  peers.push_back(Writer());
  peers.push_back(Reader());
  ASSERT_FALSE(HasFailure());
  const auto start = Clock::now();
  const Deadline patience(kFrame + kLate);
  const auto waiting = [&] {
    return std::any_of(peers.begin(), peers.end(), [](const Peer& p) { return !p.cut_after; });
  };
  while (waiting() && !patience.Passed()) {
    ASSERT_OK_AND_ASSIGN(const json::value status, hub_.Ask({"status"}));
    const auto now = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    most = std::max(most, ResidentBytes());
    for (Peer& peer : peers) {
      if (peer.cut_after) continue;
      if (NumberAt(status, peer.counter) > 0) {
        peer.cut_after = now;
      } else {
        Send(peer);
      }
    }
    ::poll(nullptr, 0, static_cast<int>(kTick.count()));  // The pace of a slow peer.
  }
  ASSERT_OK_AND_ASSIGN(const json::value status, hub_.Ask({"status"}));
  for (const Peer& peer : peers) {
    ASSERT_TRUE(peer.cut_after) << peer.name << " " << status;
    // The clock of a deadline may have begun while the others connected.
    EXPECT_GE(*peer.cut_after, peer.deadline - kLate / 2) << peer.name;
    EXPECT_LE(*peer.cut_after, peer.deadline + kLate) << peer.name;
  }
  EXPECT_LT(most, resident + kGrowthMax);
  ASSERT_OK(hub_.Stop());
}

}  // namespace
}  // namespace noroshi::support
