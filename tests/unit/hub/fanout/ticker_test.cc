#include "hub/fanout/ticker.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/unit/hub/engine/scene.h"

namespace noroshi::fanout {
namespace {

using engine::Script;

class FakeClock : public Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }
  std::atomic<int64_t> now_ms = 0;
};

class TickerTest : public engine::Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    v1::AlertIssued issued = Script::Warning('w', v1::TLP_GREEN, "all");
    deadline_ = journal_.time_ms() + 5000;
    issued.mutable_alert()->set_acknowledge_by_ms(deadline_);
    script_.Alert(issued);
    Follow();
    size_ = journal_.size();
  }

  FakeClock clock_;
  int64_t deadline_ = 0;
  uint64_t size_ = 0;
};

TEST_F(TickerTest, AppendsWhenTheClockPassesTheDeadlineAndOnlyOnce) {
  Ticker ticker(&journal_, store_.get(), &clock_);
  clock_.now_ms = deadline_ - 10;
  EXPECT_EQ(ticker.RunOnce(), 10);
  clock_.now_ms = deadline_ - 5000;
  EXPECT_EQ(ticker.RunOnce(), kTickMaxMs);
  EXPECT_EQ(journal_.size(), size_);
  clock_.now_ms = deadline_;
  ticker.RunOnce();
  EXPECT_EQ(journal_.size(), size_ + 1);
  ticker.RunOnce();  // Not applied yet.
  EXPECT_EQ(journal_.size(), size_ + 1);
  Follow();
  EXPECT_EQ(ticker.RunOnce(), kTickMaxMs);
  EXPECT_EQ(journal_.size(), size_ + 1);
  EXPECT_TRUE(Delivery(std::string(16, 'w'), "moj").late());
}

TEST_F(TickerTest, RefusedEntryIsTriedAgain) {
  Ticker ticker(&journal_, store_.get(), &clock_);
  clock_.now_ms = deadline_ + 1;
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  EXPECT_EQ(ticker.RunOnce(), kTickMaxMs);
  journal_.set_refusal({});
  ticker.RunOnce();
  EXPECT_EQ(journal_.size(), size_ + 1);
}

TEST_F(TickerTest, ThreadLooksAgainWhenToldOfDeadlines) {
  Ticker ticker(&journal_, store_.get(), &clock_);
  clock_.now_ms = deadline_ + 1;
  ticker.Start();
  EXPECT_GT(journal_.WaitBeyond(size_, 60'000), size_);
  ticker.OnDeadlinesChanged();
}

}  // namespace
}  // namespace noroshi::fanout
