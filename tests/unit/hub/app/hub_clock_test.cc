#include "hub/app/hub_clock.h"

#include <gtest/gtest.h>

namespace noroshi::app {
namespace {

constexpr int64_t kTenYearsMs = 3653 * kDayMs;
constexpr int64_t kNowMs = 1'795'000'000'000;

class FakeClock final : public Clock {
 public:
  int64_t NowMs() const override { return wall_ms; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(steady_ms));
  }
  void Pass(int64_t ms) {
    wall_ms += ms;
    steady_ms += ms;
  }
  int64_t wall_ms = kNowMs;
  int64_t steady_ms = 1000;
};

class HubClockTest : public testing::TestWithParam<int64_t> {
 protected:
  FakeClock machine_;
  HubClock clock_{machine_};
};

TEST_F(HubClockTest, FollowsTheMachineHoweverLongItRuns) {
  for (int i = 0; i < 20; ++i) {
    machine_.Pass(kTenYearsMs / 20);
    EXPECT_EQ(clock_.NowMs(), machine_.wall_ms);
  }
  machine_.wall_ms -= kClockJumpMaxMs;  // The largest step that is believed.
  EXPECT_EQ(clock_.NowMs(), machine_.wall_ms);
  EXPECT_TRUE(clock_.Health().ok());
}

TEST_P(HubClockTest, CountsOnAfterAJumpUntilTheClockIsRightAgain) {
  machine_.Pass(5000);
  machine_.wall_ms += GetParam();
  EXPECT_EQ(clock_.NowMs(), kNowMs + 5000);
  machine_.Pass(kDayMs);
  EXPECT_EQ(clock_.NowMs(), kNowMs + 5000 + kDayMs);
  ASSERT_FALSE(clock_.Health().ok());
  EXPECT_NE(clock_.Health().error().message.find("jumped by "), std::string::npos);
  machine_.wall_ms -= GetParam();
  EXPECT_EQ(clock_.NowMs(), machine_.wall_ms);
  EXPECT_TRUE(clock_.Health().ok());
}

INSTANTIATE_TEST_SUITE_P(Jumps, HubClockTest,
                         testing::Values(kTenYearsMs, -kTenYearsMs, kClockJumpMaxMs + 1,
                                         -kClockJumpMaxMs - 1));

TEST(CheckClockTest, TooFarFromTheLastEntryIsRefused) {
  EXPECT_TRUE(CheckClock(kNowMs, 0).ok());
  EXPECT_TRUE(CheckClock(kNowMs - kClockBehindMaxMs, kNowMs).ok());
  EXPECT_TRUE(CheckClock(kNowMs + kClockAheadMaxMs, kNowMs).ok());
  const auto behind = CheckClock(kNowMs - kClockBehindMaxMs - 1, kNowMs);
  ASSERT_FALSE(behind.ok());
  EXPECT_NE(behind.error().message.find("--believe-clock"), std::string::npos);
  EXPECT_FALSE(CheckClock(kNowMs + kClockAheadMaxMs + 1, kNowMs).ok());
}

}  // namespace
}  // namespace noroshi::app
