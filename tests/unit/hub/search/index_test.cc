#include "hub/search/index.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "common/base/encoding.h"
#include "tests/support/assertions.h"
#include "tests/support/temp_dir.h"

namespace noroshi::search {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class IndexTest : public ::testing::Test {
 protected:
  IndexTest() { Open(); }

  void Open() {
    index_.reset();
    auto opened = Index::Open(folder_.path() + "/search", &SystemFileSystem());
    ASSERT_OK(opened);
    index_ = *std::move(opened);
  }

  static Document Of(uint64_t number, std::vector<std::string> terms,
                     const std::string& owner = "moj", v1::Tlp tlp = v1::TLP_GREEN) {
    Document document;
    document.object = {Kind::kReport, BigEndian64(number)};
    document.facts.owner = owner;
    document.facts.tlp = tlp;
    document.time_ms = static_cast<int64_t>(number * 1000);
    document.terms = std::move(terms);
    return document;
  }
  void Put(const Document& document) { ASSERT_OK(index_->Put(document)); }
  void Commit(uint64_t entries = 1) { ASSERT_OK(index_->Commit({"log", entries, 0})); }

  static Request For(std::vector<std::string> terms) {
    Request request;
    request.terms = std::move(terms);
    request.may_show = [](Kind, const Facts&) { return true; };
    return request;
  }
  Hits Find(const Request& request) {
    const auto hits = Searcher(folder_.path() + "/search").Find(request);
    EXPECT_OK(hits);
    return hits.ok() ? *hits : Hits();
  }
  std::vector<uint64_t> Numbers(const Request& request) {
    std::vector<uint64_t> numbers;
    for (const Hit& hit : Find(request).hits) numbers.push_back(ReadBigEndian64(hit.object.id));
    return numbers;
  }

  support::TempDir folder_;
  std::unique_ptr<Index> index_;
};

TEST_F(IndexTest, NewestFirstAndAllTermsMustBeThere) {
  Put(Of(1, {"a", "b"}));
  Put(Of(2, {"a"}));
  Put(Of(3, {"a", "b"}));
  Commit();
  EXPECT_THAT(Numbers(For({"a"})), ElementsAre(3, 2, 1));
  EXPECT_THAT(Numbers(For({"a", "b"})), ElementsAre(3, 1));
  EXPECT_THAT(Numbers(For({"c"})), IsEmpty());
}

TEST_F(IndexTest, NothingIsFoundBeforeItIsCommitted) {
  Commit();
  Put(Of(1, {"a"}));
  EXPECT_THAT(Numbers(For({"a"})), IsEmpty());
  Commit(7);
  EXPECT_EQ(Find(For({"a"})).entries, 7u);
  EXPECT_EQ(index_->progress().entries, 7u);
}

TEST_F(IndexTest, ChangedDocumentKeepsItsPlaceAndTime) {
  for (uint64_t i = 1; i <= 3; ++i) Put(Of(i, {"a"}));
  Commit();
  Document changed = Of(2, {"a", "new"});
  changed.time_ms = 9'000'000;
  Put(changed);
  Commit();
  EXPECT_THAT(Numbers(For({"a"})), ElementsAre(3, 2, 1));
  EXPECT_THAT(Numbers(For({"new"})), ElementsAre(2));
  Request early = For({"new"});
  early.until_ms = 3000;
  EXPECT_THAT(Numbers(early), ElementsAre(2));
  Put(Of(2, {"b"}));
  ASSERT_OK(index_->Remove({Kind::kReport, BigEndian64(1)}));
  ASSERT_OK(index_->Remove({Kind::kReport, BigEndian64(99)}));
  Commit();
  EXPECT_THAT(Numbers(For({"a"})), ElementsAre(3));
  EXPECT_FALSE(*index_->Has({Kind::kReport, BigEndian64(1)}));
  EXPECT_TRUE(*index_->Has({Kind::kReport, BigEndian64(2)}));
}

TEST_F(IndexTest, PagesFollowEachOtherWhileNewOnesCome) {
  for (uint64_t i = 1; i <= 5; ++i) Put(Of(i, {"a"}));
  Commit();
  Request request = For({"a"});
  request.limit = 2;
  Hits hits = Find(request);
  EXPECT_EQ(hits.hits.size(), 2u);
  Put(Of(6, {"a"}));
  Commit();
  request.after = hits.next;
  EXPECT_THAT(Numbers(request), ElementsAre(3, 2));
  request.after = Find(request).next;
  hits = Find(request);
  EXPECT_EQ(hits.hits.size(), 1u);
  EXPECT_EQ(hits.next, 0u);
  request.limit = 5;
  request.after = 0;
  EXPECT_NE(Find(request).next, 0u) << "six are there";
}

TEST_F(IndexTest, FiltersByKindOrganisationAndTime) {
  for (uint64_t i = 1; i <= 6; ++i) Put(Of(i, {"a"}, i % 2 == 0 ? "moj" : "nict"));
  Document alert = Of(7, {"a"}, "");
  alert.object.kind = Kind::kAlert;
  alert.receivers = {"moj"};
  Put(alert);
  Document about = Of(8, {"a"}, "");
  about.object.kind = Kind::kCase;
  Put(about);
  Commit();
  Request request = For({"a"});
  request.kind = Kind::kAlert;
  EXPECT_THAT(Numbers(request), ElementsAre(7));
  request.kind.reset();
  request.organization = "moj";
  EXPECT_THAT(Numbers(request), ElementsAre(8, 7, 6, 4, 2));
  request.with_cases = false;
  EXPECT_THAT(Numbers(request), ElementsAre(7, 6, 4, 2));
  request.from_ms = 4000;
  EXPECT_THAT(Numbers(request), ElementsAre(7, 6, 4));
  request.until_ms = 6000;
  EXPECT_THAT(Numbers(request), ElementsAre(4));
  request.from_ms = 6001;
  EXPECT_THAT(Numbers(request), IsEmpty());
}

TEST_F(IndexTest, ThePolicyIsAskedAboutTheFacts) {
  Document red = Of(1, {"a"}, "nict", v1::TLP_RED);
  red.facts.circles = {"council", "nda"};
  red.facts.exercise_id = "ex-1";
  Put(red);
  Put(Of(2, {"a"}));
  Commit();
  std::vector<Facts> asked;
  Request request = For({"a"});
  request.may_show = [&](Kind, const Facts& facts) {
    asked.push_back(facts);
    return facts.tlp != v1::TLP_RED;
  };
  EXPECT_THAT(Numbers(request), ElementsAre(2));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[1].owner, "nict");
  EXPECT_THAT(asked[1].circles, ElementsAre("council", "nda"));
  EXPECT_EQ(asked[1].exercise_id, "ex-1");
}

TEST_F(IndexTest, ASearchStopsAndSaysWhere) {
  // Nothing that is looked at may be shown.
  const uint32_t documents = kStepsMax / 11 + 100;
  for (uint64_t i = 1; i <= documents; ++i) Put(Of(i, {"a"}));
  Commit();
  Request request = For({"a"});
  uint32_t asked = 0;
  request.may_show = [&](Kind, const Facts&) { return ++asked, false; };
  const Hits hits = Find(request);
  EXPECT_TRUE(hits.hits.empty());
  EXPECT_NE(hits.next, 0u);
  EXPECT_LT(asked, documents);
  request.after = hits.next;
  EXPECT_EQ(Find(request).next, 0u);
  EXPECT_EQ(asked, documents) << "each once";
}

TEST_F(IndexTest, StaysAfterACloseAndAfterAKill) {
  Put(Of(1, {"a"}));
  Commit(5);
  Open();  // As after a kill: nothing was closed.
  EXPECT_EQ(index_->progress().entries, 5u);
  Put(Of(2, {"a"}));
  Commit(6);
  ASSERT_OK(index_->Close());
  Open();
  EXPECT_EQ(index_->progress().log_id, "log");
  EXPECT_EQ(index_->progress().entries, 6u);
  Put(Of(3, {"a"}));
  Commit(7);
  EXPECT_THAT(Numbers(For({"a"})), ElementsAre(3, 2, 1));
}

TEST_F(IndexTest, IsEmptyAfterTheMachineStoppedWithIt) {
  Put(Of(1, {"a"}));
  Commit(5);
  index_.reset();
  const std::string marker = folder_.path() + "/search/opened";
  std::string heading = *SystemFileSystem().Read(marker, 1000);
  const std::string other_start =
      heading.substr(0, heading.rfind(' ')) + " 00000000-0000-0000-0000-000000000000\n";
  ASSERT_OK(SystemFileSystem().WriteDurably(marker, other_start, 0600));
  Open();
  EXPECT_EQ(index_->progress().entries, 0u);
  Commit();
  EXPECT_THAT(Numbers(For({"a"})), IsEmpty());

  // Closed in an orderly way before the machine stopped: it is whole.
  Put(Of(1, {"a"}));
  Commit(5);
  ASSERT_OK(index_->Close());
  index_.reset();
  ASSERT_OK(SystemFileSystem().WriteDurably(marker, other_start, 0600));
  Open();
  EXPECT_EQ(index_->progress().entries, 5u);
}

TEST_F(IndexTest, AnotherFormatOrNonsenseIsMadeAnew) {
  Put(Of(1, {"a"}));
  Commit(5);
  index_.reset();
  ASSERT_OK(SystemFileSystem().WriteDurably(folder_.path() + "/search/opened",
                                            "noroshi search 0 x\n", 0600));
  Open();
  EXPECT_EQ(index_->progress().entries, 0u);
  Put(Of(1, {"a"}));
  Commit(5);
  index_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder_.path() + "/search/index")) {
    std::ofstream(file.path(), std::ios::trunc) << "nonsense";
  }
  Open();
  EXPECT_EQ(index_->progress().entries, 0u);
}

TEST_F(IndexTest, NoIndexIsNoAnswer) {
  const auto hits = Searcher(folder_.path() + "/none").Find(For({"a"}));
  ASSERT_FALSE(hits.ok());
  EXPECT_EQ(hits.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace noroshi::search
