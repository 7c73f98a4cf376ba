#include "hub/fanout/rounds.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace noroshi::fanout {
namespace {

class RoundsTest : public ::testing::Test {
 protected:
  std::shared_ptr<Subscriber> Make() {
    auto subscriber = std::make_shared<Subscriber>();
    subscriber->wake = [this] {
      const std::lock_guard lock(mutex_);
      ++wakes_;
      changed_.notify_all();
    };
    return subscriber;
  }
  size_t Wakes() {
    const std::lock_guard lock(mutex_);
    return wakes_;
  }
  bool WaitForWakes(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return wakes_ >= count; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t wakes_ = 0;
};

TEST_F(RoundsTest, AfterACalmNobodyWaits) {
  Rounds rounds(std::chrono::hours(1), std::chrono::milliseconds(0));
  const auto one = Make();
  const auto other = Make();
  rounds.Add({one, other, one});
  EXPECT_EQ(Wakes(), 2u);
  one->woken = false;  // It has looked.
  rounds.Add({one});
  EXPECT_EQ(Wakes(), 3u);
}

TEST_F(RoundsTest, ABurstGathersAndWakesEachOnce) {
  Rounds rounds(std::chrono::milliseconds(50), std::chrono::hours(1));
  const auto one = Make();
  const auto other = Make();
  rounds.Add({one});
  EXPECT_EQ(Wakes(), 1u) << "the first after a calm";
  one->woken = false;
  for (int i = 0; i < 10; ++i) rounds.Add({one, other});
  EXPECT_TRUE(WaitForWakes(3));
  one->woken = other->woken = false;
  rounds.Add({other});
  EXPECT_TRUE(WaitForWakes(4));
  EXPECT_EQ(Wakes(), 4u);
}

TEST_F(RoundsTest, WhoWaitsWhenItEndsIsNotWoken) {
  const auto one = Make();
  {
    Rounds rounds(std::chrono::hours(1), std::chrono::hours(1));
    rounds.Add({one});
    one->woken = false;
    rounds.Add({one});
  }
  EXPECT_EQ(Wakes(), 1u);
}

}  // namespace
}  // namespace noroshi::fanout
