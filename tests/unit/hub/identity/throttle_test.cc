#include "hub/identity/throttle.h"

#include <gtest/gtest.h>

#include <string>

namespace noroshi::identity {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;

class ThrottleTest : public testing::Test {
 protected:
  // Waits as told, fails, and says how long it waited.
  int64_t FailOnce(const Guess& guess) {
    int64_t waited_ms = 0;
    while (const int64_t wait_ms = throttle_.TakeOrWaitMs(guess, now_ms_)) {
      waited_ms += wait_ms;
      now_ms_ += wait_ms;
    }
    throttle_.Failed(guess, now_ms_);
    return waited_ms;
  }
  bool MayTry(const Guess& guess) { return throttle_.TakeOrWaitMs(guess, now_ms_) == 0; }
  void Succeed(const Guess& guess) {
    ASSERT_TRUE(MayTry(guess));
    throttle_.Succeeded(guess, now_ms_);
  }
  static std::string Address(int i) {
    return std::to_string(1 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
           std::to_string(i % 256) + ".1";
  }

  int64_t now_ms_ = 1'000'000;
  Throttle throttle_{SystemRandom()};
};

TEST_F(ThrottleTest, WaitsGrowToTheCap) {
  const Guess guess{GuessKind::kPassword, "taro", "192.0.2.7"};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(FailOnce(guess), 0) << i;
  int64_t expected_ms = 1000;
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(FailOnce(guess), expected_ms) << i;
    expected_ms *= 2;
  }
  for (int i = 0; i < 30; ++i) {
    const int64_t waited_ms = FailOnce(guess);
    EXPECT_LE(waited_ms, kThrottleWaitMaxMs);
    EXPECT_GE(waited_ms, kThrottleWaitMaxMs / 4) << i;  // One is forgiven now and then.
  }
}

TEST_F(ThrottleTest, ForgivesInTime) {
  const Guess guess{GuessKind::kOtp, "taro", "192.0.2.7"};
  for (int i = 0; i < 40; ++i) FailOnce(guess);
  EXPECT_FALSE(MayTry(guess));
  now_ms_ += 24 * kHourMs;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(FailOnce(guess), 0) << i;
}

TEST_F(ThrottleTest, ParallelGuessesDoNotSlipThrough) {
  const Guess guess{GuessKind::kPassword, "taro", "192.0.2.7"};
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += MayTry(guess) ? 1 : 0;  // None has ended yet.
  EXPECT_EQ(taken, 6);
}

TEST_F(ThrottleTest, KindsAreCountedApart) {
  for (int i = 0; i < 10; ++i) FailOnce({GuessKind::kPassword, "taro", "192.0.2.7"});
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "taro", "192.0.2.7"}));
  for (const auto kind : {GuessKind::kOtp, GuessKind::kRecovery, GuessKind::kLink}) {
    EXPECT_TRUE(MayTry({kind, "taro", "192.0.2.7"}));
  }
}

TEST_F(ThrottleTest, OneAddressWithManyAccountsWaits) {
  int free = 0;
  while (FailOnce({GuessKind::kPassword, "person" + std::to_string(free), "192.0.2.7"}) == 0) {
    ASSERT_LT(++free, 100);
  }
  EXPECT_EQ(free, 31);
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "fresh", "192.0.2.7"}));
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "fresh", "192.0.2.8"}));
}

TEST_F(ThrottleTest, AnIpv6CustomerIsOneAddress) {
  for (int i = 0; i < 40; ++i) {
    const std::string address = "2001:db8:1:2::" + std::to_string(i);
    FailOnce({GuessKind::kPassword, "person" + std::to_string(i), address});
  }
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "fresh", "2001:db8:1:2:ffff::1"}));
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "fresh", "2001:db8:1:3::1"}));
}

TEST_F(ThrottleTest, Ipv4WithinIpv6IsIpv4) {
  for (int i = 0; i < 8; ++i) FailOnce({GuessKind::kPassword, "taro", "::ffff:192.0.2.7"});
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "taro", "192.0.2.7"}));
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "taro", "::ffff:192.0.2.8"}));
}

TEST_F(ThrottleTest, WhatIsNoAddressIsOne) {
  for (int i = 0; i < 40; ++i) {
    FailOnce({GuessKind::kLink, "", std::string(static_cast<size_t>(i) * 50, 'x')});
  }
  EXPECT_FALSE(MayTry({GuessKind::kLink, "", "garbage"}));
}

TEST_F(ThrottleTest, ALinkCountsForItsAddress) {
  for (int i = 0; i < 16; ++i) EXPECT_EQ(FailOnce({GuessKind::kLink, "", "192.0.2.7"}), 0);
  EXPECT_FALSE(MayTry({GuessKind::kLink, "", "192.0.2.7"}));
  EXPECT_TRUE(MayTry({GuessKind::kLink, "", "192.0.2.8"}));
}

TEST_F(ThrottleTest, ABotnetCannotLockAPersonOutOfAKnownPlace) {
  const Guess home{GuessKind::kPassword, "taro", "198.51.100.1"};
  Succeed(home);
  for (int i = 0; i < 200; ++i) FailOnce({GuessKind::kPassword, "taro", Address(i)});
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "taro", "203.0.113.9"}));  // Not known.
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "hanako", "203.0.113.9"}));
  Succeed(home);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(FailOnce(home), 0);
  EXPECT_EQ(FailOnce(home), 1000);  // At home guessing waits as well.
}

TEST_F(ThrottleTest, ABotnetIsSlowedForOneAccount) {
  const int64_t begin_ms = now_ms_;
  for (int i = 0; i < 500; ++i) FailOnce({GuessKind::kOtp, "taro", Address(i)});
  EXPECT_GT(now_ms_ - begin_ms, 72 * kHourMs);
}

TEST_F(ThrottleTest, ColleaguesAtOneAddressDoNotSpendItsBudget) {
  for (int i = 0; i < 500; ++i) {
    Succeed({GuessKind::kPassword, "person" + std::to_string(i), "192.0.2.7"});
  }
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "another", "192.0.2.7"}));
}

TEST_F(ThrottleTest, SuccessIsNoPardonForTheAddress) {
  for (int i = 0; i < 40; ++i) {
    FailOnce({GuessKind::kPassword, "person" + std::to_string(i), "192.0.2.7"});
  }
  throttle_.Succeeded({GuessKind::kPassword, "mallory", "192.0.2.7"}, now_ms_);
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "fresh", "192.0.2.7"}));
  EXPECT_TRUE(MayTry({GuessKind::kPassword, "mallory", "192.0.2.7"}));
}

TEST_F(ThrottleTest, AFloodPushesNothingOut) {
  const Guess home{GuessKind::kPassword, "taro", "198.51.100.1"};
  Succeed(home);
  const Guess guesser{GuessKind::kPassword, "taro", "192.0.2.7"};
  for (int i = 0; i < 20; ++i) FailOnce(guesser);
  for (int i = 0; i < 100'000; ++i) {
    const std::string account = "flood" + std::to_string(i);
    const std::string address = Address(i);
    const Guess guess{GuessKind::kPassword, account, address};
    if (MayTry(guess)) throttle_.Failed(guess, now_ms_);
  }
  EXPECT_FALSE(MayTry(guesser));
  EXPECT_TRUE(MayTry(home));
}

TEST_F(ThrottleTest, AFloodOfThousandsLeavesOthersFree) {
  for (int i = 0; i < 5000; ++i) {
    const std::string account = "flood" + std::to_string(i);
    FailOnce({GuessKind::kPassword, account, Address(i)});
  }
  for (int i = 0; i < 1000; ++i) {
    const std::string account = "honest" + std::to_string(i);
    EXPECT_TRUE(MayTry({GuessKind::kPassword, account, "203.0.113.9"}));
  }
}

TEST_F(ThrottleTest, KnownPlacesAreBounded) {
  // The fifth place of an account forgets the first; it is judged as a stranger again.
  for (size_t i = 0; i <= kKnownPlacesPerAccount; ++i) {
    Succeed({GuessKind::kPassword, "taro", Address(static_cast<int>(i))});
    ++now_ms_;
  }
  for (int i = 100; i < 300; ++i) FailOnce({GuessKind::kPassword, "taro", Address(i)});
  EXPECT_FALSE(MayTry({GuessKind::kPassword, "taro", Address(0)}));
  for (size_t i = 1; i <= kKnownPlacesPerAccount; ++i) {
    EXPECT_TRUE(MayTry({GuessKind::kPassword, "taro", Address(static_cast<int>(i))})) << i;
  }
}

TEST_F(ThrottleTest, KnownAccountsAreBounded) {
  const Guess first{GuessKind::kPassword, "first", "198.51.100.1"};
  Succeed(first);
  ++now_ms_;
  for (size_t i = 1; i < kKnownAccountsMax; ++i) {
    throttle_.Succeeded({GuessKind::kPassword, "person" + std::to_string(i), "192.0.2.7"}, now_ms_);
  }
  for (int i = 0; i < 100; ++i) FailOnce({GuessKind::kPassword, "first", Address(i)});
  EXPECT_TRUE(MayTry(first));  // Known still.
  throttle_.Succeeded({GuessKind::kPassword, "one more", "192.0.2.7"}, now_ms_);
  EXPECT_FALSE(MayTry(first));
}

}  // namespace
}  // namespace noroshi::identity
