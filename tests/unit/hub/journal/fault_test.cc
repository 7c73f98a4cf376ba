#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using JournalFaultTest = JournalFixture;

void ExpectLatched(Journal* journal, uint64_t size) {
  EXPECT_EQ(journal->Health().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(journal->size(), size);
  EXPECT_EQ(journal->Read(0, 1000, 1 << 20)->size(), size);  // Readers go on.
  EXPECT_TRUE(merkle::VerifyTreeHead(journal->Head(), journal->log_public_key()).ok());
  EXPECT_EQ(journal->RootAt(size).value(), journal->Head().root_hash());
}

TEST_F(JournalFaultTest, AFailedSyncLatches) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 300);
  disk_->FailLogSync(1);
  EXPECT_EQ(AppendNow(journal.get(), Report(900, "lost")).error().code, ErrorCode::kUnavailable);
  // The disk is well again, but what it holds is uncertain until a restart.
  EXPECT_EQ(AppendNow(journal.get(), Report(901, "later")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(AppendNow(journal.get(), Report(900, "lost")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(AppendNow(journal.get(), Command("later")).error().code, ErrorCode::kUnavailable);
  ExpectLatched(journal.get(), 301);
  const auto receipt = journal->Prove(290);
  ASSERT_TRUE(receipt.ok());
  EXPECT_TRUE(
      merkle::VerifyReceipt(*receipt, "body 289", "ministry", journal->log_public_key()).ok());
}

TEST_F(JournalFaultTest, AFailedAppendLatches) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 10);
  disk_->FailLogAppend(1);
  EXPECT_EQ(AppendNow(journal.get(), Report(900, "lost")).error().code, ErrorCode::kUnavailable);
  ExpectLatched(journal.get(), 11);
}

TEST_F(JournalFaultTest, AFailedSyncAnswersEverythingThatWaits) {
  auto journal = MustOpen();
  disk_->HoldLogSyncs();
  Answers answers;
  journal->Append(Report(0, "held"), answers.Next());
  disk_->WaitForHeldSync();
  disk_->FailLogSync(1);  // The next batch's.
  journal->Append(Report(1, "a"), answers.Next());
  journal->Append(Report(1, "a"), answers.Next());
  journal->Append(Report(1, "other"), answers.Next());
  for (uint64_t i = 2; i < 600; ++i) journal->Append(Report(i, "x"), answers.Next());
  disk_->ReleaseLogSyncs();
  const auto answered = answers.Take();
  EXPECT_TRUE(answered[0].ok());
  for (size_t i = 1; i < answered.size(); ++i) {
    ASSERT_FALSE(answered[i].ok());
    EXPECT_EQ(answered[i].error().code, ErrorCode::kUnavailable);
  }
  ExpectLatched(journal.get(), 2);
}

TEST_F(JournalFaultTest, EveryFailingSyncLeavesOnlyAnsweredDraftsCertain) {
  for (uint64_t k = 1; k <= 12; ++k) {
    RocksJournalOptions options = Options();
    options.folder = Path("journal" + std::to_string(k));
    auto journal = MustOpen(options);
    disk_->FailLogSync(k);
    std::vector<uint64_t> accepted;
    for (uint64_t i = 0; i < 12; ++i) {
      if (AppendNow(journal.get(), Report(i, "x")).ok()) accepted.push_back(i);
    }
    EXPECT_EQ(accepted.size(), k - 1);
    journal.reset();
    disk_->FailLogSync(0);
    journal = MustOpen(options);
    for (const uint64_t i : accepted) {
      EXPECT_TRUE(AppendNow(journal.get(), Report(i, "x"))->repeated);
    }
    EXPECT_TRUE(AppendNow(journal.get(), Report(50, "goes on")).ok());
  }
}

TEST_F(JournalFaultTest, AFailureInTheBackgroundLatches) {
  auto journal = MustOpen();
  disk_->FailTableSyncs();
  // More than the buffers hold: RocksDB must write a table, and fails.
  const std::string body(8 * 1024 * 1024, 'x');
  bool refused = false;
  for (uint64_t i = 0; i < 100 && !refused; ++i) {
    const auto answer = AppendNow(journal.get(), Report(i, body));
    refused = !answer.ok();
    if (refused) {
      EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(journal->Health().error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace noroshi::journal
