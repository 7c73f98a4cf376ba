#include <fstream>

#include "hub/journal/tree.h"
#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using JournalRecoveryTest = JournalFixture;

std::string NewestLog(const std::string& folder) {
  std::string newest;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string path = file.path().string();
    if (path.ends_with(".log")) newest = std::max(newest, path);
  }
  return newest;
}

TEST_F(JournalRecoveryTest, AMissingJournalIsNotCreatedUnasked) {
  RocksJournalOptions options = Options();
  options.create_if_missing = false;
  EXPECT_EQ(OpenRocksJournal(options).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(options.folder));
}

TEST_F(JournalRecoveryTest, ReopensWithTheSameLogHeadAndEntries) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 600);
  const std::string log_id = journal->log_id();
  const std::string head = journal->Head().SerializeAsString();
  journal.reset();
  RocksJournalOptions options = Options();
  options.create_if_missing = false;
  journal = MustOpen(options);
  EXPECT_EQ(journal->log_id(), log_id);
  EXPECT_EQ(journal->Head().SerializeAsString(), head);
  EXPECT_TRUE(journal->Restores().empty());
  const auto more = Fill(journal.get(), 600, 10);
  EXPECT_TRUE(Check(more.back(), "body 609", journal->log_public_key()).ok());
  EXPECT_TRUE(Findings(journal.get()).empty());
}

TEST_F(JournalRecoveryTest, TornTailIsCutOnOpen) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 5);
  journal.reset();
  const std::string log = NewestLog(Path("journal"));
  const auto whole = std::filesystem::file_size(log);
  journal = MustOpen();  // Another log file begins; the old one is flushed away.
  journal->Append(Report(5, "last"), [](const Result<Acceptance>&) {});
  journal.reset();
  const std::string torn = NewestLog(Path("journal"));
  ASSERT_NE(torn, log);
  std::filesystem::resize_file(torn, std::filesystem::file_size(torn) - 10);
  journal = MustOpen();
  EXPECT_EQ(journal->size(), 6U);
  EXPECT_GT(whole, 0U);
  EXPECT_FALSE(AppendNow(journal.get(), Report(5, "last"))->repeated);
}

TEST_F(JournalRecoveryTest, DamageBeforeTheTailIsNotSkipped) {
  auto journal = MustOpen();
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(AppendNow(journal.get(), Report(i, "body")).ok());
  journal.reset();
  const std::string log = NewestLog(Path("journal"));
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(log) / 2));
  file.put('\x55').put('\x66').put('\x77');
  file.close();
  EXPECT_EQ(OpenRocksJournal(Options()).error().code, ErrorCode::kCorruption);
}

TEST_F(JournalRecoveryTest, AnotherSigningOrMasterKeyIsRefused) {
  MustOpen().reset();
  RocksJournalOptions options = Options();
  options.signing_seed = std::string(32, 'x');
  EXPECT_EQ(OpenRocksJournal(options).error().code, ErrorCode::kCorruption);
  options = Options();
  options.master_key = std::string(32, 'x');
  EXPECT_EQ(OpenRocksJournal(options).error().code, ErrorCode::kCorruption);
  options.master_key = "short";
  EXPECT_EQ(OpenRocksJournal(options).error().code, ErrorCode::kInvalid);
}

TEST_F(JournalRecoveryTest, AnotherFormatIsRefused) {
  MustOpen().reset();
  auto raw = Raw();
  rocksdb::WriteBatch batch;
  raw->Put(&batch, Family::kMeta, "format", "2");
  ASSERT_TRUE(raw->Write(&batch, true).ok());
  raw.reset();
  const auto opened = OpenRocksJournal(Options());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
  EXPECT_NE(opened.error().message.find("format 2"), std::string::npos);
}

TEST_F(JournalRecoveryTest, AnInterruptedCreationIsCompleted) {
  // RocksDB is there, but the first batch is not.
  DatabaseOptions options;
  options.folder = Path("journal");
  options.create_if_missing = true;
  ASSERT_TRUE(Database::Open(options).ok());
  EXPECT_EQ(MustOpen()->size(), 1U);
}

TEST_F(JournalRecoveryTest, OpenNamesWhatDoesNotFit) {
  auto journal = MustOpen();
  Fill(journal.get(), 0, 300);
  journal.reset();
  const std::string whole = Path("whole");
  std::filesystem::copy(Path("journal"), whole, std::filesystem::copy_options::recursive);
  const auto expect = [&](const std::function<void(Database*)>& damage, const char* what) {
    std::filesystem::remove_all(Path("journal"));
    std::filesystem::copy(whole, Path("journal"), std::filesystem::copy_options::recursive);
    auto raw = Raw();
    damage(raw.get());
    raw.reset();
    const auto opened = OpenRocksJournal(Options());
    ASSERT_FALSE(opened.ok()) << what;
    EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
    EXPECT_NE(opened.error().message.find(what), std::string::npos) << opened.error().message;
  };
  const auto put = [](Database* raw, Family family, const std::string& key,
                      const std::string& value) {
    rocksdb::WriteBatch batch;
    raw->Put(&batch, family, key, value);
    ASSERT_TRUE(raw->Write(&batch, true).ok());
  };
  expect(
      [](Database* raw) {
        ASSERT_TRUE(raw->DeletePhysically(Family::kEntries, BigEndian64(17)).ok());
      },
      "entry 17: is missing");
  expect(
      [](Database* raw) {
        ASSERT_TRUE(raw->DeletePhysically(Family::kEntries, BigEndian64(300)).ok());
      },
      "covers 301 entries, but there are 300");
  expect([&](Database* raw) { put(raw, Family::kEntries, BigEndian64(3), "flipped"); },
         "tile 0/0 does not fit");
  expect(
      [&](Database* raw) {
        std::string header = raw->Get(Family::kEntries, BigEndian64(290)).value().value();
        header.back() = static_cast<char>(header.back() ^ 1);
        put(raw, Family::kEntries, BigEndian64(290), header);
      },
      "do not lead to the stored root");
  expect([](Database* raw) { ASSERT_TRUE(raw->DeletePhysically(Family::kMeta, "head").ok()); },
         "tree head is missing");
  expect(
      [&](Database* raw) {
        v1::TreeHead head;
        head.ParseFromString(raw->Get(Family::kMeta, "head").value().value());
        head.mutable_signature()->at(5) ^= 1;
        put(raw, Family::kMeta, "head", head.SerializeAsString());
      },
      "signature");
}

// More than one thread takes at a time, and a tail that fills no tile.
TEST_F(JournalRecoveryTest, OpenHashesALongJournalAndNamesTheFirstMisfit) {
  constexpr uint64_t kEntries = 3 * 64 * kTileWidth + 100;
  auto journal = MustOpen();
  Fill(journal.get(), 0, kEntries);
  const std::string root = journal->Head().root_hash();
  journal.reset();
  EXPECT_EQ(MustOpen()->Head().root_hash(), root);
  auto raw = Raw();
  rocksdb::WriteBatch batch;
  raw->Put(&batch, Family::kEntries, BigEndian64(130 * kTileWidth), "flipped");
  raw->Put(&batch, Family::kEntries, BigEndian64(70 * kTileWidth), "flipped");
  ASSERT_TRUE(raw->Write(&batch, true).ok());
  raw.reset();
  const auto opened = OpenRocksJournal(Options());
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("tile 0/70 does not fit"), std::string::npos)
      << opened.error().message;
}

}  // namespace
}  // namespace noroshi::journal
