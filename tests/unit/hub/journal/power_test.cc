// Power cuts: what was answered is on disk, wherever the cut falls.
#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

struct Outcome {
  uint64_t answered = 0;
  uint64_t lost = 0;
  bool opened = false;
};

class JournalPowerTest : public JournalFixture {
 protected:
  // Appends until the power is cut at the `cut`-th change of the disk; then
  // counts the answered drafts that the reopened journal lacks.
  Outcome CutAt(uint64_t cut, bool unsafe_no_sync) {
    auto disk = std::make_shared<TestDisk>();
    const auto env = rocksdb::NewCompositeEnv(disk);
    RocksJournalOptions options = Options();
    options.folder = Path("cut" + std::to_string(cut));
    options.env = env.get();
    options.unsafe_no_sync_for_tests = unsafe_no_sync;
    disk->CutPowerAt(cut);
    const std::vector<Acceptance> accepted = AppendUntilCut(options);
    disk->LoseWhatWasNotSynced(cut * 2654435761U);

    options.env = nullptr;
    options.unsafe_no_sync_for_tests = false;
    Outcome outcome;
    outcome.answered = accepted.size();
    const auto reopened = OpenRocksJournal(options);
    outcome.opened = reopened.ok();
    if (!outcome.opened) ADD_FAILURE() << "cut " << cut << ": " << reopened.error().message;
    for (const Acceptance& each : accepted) {
      const auto receipt = outcome.opened ? (*reopened)->Prove(each.sequence)
                                          : Result<v1::Receipt>(reopened.error());
      if (!receipt.ok() || receipt->leaf_hash() != each.receipt.leaf_hash()) ++outcome.lost;
    }
    std::filesystem::remove_all(options.folder);
    return outcome;
  }

  std::vector<Acceptance> AppendUntilCut(const RocksJournalOptions& options) {
    std::vector<Acceptance> accepted;
    auto journal = OpenRocksJournal(options);
    uint64_t number = 0;
    while (journal.ok() && number < 2000) {
      Answers answers;
      for (int i = 0; i < 5; ++i) {  // Batches of about five.
        (*journal)->Append(Report(number, "body " + std::to_string(number)), answers.Next());
        ++number;
      }
      bool failed = false;
      for (auto& answer : answers.Take()) {
        if (answer.ok()) accepted.push_back(*std::move(answer));
        failed = failed || !answer.ok();
      }
      if (failed) break;
    }
    return accepted;
  }
};

TEST_F(JournalPowerTest, NothingAnsweredIsLostWhereverThePowerIsCut) {
  uint64_t answered = 0;
  for (uint64_t cut = 1; cut <= 150; ++cut) {
    const Outcome outcome = CutAt(cut, /*unsafe_no_sync=*/false);
    ASSERT_TRUE(outcome.opened) << cut;
    ASSERT_EQ(outcome.lost, 0U) << cut;
    answered += outcome.answered;
  }
  EXPECT_GT(answered, 1000U);  // The cuts fell among appends.
}

// The test of the test: a journal that does not sync must be caught.
TEST_F(JournalPowerTest, AJournalThatDoesNotSyncIsNoticed) {
  uint64_t lost = 0;
  for (uint64_t cut = 100; cut <= 110; ++cut) lost += CutAt(cut, /*unsafe_no_sync=*/true).lost;
  EXPECT_GT(lost, 0U);
}

}  // namespace
}  // namespace noroshi::journal
