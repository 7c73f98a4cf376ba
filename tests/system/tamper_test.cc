// `verify` on a stopped hub's files names what somebody changed in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "common/base/encoding.h"
#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/ledger.h"
#include "tests/support/submitter.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

// A database of the hub in the hands of somebody with root.
class OpenDatabase {
 public:
  explicit OpenDatabase(const std::string& folder) {
    std::vector<std::string> names;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, folder, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const auto opened = rocksdb::DB::Open({}, folder, families, &handles, &db);
    EXPECT_TRUE(opened.ok()) << opened.ToString();
    db_.reset(db);
    for (size_t i = 0; i < handles.size(); ++i) handles_[names[i]] = handles[i];
  }
  ~OpenDatabase() {
    for (const auto& [name, handle] : handles_) db_->DestroyColumnFamilyHandle(handle);
    EXPECT_TRUE(db_->Close().ok());
  }

  std::string Get(const std::string& family, const std::string& key) {
    std::string value;
    EXPECT_TRUE(db_->Get({}, handles_.at(family), key, &value).ok());
    return value;
  }
  bool Has(const std::string& family, const std::string& key) {
    std::string value;
    return db_->Get({}, handles_.at(family), key, &value).ok();
  }
  void Put(const std::string& family, const std::string& key, const std::string& value) {
    EXPECT_TRUE(db_->Put({}, handles_.at(family), key, value).ok());
  }
  void Delete(const std::string& family, const std::string& key) {
    EXPECT_TRUE(db_->Delete({}, handles_.at(family), key).ok());
  }
  // The first key that begins so.
  std::string FirstKey(const std::string& family, const std::string& prefix) {
    const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator({}, handles_.at(family)));
    rows->Seek(prefix);
    EXPECT_TRUE(rows->Valid() && rows->key().starts_with(prefix)) << "no row of " << prefix;
    return rows->key().ToString();
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::map<std::string, rocksdb::ColumnFamilyHandle*> handles_;
};

std::string WithFlippedByte(std::string bytes) {
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
  return bytes;
}

class TamperTest : public testing::Test {
 protected:
  TamperTest() : hub_(folder_.path()) {}

  // A hub that has taken a few reports, and is stopped.
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(const Credentials credentials, hub_.Certify("kasumi-ministry/test"));
    Ledger ledger;
    Submitter submitter(credentials, ledger, 1);
    submitter.HubIsUp(hub_.address(), 10);
    ASSERT_TRUE(ledger.WaitForReceipts(10));
    submitter.Stop();
    ASSERT_OK(hub_.Settle());
    ASSERT_OK(hub_.Stop());
    ASSERT_OK_AND_ASSIGN(submissions_, ReadSubmissions(hub_.data()));
    ASSERT_EQ(submissions_.size(), 10U);
    ASSERT_OK_AND_ASSIGN(const Output intact, Verify());
    ASSERT_EQ(intact.status, 0) << intact.out << intact.err;
  }

  Result<Output> Verify() { return hub_.Try({"--json", "verify"}); }

  // `verify` ends with 1 and one of its findings names the place.
  void ExpectFound(const std::string& where, int64_t sequence, const std::string& words) {
    ASSERT_OK_AND_ASSIGN(const Output output, Verify());
    EXPECT_EQ(output.status, 1) << output.out << output.err;
    ASSERT_OK_AND_ASSIGN(const json::value verified, ParseJson(output.out));
    const json::array findings = ArrayAt(verified, "/findings");
    const bool named = std::any_of(findings.begin(), findings.end(), [&](const auto& finding) {
      const std::string what = TextAt(finding, "/what");
      const bool place = sequence < 0 || NumberAt(finding, "/sequence") == sequence ||
                         what.find(std::to_string(sequence)) != std::string::npos;
      return TextAt(finding, "/where") == where && place && what.find(words) != std::string::npos;
    });
    EXPECT_TRUE(named) << output.out;
  }

  uint64_t sequence(size_t index) const { return submissions_[index].sequence; }
  std::string key(size_t index) const { return BigEndian64(sequence(index)); }
  std::string journal() const { return hub_.data() + "/journal"; }

  TempDir folder_;
  HubUnderTest hub_;
  std::vector<JournaledSubmission> submissions_;
};

TEST_F(TamperTest, AFlippedEntryIsNamed) {
  {
    OpenDatabase database(journal());
    database.Put("entries", key(4), WithFlippedByte(database.Get("entries", key(4))));
  }
  ExpectFound("journal", static_cast<int64_t>(sequence(4)), "");
}

TEST_F(TamperTest, ADeletedEntryIsNamed) {
  {
    OpenDatabase database(journal());
    database.Delete("entries", key(4));
  }
  ExpectFound("journal", static_cast<int64_t>(sequence(4)), "");
}

TEST_F(TamperTest, ReorderedEntriesAreNamed) {
  {
    OpenDatabase database(journal());
    for (const std::string family : {"entries", "bodies", "keys"}) {
      const std::string first = database.Get(family, key(4));
      const std::string second = database.Get(family, key(5));
      database.Put(family, key(4), second);
      database.Put(family, key(5), first);
    }
  }
  ExpectFound("journal", static_cast<int64_t>(sequence(4)), "");
}

TEST_F(TamperTest, ATruncatedJournalIsNamed) {
  {
    OpenDatabase database(journal());
    // The last submission and whatever the hub wrote after it.
    for (uint64_t at = submissions_.back().sequence; database.Has("entries", BigEndian64(at));
         ++at) {
      for (const std::string family : {"entries", "bodies", "keys"}) {
        database.Delete(family, BigEndian64(at));
      }
    }
  }
  ExpectFound("journal", static_cast<int64_t>(submissions_.back().sequence), "");
}

TEST_F(TamperTest, AChangedBodyIsNamed) {
  {
    OpenDatabase database(journal());
    database.Put("bodies", key(4), WithFlippedByte(database.Get("bodies", key(4))));
  }
  ExpectFound("journal", static_cast<int64_t>(sequence(4)), "body");
}

TEST_F(TamperTest, ADestroyedKeyIsNamed) {
  {
    OpenDatabase database(journal());
    database.Delete("keys", key(4));
  }
  ExpectFound("journal", static_cast<int64_t>(sequence(4)), "key");
}

TEST_F(TamperTest, AChangedStateRowIsNamed) {
  {
    OpenDatabase database(hub_.data() + "/state");
    const std::string row = database.FirstKey("default", "case/");
    database.Put("default", row, WithFlippedByte(database.Get("default", row)));
  }
  ExpectFound("state", -1, "case/");
}

TEST_F(TamperTest, ADeletedStateRowIsNamed) {
  {
    OpenDatabase database(hub_.data() + "/state");
    database.Delete("default", database.FirstKey("default", "sub/"));
  }
  ExpectFound("state", -1, "sub/");
}

// Somebody edits the files themselves.
TEST_F(TamperTest, AFlippedByteInAnyFileOfTheJournalIsNoticed) {
  const std::string pristine = folder_ / "pristine";
  std::filesystem::copy(journal(), pristine, std::filesystem::copy_options::recursive);
  size_t files = 0;
  for (const auto& item : std::filesystem::directory_iterator(pristine)) {
    const std::string extension = item.path().extension();
    if (extension != ".sst" && extension != ".blob") continue;
    ++files;
    std::filesystem::remove_all(journal());
    std::filesystem::copy(pristine, journal(), std::filesystem::copy_options::recursive);
    const std::string path = journal() + "/" + item.path().filename().string();
    // Offset 40 lies in the first data block or the first blob's value.
    std::string bytes = ReadFile(path);
    ASSERT_GT(bytes.size(), 40U);
    bytes[40] = static_cast<char>(bytes[40] ^ 0x20);
    WriteFile(path, bytes);
    ASSERT_OK_AND_ASSIGN(const Output output, Verify());
    EXPECT_NE(output.status, 0) << path;
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace noroshi::support
