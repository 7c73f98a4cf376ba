#include "hub/journal/rocks_journal_impl.h"
#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using JournalLimitsTest = JournalFixture;

TEST_F(JournalLimitsTest, TheLargestBodyIsAcceptedAndOneByteMoreIsNot) {
  auto journal = MustOpen();
  const std::string largest(kBodyBytesMax, 'b');
  const auto accepted = AppendNow(journal.get(), Report(1, largest));
  ASSERT_TRUE(accepted.ok());
  EXPECT_TRUE(Check(*accepted, largest, journal->log_public_key()).ok());
  EXPECT_EQ(AppendNow(journal.get(), Report(2, largest + 'b')).error().code, ErrorCode::kInvalid);
  const auto read = journal->Read(1, 1, 1);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->front().body, largest);
}

TEST_F(JournalLimitsTest, MoreThanTheQueueHoldsIsOverloaded) {
  auto journal = MustOpen();
  disk_->HoldLogSyncs();
  Answers accepted;
  journal->Append(Report(0, "in the sync"), accepted.Next());
  disk_->WaitForHeldSync();
  const std::string body(kBodyBytesMax, 'b');
  const uint64_t fitting = kQueueBytesMax / (kBodyBytesMax + 1024);
  for (uint64_t i = 1; i <= fitting; ++i) journal->Append(Report(i, body), accepted.Next());
  Answers refused;
  journal->Append(Report(100, body), refused.Next());  // One more than fits.
  EXPECT_EQ(refused.Take().front().error().code, ErrorCode::kOverloaded);
  disk_->ReleaseLogSyncs();
  for (const auto& answer : accepted.Take()) EXPECT_TRUE(answer.ok());
  EXPECT_TRUE(AppendNow(journal.get(), Report(100, "room again")).ok());
}

TEST_F(JournalLimitsTest, DraftsThatBreakARuleAreRefused) {
  auto journal = MustOpen();
  Draft no_kind = Command("x");
  no_kind.kind = v1::ENTRY_KIND_UNSPECIFIED;
  EXPECT_EQ(AppendNow(journal.get(), no_kind).error().code, ErrorCode::kInvalid);
  Draft no_id = Report(1, "x");
  no_id.submission_id.reset();
  EXPECT_EQ(AppendNow(journal.get(), no_id).error().code, ErrorCode::kInvalid);
  Draft extra_id = Command("x");
  extra_id.submission_id = Id(1);
  EXPECT_EQ(AppendNow(journal.get(), extra_id).error().code, ErrorCode::kInvalid);
  Draft odd_organization = Report(1, "x");
  odd_organization.organization = "min\0istry";
  odd_organization.organization = std::string("a\0b", 3);
  EXPECT_EQ(AppendNow(journal.get(), odd_organization).error().code, ErrorCode::kInvalid);
  Draft long_agent = Report(1, "x");
  long_agent.agent = std::string(257, 'a');
  EXPECT_EQ(AppendNow(journal.get(), long_agent).error().code, ErrorCode::kInvalid);
  long_agent.agent.pop_back();
  EXPECT_TRUE(AppendNow(journal.get(), long_agent).ok());
}

TEST_F(JournalLimitsTest, BelowTheReserveAppendsWaitForSpace) {
  RocksJournalOptions options = Options();
  options.free_space_reserve_bytes = 1'000'000;
  disk_->SetFreeBytes(1'000'100);
  auto journal = MustOpen(options);
  EXPECT_TRUE(AppendNow(journal.get(), Report(1, "body")).ok());
  testing::internal::CaptureStderr();
  // What was admitted since the disk was asked counts.
  EXPECT_EQ(AppendNow(journal.get(), Report(2, std::string(97, 'x'))).error().code,
            ErrorCode::kNoSpace);
  disk_->SetFreeBytes(999'999);
  clock_.AdvanceSteady(99);
  EXPECT_TRUE(journal->Health().ok());  // Asked less than 100 ms ago.
  clock_.AdvanceSteady(1);
  EXPECT_EQ(journal->Health().error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(AppendNow(journal.get(), Report(3, "body")).error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(journal->Read(1, 1, 100)->size(), 1U);  // Readers go on.
  disk_->SetFreeBytes(2'000'000);
  clock_.AdvanceSteady(100);
  EXPECT_TRUE(journal->Health().ok());
  EXPECT_TRUE(AppendNow(journal.get(), Report(3, "body")).ok());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.find("journal_short_of_space"), log.rfind("journal_short_of_space"));
  EXPECT_NE(log.find("journal_short_of_space"), std::string::npos);
  EXPECT_EQ(log.find("journal_has_space"), std::string::npos);  // It may be over for a moment.
  testing::internal::CaptureStderr();
  clock_.AdvanceSteady(10'000);
  EXPECT_TRUE(journal->Health().ok());
  EXPECT_TRUE(journal->Health().ok());
  const std::string later = testing::internal::GetCapturedStderr();
  EXPECT_NE(later.find("journal_has_space"), std::string::npos);
  EXPECT_EQ(later.find("journal_has_space"), later.rfind("journal_has_space"));
}

TEST_F(JournalLimitsTest, AReadOnlyJournalTakesNothing) {
  MustOpen().reset();
  RocksJournalOptions options = Options();
  options.read_only = true;
  auto journal = MustOpen(options);
  EXPECT_EQ(AppendNow(journal.get(), Report(1, "x")).error().code, ErrorCode::kDenied);
  EXPECT_EQ(journal->EraseBody(0).error().code, ErrorCode::kDenied);
  EXPECT_EQ(journal->size(), 1U);
}

}  // namespace
}  // namespace noroshi::journal
