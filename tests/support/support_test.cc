// The checks that system tests rely on must be able to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/assertions.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kId(16, '\1');

v1::Receipt ReceiptOf(uint64_t sequence) {
  v1::Receipt receipt;
  receipt.set_submission_id(kId);
  receipt.set_sequence(sequence);
  receipt.set_leaf_hash("leaf");
  return receipt;
}

class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    ledger_.Sent("org", kId, "bytes");
    ledger_.Received(ReceiptOf(7));
  }
  Ledger ledger_;
};

TEST_F(LedgerTest, AFittingJournalGivesNoFinding) {
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "bytes"}}), IsEmpty());
}

TEST_F(LedgerTest, AReceiptWithoutEntryIsLost) {
  EXPECT_THAT(ledger_.Check({}), ElementsAre(StartsWith("lost: ")));
}

TEST_F(LedgerTest, AnEntryAtAnotherSequenceIsLost) {
  EXPECT_THAT(ledger_.Check({{8, "org", kId, "bytes"}}), ElementsAre(StartsWith("lost: ")));
}

TEST_F(LedgerTest, AnIdInTwoEntriesIsTwice) {
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "bytes"}, {9, "org", kId, "bytes"}}),
              ElementsAre(StartsWith("twice: ")));
}

TEST_F(LedgerTest, AnEntryWithOtherBytesIsFound) {
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "other"}}),
              ElementsAre("entry 7 is not what was sent"));
}

TEST_F(LedgerTest, ARetryWithAnotherReceiptIsLost) {
  ledger_.Received(ReceiptOf(8));
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "bytes"}}), ElementsAre(StartsWith("lost: ")));
}

TEST_F(LedgerTest, APositionWithOtherContentIsFound) {
  v1::Delivery delivery;
  delivery.set_position(1);
  ledger_.Delivered("org", delivery);
  ledger_.Delivered("org", delivery);
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "bytes"}}), IsEmpty());
  delivery.set_reason("kind:ministry");
  ledger_.Delivered("org", delivery);
  EXPECT_THAT(ledger_.Check({{7, "org", kId, "bytes"}}),
              ElementsAre("delivery 1 of org came with other content"));
}

TEST(ProcessTest, ExitStatusAndOutputAreSeen) {
  ASSERT_OK_AND_ASSIGN(const Output output,
                       RunCommand({"/bin/sh", "-c", "cat; echo no >&2; exit 3"}, "in"));
  EXPECT_EQ(output.status, 3);
  EXPECT_EQ(output.out, "in");
  EXPECT_EQ(output.err, "no\n");
}

TEST(ProcessTest, AProcessThatDoesNotEndIsKilledAtTheDeadline) {
  const auto output = RunCommand({"/bin/sh", "-c", "exec sleep 600"}, "", Milliseconds{100});
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.error().code, ErrorCode::kTimeout);
}

TEST(WaitTest, EndsWithTheProcess) {
  ProcessOptions options;
  options.argv = {"/bin/true"};
  ASSERT_OK_AND_ASSIGN(const auto process, Process::Start(options));
  const auto waited =
      WaitUntil("never", {.paths = {}, .process = process->pidfd()}, [] { return false; });
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().code, ErrorCode::kClosed);
}

TEST(WaitTest, SeesAFileThatAnotherProcessWrites) {
  const TempDir folder;
  const std::string file = folder / "file";
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", "echo written > " + file};
  ASSERT_OK_AND_ASSIGN(const auto process, Process::Start(options));
  EXPECT_OK(WaitUntil("the file", {.paths = {folder.path()}},
                      [&] { return ReadFile(file) == "written\n"; }));
}

}  // namespace
}  // namespace noroshi::support
