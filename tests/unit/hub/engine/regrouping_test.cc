#include <gmock/gmock.h>

#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RegroupingTest : public DeedScene {
 protected:
  std::vector<std::string> OrganizationsOf(uint64_t case_id) const {
    return *View()->OrganizationsOfCase(case_id, "", 100);
  }
  // A report of this thread (empty: a new one), and its entry.
  std::pair<v1::Submission, uint64_t> Report(const std::string& organization,
                                             const std::string& thread = "",
                                             const std::string& exercise = "") {
    v1::Submission report = script_.Incident("障害", v1::TLP_GREEN, thread);
    report.set_exercise_id(exercise);
    const uint64_t sequence = script_.Submit(organization, report);
    Follow();
    return {report, sequence};
  }
  size_t Alerts() const { return View()->Alerts(0, 100)->size(); }
};

using JoinTest = RegroupingTest;
using SplitTest = RegroupingTest;

// ---- join ----

TEST_F(JoinTest, EverythingBecomesPartOfTheOther) {
  v1::Submission strict = script_.Incident("厳", v1::TLP_AMBER);
  strict.mutable_handling()->set_may_share_name(false);
  strict.mutable_incident()->set_sector("finance");
  const uint64_t from = script_.Submit("moj", strict);
  v1::Submission loose = script_.Incident("緩", v1::TLP_GREEN);
  loose.mutable_handling()->set_may_share_name(true);
  const uint64_t into = script_.Submit("nict", loose);
  Follow();
  ASSERT_EQ(Do(deeds::Join(from, into)), "");

  const store::CaseRow row = Case(into);
  EXPECT_THAT(MembersOf(into), ElementsAre(from, into));
  EXPECT_EQ(row.submissions(), 2u);
  EXPECT_EQ(row.organizations(), 2u);
  EXPECT_THAT(OrganizationsOf(into), ElementsAre("moj", "nict"));
  EXPECT_EQ(row.tlp(), v1::TLP_AMBER);
  EXPECT_FALSE(row.may_share_name());
  EXPECT_THAT(row.sectors(), ElementsAre("finance"));
  EXPECT_EQ(row.version(), 2u);

  const store::CaseRow reference = Case(from);
  EXPECT_EQ(reference.status(), store::v1::CASE_STATUS_JOINED);
  EXPECT_EQ(reference.merged_into(), into);
  EXPECT_EQ(reference.submissions(), 0u);
  EXPECT_EQ(reference.organizations(), 0u);
  EXPECT_THAT(MembersOf(from), IsEmpty());
  EXPECT_THAT(OrganizationsOf(from), IsEmpty());
  EXPECT_THAT(CasesIn(store::List::kCasesByOrganization, "moj"), ElementsAre(into));
  EXPECT_EQ(View()->Meta()->cases(), 1u);
  EXPECT_THAT(applied_.cases, ElementsAre(from, into));
}

TEST_F(JoinTest, TheVersionIsThatOfTheOneThatStays) {
  const uint64_t from = NewCase();
  const uint64_t into = NewCase();
  Do(deeds::Prioritise(into, 1));
  EXPECT_EQ(Do(deeds::Join(from, into, 1)), kRefusedStale);
  EXPECT_EQ(Do(deeds::Join(from, into, 2)), "");
}

TEST_F(JoinTest, ClassificationIsThatOfTheNewestAnalysisOfBoth) {
  const uint64_t from = NewCase();
  const uint64_t into = NewCase();
  Found(into, "malware");
  Found(from, "phishing");
  ASSERT_EQ(Do(deeds::Join(from, into)), "");
  EXPECT_EQ(Case(into).classification().event_type().id(), "phishing");
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "malware"), IsEmpty());
  ASSERT_EQ(Do(deeds::Open("incident", "手で")), "");
  const uint64_t hand = last_;
  ASSERT_EQ(Do(deeds::Join(into, hand)), "");
  EXPECT_EQ(Case(hand).classification().event_type().id(), "phishing");
}

TEST_F(JoinTest, ExerciseAndRealNeverMeet) {
  const uint64_t real = Report("moj").second;
  const uint64_t exercise = Report("moj", "", "ex1").second;
  const uint64_t other = Report("moj", "", "ex2").second;
  const uint64_t same = Report("nict", "", "ex1").second;
  EXPECT_EQ(Do(deeds::Join(real, exercise)), kRefusedRealm);
  EXPECT_EQ(Do(deeds::Join(exercise, real)), kRefusedRealm);
  EXPECT_EQ(Do(deeds::Join(exercise, other)), kRefusedRealm);
  EXPECT_EQ(Do(deeds::Join(exercise, same)), "");
  EXPECT_EQ(View()->Meta()->cases(), 1u);
}

TEST_F(JoinTest, NothingIsJoinedToItselfOrBack) {
  const uint64_t a = NewCase();
  const uint64_t b = NewCase();
  EXPECT_EQ(Do(deeds::Join(a, a)), kRefusedState);
  ASSERT_EQ(Do(deeds::Join(a, b)), "");
  EXPECT_EQ(Do(deeds::Join(b, a)), kRefusedState);
}

TEST_F(JoinTest, WhatComesLaterLandsInTheOneThatStays) {
  const auto [report, thread] = Report("moj");
  const uint64_t other = NewCase("nict");
  ASSERT_EQ(Do(deeds::Join(thread, other)), "");
  const uint64_t follow = Report("moj", report.id()).second;
  EXPECT_EQ(Submission(follow).case_id(), other);
  EXPECT_EQ(Submission(follow).relation(), v1::RELATION_FOLLOW_UP);

  const uint64_t one = NewMail("moj", "e1", "t1");
  const uint64_t two = NewMail("nict", "e2", "t2");
  ASSERT_EQ(Do(deeds::Join(one, two)), "");
  EXPECT_EQ(Submission(NewMail("bank", "e1")).case_id(), two);
  EXPECT_EQ(Submission(NewMail("bank", "e3", "t1")).case_id(), two);
  EXPECT_EQ(Case(two).submissions(), 4u);
  EXPECT_EQ(Case(two).organizations(), 3u);
  EXPECT_EQ(Case(one).submissions(), 0u);
}

TEST_F(JoinTest, AnalysisThatComesLaterClassifiesTheOneThatStays) {
  const uint64_t from = NewCase("moj");
  const uint64_t first = NewCase("moj");
  ASSERT_EQ(Do(deeds::Join(first, from)), "");
  Found(first, "phishing");
  EXPECT_EQ(Case(from).classification().event_type().id(), "phishing");
  EXPECT_EQ(Case(first).classification().event_type().id(), "");
  // The submitter is told which of its matters it became part of.
  const auto outbox = *View()->OutboxBefore("moj", 0, 1);
  ASSERT_EQ(outbox.size(), 1u);
  EXPECT_EQ(UpdateIn(outbox[0].second).case_reference(), Submission(from).submission_id());
  EXPECT_EQ(UpdateIn(outbox[0].second).relation(), v1::RELATION_KNOWN_CASE);
}

TEST_F(JoinTest, QuestionsSamplesAlertsAndNotesComeAlong) {
  const uint64_t from = NewCase("moj");
  const uint64_t into = NewCase("nict");
  ASSERT_EQ(Do(deeds::Ask("q", from, "moj")), "");
  ASSERT_EQ(Do(deeds::Sample("s", "moj", from)), "");
  v1::AlertIssued issued = Script::Warning('A', v1::TLP_GREEN, "all");
  issued.set_case_id(from);
  script_.Alert(issued);
  ASSERT_EQ(Do(deeds::Join(from, into)), "");
  EXPECT_THAT(Case(into).alerts(), ElementsAre(std::string(16, 'A')));
  const auto ids = [&](store::List list, uint64_t id) {
    return *View()->Ids(list, store::NumberOwner(id), "", 10);
  };
  EXPECT_THAT(ids(store::List::kQuestionsOfCase, into), ElementsAre(IdOf("q")));
  EXPECT_THAT(ids(store::List::kQuestionsOfCase, from), IsEmpty());
  EXPECT_THAT(ids(store::List::kSamplesOfCase, into), ElementsAre(IdOf("s")));
  EXPECT_THAT(ids(store::List::kSamplesOfCase, from), IsEmpty());
  EXPECT_EQ((*View()->Question(IdOf("q")))->case_id(), into);
  EXPECT_EQ((*View()->Sample(IdOf("s")))->case_id(), into);
  ASSERT_EQ(Do(deeds::Answer("q"), "rep", "moj"), "");
  EXPECT_EQ(View()->CaseEvents(into, 0, 10)->back().what(), "question_answered");
  EXPECT_EQ(Do(deeds::Sample("late", "moj", from)), "") << "whoever hands it over need not know";
  EXPECT_EQ((*View()->Sample(IdOf("late")))->case_id(), into);
}

TEST_F(JoinTest, AlertAboutAJoinedCaseIsBoundByTheOneThatStays) {
  const uint64_t from = NewCase("moj", v1::TLP_GREEN);
  const uint64_t into = NewCase("nict", v1::TLP_AMBER);
  ASSERT_EQ(Do(deeds::Join(from, into)), "");
  v1::AlertIssued issued = Script::Warning('A', v1::TLP_GREEN, "all");
  issued.set_case_id(from);
  script_.Alert(issued);
  Follow();
  EXPECT_EQ(OnlyAudience().recipients_size(), 0) << "GREEN is looser than what the case holds";
  EXPECT_EQ(OnlyAlert().case_id(), into);
  EXPECT_THAT(Case(into).alerts(), ElementsAre(std::string(16, 'A')));
}

TEST_F(JoinTest, ChainsAreFollowedToTheirMaximum) {
  const auto [report, first] = Report("moj");
  uint64_t end = first;
  for (uint32_t depth = 1; depth <= kJoinDepthMax; ++depth) {
    const uint64_t next = NewCase("nict");
    ASSERT_EQ(Do(deeds::Join(end, next)), "") << depth;
    end = next;
  }
  EXPECT_EQ(Case(end).join_depth(), kJoinDepthMax);
  EXPECT_EQ(Case(end).submissions(), kJoinDepthMax + 1);
  const uint64_t follow = Report("moj", report.id()).second;
  EXPECT_EQ(Submission(follow).case_id(), end);
  EXPECT_EQ(Do(deeds::Join(end, NewCase("nict"))), kRefusedTooMany);
  EXPECT_EQ(Do(deeds::Join(NewCase("nict"), end)), "") << "the chain gets no longer";
}

TEST_F(JoinTest, RuleFiresAtMostOnceForTheWhole) {
  script_.Rules({Script::Rule("two", 2)});
  const uint64_t one = NewMail("moj", "e1");
  const uint64_t two = NewMail("nict", "e2");
  EXPECT_EQ(Alerts(), 0u);
  ASSERT_EQ(Do(deeds::Join(one, two)), "");
  EXPECT_EQ(Alerts(), 1u) << "together they are two organisations";
  EXPECT_THAT(Case(two).fired_rules(), ElementsAre("two"));
  NewMail("bank", "e1");
  EXPECT_EQ(Alerts(), 1u);
}

TEST_F(JoinTest, WhatWasSentForOneIsNotSentForTheWhole) {
  script_.Rules({Script::Rule("two", 2)});
  const uint64_t sent = NewMail("moj", "e1");
  NewMail("nict", "e1");
  const uint64_t other = NewMail("bank", "e2");
  ASSERT_EQ(Alerts(), 1u);
  ASSERT_EQ(Do(deeds::Join(sent, other)), "");
  EXPECT_EQ(Alerts(), 1u);
  EXPECT_EQ(Case(other).alerts_size(), 1);
  NewMail("moj", "e2");
  EXPECT_EQ(Alerts(), 1u);
}

TEST_F(JoinTest, RulesOfCasesOpenedByHandSendAlertsOfTheirOwn) {
  script_.Rules({Script::Rule("two", 2)});
  for (const char* kind : {"x", "y"}) {
    ASSERT_EQ(Do(deeds::Open("campaign", kind)), "");
    const uint64_t hand = last_;
    ASSERT_EQ(Do(deeds::Join(NewMail("moj", std::string("m") + kind), hand)), "");
    ASSERT_EQ(Do(deeds::Join(NewMail("nict", std::string("n") + kind), hand)), "");
    EXPECT_EQ(Case(hand).alerts_size(), 1) << kind;
  }
  EXPECT_EQ(Alerts(), 2u);
}

TEST_F(JoinTest, NothingLargerThanTheMaximumIsMoved) {
  const auto [report, large] = Report("moj");
  for (size_t i = 1; i < kMovedMax; ++i) {
    script_.Submit("moj", script_.Incident("続報", v1::TLP_GREEN, report.id()));
  }
  Follow();
  ASSERT_EQ(Case(large).submissions(), kMovedMax);
  const uint64_t small = NewCase("nict");
  EXPECT_EQ(Do(deeds::Join(large, small)), kRefusedTooMany);
  EXPECT_EQ(Do(deeds::Join(small, large)), kRefusedTooMany);
  ASSERT_EQ(Do(deeds::Open("incident", "手で")), "");
  const uint64_t hand = last_;
  EXPECT_EQ(Do(deeds::Join(large, hand)), "") << "just as many as may be";
  EXPECT_EQ(Case(hand).submissions(), kMovedMax);
  EXPECT_EQ(Do(deeds::Split(hand, {large})), "");
  EXPECT_EQ(Do(deeds::Join(small, hand)), "");
  Report("moj", report.id());
  EXPECT_EQ(Do(deeds::Split(hand, {small})), kRefusedTooMany);
}

// ---- split ----

TEST_F(SplitTest, SubmissionsLeaveForANewCase) {
  const uint64_t a = NewCase("moj", v1::TLP_GREEN);
  const uint64_t b = NewCase("nict", v1::TLP_AMBER);
  const uint64_t c = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(b, a)), "");
  ASSERT_EQ(Do(deeds::Join(c, a)), "");
  ASSERT_EQ(Case(a).tlp(), v1::TLP_AMBER);
  journal_.set_time_ms(journal_.time_ms() + 7);
  ASSERT_EQ(Do(deeds::Split(a, {b})), "");
  const uint64_t split = last_;
  EXPECT_THAT(MembersOf(split), ElementsAre(b));
  EXPECT_THAT(MembersOf(a), ElementsAre(a, c));
  EXPECT_EQ(Case(split).title(), "別件");
  EXPECT_EQ(Case(split).tlp(), v1::TLP_AMBER);
  EXPECT_EQ(Case(split).submissions(), 1u);
  EXPECT_EQ(Case(split).organizations(), 1u);
  EXPECT_EQ(Case(split).opened_by(), "person:ana");
  EXPECT_EQ(Case(split).opened_at_ms(), journal_.time_ms());
  EXPECT_EQ(Case(a).tlp(), v1::TLP_AMBER) << "its history is what it was";
  EXPECT_EQ(Case(a).submissions(), 2u);
  EXPECT_EQ(Case(a).organizations(), 2u) << "nict has another one in it";
  EXPECT_THAT(OrganizationsOf(split), ElementsAre("nict"));
  EXPECT_EQ(*View()->FirstInCase(a, "nict"), Submission(c).submission_id());
  EXPECT_THAT(CasesIn(store::List::kCasesByOrganization, "nict"), ElementsAre(split, a));
  ASSERT_EQ(Do(deeds::Split(a, {c})), "");
  EXPECT_THAT(OrganizationsOf(a), ElementsAre("moj"));
  EXPECT_THAT(CasesIn(store::List::kCasesByOrganization, "nict"), ElementsAre(last_, split));
  EXPECT_EQ(View()->Meta()->cases(), 3u);
}

// ---- what stays is as strict as it was ----

TEST_F(SplitTest, CaseIsNeverLooserBecauseReportsLeave) {
  v1::Submission strict = script_.Incident("大臣室", v1::TLP_RED);
  strict.mutable_handling()->set_circle("council");
  strict.mutable_incident()->set_sector("finance");
  const uint64_t red = script_.Submit("moj", strict);
  v1::Submission loose = script_.Incident("緩", v1::TLP_GREEN);
  loose.mutable_handling()->set_may_share_name(true);
  loose.mutable_handling()->set_may_tell_police(true);
  loose.mutable_handling()->set_may_tell_competent_ministry(true);
  const uint64_t green = script_.Submit("nict", loose);
  Follow();
  ASSERT_EQ(Do(deeds::Join(green, red)), "");
  ASSERT_EQ(Do(deeds::Split(red, {red})), "");
  const store::CaseRow row = Case(red);
  EXPECT_EQ(row.tlp(), v1::TLP_RED);
  EXPECT_EQ(row.circle(), "council");
  EXPECT_THAT(row.circles(), ElementsAre("council"));
  EXPECT_THAT(row.sectors(), ElementsAre("finance"));
  EXPECT_FALSE(row.may_share_name());
  EXPECT_FALSE(row.may_tell_police());
  EXPECT_FALSE(row.may_tell_competent_ministry());
  EXPECT_EQ(row.title(), "緩") << "the one that opened it has left";
  EXPECT_EQ(Case(last_).tlp(), v1::TLP_RED);
}

TEST_F(SplitTest, NewCaseIsAsLooseAsWhatItHolds) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t green = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(green, red)), "");
  ASSERT_EQ(Do(deeds::Split(red, {green})), "");
  EXPECT_EQ(Case(last_).tlp(), v1::TLP_GREEN);
  EXPECT_EQ(Case(red).title(), "障害");
}

TEST_F(SplitTest, CirclesOfTheOneThatLeftStillConflict) {
  std::vector<uint64_t> opened;
  for (const char* circle : {"council", "telecom"}) {
    v1::Submission report = script_.Incident(circle, v1::TLP_AMBER);
    report.mutable_handling()->set_circle(circle);
    opened.push_back(script_.Submit("moj", report));
  }
  Follow();
  ASSERT_EQ(Do(deeds::Join(opened[1], opened[0])), "");
  ASSERT_EQ(Do(deeds::Split(opened[0], {opened[0]})), "");
  EXPECT_TRUE(Case(opened[0]).circles_conflict());
  EXPECT_THAT(Case(opened[0]).circles(), UnorderedElementsAre("council", "telecom"));
  EXPECT_FALSE(Case(last_).circles_conflict());
  EXPECT_THAT(Case(last_).circles(), ElementsAre("council"));
}

TEST_F(SplitTest, OnlyItsOwnerLoosensWhatWasWrittenOfASubmissionThatLeft) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t amber = NewCase("nict", v1::TLP_AMBER);
  const uint64_t green = NewCase("bank", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(red, green)), "");
  ASSERT_EQ(Do(deeds::Join(amber, green)), "");
  ASSERT_EQ(Do(deeds::Split(green, {red})), "");
  const uint64_t split = last_;
  ASSERT_EQ(Do(deeds::Loosen(amber, v1::TLP_CLEAR), "rep", "nict"), "");
  EXPECT_EQ(Case(green).tlp(), v1::TLP_RED);
  ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_CLEAR), "rep", "moj"), "");
  EXPECT_EQ(Case(green).tlp(), v1::TLP_GREEN);
  EXPECT_EQ(Case(split).tlp(), v1::TLP_CLEAR);
  EXPECT_THAT(applied_.cases, ElementsAre(green, split));
  EXPECT_EQ(View()->CaseEvents(green, 0, 10)->back().what(), "marking_loosened");
}

TEST_F(SplitTest, WhatIsJoinedAgainIsLoosenedInEitherDirection) {
  for (const bool back : {false, true}) {
    const uint64_t red = NewCase("moj", v1::TLP_RED);
    const uint64_t green = NewCase("nict", v1::TLP_GREEN);
    ASSERT_EQ(Do(deeds::Join(red, green)), "");
    ASSERT_EQ(Do(deeds::Split(green, {red})), "");
    const uint64_t split = last_;
    const uint64_t stays = back ? green : split;
    ASSERT_EQ(Do(back ? deeds::Join(split, green) : deeds::Join(green, split)), "");
    EXPECT_EQ(Case(stays).tlp(), v1::TLP_RED);
    ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_CLEAR), "rep", "moj"), "");
    EXPECT_EQ(Case(stays).tlp(), v1::TLP_GREEN);
  }
}

TEST_F(SplitTest, WhatLeftBindsWhatItsCaseIsJoinedTo) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t green = NewCase("nict", v1::TLP_GREEN);
  const uint64_t third = NewCase("bank", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(red, green)), "");
  ASSERT_EQ(Do(deeds::Split(green, {red})), "");
  ASSERT_EQ(Do(deeds::Join(green, third)), "");
  EXPECT_EQ(Case(third).tlp(), v1::TLP_RED) << "what the notes of the joined one tell";
  ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_CLEAR), "rep", "moj"), "");
  EXPECT_EQ(Case(third).tlp(), v1::TLP_GREEN);
  EXPECT_EQ(Case(green).tlp(), v1::TLP_RED) << "a joined one stays as it was";
}

TEST_F(SplitTest, WhoLeavesTwiceIsRememberedOnce) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t green = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(red, green)), "");
  for (int i = 0; i <= kLeftMax; ++i) {
    ASSERT_EQ(Do(deeds::Split(green, {red})), "");
    ASSERT_EQ(Do(deeds::Join(last_, green)), "");
  }
  EXPECT_EQ(Case(green).left_size(), 1);
  ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_CLEAR), "rep", "moj"), "");
  EXPECT_EQ(Case(green).tlp(), v1::TLP_GREEN);
}

TEST_F(SplitTest, BeyondTheMaximumNothingLoosensIt) {
  v1::Submission first = script_.Incident("続報", v1::TLP_GREEN);
  const uint64_t id = script_.Submit("moj", first);
  std::vector<uint64_t> red;
  for (int i = 0; i <= kLeftMax; ++i) {
    red.push_back(script_.Submit("moj", script_.Incident("赤", v1::TLP_RED, first.id())));
  }
  Follow();
  ASSERT_EQ(Do(deeds::Split(id, {red.begin(), red.end() - 1})), "");
  for (int i = 0; i < kLeftMax; ++i) {
    EXPECT_EQ(Do(deeds::Loosen(red[static_cast<size_t>(i)], v1::TLP_CLEAR), "rep", "moj"), "");
  }
  ASSERT_EQ(Case(id).left_size(), kLeftMax);
  ASSERT_EQ(Do(deeds::Split(id, {red.back()})), "");
  EXPECT_EQ(Case(id).left_size(), kLeftMax);
  ASSERT_EQ(Do(deeds::Loosen(red.back(), v1::TLP_CLEAR), "rep", "moj"), "");
  EXPECT_EQ(Case(last_).submissions(), 0u);
  EXPECT_EQ(Case(id).tlp(), v1::TLP_RED);
}

TEST_F(SplitTest, QuestionsGoWithTheReportThatTheyAreAbout) {
  const uint64_t red = NewCase("moj", v1::TLP_RED);
  const uint64_t green = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(green, red)), "");
  ASSERT_EQ(Do(deeds::Ask("q1", red, "moj")), "");
  ASSERT_EQ(Do(deeds::Ask("q2", red, "nict")), "");
  ASSERT_EQ(Do(deeds::Split(red, {green})), "");
  const uint64_t split = last_;
  EXPECT_EQ((*View()->Question(IdOf("q1")))->case_id(), red);
  EXPECT_EQ((*View()->Question(IdOf("q2")))->case_id(), split);
  const auto of = [&](uint64_t id) {
    return *View()->Ids(store::List::kQuestionsOfCase, store::NumberOwner(id), "", 10);
  };
  EXPECT_THAT(of(red), ElementsAre(IdOf("q1")));
  EXPECT_THAT(of(split), ElementsAre(IdOf("q2")));
  EXPECT_EQ(Case(split).tlp(), v1::TLP_RED) << "who asked knew the other report";
}

TEST_F(SplitTest, AutomaticAlertSaysNothingOfASubmissionThatLeft) {
  v1::AlertRule rule = Script::Rule("one", 1);
  rule.set_case_kind("incident");
  rule.set_submissions_at_least(3);
  script_.Rules({rule});
  const auto report = [&](const std::string& title, v1::Tlp tlp, const std::string& thread) {
    v1::Submission submission = script_.Incident(title, tlp, thread);
    submission.mutable_handling()->set_may_share_name(true);
    const uint64_t sequence = script_.Submit("nict", submission);
    Follow();
    return std::pair(submission.id(), sequence);
  };
  v1::Submission secret = script_.Incident("大臣室の端末", v1::TLP_RED);
  secret.mutable_handling()->set_may_share_name(true);
  const uint64_t red = script_.Submit("moj", secret);
  const auto [thread, green] = report("緑の報告", v1::TLP_GREEN, "");
  ASSERT_EQ(Do(deeds::Join(green, red)), "");
  ASSERT_EQ(Do(deeds::Split(red, {red})), "");
  report("続報", v1::TLP_GREEN, thread);
  report("続報", v1::TLP_GREEN, thread);
  EXPECT_EQ(Alerts(), 0u);
  EXPECT_THAT(Case(red).notes(), ElementsAre(::testing::HasSubstr("TLP:RED")));

  rule.set_id("two");
  script_.Rules({rule});
  ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_GREEN), "rep", "moj"), "");
  report("続報", v1::TLP_GREEN, thread);
  EXPECT_EQ(OnlyAlert().original().title_ja(), "注意: 緑の報告");
}

TEST_F(JoinTest, NothingJoinsAClosedCase) {
  const uint64_t from = NewCase("moj");
  const uint64_t into = NewCase("nict");
  ASSERT_EQ(Do(deeds::Close(into)), "");
  EXPECT_EQ(Do(deeds::Join(from, into)), kRefusedClosed);
  EXPECT_THAT(MembersOf(from), ElementsAre(from));
  ASSERT_EQ(Do(deeds::Reopen(into)), "");
  EXPECT_EQ(Do(deeds::Join(from, into)), "");
}

TEST_F(JoinTest, PriorityAndAssigneeComeAlongWhereThereAreNone) {
  const uint64_t from = NewCase("moj");
  const uint64_t into = NewCase("nict");
  const uint64_t third = NewCase("bank");
  for (const uint64_t id : {from, third}) {
    ASSERT_EQ(Do(deeds::Prioritise(id, id == from ? 1 : 2)), "");
    ASSERT_EQ(Do(deeds::Assign(id, id == from ? "ana" : "app")), "");
  }
  ASSERT_EQ(Do(deeds::Join(from, into)), "");
  ASSERT_EQ(Do(deeds::Join(third, into)), "");
  EXPECT_EQ(Case(into).priority(), 1u);
  EXPECT_EQ(Case(into).assignee(), "ana");
  EXPECT_EQ(Case(into).status(), store::v1::CASE_STATUS_OPEN) << "somebody has it now";
  EXPECT_THAT(CasesIn(store::List::kCasesByPriority, "1"), ::testing::Contains(into));
}

TEST_F(JoinTest, CaseOpenedByHandStaysAsStrictAsItWas) {
  ASSERT_EQ(Do(deeds::Open("incident", "手で", "", v1::TLP_GREEN)), "");
  const uint64_t hand = last_;
  v1::Submission strict = script_.Incident("大臣室", v1::TLP_RED);
  strict.mutable_handling()->set_circle("council");
  const uint64_t red = script_.Submit("moj", strict);
  const uint64_t other = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(red, hand)), "");
  ASSERT_EQ(Do(deeds::Note(hand, "大臣室のこと")), "");
  ASSERT_EQ(Do(deeds::Join(hand, other)), "");
  EXPECT_EQ(Case(hand).tlp(), v1::TLP_RED);
  EXPECT_THAT(Case(hand).circles(), ElementsAre("council"));
  EXPECT_EQ(Case(other).tlp(), v1::TLP_RED);
  ASSERT_EQ(Do(deeds::Loosen(red, v1::TLP_AMBER), "rep", "moj"), "");
  EXPECT_EQ(Case(other).tlp(), v1::TLP_AMBER);
}

TEST_F(JoinTest, MarkingOfACaseOpenedByHandComesAlong) {
  ASSERT_EQ(Do(deeds::Open("incident", "手で", "", v1::TLP_RED)), "");
  const uint64_t hand = last_;
  const uint64_t green = NewCase("nict", v1::TLP_GREEN);
  ASSERT_EQ(Do(deeds::Join(hand, green)), "");
  EXPECT_EQ(Case(green).tlp(), v1::TLP_RED) << "its questions and notes are there now";
}

TEST_F(SplitTest, ClassificationFollowsTheSubmissions) {
  const uint64_t a = NewCase();
  const uint64_t b = NewCase();
  Found(a, "malware");
  Found(b, "phishing");
  ASSERT_EQ(Do(deeds::Join(b, a)), "");
  ASSERT_EQ(Case(a).classification().event_type().id(), "phishing");
  ASSERT_EQ(Do(deeds::Split(a, {b})), "");
  EXPECT_EQ(Case(last_).classification().event_type().id(), "phishing");
  EXPECT_EQ(Case(a).classification().event_type().id(), "malware");
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "phishing"), ElementsAre(last_, b));
  EXPECT_THAT(CasesIn(store::List::kCasesByEventType, "malware"), ElementsAre(a));
}

TEST_F(SplitTest, OneStaysUnlessTheCaseWasOpenedByHand) {
  const uint64_t a = NewCase();
  const uint64_t b = NewCase();
  EXPECT_EQ(Do(deeds::Split(a, {a})), kRefusedState);
  ASSERT_EQ(Do(deeds::Join(b, a)), "");
  EXPECT_EQ(Do(deeds::Split(a, {a, b})), kRefusedState);
  EXPECT_EQ(Do(deeds::Split(a, {a})), "") << "even the one that opened it may leave";
  EXPECT_THAT(MembersOf(a), ElementsAre(b));
  ASSERT_EQ(Do(deeds::Open("incident", "手で", "", v1::TLP_CLEAR)), "");
  const uint64_t hand = last_;
  ASSERT_EQ(Do(deeds::Join(a, hand)), "");
  EXPECT_EQ(Do(deeds::Split(hand, {b})), "");
  EXPECT_EQ(Case(hand).submissions(), 0u);
  EXPECT_EQ(Case(hand).tlp(), v1::TLP_GREEN);
  EXPECT_EQ(Case(hand).title(), "手で");
}

TEST_F(SplitTest, OnlySubmissionsOfTheCaseLeaveIt) {
  const uint64_t a = NewCase();
  const uint64_t b = NewCase();
  const uint64_t foreign = NewCase();
  ASSERT_EQ(Do(deeds::Join(b, a)), "");
  EXPECT_EQ(Do(deeds::Split(a, {foreign})), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Split(a, {b, foreign})), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Split(a, {b, 999'999})), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Split(a, {})), kRefusedNotFound);
  EXPECT_THAT(MembersOf(a), ElementsAre(a, b));
  EXPECT_EQ(Do(deeds::Split(a, {b, b})), "") << "said twice";
  EXPECT_EQ(Case(last_).submissions(), 1u);
}

TEST_F(SplitTest, FollowUpsGoWhereTheirThreadIs) {
  const auto [moved, a] = Report("moj");
  const auto [stays, b] = Report("moj");
  ASSERT_EQ(Do(deeds::Join(a, b)), "");
  ASSERT_EQ(Do(deeds::Split(b, {a})), "");
  const uint64_t split = last_;
  EXPECT_EQ(Submission(Report("moj", moved.id()).second).case_id(), split);
  EXPECT_EQ(Submission(Report("moj", stays.id()).second).case_id(), b);
}

TEST_F(SplitTest, ThreadOfWhichAPartStaysStays) {
  const auto [report, first] = Report("moj");
  const uint64_t second = Report("moj", report.id()).second;
  ASSERT_EQ(Do(deeds::Split(first, {second})), "");
  EXPECT_EQ(Submission(Report("moj", report.id()).second).case_id(), first);
}

TEST_F(SplitTest, MailsGoWhereWhatTiesThemIs) {
  const uint64_t one = NewMail("moj", "e1", "t");
  const uint64_t two = NewMail("nict", "e2", "t");
  ASSERT_EQ(Submission(two).case_id(), one);
  ASSERT_EQ(Do(deeds::Split(one, {two})), "");
  const uint64_t split = last_;
  EXPECT_EQ(Submission(NewMail("bank", "e1")).case_id(), one);
  EXPECT_EQ(Submission(NewMail("bank", "e2")).case_id(), split) << "only moved ones have it";
  EXPECT_EQ(Submission(NewMail("bank", "e3", "t")).case_id(), one) << "one that stayed has it";
}

TEST_F(SplitTest, TieOfAnotherCaseIsLeftAlone) {
  const uint64_t a = NewMail("moj", "e1", "t1");
  const uint64_t b = NewMail("moj", "e2", "t2");
  const uint64_t both = NewMail("nict", "e1", "t2");
  ASSERT_EQ(Submission(both).case_id(), a);
  ASSERT_EQ(Do(deeds::Split(a, {both})), "");
  EXPECT_EQ(Submission(NewMail("bank", "e4", "t2")).case_id(), b);
}

TEST_F(SplitTest, NothingIsSentAgainForAPart) {
  script_.Rules({Script::Rule("two", 2)});
  const uint64_t one = NewMail("moj", "e1", "t");
  NewMail("nict", "e1", "t");
  const uint64_t three = NewMail("moj", "e3", "t");
  ASSERT_EQ(Alerts(), 1u);
  ASSERT_EQ(Do(deeds::Split(one, {three})), "");
  const uint64_t split = last_;
  EXPECT_EQ(Submission(NewMail("bank", "e3")).case_id(), split);
  EXPECT_EQ(Case(split).organizations(), 2u);
  EXPECT_EQ(Alerts(), 1u);
}

TEST_F(SplitTest, PartsThatLaterHoldSendAlertsOfTheirOwn) {
  const uint64_t one = NewMail("moj", "e1", "t");
  const uint64_t two = NewMail("moj", "e2", "t");
  ASSERT_EQ(Do(deeds::Split(one, {one})), "");
  const uint64_t split = last_;
  script_.Rules({Script::Rule("two", 2)});
  EXPECT_EQ(Submission(NewMail("nict", "e1")).case_id(), split);
  EXPECT_EQ(Submission(NewMail("nict", "e2")).case_id(), Submission(two).case_id());
  EXPECT_EQ(Case(split).alerts_size(), 1);
  EXPECT_EQ(Case(one).alerts_size(), 1);
  EXPECT_EQ(Alerts(), 2u);
}

}  // namespace
}  // namespace noroshi::engine
