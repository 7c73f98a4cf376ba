#include <thread>

#include "common/crypto/crypto.h"
#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using JournalTest = JournalFixture;

TEST_F(JournalTest, ANewLogBeginsWithLogStarted) {
  auto journal = MustOpen();
  ASSERT_EQ(journal->size(), 1U);
  const auto entries = journal->Read(0, 10, 1 << 20);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().header.kind(), v1::ENTRY_KIND_LOG_STARTED);
  v1::LogStarted started;
  ASSERT_TRUE(started.ParseFromString(entries->front().body));
  EXPECT_EQ(started.log_id(), journal->log_id());
  EXPECT_EQ(started.hub_name(), "test hub");
  EXPECT_EQ(started.log_public_key(), journal->log_public_key());
  EXPECT_TRUE(merkle::VerifyTreeHead(journal->Head(), journal->log_public_key()).ok());
}

TEST_F(JournalTest, AReceiptVerifiesAndFailsForAnotherBody) {
  auto journal = MustOpen();
  const auto accepted = AppendNow(journal.get(), Report(1, "body"));
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->sequence, 1U);
  EXPECT_FALSE(accepted->repeated);
  EXPECT_FALSE(accepted->receipt.has_head());
  EXPECT_TRUE(Check(*accepted, "body", journal->log_public_key()).ok());
  EXPECT_FALSE(Check(*accepted, "bodY", journal->log_public_key()).ok());
}

TEST_F(JournalTest, EveryReceiptVerifiesAcrossTileBoundaries) {
  auto journal = MustOpen();
  const auto accepted = Fill(journal.get(), 0, 800);
  ASSERT_EQ(accepted.size(), 800U);
  for (uint64_t i = 0; i < accepted.size(); ++i) {
    EXPECT_EQ(accepted[i].sequence, i + 1);
    const auto checked = Check(accepted[i], "body " + std::to_string(i), journal->log_public_key());
    ASSERT_TRUE(checked.ok()) << i << ": " << checked.error().message;
  }
  for (const uint64_t sequence : {1, 255, 256, 257, 511, 512, 800}) {
    const auto receipt = journal->Prove(sequence);
    ASSERT_TRUE(receipt.ok()) << receipt.error().message;
    EXPECT_EQ(receipt->head().tree_size(), 801U);
    EXPECT_TRUE(merkle::VerifyReceipt(*receipt, "body " + std::to_string(sequence - 1), "ministry",
                                      journal->log_public_key())
                    .ok());
  }
  for (const uint64_t old_size : {0, 1, 255, 256, 257, 512, 801}) {
    const auto proof = journal->ProveConsistency(old_size, 801);
    ASSERT_TRUE(proof.ok());
    EXPECT_TRUE(merkle::VerifyConsistency(old_size, journal->RootAt(old_size).value(), 801,
                                          journal->Head().root_hash(), *proof)
                    .ok());
  }
}

TEST_F(JournalTest, ProofsBeyondTheJournalAreRefused) {
  auto journal = MustOpen();
  EXPECT_EQ(journal->Prove(1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(journal->Prove(0).error().code, ErrorCode::kInvalid);  // Not a submission.
  EXPECT_FALSE(journal->ProveConsistency(0, 2).ok());
  EXPECT_FALSE(journal->ProveConsistency(1, 0).ok());
  EXPECT_FALSE(journal->RootAt(2).ok());
}

TEST_F(JournalTest, DraftsThatArriveDuringASyncShareTheNext) {
  auto journal = MustOpen();
  disk_->HoldLogSyncs();
  Answers answers;
  journal->Append(Report(0, "lone"), answers.Next());
  disk_->WaitForHeldSync();
  EXPECT_EQ(journal->size(), 1U);  // Never ahead of what is durable.
  const uint64_t syncs = disk_->log_syncs();
  for (uint64_t i = 1; i <= 100; ++i) journal->Append(Report(i, "x"), answers.Next());
  disk_->ReleaseLogSyncs();
  const auto accepted = answers.Take();
  EXPECT_EQ(disk_->log_syncs(), syncs + 1);
  EXPECT_EQ(accepted[0]->head->tree_size(), 2U);
  for (size_t i = 1; i <= 100; ++i) EXPECT_EQ(accepted[i]->head, accepted[1]->head);
  EXPECT_EQ(accepted[1]->head->tree_size(), 102U);
}

TEST_F(JournalTest, ARepeatedDraftGetsTheFirstAnswer) {
  auto journal = MustOpen();
  const auto first = AppendNow(journal.get(), Report(1, "body"));
  ASSERT_TRUE(AppendNow(journal.get(), Report(2, "other")).ok());
  const auto again = AppendNow(journal.get(), Report(1, "body"));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->sequence, first->sequence);
  EXPECT_EQ(again->receipt.leaf_hash(), first->receipt.leaf_hash());
  EXPECT_EQ(again->head->tree_size(), 3U);
  EXPECT_TRUE(Check(*again, "body", journal->log_public_key()).ok());
  EXPECT_EQ(journal->size(), 3U);
}

TEST_F(JournalTest, ARepeatedDraftGetsTheFirstAnswerAfterARestart) {
  auto journal = MustOpen();
  const auto first = AppendNow(journal.get(), Report(1, "body"));
  journal.reset();
  journal = MustOpen();
  const auto again = AppendNow(journal.get(), Report(1, "body"));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->receipt.leaf_hash(), first->receipt.leaf_hash());
  EXPECT_TRUE(Check(*again, "body", journal->log_public_key()).ok());
}

TEST_F(JournalTest, TheSameIdOfAnotherOrganisationIsAnotherSubmission) {
  auto journal = MustOpen();
  ASSERT_TRUE(AppendNow(journal.get(), Report(1, "body")).ok());
  Draft other = Report(1, "other body");
  other.organization = "operator";
  const auto accepted = AppendNow(journal.get(), std::move(other));
  ASSERT_TRUE(accepted.ok());
  EXPECT_FALSE(accepted->repeated);
  EXPECT_EQ(accepted->sequence, 2U);
}

TEST_F(JournalTest, ADraftInFlightAnswersForItsRepetition) {
  auto journal = MustOpen();
  disk_->HoldLogSyncs();
  Answers answers;
  journal->Append(Report(1, "body"), answers.Next());
  disk_->WaitForHeldSync();
  journal->Append(Report(1, "body"), answers.Next());
  journal->Append(Report(2, "queued"), answers.Next());
  journal->Append(Report(2, "queued"), answers.Next());
  disk_->ReleaseLogSyncs();
  const auto accepted = answers.Take();
  EXPECT_FALSE(accepted[0]->repeated);
  EXPECT_TRUE(accepted[1]->repeated);
  EXPECT_EQ(accepted[1]->sequence, 1U);
  EXPECT_EQ(accepted[1]->receipt.leaf_hash(), accepted[0]->receipt.leaf_hash());
  EXPECT_TRUE(accepted[3]->repeated);
  EXPECT_EQ(accepted[3]->sequence, 2U);
  EXPECT_TRUE(Check(*accepted[3], "queued", journal->log_public_key()).ok());
  EXPECT_EQ(journal->size(), 3U);
}

void ExpectConflict(Journal* journal, uint64_t sequence, uint64_t first_sequence) {
  const auto entries = journal->Read(sequence, 1, 1 << 20);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().header.kind(), v1::ENTRY_KIND_SUBMISSION_CONFLICT);
  EXPECT_EQ(entries->front().header.organization(), "ministry");
  v1::SubmissionConflict conflict;
  ASSERT_TRUE(conflict.ParseFromString(entries->front().body));
  EXPECT_EQ(conflict.first_sequence(), first_sequence);
  EXPECT_EQ(conflict.second_digest(), Sha256Of("another"));
}

TEST_F(JournalTest, AnIdWithOtherContentIsAConflictAndRecorded) {
  auto journal = MustOpen();
  ASSERT_TRUE(AppendNow(journal.get(), Report(1, "body")).ok());
  const auto refused = AppendNow(journal.get(), Report(1, "another"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(journal->size(), 3U);
  ExpectConflict(journal.get(), 2, 1);
  // The first one stands.
  EXPECT_TRUE(AppendNow(journal.get(), Report(1, "body"))->repeated);
}

TEST_F(JournalTest, AnIdInFlightWithOtherContentIsAConflictToo) {
  auto journal = MustOpen();
  disk_->HoldLogSyncs();
  Answers answers;
  journal->Append(Report(1, "body"), answers.Next());
  disk_->WaitForHeldSync();
  journal->Append(Report(1, "another"), answers.Next());
  disk_->ReleaseLogSyncs();
  const auto answered = answers.Take();
  EXPECT_TRUE(answered[0].ok());
  EXPECT_EQ(answered[1].error().code, ErrorCode::kConflict);
  ExpectConflict(journal.get(), 2, 1);
}

TEST_F(JournalTest, ManyThreadsSendingTheSameIdsGetOneEntryEach) {
  auto journal = MustOpen();
  constexpr uint64_t kIds = 200;
  constexpr int kThreads = 4;
  std::vector<Answers> answers(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kIds; ++i) {
        journal->Append(Report(i, "body " + std::to_string(i)), answers[t].Next());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<std::vector<Result<Acceptance>>> taken;
  for (auto& each : answers) taken.push_back(each.Take());
  for (uint64_t i = 0; i < kIds; ++i) {
    int first = 0;
    for (const auto& each : taken) {
      ASSERT_TRUE(each[i].ok()) << each[i].error().message;
      EXPECT_EQ(each[i]->sequence, taken[0][i]->sequence);
      if (!each[i]->repeated) ++first;
    }
    EXPECT_EQ(first, 1) << i;
  }
  EXPECT_EQ(journal->size(), kIds + 1);
}

TEST_F(JournalTest, TimeNeverDecreasesAlongTheJournal) {
  auto journal = MustOpen();
  clock_.Set(1'700'000'005'000);
  ASSERT_TRUE(AppendNow(journal.get(), Command("a")).ok());
  clock_.Set(1'600'000'000'000);
  ASSERT_TRUE(AppendNow(journal.get(), Command("b")).ok());
  journal.reset();
  journal = MustOpen();
  ASSERT_TRUE(AppendNow(journal.get(), Command("c")).ok());
  const auto entries = journal->Read(1, 10, 1 << 20);
  ASSERT_EQ(entries->size(), 3U);
  for (const auto& entry : *entries) EXPECT_EQ(entry.header.time_ms(), 1'700'000'005'000);
}

TEST_F(JournalTest, ReadsAlikeFromMemoryAndFromDisk) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 300);
  const auto warm = journal->Read(100, 50, 1 << 20);
  journal.reset();
  journal = MustOpen();
  const auto cold = journal->Read(100, 50, 1 << 20);
  ASSERT_TRUE(warm.ok() && cold.ok());
  ASSERT_EQ(warm->size(), 50U);
  ASSERT_EQ(cold->size(), 50U);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ((*cold)[i].sequence, 100 + i);
    EXPECT_EQ((*cold)[i].body, "body " + std::to_string(99 + i));
    EXPECT_EQ((*cold)[i].body, (*warm)[i].body);
    EXPECT_EQ((*cold)[i].header.SerializeAsString(), (*warm)[i].header.SerializeAsString());
  }
  EXPECT_TRUE(journal->Read(301, 50, 1 << 20)->empty());
  EXPECT_EQ(journal->Read(1, 50, 20)->size(), 4U);  // "body 0" is 6 bytes: 24 >= 20.
  EXPECT_EQ(journal->Read(1, 50, 0)->size(), 1U);   // At least one.
}

TEST_F(JournalTest, WaitBeyondReturnsWhenTheJournalHasGrown) {
  auto journal = MustOpen();
  EXPECT_EQ(journal->WaitBeyond(1, 0), 1U);  // Timed out.
  std::thread waiting([&] { EXPECT_EQ(journal->WaitBeyond(1, 60'000), 2U); });
  ASSERT_TRUE(AppendNow(journal.get(), Command("a")).ok());
  waiting.join();
}

TEST_F(JournalTest, TheDestructorCommitsWhatWaits) {
  auto journal = MustOpen();
  Answers answers;
  for (uint64_t i = 0; i < 500; ++i) journal->Append(Report(i, "x"), answers.Next());
  journal.reset();
  for (const auto& answer : answers.Take()) EXPECT_TRUE(answer.ok());
  EXPECT_EQ(MustOpen()->size(), 501U);
}

}  // namespace
}  // namespace noroshi::journal
