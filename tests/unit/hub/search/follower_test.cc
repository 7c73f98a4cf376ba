#include "hub/search/follower.h"

#include <gmock/gmock.h>

#include "common/base/encoding.h"
#include "hub/search/terms.h"
#include "tests/support/assertions.h"
#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::search {
namespace {

using engine::Script;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

namespace deeds = engine::deeds;

constexpr int64_t kPatienceMs = 30'000;

class FollowerTest : public engine::DeedScene {
 protected:
  std::string folder() const { return root_ + "/search"; }
  void Start() {
    follower_.reset();
    follower_ = std::make_unique<Follower>(
        Follower::Parts{&journal_, store_.get(), &SystemFileSystem(), folder(), 0});
  }
  void TearDown() override {
    follower_.reset();
    engine::DeedScene::TearDown();
  }
  // What the engine has applied is found.
  void Await() {
    Follow();
    if (follower_ == nullptr) Start();
    follower_->OnApplied();
    ASSERT_OK(follower_->WaitFor(journal_.size(), kPatienceMs));
  }
  std::vector<std::string> Find(const std::string& query) {
    Request request;
    const auto terms = ReadQuery(query);
    EXPECT_OK(terms);
    request.terms = *terms;
    request.may_show = [](Kind, const Facts&) { return true; };
    const auto hits = Searcher(folder()).Find(request);
    EXPECT_OK(hits);
    std::vector<std::string> names;
    if (!hits.ok()) return names;
    for (const Hit& hit : hits->hits) {
      const char kind = static_cast<char>(hit.object.kind);
      const std::string& id = hit.object.id;
      const bool is_number = hit.object.kind == Kind::kCase || hit.object.kind == Kind::kReport;
      names.push_back(kind + (is_number ? std::to_string(ReadBigEndian64(id)) : id));
    }
    return names;
  }
  static std::string Report(uint64_t sequence) { return "r" + std::to_string(sequence); }
  static std::string Case(uint64_t id) { return "c" + std::to_string(id); }

  std::unique_ptr<Follower> follower_;
};

TEST_F(FollowerTest, ReportsAndTheirCasesAreFoundByWhatTheySay) {
  const uint64_t report = script_.Submit("moj", script_.Incident("基幹系でランサムウェア"));
  const uint64_t other = script_.Submit("moj", script_.Incident("停電による障害"));
  Await();
  EXPECT_THAT(Find("ランサムウェア"), UnorderedElementsAre(Report(report), Case(report)));
  EXPECT_THAT(Find("障害"), UnorderedElementsAre(Report(other), Case(other)));
}

TEST_F(FollowerTest, MailsAreFoundByWhatAnalysisRead) {
  const uint64_t mail = script_.AnalysedMail("moj", "m");
  Await();
  EXPECT_THAT(Find("evil.example"), ElementsAre(Report(mail)));
  EXPECT_THAT(Find("請求書"), UnorderedElementsAre(Report(mail), Case(mail)));
}

TEST_F(FollowerTest, WhatPersonsWriteIsFoundAsItIsNow) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Note(id, "委託先に確認した")), "");
  Await();
  EXPECT_THAT(Find("委託先"), ElementsAre(Case(id)));
  ASSERT_EQ(Do(deeds::Note(id, "証拠を保全")), "");
  Await();
  EXPECT_THAT(Find("委託先 保全"), ElementsAre(Case(id)));
  ASSERT_EQ(Do(deeds::Open("vulnerability", "製品の脆弱性")), "");
  const uint64_t opened = last_;
  Await();
  EXPECT_THAT(Find("脆弱性"), ElementsAre(Case(opened)));
}

TEST_F(FollowerTest, AlertsOrganisationsAndPersonsAreFound) {
  v1::AlertIssued issued = Script::Warning('w', v1::TLP_GREEN, "all");
  issued.mutable_alert()->set_text_ja("更新プログラムを適用してください");
  issued.mutable_alert()->add_indicators()->set_value("http://c2.example/x");
  script_.Alert(issued);
  script_.Alert(Script::Warning('x', v1::TLP_GREEN, "all"));
  Await();
  EXPECT_THAT(Find("更新プログラム"), ElementsAre("a" + std::string(16, 'w')));
  EXPECT_THAT(Find("c2[.]example"), ElementsAre("a" + std::string(16, 'w')));
  EXPECT_THAT(Find("ana"), ElementsAre("pana"));
  EXPECT_THAT(Find("moj"), ElementsAre("omoj"));
}

TEST_F(FollowerTest, OrderIsTheJournalsWhetherItFollowsOrComesLater) {
  std::vector<std::string> newest_first;
  for (int i = 0; i < 4; ++i) {
    const uint64_t report = script_.Submit("moj", script_.Incident("同じ言葉"));
    Await();
    newest_first.insert(newest_first.begin(), {Case(report), Report(report)});
  }
  const auto sorted_pairs = Find("同じ言葉");
  EXPECT_EQ(sorted_pairs.size(), newest_first.size());
  follower_.reset();
  ASSERT_OK(WipeIndex(folder()));
  Await();
  EXPECT_EQ(Find("同じ言葉"), sorted_pairs);
  EXPECT_THAT(sorted_pairs, ::testing::UnorderedElementsAreArray(newest_first));
  EXPECT_TRUE(sorted_pairs.front() == newest_first[0] || sorted_pairs.front() == newest_first[1]);
}

TEST_F(FollowerTest, GoesOnWhereItStopped) {
  const uint64_t first = script_.Submit("moj", script_.Incident("一つ目の件"));
  Await();
  follower_.reset();
  const uint64_t second = script_.Submit("moj", script_.Incident("二つ目の件"));
  Await();
  EXPECT_EQ(follower_->stats().documents, 2u) << "the report and its case, not all again";
  EXPECT_THAT(Find("一つ目"), UnorderedElementsAre(Report(first), Case(first)));
  EXPECT_THAT(Find("二つ目"), UnorderedElementsAre(Report(second), Case(second)));
}

TEST_F(FollowerTest, IndexOfAnotherLogIsMadeAnew) {
  NewCase();
  Await();
  follower_.reset();
  {
    auto index = Index::Open(folder(), &SystemFileSystem());
    ASSERT_OK(index);
    ASSERT_OK((*index)->Commit({"another log", 1'000'000, 0}));
  }
  Await();
  EXPECT_EQ(follower_->stats().entries, journal_.size());
  EXPECT_EQ(Find("障害").size(), 2u);
}

TEST_F(FollowerTest, ErasedWordsAreGoneFromTheFiles) {
  const uint64_t report = script_.Submit("moj", script_.Incident("heliotrope"));
  script_.Submit("moj", script_.Incident("oleander"));
  Await();
  ASSERT_THAT(Find("heliotrope"), UnorderedElementsAre(Report(report), Case(report)));
  v1::BodyErased erased;
  erased.set_sequence(report);
  script_.Add(v1::ENTRY_KIND_BODY_ERASED, erased);
  journal_.Erase(report);
  Await();
  EXPECT_THAT(Find("heliotrope"), IsEmpty());
  EXPECT_EQ(Find("oleander").size(), 2u);
  follower_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder() + "/index")) {
    const auto bytes = SystemFileSystem().Read(file.path(), size_t{64} << 20);
    ASSERT_OK(bytes);
    EXPECT_EQ(bytes->find("heliotrop"), std::string::npos) << file.path();
  }
}

// A disk with this much free space.
class SmallDisk final : public FileSystem {
 public:
  std::atomic<uint64_t> free{0};
  Result<void> WriteDurably(const std::string& path, std::string_view content,
                            uint32_t mode) override {
    return real_.WriteDurably(path, content, mode);
  }
  Result<void> CreateDurably(const std::string& path, std::string_view content,
                             uint32_t mode) override {
    return real_.CreateDurably(path, content, mode);
  }
  Result<std::string> Read(const std::string& path, size_t max) override {
    return real_.Read(path, max);
  }
  Result<void> Rename(const std::string& from, const std::string& to) override {
    return real_.Rename(from, to);
  }
  Result<void> Remove(const std::string& path) override { return real_.Remove(path); }
  Result<void> SyncFolder(const std::string& folder) override { return real_.SyncFolder(folder); }
  Result<std::vector<std::string>> List(const std::string& folder, size_t max) override {
    return real_.List(folder, max);
  }
  Result<void> MakeFolder(const std::string& folder, uint32_t mode) override {
    return real_.MakeFolder(folder, mode);
  }
  bool Exists(const std::string& path) override { return real_.Exists(path); }
  Result<uint64_t> FreeBytes(const std::string&) override { return free.load(); }

 private:
  FileSystem& real_ = SystemFileSystem();
};

TEST_F(FollowerTest, LeavesTheReserveAlone) {
  constexpr uint64_t kReserve = 1000;
  NewCase();
  SmallDisk disk;
  disk.free = kReserve + kRoomBytes - 1;
  Follower held({&journal_, store_.get(), &disk, folder(), kReserve});
  const auto waited = held.WaitFor(1, 300);
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().code, ErrorCode::kTimeout);
  disk.free = kReserve + kRoomBytes;
  EXPECT_OK(held.WaitFor(journal_.size(), kPatienceMs));
}

}  // namespace
}  // namespace noroshi::search
