#include <gmock/gmock.h>

#include "common/crypto/crypto.h"
#include "hub/journal/format.h"
#include "tests/unit/hub/journal/journal_fixture.h"

namespace noroshi::journal {
namespace {

using testing::Contains;
using testing::HasSubstr;

class JournalVerifyTest : public JournalFixture {
 protected:
  JournalVerifyTest() {
    auto journal = MustOpen();
    Fill(journal.get(), 0, 300);
  }

  std::string Stored(Family family, const std::string& key) {
    return Raw()->Get(family, key).value().value();
  }
  void Store(Family family, const std::string& key, const std::string& value) {
    auto raw = Raw();
    rocksdb::WriteBatch batch;
    raw->Put(&batch, family, key, value);
    ASSERT_TRUE(raw->Write(&batch, true).ok());
  }
  void Delete(Family family, const std::string& key) {
    ASSERT_TRUE(Raw()->DeletePhysically(family, key).ok());
  }
  void Flip(Family family, const std::string& key) {
    std::string value = Stored(family, key);
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 0x10);
    Store(family, key, value);
  }
  void Swap(Family family, uint64_t a, uint64_t b) {
    const std::string first = Stored(family, BigEndian64(a));
    Store(family, BigEndian64(a), Stored(family, BigEndian64(b)));
    Store(family, BigEndian64(b), first);
  }
  std::vector<std::string> FindingsOnDisk(size_t max = 100) {
    RocksJournalOptions options = Options();
    options.read_only = true;
    options.open_damaged = true;
    auto journal = MustOpen(options);
    return Findings(journal.get(), max);
  }
};

TEST_F(JournalVerifyTest, AnIntactJournalHasNoFindings) {
  EXPECT_TRUE(FindingsOnDisk().empty());
  auto journal = MustOpen();
  size_t findings = 0;
  const auto checked = journal->Verify([&](const Finding&) { ++findings; }, 10);
  EXPECT_EQ(checked.value(), 301U);
  EXPECT_EQ(findings, 0U);
}

TEST_F(JournalVerifyTest, DamageIsOpenedOnlyOnRequest) {
  Flip(Family::kEntries, BigEndian64(17));
  RocksJournalOptions options = Options();
  options.read_only = true;
  EXPECT_EQ(OpenRocksJournal(options).error().code, ErrorCode::kCorruption);
}

TEST_F(JournalVerifyTest, NamesAFlippedHeader) {
  Flip(Family::kEntries, BigEndian64(17));
  const auto findings = FindingsOnDisk();
  EXPECT_THAT(findings, Contains(HasSubstr("17: ")));
  EXPECT_THAT(findings, Contains("0: tile 0/0 does not fit its entries"));
}

TEST_F(JournalVerifyTest, NamesAFlippedHeaderBeyondTheLastTile) {
  Flip(Family::kEntries, BigEndian64(290));
  EXPECT_THAT(FindingsOnDisk(), Contains("301: entries do not lead to the head's root"));
}

TEST_F(JournalVerifyTest, NamesAFlippedBodyAndKey) {
  Flip(Family::kBodies, BigEndian64(17));
  Flip(Family::kKeys, BigEndian64(18));
  const auto findings = FindingsOnDisk();
  EXPECT_EQ(findings, (std::vector<std::string>{"17: sealed body does not fit its key and header",
                                                "18: body's key does not fit the master key"}));
}

TEST_F(JournalVerifyTest, NamesABodySealedAnewWithOtherContent) {
  // Somebody who has the master key can seal, but cannot keep the digest.
  Draft draft = Report(16, "forged!");
  const SealedBody forged = Seal(draft, Secrets(&SystemRandom()), "", Options().master_key);
  Store(Family::kBodies, BigEndian64(17), forged.sealed);
  Store(Family::kKeys, BigEndian64(17), forged.wrapped_key);
  EXPECT_EQ(FindingsOnDisk(), (std::vector<std::string>{"17: body does not match its digest"}));
}

TEST_F(JournalVerifyTest, NamesDeletedParts) {
  Delete(Family::kEntries, BigEndian64(100));
  Delete(Family::kBodies, BigEndian64(101));
  Delete(Family::kKeys, BigEndian64(102));
  const auto findings = FindingsOnDisk();
  EXPECT_THAT(findings, Contains("100: entry is missing"));
  EXPECT_THAT(findings, Contains("101: body is missing"));
  EXPECT_THAT(findings,
              Contains("102: body's key is missing, but no entry says that it was erased"));
}

TEST_F(JournalVerifyTest, NamesReorderedEntriesAndBodies) {
  Swap(Family::kEntries, 20, 21);
  Swap(Family::kBodies, 30, 31);
  const auto findings = FindingsOnDisk();
  EXPECT_THAT(findings, Contains("20: header is that of entry 21"));
  EXPECT_THAT(findings, Contains("21: header is that of entry 20"));
  EXPECT_THAT(findings, Contains(HasSubstr("30: sealed body does not fit")));
  EXPECT_THAT(findings, Contains(HasSubstr("31: sealed body does not fit")));
}

TEST_F(JournalVerifyTest, NamesATruncatedTail) {
  Delete(Family::kEntries, BigEndian64(300));
  const auto findings = FindingsOnDisk();
  EXPECT_THAT(findings, Contains("300: head covers 301 entries, but 300 are there"));
  EXPECT_THAT(findings, Contains("300: a body lies beyond the last entry"));
}

TEST_F(JournalVerifyTest, NamesTiles) {
  Flip(Family::kTiles, TileKey({0, 0}));
  EXPECT_EQ(FindingsOnDisk(), (std::vector<std::string>{"0: tile 0/0 does not fit its entries"}));
  Delete(Family::kTiles, TileKey({0, 0}));
  EXPECT_THAT(FindingsOnDisk(), Contains("0: tile 0/0 is missing"));
  Store(Family::kTiles, TileKey({0, 9}), std::string(8192, 'x'));
  EXPECT_THAT(FindingsOnDisk(), Contains("301: a tile lies beyond the tree"));
}

TEST_F(JournalVerifyTest, NamesTheIndexOfIds) {
  const std::string key = IdKey("ministry", Id(5).bytes());
  Delete(Family::kIds, key);
  EXPECT_THAT(FindingsOnDisk(), Contains("6: entry in the index of ids is missing"));
  Store(Family::kIds, key, BigEndian64(9));
  EXPECT_THAT(FindingsOnDisk(), Contains("6: index of ids leads to another entry"));
  Store(Family::kIds, key, BigEndian64(6));
  Store(Family::kIds, IdKey("ministry", Id(999).bytes()), BigEndian64(6));
  EXPECT_EQ(FindingsOnDisk(),
            (std::vector<std::string>{"0: index of ids names submissions that are not there"}));
}

TEST_F(JournalVerifyTest, NamesTheHead) {
  v1::TreeHead head;
  ASSERT_TRUE(head.ParseFromString(Stored(Family::kMeta, "head")));
  v1::TreeHead older = head;
  older.set_tree_size(200);
  Store(Family::kMeta, "head", older.SerializeAsString());
  const auto findings = FindingsOnDisk();
  EXPECT_THAT(findings, Contains(HasSubstr("signature does not verify")));
  EXPECT_THAT(findings, Contains("301: head covers 200 entries, but 301 are there"));
  head.set_root_hash(std::string(32, 'x'));
  head.set_signature(
      SigningKey::FromSeed(Options().signing_seed)->Sign(merkle::TreeHeadSignedBytes(head)));
  Store(Family::kMeta, "head", head.SerializeAsString());
  EXPECT_EQ(FindingsOnDisk(),
            (std::vector<std::string>{"301: entries do not lead to the head's root"}));
}

TEST_F(JournalVerifyTest, StopsAtTheLargestNumberOfFindings) {
  for (uint64_t i = 10; i < 20; ++i) Flip(Family::kBodies, BigEndian64(i));
  EXPECT_EQ(FindingsOnDisk(3).size(), 3U);
  EXPECT_EQ(FindingsOnDisk(10).size(), 10U);
  EXPECT_EQ(FindingsOnDisk(11).size(), 10U);
}

}  // namespace
}  // namespace noroshi::journal
