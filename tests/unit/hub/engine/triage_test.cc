#include <gmock/gmock.h>

#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

using store::v1::CASE_STATUS_CLOSED;
using store::v1::CASE_STATUS_JOINED;
using store::v1::CASE_STATUS_NEW;
using store::v1::CASE_STATUS_OPEN;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TriageTest : public DeedScene {
 protected:
  std::vector<std::string> EventsOf(uint64_t case_id) const {
    std::vector<std::string> what;
    const std::vector<store::CaseEventRow> rows = *View()->CaseEvents(case_id, 0, 100);
    for (const store::CaseEventRow& row : rows) what.push_back(row.what());
    return what;
  }
};

TEST_F(TriageTest, StaleVersionIsRefusedAndZeroMeansAny) {
  const uint64_t id = NewCase();
  EXPECT_EQ(Case(id).version(), 1u);
  EXPECT_EQ(Do(deeds::Prioritise(id, 1, 7)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Prioritise(id, 1, 0)), "");
  EXPECT_EQ(Case(id).version(), 2u);
  EXPECT_EQ(Do(deeds::Prioritise(id, 2, 2)), "");
  EXPECT_EQ(Do(deeds::Assign(id, "ana", 2)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Classify(id, "phishing", 2)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Close(id, 2)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Split(id, {id}, 2)), kRefusedStale);
  const store::CaseRow row = Case(id);
  EXPECT_EQ(row.version(), 3u);
  EXPECT_EQ(row.priority(), 2u);
  EXPECT_EQ(row.assignee(), "");
  EXPECT_EQ(row.status(), CASE_STATUS_NEW);
  EXPECT_EQ(Do(deeds::Close(id, 3)), "");
  EXPECT_EQ(Do(deeds::Reopen(id, 3)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Reopen(id, 4)), "");
}

TEST_F(TriageTest, UnknownCasesAreNotFound) {
  for (const v1::Action& action :
       {deeds::Assign(999, "ana"), deeds::Classify(999, "x"), deeds::Prioritise(999, 1),
        deeds::Note(999), deeds::Close(999), deeds::Reopen(999), deeds::Join(999, 998),
        deeds::Split(999, {1}), deeds::Loosen(999, v1::TLP_CLEAR)}) {
    EXPECT_EQ(Do(action), kRefusedNotFound) << action.ShortDebugString();
  }
}

TEST_F(TriageTest, StatusMovesFromNewToOpenToClosedAndBack) {
  const uint64_t id = NewCase();
  EXPECT_EQ(Case(id).status(), CASE_STATUS_NEW);
  EXPECT_EQ(Do(deeds::Reopen(id)), kRefusedState);
  EXPECT_EQ(Do(deeds::Assign(id, "ana")), "");
  EXPECT_EQ(Case(id).status(), CASE_STATUS_OPEN);
  journal_.set_time_ms(journal_.time_ms() + 5);
  EXPECT_EQ(Do(deeds::Close(id)), "");
  EXPECT_EQ(Case(id).status(), CASE_STATUS_CLOSED);
  EXPECT_EQ(Case(id).resolution(), "resolved");
  EXPECT_EQ(Case(id).lessons(), "教訓");
  EXPECT_EQ(Case(id).severity(), 2u);
  EXPECT_EQ(Case(id).closed_at_ms(), journal_.time_ms());
  EXPECT_EQ(Do(deeds::Close(id)), kRefusedState);
  EXPECT_EQ(Do(deeds::Assign(id, "app")), kRefusedState);
  EXPECT_EQ(Do(deeds::Prioritise(id, 1)), kRefusedState);
  EXPECT_EQ(Do(deeds::Reopen(id)), "");
  EXPECT_EQ(Case(id).status(), CASE_STATUS_OPEN);
  EXPECT_EQ(Case(id).closed_at_ms(), 0);
  EXPECT_EQ(Case(id).resolution(), "");
  EXPECT_THAT(EventsOf(id), ElementsAre("case_assigned", "case_closed", "case_reopened"));
}

TEST_F(TriageTest, NothingIsDoneToACaseThatWasJoined) {
  const uint64_t from = NewCase();
  const uint64_t into = NewCase("nict");
  ASSERT_EQ(Do(deeds::Join(from, into)), "");
  const uint64_t version = Case(from).version();
  for (const v1::Action& action :
       {deeds::Assign(from, "ana"), deeds::Classify(from, "x"), deeds::Prioritise(from, 1),
        deeds::Note(from), deeds::Close(from), deeds::Reopen(from), deeds::Join(from, into),
        deeds::Join(into, from), deeds::Split(from, {from})}) {
    EXPECT_EQ(Do(action), kRefusedState) << action.ShortDebugString();
  }
  EXPECT_EQ(Case(from).version(), version);
  EXPECT_EQ(Case(from).status(), CASE_STATUS_JOINED);
}

TEST_F(TriageTest, NewSubmissionReopensAClosedCase) {
  const v1::Submission first = script_.Incident("障害");
  const uint64_t id = script_.Submit("moj", first);
  Follow();
  ASSERT_EQ(Do(deeds::Close(id)), "");
  script_.Submit("moj", script_.Incident("続報", v1::TLP_GREEN, first.id()));
  Follow();
  const store::CaseRow row = Case(id);
  EXPECT_EQ(row.status(), CASE_STATUS_OPEN);
  EXPECT_EQ(row.closed_at_ms(), 0);
  EXPECT_EQ(row.resolution(), "");
  EXPECT_EQ(Do(deeds::Assign(id, "ana", 2)), kRefusedStale) << "who closed it has not seen this";
  EXPECT_THAT(EventsOf(id), ElementsAre("case_closed", "case_reopened"));

  const uint64_t mail = NewMail("moj", "e");
  ASSERT_EQ(Do(deeds::Close(mail)), "");
  NewMail("nict", "e");
  EXPECT_EQ(Case(mail).status(), CASE_STATUS_OPEN);
}

TEST_F(TriageTest, AnalysisDoesNotReopenAClosedCase) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Close(id)), "");
  Found(id, "phishing");
  EXPECT_EQ(Case(id).status(), CASE_STATUS_CLOSED);
}

TEST_F(TriageTest, NotesDoNotChangeTheVersion) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Assign(id, "ana")), "");
  journal_.set_time_ms(journal_.time_ms() + 5);
  EXPECT_EQ(Do(deeds::Note(id, "電話で確認")), "");
  EXPECT_EQ(Case(id).version(), 2u);
  EXPECT_EQ(Case(id).updated_at_ms(), journal_.time_ms());
  EXPECT_EQ(Do(deeds::Close(id, 2)), "");
  EXPECT_EQ(Do(deeds::Note(id, "閉じた後")), "");
  const auto events = *View()->CaseEvents(id, 0, 10);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[1].text(), "電話で確認");
  EXPECT_EQ(events[1].actor(), "person:ana");
  EXPECT_EQ(events[1].time_ms(), journal_.time_ms());
  EXPECT_EQ(View()->CaseEvents(id, events[1].sequence(), 10)->size(), 2u);
}

TEST_F(TriageTest, AssigneeIsAPersonWhoCanSignIn) {
  const uint64_t id = NewCase();
  EXPECT_EQ(Do(deeds::Assign(id, "nobody")), kRefusedNotFound);
  ASSERT_EQ(Do(deeds::Person("app", "centre", {v1::ROLE_APPROVER}, true)), "");
  EXPECT_EQ(Do(deeds::Assign(id, "app")), kRefusedDisabled);
  EXPECT_EQ(Do(deeds::Assign(id, "ana")), "");
  EXPECT_EQ(Do(deeds::Assign(id, "")), "");
  EXPECT_EQ(Case(id).assignee(), "");
}

TEST_F(TriageTest, ClassificationByAPersonOutlivesAnalysis) {
  const uint64_t id = NewCase();
  Found(id, "phishing");
  v1::Action action = deeds::Classify(id, "malware");
  action.mutable_case_classified()->add_causes("user_error");
  ASSERT_EQ(Do(action), "");
  Found(id, "dos", true);
  const store::CaseRow row = Case(id);
  EXPECT_EQ(row.classification().event_type().id(), "dos");
  EXPECT_EQ(row.decided().event_type().id(), "malware");
  EXPECT_EQ(row.decided().event_type().confidence_percent(), 100u);
  EXPECT_EQ(row.decided().causes(0).id(), "user_error");
  EXPECT_FALSE(row.decided().has_gov_kind()) << "empty: not decided";
  EXPECT_EQ(row.decided_by(), "person:ana");
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "malware"), ElementsAre(id));
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "dos"), IsEmpty());
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "phishing"), IsEmpty());
  ASSERT_EQ(Do(deeds::Classify(id, "")), "");
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "dos"), ElementsAre(id));
}

TEST_F(TriageTest, ClassificationBeforeTheAnalysisStays) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Classify(id, "malware")), "");
  EXPECT_EQ(Case(id).status(), CASE_STATUS_OPEN);
  Found(id, "dos");
  EXPECT_EQ(Case(id).decided().event_type().id(), "malware");
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "malware"), ElementsAre(id));
}

TEST_F(TriageTest, CaseOpenedByHand) {
  EXPECT_EQ(Do(deeds::Open("vulnerability", "脆弱性", "", v1::TLP_AMBER)), "");
  const store::CaseRow row = Case(last_);
  EXPECT_EQ(row.case_id(), last_);
  EXPECT_EQ(row.kind(), store::v1::CASE_KIND_VULNERABILITY);
  EXPECT_EQ(row.tlp(), v1::TLP_AMBER);
  EXPECT_EQ(row.opened_by(), "person:ana");
  EXPECT_EQ(row.submissions(), 0u);
  EXPECT_EQ(row.organizations(), 0u);
  EXPECT_FALSE(row.may_share_name());
  EXPECT_THAT(CasesIn(store::List::kCasesByKind, "3"), ElementsAre(last_));
  EXPECT_EQ(View()->Meta()->cases(), 1u);
  EXPECT_EQ(Do(deeds::Open("incident", "訓練", "ex1")), "");
  EXPECT_EQ(View()->Meta()->cases(), 1u) << "exercises are never counted";
  EXPECT_THAT(applied_.cases, ElementsAre(last_));
}

TEST_F(TriageTest, ListsFollowWhatPersonsDecide) {
  const uint64_t a = NewCase();
  const uint64_t b = NewCase();
  EXPECT_THAT(CasesIn(store::List::kCasesByStatus, "0"), ElementsAre(b, a));
  EXPECT_THAT(CasesIn(store::List::kCasesByOrganization, "moj"), ElementsAre(b, a));
  Do(deeds::Assign(a, "ana"));
  Do(deeds::Prioritise(a, 1));
  Do(deeds::Prioritise(b, 4));
  EXPECT_THAT(CasesIn(store::List::kCasesByStatus, "0"), ElementsAre(b));
  EXPECT_THAT(CasesIn(store::List::kCasesByStatus, "1"), ElementsAre(a));
  EXPECT_THAT(CasesIn(store::List::kCasesByAssignee, "ana"), ElementsAre(a));
  EXPECT_THAT(CasesIn(store::List::kCasesByPriority, "1"), ElementsAre(a));
  EXPECT_THAT(CasesIn(store::List::kCasesByPriority, "4"), ElementsAre(b));
  Do(deeds::Assign(a, "app"));
  Do(deeds::Prioritise(a, 0));
  EXPECT_THAT(CasesIn(store::List::kCasesByAssignee, "ana"), IsEmpty());
  EXPECT_THAT(CasesIn(store::List::kCasesByAssignee, "app"), ElementsAre(a));
  EXPECT_THAT(CasesIn(store::List::kCasesByPriority, "1"), IsEmpty());
  EXPECT_THAT(CasesIn(store::List::kCasesByPriority, "0"), IsEmpty());
}

// ---- loosening ----

TEST_F(TriageTest, OnlyItsOwnOrganisationLoosensAMarking) {
  const uint64_t id = NewCase("moj", v1::TLP_RED);
  EXPECT_EQ(Do(deeds::Loosen(id, v1::TLP_AMBER), "ana", "centre"), kRefusedOwner);
  EXPECT_EQ(Do(deeds::Loosen(id, v1::TLP_AMBER), "x", "nict"), kRefusedOwner);
  EXPECT_EQ(Submission(id).handling().tlp(), v1::TLP_RED);
  EXPECT_EQ(Do(deeds::Loosen(id, v1::TLP_AMBER), "rep", "moj"), "");
  EXPECT_EQ(Submission(id).handling().tlp(), v1::TLP_AMBER);
  EXPECT_EQ(Case(id).tlp(), v1::TLP_AMBER);
}

TEST_F(TriageTest, MarkingIsOnlyLoosened) {
  const uint64_t id = NewCase("moj", v1::TLP_AMBER);
  for (const v1::Tlp tlp : {v1::TLP_AMBER, v1::TLP_AMBER_STRICT, v1::TLP_RED, v1::TLP_UNSPECIFIED,
                            static_cast<v1::Tlp>(9), static_cast<v1::Tlp>(-1)}) {
    EXPECT_EQ(Do(deeds::Loosen(id, tlp), "rep", "moj"), kRefusedLooser) << tlp;
  }
  EXPECT_EQ(Submission(id).handling().tlp(), v1::TLP_AMBER);
  EXPECT_EQ(Case(id).tlp(), v1::TLP_AMBER);
}

TEST_F(TriageTest, CaseIsAsStrictAsItsStrictestSubmission) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t amber = NewCase("nict", v1::TLP_AMBER);
  ASSERT_EQ(Do(deeds::Join(red, amber)), "");
  ASSERT_EQ(Case(amber).tlp(), v1::TLP_RED);
  const uint64_t version = Case(amber).version();
  EXPECT_EQ(Do(deeds::Loosen(red, v1::TLP_CLEAR), "rep", "moj"), "");
  EXPECT_EQ(Case(amber).tlp(), v1::TLP_AMBER);
  EXPECT_EQ(Case(amber).version(), version) << "no decision about the case";
  EXPECT_THAT(EventsOf(amber), ElementsAre("cases_joined", "marking_loosened"));

  const uint64_t mail = script_.Submit("moj", script_.Mail(v1::TLP_AMBER));
  Follow();
  EXPECT_EQ(Do(deeds::Loosen(mail, v1::TLP_GREEN), "rep", "moj"), "") << "not analysed yet";
  script_.Analysed(Script::Findings(mail, "e"));
  Follow();
  EXPECT_EQ(Case(mail).tlp(), v1::TLP_GREEN);
}

// ---- alert rules ----

class DecidedRulesTest : public TriageTest {
 protected:
  void SetUp() override {
    TriageTest::SetUp();
    v1::AlertRule rule = Script::Rule("r", 1);
    rule.clear_case_kind();
    rule.add_event_types("phishing");
    rule.set_confidence_at_least(80);
    script_.Rules({rule});
    Follow();
  }
  size_t Alerts() const { return View()->Alerts(0, 10)->size(); }
};

TEST_F(DecidedRulesTest, RuleFiresWhenAPersonSaysWhatItIs) {
  const uint64_t id = NewCase();
  Found(id, "phishing");
  EXPECT_EQ(Alerts(), 0u) << "analysis is not sure enough";
  ASSERT_EQ(Do(deeds::Classify(id, "phishing")), "");
  EXPECT_EQ(Alerts(), 1u);
  EXPECT_THAT(Case(id).fired_rules(), ElementsAre("r"));
  ASSERT_EQ(Do(deeds::Classify(id, "malware")), "");
  ASSERT_EQ(Do(deeds::Classify(id, "phishing")), "");
  EXPECT_EQ(Alerts(), 1u);
}

TEST_F(DecidedRulesTest, RuleDoesNotFireWhenAPersonSaysItIsSomethingElse) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Classify(id, "malware")), "");
  v1::AnalysisResult result = Script::Findings(id);
  result.mutable_classification()->mutable_event_type()->set_id("phishing");
  result.mutable_classification()->mutable_event_type()->set_confidence_percent(99);
  script_.Analysed(result);
  Follow();
  EXPECT_EQ(Alerts(), 0u);
}

TEST_F(DecidedRulesTest, NothingIsSentForAClosedCaseThatIsClassifiedAfterwards) {
  const uint64_t id = NewCase();
  ASSERT_EQ(Do(deeds::Close(id)), "");
  ASSERT_EQ(Do(deeds::Classify(id, "phishing")), "");
  EXPECT_EQ(Alerts(), 0u);
  EXPECT_EQ(Case(id).status(), CASE_STATUS_CLOSED);
}

TEST_F(DecidedRulesTest, VulnerabilityIsNoCampaign) {
  v1::AlertRule rule = Script::Rule("campaigns", 0);
  script_.Rules({rule});
  ASSERT_EQ(Do(deeds::Open("vulnerability", "脆弱性")), "");
  ASSERT_EQ(Do(deeds::Classify(last_, "phishing")), "");
  EXPECT_EQ(Alerts(), 0u);
  ASSERT_EQ(Do(deeds::Open("campaign", "同種メール")), "");
  ASSERT_EQ(Do(deeds::Classify(last_, "phishing")), "");
  EXPECT_EQ(Alerts(), 1u);
}

}  // namespace
}  // namespace noroshi::engine
