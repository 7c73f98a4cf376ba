#include "hub/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/base/encoding.h"

namespace noroshi::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/store.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    folder_ = root_ + "/state";
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  void Reopen() {
    store_.reset();
    auto opened = Store::Open({folder_});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::move(*opened);
  }
  static std::string Id(char c) { return std::string(16, c); }
  static CaseRow Case(uint64_t id, const std::string& title = "") {
    CaseRow row;
    row.set_case_id(id);
    row.set_title(title);
    return row;
  }
  static std::vector<uint64_t> Ids(const std::vector<CaseRow>& rows) {
    std::vector<uint64_t> ids;
    for (const CaseRow& row : rows) ids.push_back(row.case_id());
    return ids;
  }

  std::string root_;
  std::string folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, EmptyStateHasNoRows) {
  const auto view = store_->Snapshot();
  EXPECT_EQ(view->Meta()->applied(), 0u);
  EXPECT_FALSE(view->Organization("moj")->has_value());
  EXPECT_FALSE(view->NextDeadline()->has_value());
  EXPECT_TRUE(view->Cases(0, 10)->empty());
}

TEST_F(StoreTest, TransactionSeesItsChangesAndReadersOnlyCommittedOnes) {
  const auto before = store_->Snapshot();
  auto transaction = store_->Begin();
  transaction->SetCase(Case(7, "title"));
  EXPECT_EQ((*transaction->Case(7))->title(), "title");
  EXPECT_FALSE(store_->Snapshot()->Case(7)->has_value());
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ((*store_->Snapshot()->Case(7))->title(), "title");
  EXPECT_FALSE(before->Case(7)->has_value());
  EXPECT_EQ((*transaction->Case(7))->title(), "title");
}

TEST_F(StoreTest, DroppedTransactionChangesNothing) {
  const std::string digest = *store_->Snapshot()->Digest();
  {
    auto transaction = store_->Begin();
    transaction->SetCase(Case(7));
  }
  EXPECT_EQ(*store_->Snapshot()->Digest(), digest);
}

TEST_F(StoreTest, CommittedRowsSurviveReopening) {
  {
    auto transaction = store_->Begin();
    MetaRow meta;
    meta.set_applied(42);
    transaction->SetMeta(meta);
    ASSERT_TRUE(transaction->Commit().ok());
  }
  ASSERT_TRUE(store_->Flush().ok());
  Reopen();
  EXPECT_EQ(store_->Snapshot()->Meta()->applied(), 42u);
  EXPECT_EQ(store_->Snapshot()->Meta()->format(), kFormat);
}

TEST_F(StoreTest, ScansMergeChangesWithTheDatabaseInBothDirections) {
  auto transaction = store_->Begin();
  for (const uint64_t id : {1, 3, 5}) transaction->SetCase(Case(id));
  transaction->AddPending({1, 5});
  transaction->AddPending({0, 9});
  ASSERT_TRUE(transaction->Commit().ok());
  for (const uint64_t id : {2, 4, 6}) transaction->SetCase(Case(id));
  transaction->SetCase(Case(3, "new"));
  transaction->RemovePending({1, 5});
  transaction->AddPending({1, 2});

  const auto all = *transaction->Cases(0, 100);
  EXPECT_THAT(Ids(all), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_EQ(all[3].title(), "new");
  EXPECT_THAT(Ids(*transaction->Cases(5, 2)), ElementsAre(4, 3));
  EXPECT_THAT(*transaction->AnalysisPending(0, 0, 10), ElementsAre(9));
  EXPECT_THAT(*transaction->AnalysisPending(1, 0, 10), ElementsAre(2));
  EXPECT_THAT(*transaction->AnalysisPending(0, 9, 10), IsEmpty());

  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_THAT(Ids(*store_->Snapshot()->Cases(0, 100)), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(Ids(*store_->Snapshot()->Cases(5, 2)), ElementsAre(4, 3));
}

// Removed rows stay in the memtable for a while: a scan must not wade through those of
// the table behind its own.
TEST_F(StoreTest, AScanDoesNotMeetWhatWasRemovedFromTheNextTable) {
  constexpr uint64_t kRemoved = 500;
  auto transaction = store_->Begin();
  transaction->SetOutbox("moj", 1, OutboxRow());
  for (uint64_t i = 1; i <= kRemoved; ++i) transaction->AddPending({0, i});
  ASSERT_TRUE(transaction->Commit().ok());
  for (uint64_t i = 1; i <= kRemoved; ++i) transaction->RemovePending({0, i});
  ASSERT_TRUE(transaction->Commit().ok());
  const auto skipped = [](const auto& scan) {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
    rocksdb::get_perf_context()->Reset();
    scan();
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
    return rocksdb::get_perf_context()->internal_delete_skipped_count;
  };
  const auto view = store_->Snapshot();
  EXPECT_EQ(skipped([&] { EXPECT_EQ(view->OutboxBefore("moj", 0, 10)->size(), 1U); }), 0U);
  EXPECT_EQ(skipped([&] { EXPECT_TRUE(view->AnalysisPending(0, 0, 10)->empty()); }), kRemoved)
      << "the measure measures nothing";
}

TEST_F(StoreTest, WhatComesAndGoesInOneBatchLeavesNothing) {
  auto transaction = store_->Begin();
  transaction->AddPending({0, 1});
  transaction->RemovePending({0, 1});
  transaction->RemovePending({0, 2});  // Never written.
  transaction->AddPending({0, 3});
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(transaction->AnalysisPending(0, 0, 10)->size(), 1u);
  transaction->RemovePending({0, 3});
  ASSERT_TRUE(transaction->Commit().ok());
  ASSERT_TRUE(store_->Flush().ok());
  EXPECT_TRUE(store_->Snapshot()->AnalysisPending(0, 0, 10)->empty());
  transaction.reset();
  Reopen();
  EXPECT_TRUE(store_->Snapshot()->AnalysisPending(0, 0, 10)->empty());
}

TEST_F(StoreTest, IdentifiersThatArePrefixesOfOthersDoNotMix) {
  auto transaction = store_->Begin();
  for (const char* organization : {"mo", "moj", "moj-2"}) {
    AgentRow row;
    row.set_organization(organization);
    row.set_agent("a");
    transaction->SetAgent(row);
    OutboxRow item;
    item.set_reason(organization);
    transaction->SetOutbox(organization, 1, item);
  }
  EXPECT_EQ(transaction->AgentsOf("moj", 10)->size(), 1u);
  EXPECT_EQ(transaction->Agents("", "", 10)->size(), 3u);
  EXPECT_EQ(transaction->Agents("moj", "a", 10)->size(), 1u);
  ASSERT_EQ(transaction->OutboxBefore("mo", 0, 10)->size(), 1u);
  EXPECT_EQ(transaction->OutboxBefore("mo", 0, 10)->front().second.reason(), "mo");
  EXPECT_TRUE(transaction->OutboxBefore("mo", 1, 10)->empty());
}

TEST_F(StoreTest, RealmsOfThreadsAndTiesNeverMeet) {
  auto transaction = store_->Begin();
  const std::string key(16, 'k');
  TieRow tie;
  tie.add_cases(1);
  transaction->SetTie("", key, tie);
  tie.set_cases(0, 2);
  transaction->SetTie("ex1", key, tie);
  BandRow band;
  band.add_variants(3);
  transaction->SetBand("ex1", key, band);
  transaction->SetThread("moj", "", Id('t'), 3);
  EXPECT_EQ((*transaction->Tie("", key))->cases(0), 1u);
  EXPECT_EQ((*transaction->Tie("ex1", key))->cases(0), 2u);
  EXPECT_FALSE(transaction->Tie("ex2", key)->has_value());
  EXPECT_EQ((*transaction->Band("ex1", key))->variants(0), 3u);
  EXPECT_FALSE(transaction->Band("", key)->has_value());
  EXPECT_EQ(*transaction->CaseOfThread("moj", "", Id('t')), 3u);
  EXPECT_FALSE(transaction->CaseOfThread("moj", "ex1", Id('t'))->has_value());
  EXPECT_FALSE(transaction->CaseOfThread("mof", "", Id('t'))->has_value());
}

TEST_F(StoreTest, CaseMembersComeNewestFirstUntilTheVisitorStops) {
  auto transaction = store_->Begin();
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    transaction->AddToCase(9, {sequence, static_cast<int64_t>(sequence) * 100, "moj"});
  }
  transaction->AddToCase(10, {4, 400, "mof"});
  std::vector<uint64_t> seen;
  ASSERT_TRUE(transaction
                  ->VisitCaseMembers(9,
                                     [&](const CaseMember& member) {
                                       EXPECT_EQ(member.accepted_at_ms,
                                                 static_cast<int64_t>(member.sequence) * 100);
                                       seen.push_back(member.sequence);
                                       return seen.size() < 2;
                                     })
                  .ok());
  EXPECT_THAT(seen, ElementsAre(3, 2));
}

TEST_F(StoreTest, DeadlinesComeEarliestFirst) {
  auto transaction = store_->Begin();
  transaction->AddDeadline({300, Id('a')});
  transaction->AddDeadline({100, Id('b')});
  transaction->AddDeadline({200, Id('c')});
  EXPECT_EQ(*transaction->NextDeadline(), 100);
  const auto due = *transaction->DeadlinesUntil(200, 10);
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].alert_id, Id('b'));
  EXPECT_EQ(due[1].alert_id, Id('c'));
  EXPECT_EQ(transaction->DeadlinesUntil(200, 1)->size(), 1u);
  transaction->RemoveDeadline({100, Id('b')});
  EXPECT_EQ(*transaction->NextDeadline(), 200);
}

TEST_F(StoreTest, ListsStopAtTheirMaximum) {
  auto transaction = store_->Begin();
  for (uint64_t id = 1; id <= kListMax + 1; ++id) transaction->SetCase(Case(id));
  EXPECT_EQ(transaction->Cases(0, kListMax + 1)->size(), kListMax);
  EXPECT_TRUE(transaction->Cases(0, 0)->empty());
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(store_->Snapshot()->Cases(0, kListMax + 1)->size(), kListMax);
  EXPECT_EQ(store_->Snapshot()->Cases(0, 1)->front().case_id(), kListMax + 1);
}

TEST_F(StoreTest, DigestFollowsFromTheRowsAlone) {
  auto transaction = store_->Begin();
  transaction->SetCase(Case(1, "a"));
  transaction->SetCase(Case(2, "b"));
  ASSERT_TRUE(transaction->Commit().ok());
  const std::string digest = *store_->Snapshot()->Digest();
  EXPECT_EQ(digest.size(), 32u);
  transaction->SetCase(Case(2, "c"));
  EXPECT_NE(*transaction->Digest(), digest);
  transaction->SetCase(Case(2, "b"));
  EXPECT_EQ(*transaction->Digest(), digest);
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(*store_->Snapshot()->Digest(), digest);
}

TEST_F(StoreTest, DifferencesNameTheRows) {
  auto transaction = store_->Begin();
  for (uint64_t id = 1; id <= 3000; ++id) transaction->SetCase(Case(id));
  ASSERT_TRUE(transaction->Commit().ok());
  const auto before = store_->Snapshot();
  transaction->SetCase(Case(2999, "changed"));
  transaction->SetThread("moj", "", Id('t'), 1);
  transaction->RemovePending({0, 1});
  ASSERT_TRUE(transaction->Commit().ok());
  const auto after = store_->Snapshot();
  EXPECT_THAT(*before->Differences(*before, 10), IsEmpty());
  EXPECT_THAT(*before->Differences(*after, 10),
              ElementsAre("changed: case/\\00\\00\\00\\00\\00\\00\\0b\\b7",
                          "missing: thread/moj\\00\\00tttttttttttttttt"));
  EXPECT_THAT(*after->Differences(*before, 1), ElementsAre(::testing::StartsWith("changed: ")));
  EXPECT_THAT(after->Differences(*before, 10)->back(), ::testing::StartsWith("surplus: "));
}

TEST_F(StoreTest, AnotherFormatMustBeRebuilt) {
  store_.reset();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder_, &raw).ok());
  const std::unique_ptr<rocksdb::DB> db(raw);
  MetaRow meta;
  meta.set_format(kFormat + 1);
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "meta", meta.SerializeAsString()).ok());
  ASSERT_TRUE(db->Close().ok());
  const auto opened = Store::Open({folder_});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
  EXPECT_NE(opened.error().message.find("rebuild"), std::string::npos);
}

TEST_F(StoreTest, BytesThatAreNoRowAreCorruption) {
  store_.reset();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), folder_, &raw).ok());
  std::unique_ptr<rocksdb::DB> db(raw);
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "case/" + BigEndian64(1), "\xff\xff").ok());
  ASSERT_TRUE(db->Close().ok());
  db.reset();
  Reopen();
  EXPECT_EQ(store_->Snapshot()->Case(1).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(store_->Snapshot()->Cases(0, 10).error().code, ErrorCode::kCorruption);
}

TEST_F(StoreTest, FlippedBytesOnDiskAreNotReadAsRows) {
  auto transaction = store_->Begin();
  for (uint64_t id = 1; id <= 1000; ++id) transaction->SetCase(Case(id, std::string(100, 'x')));
  ASSERT_TRUE(transaction->Commit().ok());
  transaction.reset();
  ASSERT_TRUE(store_->Flush().ok());
  store_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    if (file.path().extension() != ".sst") continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100);
    stream.put('\x5a');
  }
  Reopen();
  EXPECT_FALSE(store_->Snapshot()->Digest().ok());
}

TEST_F(StoreTest, AbsentStateIsNotFoundUnlessItMayBeCreated) {
  StoreOptions options{root_ + "/none"};
  options.create_if_missing = false;
  EXPECT_EQ(Store::Open(options).error().code, ErrorCode::kNotFound);
}

TEST_F(StoreTest, StateThatIsOpenElsewhereIsUnavailable) {
  EXPECT_EQ(Store::Open({folder_}).error().code, ErrorCode::kUnavailable);
}

TEST_F(StoreTest, RebuiltStateTakesThePlaceOfTheOld) {
  const std::string rebuilt = root_ + "/rebuilt";
  {
    auto other = Store::Open({rebuilt, true, false, /*bulk=*/true});
    ASSERT_TRUE(other.ok());
    auto transaction = (*other)->Begin();
    transaction->SetCase(Case(5));
    ASSERT_TRUE(transaction->Commit().ok());
    ASSERT_TRUE((*other)->Flush().ok());
  }
  store_.reset();
  ASSERT_TRUE(ReplaceStore(rebuilt, folder_).ok());
  EXPECT_FALSE(std::filesystem::exists(rebuilt));
  Reopen();
  EXPECT_TRUE(store_->Snapshot()->Case(5)->has_value());
  store_.reset();
  ASSERT_TRUE(WipeStore(folder_).ok());
  ASSERT_TRUE(WipeStore(folder_).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_));
  Reopen();
  EXPECT_FALSE(store_->Snapshot()->Case(5)->has_value());
}

// What a rebuild would do: rows on disk, rows on their way there, rows in memory.
TEST_F(StoreTest, BulkAndOrdinaryCommitsLeaveTheSameRows) {
  constexpr uint64_t kCases = 300;
  const std::string padding(1024 * 1024, 'x');  // Together several times kBulkBytesMax.
  const auto bulk = Store::Open({root_ + "/bulk", true, false, /*bulk=*/true});
  ASSERT_TRUE(bulk.ok());
  for (Store* store : {bulk->get(), store_.get()}) {
    const auto transaction = store->Begin();
    for (uint64_t id = 1; id <= kCases; ++id) {
      transaction->SetCase(Case(id, padding));
      transaction->AddPending({0, id});
      transaction->AddToCase(1, {id, 0, "moj"});
      if (id > 150) transaction->SetCase(Case(id - 150, "short"));
      if (id > 100) transaction->RemovePending({0, id - 100});
      ASSERT_TRUE(transaction->Commit().ok());
      if (id % 50 == 0) {
        EXPECT_EQ(transaction->Cases(id, 7)->size(), 7U);
        EXPECT_EQ(transaction->Case(id > 150 ? 1 : id)->value().title(),
                  id > 150 ? "short" : padding);
      }
    }
    EXPECT_EQ(transaction->AnalysisPending(0, 0, kCases)->front(), kCases - 99);
    std::vector<uint64_t> members;
    ASSERT_TRUE(transaction
                    ->VisitCaseMembers(1,
                                       [&](const CaseMember& member) {
                                         members.push_back(member.sequence);
                                         return true;
                                       })
                    .ok());
    ASSERT_EQ(members.size(), kCases);
    EXPECT_TRUE(std::is_sorted(members.rbegin(), members.rend()));
    ASSERT_TRUE(store->Flush().ok());
  }
  EXPECT_EQ(*(*bulk)->Snapshot()->Digest(), *store_->Snapshot()->Digest());
}

// Without maps, equal rows serialise to equal bytes.
void ExpectNoMaps(const google::protobuf::Descriptor* message, std::set<std::string>* seen) {
  if (!seen->insert(message->full_name()).second) return;
  for (int i = 0; i < message->field_count(); ++i) {
    EXPECT_FALSE(message->field(i)->is_map()) << message->field(i)->full_name();
    if (message->field(i)->message_type() != nullptr) {
      ExpectNoMaps(message->field(i)->message_type(), seen);
    }
  }
}

TEST(RowsTest, HoldNoMaps) {
  std::set<std::string> seen;
  for (const auto* file : {MetaRow::descriptor()->file(), PersonRow::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) ExpectNoMaps(file->message_type(i), &seen);
  }
  EXPECT_TRUE(seen.contains("noroshi.store.v1.MetaRow"));
  EXPECT_TRUE(seen.contains("noroshi.store.v1.RequestRow"));
  EXPECT_GT(seen.size(), 25u);
}

}  // namespace
}  // namespace noroshi::store
