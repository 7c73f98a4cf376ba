// What awaits analysis reaches the pool and comes back as an entry, whatever is refused
// on the way, and never more of it at a time than there may be.
#include "hub/app/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "common/base/uuid.h"
#include "common/runtime/random.h"
#include "hub/engine/runner.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/hub/engine/memory_journal.h"

namespace noroshi::app {
namespace {

using testing::ElementsAre;

constexpr std::chrono::seconds kPatience{60};

// Keeps what it is given until Finish.
class HeldPool : public analysis::Pool {
 public:
  Result<void> Submit(analysis::Work work, Done done) override {
    const std::lock_guard lock(mutex_);
    if (refusals_ > 0) {
      --refusals_;
      return Error{ErrorCode::kOverloaded, "full"};
    }
    order_.push_back(work.sequence);
    held_.emplace_back(work.sequence, std::move(done));
    changed_.notify_all();
    return {};
  }
  size_t waiting() const override { return 0; }
  uint64_t children_started() const override { return 0; }

  void Refuse(size_t times) {
    const std::lock_guard lock(mutex_);
    refusals_ = times;
  }
  // Waits until so many have come in all.
  bool WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return order_.size() >= count; });
  }
  // Answers all that it holds.
  void Finish() {
    std::vector<std::pair<uint64_t, Done>> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& [sequence, done] : held) {
      v1::AnalysisResult result;
      result.set_subject_sequence(sequence);
      done(sequence, result.SerializeAsString());
    }
  }
  std::vector<uint64_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t refusals_ = 0;
  std::vector<uint64_t> order_;
  std::vector<std::pair<uint64_t, Done>> held_;
};

class DispatcherTest : public testing::Test {
 protected:
  void SetUp() override {
    store::StoreOptions options;
    options.folder = folder_.path() + "/state";
    auto opened = store::Store::Open(options);
    ASSERT_TRUE(opened.ok());
    store_ = *std::move(opened);
    v1::LogStarted started;
    started.set_log_id(journal_.log_id());
    Append(v1::ENTRY_KIND_LOG_STARTED, "", started.SerializeAsString());
    v1::OrganizationSet organization;
    organization.set_id("moj");
    organization.set_kind(v1::ORGANIZATION_KIND_MINISTRY);
    Append(v1::ENTRY_KIND_ORGANIZATION_SET, "", organization.SerializeAsString());
    auto runner =
        engine::Runner::Start(&journal_, store_.get(), {}, [this](const engine::Applied&) {
          const std::lock_guard lock(mutex_);
          if (dispatcher_ != nullptr) dispatcher_->OnApplied();
        });
    ASSERT_TRUE(runner.ok());
    runner_ = *std::move(runner);
  }
  void TearDown() override {
    pool_.Finish();
    {
      // The runner may be telling it something.
      const std::lock_guard lock(mutex_);
      ending_ = std::move(dispatcher_);
    }
    ending_.reset();
    runner_->Stop();
  }

  void Begin() {
    const std::lock_guard lock(mutex_);
    dispatcher_ = std::make_unique<Dispatcher>(&journal_, store_.get(), &pool_);
  }

  uint64_t Append(v1::EntryKind kind, const std::string& organization, const std::string& body,
                  std::optional<Uuid> id = std::nullopt) {
    journal::Draft draft;
    draft.kind = kind;
    draft.organization = organization;
    draft.agent = organization.empty() ? "admin:test" : "agent";
    draft.body = body;
    draft.submission_id = id;
    uint64_t sequence = 0;
    journal_.Append(std::move(draft), [&](Result<journal::Acceptance> accepted) {
      ASSERT_TRUE(accepted.ok());
      sequence = accepted->sequence;
    });
    return sequence;
  }
  uint64_t Submit(const v1::Submission& content, v1::EntryKind kind) {
    v1::Submission submission = content;
    const Uuid id = SystemRandom().UuidV7(1'795'000'000'000);
    submission.set_id(id.bytes());
    submission.mutable_handling()->set_tlp(v1::TLP_GREEN);
    return Append(kind, "moj", submission.SerializeAsString(), id);
  }
  uint64_t SubmitReport() {
    v1::Submission submission;
    submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
    submission.mutable_incident()->set_what_happened("障害");
    return Submit(submission, v1::ENTRY_KIND_INCIDENT_REPORT);
  }
  uint64_t SubmitMail() {
    v1::Submission submission;
    submission.mutable_mail()->set_raw("Subject: s\r\n\r\nb");
    return Submit(submission, v1::ENTRY_KIND_SUSPICIOUS_MAIL);
  }
  void Settle() { ASSERT_TRUE(runner_->WaitApplied(journal_.size() - 1, 60'000).ok()); }
  // Submissions whose analysis is in the state.
  size_t Analysed(const std::vector<uint64_t>& sequences) {
    Settle();
    const auto view = store_->Snapshot();
    return static_cast<size_t>(
        std::count_if(sequences.begin(), sequences.end(), [&](uint64_t sequence) {
          const auto row = view->Submission(sequence);
          return row.ok() && row->has_value() && (*row)->analysed();
        }));
  }

  support::TempDir folder_;
  engine::MemoryJournal journal_;
  std::unique_ptr<store::Store> store_;
  HeldPool pool_;
  std::mutex mutex_;  // Guards dispatcher_, of which the runner's thread knows.
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Dispatcher> ending_;
  std::unique_ptr<engine::Runner> runner_;
};

TEST_F(DispatcherTest, WhatArrivesIsAnalysedAndTheResultIsAnEntry) {
  Begin();
  const std::vector<uint64_t> reports = {SubmitReport(), SubmitMail()};
  ASSERT_TRUE(pool_.WaitFor(2));
  pool_.Finish();
  EXPECT_EQ(Analysed(reports), 2U);
}

TEST_F(DispatcherTest, WhatLayThereIsTakenIncidentsFirst) {
  const uint64_t mail = SubmitMail();
  const uint64_t report = SubmitReport();
  Settle();
  Begin();
  ASSERT_TRUE(pool_.WaitFor(2));
  EXPECT_THAT(pool_.order(), ElementsAre(report, mail));
}

TEST_F(DispatcherTest, WhatAFullPoolRefusedIsTakenAgain) {
  pool_.Refuse(3);
  Begin();
  const std::vector<uint64_t> reports = {SubmitReport(), SubmitReport()};
  ASSERT_TRUE(pool_.WaitFor(2));
  pool_.Finish();
  EXPECT_EQ(Analysed(reports), 2U);
}

TEST_F(DispatcherTest, AResultThatTheJournalRefusedIsMadeAnew) {
  Begin();
  const std::vector<uint64_t> reports = {SubmitReport()};
  ASSERT_TRUE(pool_.WaitFor(1));
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  pool_.Finish();
  journal_.set_refusal(std::nullopt);
  ASSERT_TRUE(pool_.WaitFor(2)) << "not taken again";
  pool_.Finish();
  EXPECT_EQ(Analysed(reports), 1U);
}

TEST_F(DispatcherTest, OfMailsNoMoreAreUnderWayThanMayBeAndIncidentsPassThem) {
  std::vector<uint64_t> mails;
  for (size_t i = 0; i <= kAnalysisInFlightMax; ++i) mails.push_back(SubmitMail());
  Settle();
  Begin();
  ASSERT_TRUE(pool_.WaitFor(kAnalysisInFlightMax));
  // An incident that comes now is taken, and the last mail is not.
  const uint64_t report = SubmitReport();
  ASSERT_TRUE(pool_.WaitFor(kAnalysisInFlightMax + 1));
  EXPECT_EQ(pool_.order().back(), report);
  pool_.Finish();
  ASSERT_TRUE(pool_.WaitFor(kAnalysisInFlightMax + 2));
  EXPECT_EQ(pool_.order().back(), mails.back());
}

}  // namespace
}  // namespace noroshi::app
