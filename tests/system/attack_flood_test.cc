// Floods, silence and slowness: what one organisation, or a stranger, can do to
// the hub's time, memory and descriptors, and what the others feel of it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/encoding.h"
#include "tests/support/assertions.h"
#include "tests/support/attack_rig.h"
#include "tests/support/payloads.h"

namespace noroshi::support {
namespace {

constexpr size_t kFloodConnections = 64;  // What an organisation may have.
constexpr size_t kFloodOrganizations = 20;
// lag_entries_max of hub/intake/options.h, and what is under way or found meanwhile.
constexpr int64_t kLagMax = 8'192 + 4'096;
constexpr int64_t kFloodReceipts = 60'000;
constexpr size_t kHandshakes = 1'000;
constexpr size_t kBurst = 16 * 1024;  // What an attacker writes at once.
// The organisation's share of the memory budget, and as much for everything else.
constexpr size_t kGrowthMax = size_t{256} << 20;
constexpr Milliseconds kReconnectMax{2'000};

class AttackFloodTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(rig_.Start()); }

  WireOptions Hostile() { return {rig_.hub().address(), rig_.hostile()}; }
  WireOptions Stranger(const std::string& alpn) {
    WireOptions options;
    options.address = rig_.hub().address();
    options.alpn = alpn;
    options.from = kStranger;
    return options;
  }

  Result<std::vector<std::unique_ptr<WireClient>>> GreetMany(const WireOptions& options) {
    std::vector<std::unique_ptr<WireClient>> clients;
    for (size_t i = 0; i < kFloodConnections; ++i) {
      NOROSHI_ASSIGN_OR_RETURN(clients.emplace_back(), Greet(options));
    }
    return clients;
  }

  AttackRig rig_;
};

// Endless bytes of good reports, each with an id of its own.
class Reports {
 public:
  Reports() : frame_(SubmitFrame(MakeReport(std::string(1'000, 'x')).SerializeAsString())) {
    id_at_ = frame_.find("\x0a\x10", 8) + 2;
  }
  // The next frames, about kBurst bytes.
  const std::string& Next() {
    burst_.clear();
    while (burst_.size() < kBurst) {
      ++number_;
      // The last 8 bytes of a UUID are random but for two bits.
      for (size_t i = 0; i < 7; ++i) frame_[id_at_ + 15 - i] = static_cast<char>(number_ >> 8 * i);
      burst_ += frame_;
      ++frames_;
    }
    return burst_;
  }
  uint64_t frames() const { return frames_; }

 private:
  std::string frame_;
  std::string burst_;
  size_t id_at_;
  uint64_t number_ = 0;
  uint64_t frames_ = 0;
};

// Writes for all clients whatever each will take, until told to stop. `next`
// makes the bytes; of the answers at most `discard` bytes are read at a time.
Result<void> Flood(std::vector<std::unique_ptr<WireClient>>& clients, AttackControl& control,
                   const std::function<const std::string&()>& next, size_t discard = 64 * 1024) {
  struct Lane {
    std::string bytes;
    size_t sent = 0;
  };
  std::vector<Lane> lanes(clients.size());
  std::vector<pollfd> ready;
  for (const auto& client : clients) ready.push_back({client->descriptor(), POLLIN | POLLOUT, 0});
  control.Stands();
  while (!control.Stopping()) {
    ::poll(ready.data(), ready.size(), 100);
    for (size_t i = 0; i < clients.size(); ++i) {
      Lane& lane = lanes[i];
      if (lane.sent == lane.bytes.size()) lane = {next(), 0};
      NOROSHI_ASSIGN_OR_RETURN(const size_t sent,
                               clients[i]->TrySend(std::string_view(lane.bytes).substr(lane.sent)));
      lane.sent += sent;
      NOROSHI_RETURN_IF_ERROR(clients[i]->TryDiscard(discard));
    }
  }
  return {};
}

TEST_F(AttackFloodTest, OneOrganizationSendsAllItCanOverAllItsConnections) {
  EXPECT_TRUE(rig_.StaysCalmDuring("flood", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(Hostile()));
    Reports reports;
    const auto flooded =
        Flood(clients, control, [&]() -> const std::string& { return reports.Next(); });
    control.done = std::to_string(reports.frames()) + " reports offered";
    return flooded;
  }));
}

// Each stays within its rate; together they send more than the engine applies.
TEST_F(AttackFloodTest, ManyOrganizationsDoNotLeaveTheEngineFarBehind) {
  std::vector<Credentials> flooders;
  for (size_t i = 0; i < kFloodOrganizations; ++i) {
    const std::string organization = fmt::format("flood-{:02}", i);
    ASSERT_OK(rig_.hub().AddOrganization(organization, "incorporated_agency"));
    ASSERT_OK_AND_ASSIGN(flooders.emplace_back(), rig_.hub().Certify(organization + "/soc"));
  }
  std::vector<std::unique_ptr<WireClient>> clients;
  for (size_t i = 0; i < 3 * kFloodOrganizations; ++i) {
    ASSERT_OK_AND_ASSIGN(clients.emplace_back(),
                         Greet({rig_.hub().address(), flooders[i % kFloodOrganizations]}));
  }
  AttackControl control;
  Reports reports;
  Result<void> flooded;
  std::thread attacker([&] {
    flooded = Flood(clients, control, [&]() -> const std::string& { return reports.Next(); });
  });
  int64_t farthest = 0;
  for (int64_t receipts = 0; receipts < kFloodReceipts;) {
    const auto status = rig_.hub().Ask({"status"});
    if (!status.ok()) break;
    receipts = NumberAt(*status, "/submissions");
    farthest = std::max(farthest, NumberAt(*status, "/tree_size") - NumberAt(*status, "/applied"));
  }
  control.Stop();
  attacker.join();
  ASSERT_OK(flooded);
  std::printf("many: %llu reports offered, the engine %lld entries behind at most\n",
              static_cast<unsigned long long>(reports.frames()), static_cast<long long>(farthest));
  EXPECT_GE(rig_.Counter("/submissions"), kFloodReceipts);
  EXPECT_LE(farthest, kLagMax);
}

TEST_F(AttackFloodTest, RepeatedPings) {
  EXPECT_TRUE(rig_.StaysCalmDuring("pings", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(Hostile()));
    v1::AgentFrame ping;
    ping.mutable_ping()->set_token(7);
    std::string burst;
    while (burst.size() < kBurst) burst += Framed(ping);
    return Flood(clients, control, [&]() -> const std::string& { return burst; });
  }));
}

TEST_F(AttackFloodTest, EndlessKeyUpdates) {
  EXPECT_TRUE(rig_.StaysCalmDuring("key updates", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(Hostile()));
    control.Stands();
    uint64_t updates = 0;
    std::vector<pollfd> ready;
    for (const auto& client : clients) ready.push_back({client->descriptor(), POLLOUT, 0});
    while (!control.Stopping()) {
      ::poll(ready.data(), ready.size(), 100);
      for (auto& client : clients) {
        for (int i = 0; i < 32; ++i) {
          NOROSHI_ASSIGN_OR_RETURN(const bool done, client->TryKeyUpdate());
          if (!done) break;
          ++updates;
        }
      }
    }
    control.done = std::to_string(updates) + " updates";
    return {};
  }));
}

// An honest agent that has lost its connection comes back in time.
Result<void> Reconnect(const WireOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  NOROSHI_RETURN_IF_ERROR(Greet(options));
  const auto took = std::chrono::steady_clock::now() - start;
  if (took <= kReconnectMax) return {};
  return Error{ErrorCode::kTimeout,
               "an agent came back after " +
                   std::to_string(std::chrono::duration_cast<Milliseconds>(took).count()) + " ms"};
}

// A thousand connections that say no more than `connect` does, and stay.
Attack StayingSilent(const std::function<Result<std::unique_ptr<WireClient>>()>& connect,
                     const WireOptions& honest) {
  return [=](AttackControl& control) -> Result<void> {
    std::vector<std::unique_ptr<WireClient>> silent;
    control.Stands();
    while (silent.size() < kHandshakes) {
      auto client = connect();
      if (client.ok()) silent.push_back(std::move(*client));
    }
    uint64_t returned = 0;
    do {
      NOROSHI_RETURN_IF_ERROR(Reconnect(honest));
      ++returned;
    } while (!control.Stopping());
    control.done = std::to_string(returned) + " honest reconnects";
    return {};
  };
}

TEST_F(AttackFloodTest, AThousandConnectionsThatSayNothing) {
  EXPECT_TRUE(rig_.StaysCalmDuring(
      "silent",
      StayingSilent([&] { return WireClient::ConnectPlain(rig_.hub().address(), kStranger); },
                    Hostile())));
}

TEST_F(AttackFloodTest, AThousandHalfOpenHandshakes) {
  EXPECT_TRUE(rig_.StaysCalmDuring(
      "half-open",
      StayingSilent([&] { return WireClient::ConnectHalf(Stranger("noroshi/1")); }, Hostile())));
}

TEST_F(AttackFloodTest, AThousandStrangersWhoNeverEnrol) {
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       rig_.hub().Command({"agent", "token", std::string(kHostile) + "/late"}));
  EXPECT_TRUE(rig_.StaysCalmDuring(
      "strangers",
      StayingSilent([&] { return WireClient::Connect(Stranger("noroshi-enroll/1")); }, Hostile())));
  EXPECT_OK(Enroll(token, rig_.hub().address()));
  EXPECT_GT(rig_.Counter("/handshakes_refused/crowded"), 0);
}

TEST_F(AttackFloodTest, FramesThatComeByteByByte) {
  EXPECT_TRUE(rig_.StaysCalmDuring("slow writers", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(Hostile()));
    const std::string frame = SubmitFrame(MakeReport(std::string(60'000, 'x')).SerializeAsString());
    size_t at = 0;
    control.Stands();
    // Each byte in a TLS record of its own, as fast as it goes, but never the last one.
    while (!control.Stopping()) {
      if (at + 1 == frame.size()) continue;
      for (auto& client : clients) {
        NOROSHI_RETURN_IF_ERROR(client->SendBytes(std::string_view(frame).substr(at, 1)));
      }
      ++at;
    }
    control.done = std::to_string(at * clients.size()) + " bytes";
    return {};
  }));
}

TEST_F(AttackFloodTest, AnswersThatAreReadByteByByte) {
  const size_t resident = rig_.ResidentBytes();
  size_t most = 0;
  EXPECT_TRUE(rig_.StaysCalmDuring("slow readers", [&](AttackControl& control) -> Result<void> {
    WireOptions options = Hostile();
    options.receive_buffer_bytes = 4096;
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(options));
    // The shortest frame with the longest answer.
    std::string burst;
    while (burst.size() < kBurst) burst += SubmitFrame("\xff");
    uint64_t bursts = 0;
    const auto next = [&]() -> const std::string& {
      ++bursts;
      most = std::max(most, rig_.ResidentBytes());
      return burst;
    };
    const auto flooded = Flood(clients, control, next, /*discard=*/1);
    control.done = fmt::format("{} bursts; the hub grew by {} MiB", bursts,
                               (most - std::min(most, resident)) >> 20);
    return flooded;
  }));
  EXPECT_LT(most, resident + kGrowthMax);
}

TEST_F(AttackFloodTest, ChunksThatFillTheMemoryBudget) {
  const size_t resident = rig_.ResidentBytes();
  size_t most = 0;
  EXPECT_TRUE(rig_.StaysCalmDuring("chunks", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto clients, GreetMany(Hostile()));
    control.Stands();
    // Ever new submissions of 24 MiB, of which only the first 128 KiB come.
    uint64_t begun = 0;
    std::string burst;
    const auto next = [&]() -> const std::string& {
      v1::AgentFrame frame;
      frame.mutable_chunk()->set_submission_id(MakeReport("x").id());
      frame.mutable_chunk()->set_total_size(24 << 20);
      frame.mutable_chunk()->set_data(std::string(128 * 1024, 'x'));
      ++begun;
      most = std::max(most, rig_.ResidentBytes());
      return burst = Framed(frame);
    };
    const auto flooded = Flood(clients, control, next);
    control.done = fmt::format("{} begun; the hub grew by {} MiB", begun,
                               (most - std::min(most, resident)) >> 20);
    return flooded;
  }));
  EXPECT_LT(most, resident + kGrowthMax);
  EXPECT_GT(rig_.Counter("/submissions_rejected/too_many_chunked"), 0);
}

}  // namespace
}  // namespace noroshi::support
