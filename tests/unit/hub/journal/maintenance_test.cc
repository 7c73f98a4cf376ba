#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using JournalMaintenanceTest = JournalFixture;

bool AnyFileHolds(const std::string& folder, const std::string& bytes) {
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ostringstream content;
    content << std::ifstream(file.path(), std::ios::binary).rdbuf();
    if (content.str().find(bytes) != std::string::npos) return true;
  }
  return false;
}

Draft Erased(uint64_t sequence) {
  v1::BodyErased body;
  body.set_sequence(sequence);
  body.set_reason("asked for");
  Draft draft;
  draft.kind = v1::ENTRY_KIND_BODY_ERASED;
  draft.organization = "admin";
  draft.body = body.SerializeAsString();
  return draft;
}

TEST_F(JournalMaintenanceTest, AnErasedKeyIsInNoFileAnyLonger) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 20);
  journal.reset();
  const std::string wrapped = Raw()->Get(Family::kKeys, BigEndian64(7)).value().value();
  ASSERT_TRUE(AnyFileHolds(Path("journal"), wrapped));
  journal = MustOpen();
  const std::string root = journal->RootAt(21).value();
  ASSERT_TRUE(AppendNow(journal.get(), Erased(7)).ok());
  ASSERT_TRUE(journal->EraseBody(7).ok());
  EXPECT_FALSE(AnyFileHolds(Path("journal"), wrapped));
  EXPECT_TRUE(journal->EraseBody(7).ok());  // Once more does no harm.

  const auto entries = journal->Read(7, 1, 1 << 20);
  ASSERT_TRUE(entries.ok());
  EXPECT_TRUE(entries->front().erased);
  EXPECT_TRUE(entries->front().body.empty());
  EXPECT_EQ(journal->RootAt(21).value(), root);  // The proof stays.
  EXPECT_EQ(journal->Prove(7).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(AppendNow(journal.get(), Report(6, "body 6")).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(Findings(journal.get()).empty());
  journal.reset();
  EXPECT_TRUE(MustOpen()->Read(7, 1, 1 << 20)->front().erased);
}

TEST_F(JournalMaintenanceTest, AnErasedBodyLeavesTheCache) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 3);
  ASSERT_EQ(journal->Read(2, 1, 1 << 20)->front().body, "body 1");
  ASSERT_TRUE(AppendNow(journal.get(), Erased(2)).ok());
  ASSERT_TRUE(journal->EraseBody(2).ok());
  EXPECT_TRUE(journal->Read(2, 1, 1 << 20)->front().erased);
}

TEST_F(JournalMaintenanceTest, WhatVerifyNeedsCannotBeErased) {
  auto journal = MustOpen();
  EXPECT_EQ(journal->EraseBody(0).error().code, ErrorCode::kDenied);
  EXPECT_EQ(journal->EraseBody(1).error().code, ErrorCode::kNotFound);
}

TEST_F(JournalMaintenanceTest, AnEraseWithoutItsEntryIsAFinding) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 3);
  ASSERT_TRUE(journal->EraseBody(2).ok());
  EXPECT_EQ(
      Findings(journal.get()),
      (std::vector<std::string>{"2: body's key is missing, but no entry says that it was erased"}));
}

TEST_F(JournalMaintenanceTest, ABackupHoldsEverythingAndSharesNothing) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 300);
  ASSERT_TRUE(journal->Backup(Path("backup")).ok());
  EXPECT_EQ(journal->Backup(Path("backup")).error().code, ErrorCode::kConflict);
  const v1::TreeHead head = journal->Head();
  Fill(journal.get(), 300, 10);
  RocksJournalOptions options = Options();
  options.folder = Path("backup");
  options.read_only = true;
  auto copy = MustOpen(options);
  EXPECT_EQ(copy->Head().SerializeAsString(), head.SerializeAsString());
  EXPECT_TRUE(Findings(copy.get()).empty());
  for (const auto& file : std::filesystem::directory_iterator(Path("backup"))) {
    EXPECT_EQ(std::filesystem::hard_link_count(file.path()), 1U) << file.path();
  }
}

TEST_F(JournalMaintenanceTest, ABackupDuringAppendsIsConsistent) {
  auto journal = MustOpen();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !stop; ++i) (void)AppendNow(journal.get(), Report(i, "x"));
  });
  for (int i = 0; i < 3; ++i) {
    const auto backup = journal->Backup(Path("backup" + std::to_string(i)));
    EXPECT_TRUE(backup.ok()) << backup.error().message;
  }
  stop = true;
  writer.join();
}

TEST_F(JournalMaintenanceTest, ARestoredJournalCommitsToTheOldHead) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 10);
  ASSERT_TRUE(journal->Backup(Path("backup")).ok());
  const v1::TreeHead old_head = journal->Head();
  journal.reset();
  RocksJournalOptions options = Options();
  options.folder = Path("backup");
  ASSERT_TRUE(MarkRestored(options, "the disk died").ok());

  journal = MustOpen(options);
  EXPECT_NE(journal->log_id(), old_head.log_id());
  ASSERT_EQ(journal->size(), 12U);
  const auto restores = journal->Restores();
  ASSERT_EQ(restores.size(), 1U);
  EXPECT_EQ(restores[0].old_log_id(), old_head.log_id());
  EXPECT_EQ(restores[0].old_tree_size(), 11U);
  EXPECT_EQ(restores[0].old_root_hash(), old_head.root_hash());
  EXPECT_TRUE(
      merkle::VerifyRestored(journal->log_id(), restores[0], journal->log_public_key()).ok());
  const auto entries = journal->Read(11, 1, 1 << 20);
  v1::LogRestored body;
  ASSERT_EQ(entries->front().header.kind(), v1::ENTRY_KIND_LOG_RESTORED);
  ASSERT_TRUE(body.ParseFromString(entries->front().body));
  EXPECT_EQ(body.log_id(), journal->log_id());
  EXPECT_EQ(body.old_root_hash(), old_head.root_hash());
  EXPECT_EQ(body.reason(), "the disk died");
  // An agent's last head of the old log is consistent with the new one.
  EXPECT_TRUE(merkle::VerifyConsistency(11, old_head.root_hash(), 12, journal->Head().root_hash(),
                                        journal->ProveConsistency(11, 12).value())
                  .ok());
  EXPECT_TRUE(AppendNow(journal.get(), Report(0, "body 0"))->repeated);
  EXPECT_TRUE(Findings(journal.get()).empty());
}

TEST_F(JournalMaintenanceTest, TwoRestoresFormAChain) {
  MustOpen().reset();
  ASSERT_TRUE(MarkRestored(Options(), "first").ok());
  ASSERT_TRUE(MarkRestored(Options(), "second").ok());
  auto journal = MustOpen();
  const auto restores = journal->Restores();
  ASSERT_EQ(restores.size(), 2U);
  const std::string key = journal->log_public_key();
  EXPECT_TRUE(merkle::VerifyRestored(restores[1].old_log_id(), restores[0], key).ok());
  EXPECT_TRUE(merkle::VerifyRestored(journal->log_id(), restores[1], key).ok());
  EXPECT_TRUE(Findings(journal.get()).empty());
}

}  // namespace
}  // namespace noroshi::journal
