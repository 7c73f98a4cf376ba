// Search: everybody finds what the lists show, and nothing else, neither by hits nor by the
// form of the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/encoding.h"
#include "tests/support/assertions.h"
#include "tests/support/json.h"
#include "tests/unit/hub/api/desk.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::At;
using support::TextAt;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr char kOwn[] = "kasumi-ministry";
constexpr char kOther[] = "shinko-agency";
constexpr char kCircle[] = "council";

class SearchTest : public testing::Test {
 protected:
  explicit SearchTest(const std::string& search_folder = "") : desk_(search_folder) {}

  void SetUp() override {
    desk_.AddOrganization("centre", v1::ORGANIZATION_KIND_CENTRE);
    desk_.AddOrganization(kOwn, v1::ORGANIZATION_KIND_MINISTRY, {kCircle});
    desk_.AddOrganization(kOther, v1::ORGANIZATION_KIND_INCORPORATED_AGENCY, {kCircle});
    reader_ = desk_.SignIn("reader", "centre", {v1::ROLE_READER});
    analyst_ = desk_.SignIn("analyst", "centre", {v1::ROLE_ANALYST}, {kCircle});
    auditor_ = desk_.SignIn("auditor", "centre", {v1::ROLE_AUDITOR});
    reporter_ = desk_.SignIn("reporter", kOwn, {v1::ROLE_REPORTER});
    liaison_ = desk_.SignIn("liaison", kOwn, {v1::ROLE_LIAISON});
    stranger_ = desk_.SignIn("stranger", kOther, {v1::ROLE_LIAISON, v1::ROLE_REPORTER});
  }

  uint64_t Report(const std::string& text, const std::string& owner = kOwn,
                  v1::Tlp tlp = v1::TLP_GREEN, const std::string& circle = "",
                  const std::string& exercise = "") {
    const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
    v1::Submission submission;
    submission.set_id(id.bytes());
    submission.set_exercise_id(exercise);
    submission.mutable_handling()->set_tlp(tlp);
    submission.mutable_handling()->set_circle(circle);
    submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
    submission.mutable_incident()->set_what_happened(text);
    last_id_ = id.ToString();
    return desk_.Append(v1::ENTRY_KIND_INCIDENT_REPORT, owner, "agent",
                        submission.SerializeAsString(), id);
  }
  std::string Alert(const std::string& text, const std::string& to, v1::Tlp tlp = v1::TLP_GREEN) {
    v1::AlertIssued issued;
    v1::Alert& alert = *issued.mutable_alert();
    const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
    alert.set_alert_id(id.bytes());
    alert.set_kind(v1::ALERT_KIND_WARNING);
    alert.set_tlp(tlp);
    alert.set_title_ja(text);
    issued.add_audience("org:" + to);
    desk_.Append(v1::ENTRY_KIND_ALERT_ISSUED, "", "admin:test", issued.SerializeAsString());
    return id.ToString();
  }
  http::Response Search(const Desk::Session& session, const std::string& q,
                        http::Parameters query = {}) {
    desk_.AwaitIndex();
    query.insert(query.begin(), {"q", q});
    http::Response answer = desk_.Call(session, "GET", "/search", nullptr, query);
    if (answer.status == 200) {
      EXPECT_EQ(Misfits("SearchPage", answer), "");
    }
    return answer;
  }
  // "/cases/12" and so on.
  static std::vector<std::string> Where(const http::Response& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> places;
    for (const auto& hit : ArrayAt(Body(answer), "/hits")) {
      places.push_back(TextAt(hit, "/location").substr(sizeof("/api/v1") - 1));
    }
    return places;
  }
  std::vector<std::string> Find(const Desk::Session& session, const std::string& q,
                                const http::Parameters& query = {}) {
    return Where(Search(session, q, query));
  }
  static std::string Of(const char* what, uint64_t number) {
    return std::string("/") + what + "/" + std::to_string(number);
  }

  Desk desk_;
  Desk::Session reader_, analyst_, auditor_, reporter_, liaison_, stranger_;
  std::string last_id_;
};

TEST_F(SearchTest, EachFindsItsOwnAndTheCentreAll) {
  const uint64_t own = Report("基幹系がランサムウェアに感染", kOwn);
  const uint64_t other = Report("端末がランサムウェアに感染", kOther);
  const auto all = UnorderedElementsAre(Of("cases", own), Of("reports", own), Of("cases", other),
                                        Of("reports", other));
  EXPECT_THAT(Find(reader_, "ランサムウェア"), all);
  EXPECT_THAT(Find(reporter_, "ランサムウェア"), ElementsAre(Of("reports", own)));
  EXPECT_THAT(Find(stranger_, "ランサムウェア"), ElementsAre(Of("reports", other)));
  EXPECT_THAT(Find(auditor_, "ランサムウェア"), IsEmpty()) << "auditors read no cases";
  // What others wrote changes nothing in the answer.
  const http::Response none = Search(stranger_, "基幹系");
  const http::Response never = Search(stranger_, "存在しない");
  EXPECT_EQ(none.body, never.body);
}

TEST_F(SearchTest, HitsShowWhatTheListsShow) {
  const uint64_t own = Report("通信先 hxxps://evil[.]example/a を確認");
  const http::Response answer = Search(reporter_, "https://evil.example/a");
  EXPECT_EQ(TextAt(Body(answer), "/hits/0/type"), "report");
  EXPECT_TRUE(At(Body(answer), "/hits/0/report/case_id").is_null()) << "case numbers are the hub's";
  EXPECT_THAT(Find(reader_, "evil.example", {{"type", "case"}}), ElementsAre(Of("cases", own)));
  EXPECT_THAT(Find(reader_, "evil.example 確認", {{"type", "report"}}),
              ElementsAre(Of("reports", own)));
}

TEST_F(SearchTest, RedIsFoundByThoseWhoReadItAndThatIsRecorded) {
  const uint64_t red = Report("極秘の計画", kOther, v1::TLP_RED);
  EXPECT_EQ(Search(reader_, "極秘").body, Search(reader_, "存在しない").body);
  EXPECT_EQ(Search(reporter_, "極秘").body, Search(reporter_, "存在しない").body);
  const http::Response answer = Search(analyst_, "極秘");
  EXPECT_THAT(Where(answer), UnorderedElementsAre(Of("cases", red), Of("reports", red)));
  EXPECT_THAT(answer.body, Not(HasSubstr("計画")));
  const http::Response audit = desk_.Call(auditor_, "GET", "/audit");
  EXPECT_EQ(TextAt(Body(audit), "/entries/0/what"), "content_read");
  EXPECT_EQ(TextAt(Body(audit), "/entries/0/actor"), "person:analyst");
  EXPECT_EQ(TextAt(Body(audit), "/entries/0/object"), "/search");
  EXPECT_THAT(json::serialize(At(Body(audit), "/entries/0/objects")),
              HasSubstr(Of("reports", red)));
  const uint64_t entries = desk_.journal().size();
  Search(analyst_, "存在しない");
  EXPECT_EQ(desk_.journal().size(), entries) << "nothing was found, nothing is recorded";
}

TEST_F(SearchTest, CirclesAreForThoseWhoAreCleared) {
  const uint64_t confined = Report("評議会の議題", kOther, v1::TLP_AMBER, kCircle);
  EXPECT_EQ(Search(reader_, "評議会").body, Search(reader_, "存在しない").body);
  EXPECT_THAT(Find(analyst_, "評議会"),
              UnorderedElementsAre(Of("cases", confined), Of("reports", confined)));
}

TEST_F(SearchTest, AlertsAreFoundWhereTheyWereSent) {
  const std::string sent = "/alerts/" + Alert("更新の適用", kOwn);
  const std::string red = "/alerts/" + Alert("更新の詳細", kOwn, v1::TLP_RED);
  EXPECT_THAT(Find(reporter_, "更新"), ElementsAre(sent));
  const http::Response answer = Search(liaison_, "更新");
  EXPECT_THAT(Where(answer), ElementsAre(red, sent));
  EXPECT_THAT(answer.body, Not(HasSubstr("詳細")));
  EXPECT_THAT(Find(stranger_, "更新"), IsEmpty());
  EXPECT_THAT(Find(reader_, "更新"), ElementsAre(sent));
  EXPECT_THAT(Find(reader_, "更新", {{"organization", kOwn}}), ElementsAre(sent));
  EXPECT_THAT(Find(reader_, "更新", {{"organization", kOther}}), IsEmpty());
}

TEST_F(SearchTest, OrganisationsAndPersons) {
  EXPECT_THAT(Find(reader_, kOther), ElementsAre("/organizations/" + std::string(kOther)));
  EXPECT_THAT(Find(reader_, "stranger"), ElementsAre("/persons/stranger"));
  EXPECT_THAT(Find(liaison_, "liaison"), ElementsAre("/persons/liaison"));
  EXPECT_THAT(Find(liaison_, "stranger"), IsEmpty());
  EXPECT_THAT(Find(reporter_, "liaison"), IsEmpty());
  EXPECT_THAT(Find(reporter_, kOther), IsEmpty());
}

TEST_F(SearchTest, NumbersAndIdsNameObjects) {
  const uint64_t own = Report("番号で探す");
  const std::string id = last_id_;
  const std::string alert = Alert("番号", kOwn);
  const auto both = UnorderedElementsAre(Of("cases", own), Of("reports", own));
  EXPECT_THAT(Find(reader_, "#" + std::to_string(own) + " "), both);
  EXPECT_THAT(Find(reader_, std::to_string(own)), both);
  EXPECT_THAT(Find(reader_, id), both);
  EXPECT_THAT(Find(reporter_, id), ElementsAre(Of("reports", own)));
  EXPECT_THAT(Find(stranger_, id), IsEmpty());
  EXPECT_THAT(Find(stranger_, "#" + std::to_string(own)), IsEmpty());
  EXPECT_THAT(Find(reporter_, alert), ElementsAre("/alerts/" + alert));
  EXPECT_THAT(Find(stranger_, alert), IsEmpty());
}

TEST_F(SearchTest, PagesOfNamedObjectsEndToo) {
  const uint64_t own = Report("番号で探す");
  // Says the number: found by the index, too.
  const uint64_t other = Report("先の " + std::to_string(own) + " と同じ");
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 8; ++page) {
    http::Parameters query{{"limit", "1"}};
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const http::Response answer = Search(reader_, std::to_string(own), query);
    const auto places = Where(answer);
    EXPECT_LE(places.size(), 1u);
    seen.insert(seen.end(), places.begin(), places.end());
    cursor = TextAt(Body(answer), "/next");
    if (cursor.empty()) break;
  }
  EXPECT_TRUE(cursor.empty());
  EXPECT_THAT(seen, UnorderedElementsAre(Of("cases", own), Of("reports", own), Of("cases", other),
                                         Of("reports", other)));
}

TEST_F(SearchTest, PagesEndAndFiltersHold) {
  std::vector<uint64_t> reports;
  for (int i = 0; i < 5; ++i) reports.push_back(Report("同じ言葉", i % 2 == 0 ? kOwn : kOther));
  const uint64_t drill = Report("同じ言葉", kOwn, v1::TLP_GREEN, "", "ex-1");
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 5; ++page) {
    http::Parameters query{{"type", "report"}, {"limit", "2"}};
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const http::Response answer = Search(reader_, "同じ言葉", query);
    for (const std::string& where : Where(answer)) seen.push_back(where);
    cursor = TextAt(Body(answer), "/next");
    if (cursor.empty()) break;
  }
  EXPECT_THAT(seen, ElementsAre(Of("reports", reports[4]), Of("reports", reports[3]),
                                Of("reports", reports[2]), Of("reports", reports[1]),
                                Of("reports", reports[0])));
  EXPECT_THAT(Find(reader_, "同じ言葉", {{"organization", kOther}}),
              UnorderedElementsAre(Of("reports", reports[1]), Of("cases", reports[1]),
                                   Of("reports", reports[3]), Of("cases", reports[3])));
  EXPECT_THAT(Find(reader_, "同じ言葉", {{"exercise_id", "ex-1"}, {"type", "report"}}),
              ElementsAre(Of("reports", drill)));
  EXPECT_THAT(Find(reader_, "同じ言葉", {{"until", FormatUtc(desk_.now_ms())}}), IsEmpty());
  EXPECT_EQ(Find(reader_, "同じ言葉", {{"from", FormatUtc(desk_.now_ms() - 1000)}}).size(), 10u);
}

TEST_F(SearchTest, QuestionsThatAreNoneAreRefused) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"type", "sample"},
                                                        {"from", "yesterday"},
                                                        {"until", "1"},
                                                        {"limit", "201"},
                                                        {"cursor", "00"}}) {
    EXPECT_EQ(Search(reader_, "言葉", {{name, value}}).status, 422) << name;
  }
  for (const std::string& q : {std::string(), std::string("*"), std::string(600, 'a')}) {
    EXPECT_EQ(Search(reader_, q).status, 422) << q;
  }
  EXPECT_EQ(Search({}, "言葉").status, 401);
}

// An index that knows no marking: as one that lags behind, and worse.
class StaleSearchTest : public SearchTest {
 protected:
  StaleSearchTest() : SearchTest(Folder()) {}

  static std::string Folder() {
    static const support::TempDir folder;
    return folder.path() + "/stale";
  }
};

TEST_F(StaleSearchTest, TheStateDecidesWhatIsShown) {
  const uint64_t red = Report("極秘の計画", kOther, v1::TLP_RED);
  const uint64_t confined = Report("評議会の議題", kOther, v1::TLP_AMBER, kCircle);
  const uint64_t plain = Report("公開の話", kOther);
  auto index = search::Index::Open(Folder(), &SystemFileSystem());
  ASSERT_OK(index);
  for (const uint64_t sequence : {red, confined, plain, uint64_t{4711}}) {
    for (const search::Kind kind : {search::Kind::kReport, search::Kind::kCase}) {
      search::Document document;
      document.object = {kind, BigEndian64(sequence)};
      document.facts.owner = kOwn;
      document.terms = {"word"};
      ASSERT_OK((*index)->Put(document));
    }
  }
  ASSERT_OK((*index)->Commit({"log", 1, 0}));
  EXPECT_THAT(Find(reader_, "word"),
              UnorderedElementsAre(Of("reports", plain), Of("cases", plain)));
  EXPECT_THAT(Find(reporter_, "word"), IsEmpty());
  EXPECT_EQ(At(Body(Search(reader_, "word")), "/complete"), json::value(false));
}

}  // namespace
}  // namespace noroshi::api
