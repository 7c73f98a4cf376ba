#include "hub/engine/runner.h"

#include <gmock/gmock.h>

#include <atomic>

#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

constexpr int64_t kLongMs = 60'000;

class RunnerTest : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    engine_.reset();  // The runner has its own.
  }
  void TearDown() override {
    runner_.reset();
    Scene::TearDown();
  }
  Result<void> Start(Runner::Listener listener = {}, RunnerOptions options = {}) {
    auto started = Runner::Start(&journal_, store_.get(), options, std::move(listener));
    if (!started.ok()) return started.error();
    runner_ = std::move(*started);
    return {};
  }

  std::unique_ptr<Runner> runner_;
};

TEST_F(RunnerTest, FollowsTheJournalAndTellsTheListenerInOrder) {
  std::vector<uint64_t> nexts;
  uint64_t last = 0;
  for (int i = 0; i < 10; ++i) last = script_.Submit("moj", script_.Incident("障害"));
  ASSERT_TRUE(Start([&](const Applied& applied) { nexts.push_back(applied.next); },
                    {.batch_entries_max = 3})
                  .ok());
  ASSERT_TRUE(runner_->WaitApplied(last, kLongMs).ok());
  EXPECT_EQ(runner_->applied(), last + 1);
  const uint64_t later = script_.Submit("moj", script_.Incident("障害"));
  ASSERT_TRUE(runner_->WaitApplied(later, kLongMs).ok());
  EXPECT_EQ(Submission(later).case_id(), later);
  EXPECT_TRUE(runner_->Health().ok());
  runner_->Stop();
  EXPECT_GE(nexts.size(), 5u);
  EXPECT_TRUE(std::is_sorted(nexts.begin(), nexts.end()));
  EXPECT_EQ(nexts.back(), later + 1);
}

TEST_F(RunnerTest, WaitingForWhatIsNotThereTimesOut) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(runner_->WaitApplied(999, 1).error().code, ErrorCode::kTimeout);
}

TEST_F(RunnerTest, StoppedRunnerIsUnavailableAndStopsTwice) {
  ASSERT_TRUE(Start().ok());
  runner_->Stop();
  runner_->Stop();
  EXPECT_EQ(runner_->WaitApplied(999, kLongMs).error().code, ErrorCode::kUnavailable);
}

TEST_F(RunnerTest, NothingIsAppliedWhileHeld) {
  std::atomic<bool> held{true};
  std::atomic<int> asked{0};
  RunnerOptions options;
  options.hold = [&] {
    ++asked;
    asked.notify_all();
    return held.load();
  };
  const uint64_t before = View()->Meta()->applied();
  ASSERT_TRUE(Start({}, options).ok());
  const uint64_t last = script_.Submit("moj", script_.Incident("障害"));
  asked.wait(0);
  asked.wait(1);  // Asked again: nothing was applied in between.
  EXPECT_EQ(runner_->applied(), before);
  held = false;
  EXPECT_TRUE(runner_->WaitApplied(last, kLongMs).ok());
}

TEST_F(RunnerTest, ErrorStopsTheEngineAndIsHealth) {
  ASSERT_TRUE(Start().ok());
  const uint64_t bad = script_.Add(static_cast<v1::EntryKind>(99), v1::TimeReached());
  EXPECT_EQ(runner_->WaitApplied(bad, kLongMs).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(runner_->Health().error().code, ErrorCode::kInvalid);
  EXPECT_EQ(runner_->applied(), bad);
}

TEST_F(RunnerTest, StateAheadOfTheJournalMustBeRebuilt) {
  MemoryJournal shorter;
  Script(&shorter).Start();
  const auto started = Runner::Start(&shorter, store_.get(), {}, {});
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("rebuild"));
}

TEST_F(RunnerTest, StateOfAnotherLogMustBeRebuilt) {
  MemoryJournal other(std::string(16, 'O'));
  Script script(&other);
  script.Start();
  for (int i = 0; i < 10; ++i) script.Time(1);
  EXPECT_EQ(Runner::Start(&other, store_.get(), {}, {}).error().code, ErrorCode::kInvalid);
  // What a restore has cut off, the state must not hold.
  const uint64_t applied = View()->Meta()->applied();
  other.add_restore(journal_.log_id(), applied - 1);
  EXPECT_EQ(Runner::Start(&other, store_.get(), {}, {}).error().code, ErrorCode::kInvalid);
  other.add_restore(journal_.log_id(), applied);
  EXPECT_TRUE(Runner::Start(&other, store_.get(), {}, {}).ok());
}

}  // namespace
}  // namespace noroshi::engine
