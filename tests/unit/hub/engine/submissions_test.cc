#include <gmock/gmock.h>

#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SubmissionsTest : public Scene {};

TEST_F(SubmissionsTest, IncidentOpensItsCaseAtOnceAndAwaitsAnalysis) {
  const uint64_t sequence = script_.Submit("moj", script_.Incident("障害", v1::TLP_AMBER));
  const Applied applied = Follow();
  EXPECT_THAT(*View()->AnalysisPending(store::kPriorityIncident, 0, 10), ElementsAre(sequence));
  EXPECT_EQ(applied.next, sequence + 1);
  const store::SubmissionRow row = Submission(sequence);
  EXPECT_EQ(row.case_id(), sequence);
  EXPECT_EQ(row.relation(), v1::RELATION_NEW_CASE);
  EXPECT_EQ(row.organization(), "moj");
  EXPECT_EQ(Case(sequence).title(), "障害");
  EXPECT_EQ(Case(sequence).kind(), store::v1::CASE_KIND_INCIDENT);
  EXPECT_EQ(Case(sequence).tlp(), v1::TLP_AMBER);
  EXPECT_EQ(View()->Meta()->analysis_pending(), 1u);
  EXPECT_EQ(View()->Meta()->submissions(), 1u);
  EXPECT_EQ(View()->Meta()->cases(), 1u);
}

TEST_F(SubmissionsTest, FollowUpJoinsTheThreadOfItsOwnOrganisationOnly) {
  const v1::Submission first = script_.Incident("障害");
  const uint64_t opened = script_.Submit("moj", first);
  const uint64_t follow =
      script_.Submit("moj", script_.Incident("続報", v1::TLP_AMBER, first.id()));
  const uint64_t other =
      script_.Submit("nict", script_.Incident("続報", v1::TLP_GREEN, first.id()));
  Follow();
  EXPECT_EQ(Submission(follow).case_id(), opened);
  EXPECT_EQ(Submission(follow).relation(), v1::RELATION_FOLLOW_UP);
  EXPECT_EQ(Submission(other).case_id(), other);
  EXPECT_EQ(Case(opened).submissions(), 2u);
  EXPECT_EQ(Case(opened).organizations(), 1u);
  EXPECT_EQ(Case(opened).title(), "障害");
  EXPECT_EQ(Case(opened).tlp(), v1::TLP_AMBER);
  EXPECT_EQ(View()->SubmissionsOfCase(opened, 0, 10)->size(), 2u);
  EXPECT_EQ(View()->SubmissionsOfCase(opened, opened, 10)->size(), 1u);
}

TEST_F(SubmissionsTest, FollowUpThatArrivesFirstOpensTheCaseOfItsThread) {
  const v1::Submission first = script_.Incident("第一報");
  const uint64_t follow =
      script_.Submit("moj", script_.Incident("続報", v1::TLP_GREEN, first.id()));
  const uint64_t late = script_.Submit("moj", first);
  Follow();
  EXPECT_EQ(Submission(follow).relation(), v1::RELATION_NEW_CASE);
  EXPECT_EQ(Submission(late).case_id(), follow);
}

TEST_F(SubmissionsTest, FollowUpOfAnotherRealmDoesNotJoin) {
  const v1::Submission first = script_.Incident("障害");
  const uint64_t real = script_.Submit("moj", first);
  v1::Submission drill = script_.Incident("訓練", v1::TLP_GREEN, first.id());
  drill.set_exercise_id("ex1");
  const uint64_t exercise = script_.Submit("moj", drill);
  Follow();
  EXPECT_EQ(Submission(exercise).case_id(), exercise);
  EXPECT_EQ(Case(real).submissions(), 1u);
  EXPECT_EQ(View()->Meta()->exercise_submissions(), 1u);
  EXPECT_EQ(View()->Meta()->submissions(), 1u);
  EXPECT_EQ(View()->Meta()->cases(), 1u);
}

TEST_F(SubmissionsTest, IncidentsAreNeverJoinedOnLikeness) {
  const uint64_t one = script_.Submit("moj", script_.Incident("同じ題"));
  const uint64_t two = script_.Submit("moj", script_.Incident("同じ題"));
  script_.Analysed(Script::Findings(one, "same", "same"));
  script_.Analysed(Script::Findings(two, "same", "same"));
  Follow();
  EXPECT_EQ(Submission(one).case_id(), one);
  EXPECT_EQ(Submission(two).case_id(), two);
}

TEST_F(SubmissionsTest, MailGetsItsCaseWithItsAnalysis) {
  const uint64_t sequence = script_.Submit("moj", script_.Mail());
  Follow();
  EXPECT_EQ(Submission(sequence).case_id(), 0u);
  EXPECT_EQ(View()->AnalysisPending(store::kPriorityMail, 0, 10)->size(), 1u);
  v1::AnalysisResult result = Script::Findings(sequence, "m");
  result.mutable_mail()->set_subject("件名\r\nX: y");
  result.mutable_mail()->set_text(std::string(60'000, 'x'));
  const uint64_t analysis = script_.Analysed(result);
  Follow();
  const store::SubmissionRow row = Submission(sequence);
  EXPECT_EQ(row.case_id(), sequence);
  EXPECT_EQ(row.title(), "件名 ");
  EXPECT_EQ(row.analysis_sequence(), analysis);
  EXPECT_TRUE(row.mail().text().empty());
  EXPECT_EQ(Case(sequence).kind(), store::v1::CASE_KIND_CAMPAIGN);
  EXPECT_TRUE(View()->AnalysisPending(store::kPriorityMail, 0, 10)->empty());
  EXPECT_EQ(View()->Meta()->analysis_pending(), 0u);
}

TEST_F(SubmissionsTest, MailsOfOneMatterJoinAcrossOrganisations) {
  const uint64_t one = script_.AnalysedMail("moj", "m", "text");
  const uint64_t two = script_.AnalysedMail("nict", "m", "text");
  const uint64_t three = script_.AnalysedMail("nict", "m-variant", "text");
  const uint64_t four = script_.AnalysedMail("moj", "m-variant", "other text");
  const uint64_t five = script_.AnalysedMail("moj", "unlike", "unlike");
  Follow();
  EXPECT_EQ(Submission(two).case_id(), one);
  EXPECT_EQ(Submission(two).relation(), v1::RELATION_EXACT);
  EXPECT_THAT(Submission(two).joined_reason(), ::testing::HasSubstr("same content"));
  EXPECT_EQ(Submission(three).case_id(), one);
  EXPECT_EQ(Submission(three).relation(), v1::RELATION_SAME_TEXT);
  // What joined by its text brought its own content along.
  EXPECT_EQ(Submission(four).case_id(), one);
  EXPECT_EQ(Submission(four).relation(), v1::RELATION_EXACT);
  EXPECT_EQ(Submission(five).case_id(), five);
  EXPECT_EQ(Case(one).submissions(), 4u);
  EXPECT_EQ(Case(one).organizations(), 2u);
  EXPECT_THAT(*View()->OrganizationsOfCase(one, "", 10), ElementsAre("moj", "nict"));
}

TEST_F(SubmissionsTest, NothingOfAnExerciseJoinsAnythingElse) {
  const uint64_t real = script_.AnalysedMail("moj", "m", "t");
  const uint64_t one = script_.AnalysedMail("moj", "m", "t", "ex1");
  const uint64_t two = script_.AnalysedMail("nict", "m", "t", "ex2");
  const uint64_t same = script_.AnalysedMail("nict", "m", "t", "ex1");
  Follow();
  EXPECT_EQ(Submission(real).case_id(), real);
  EXPECT_EQ(Submission(one).case_id(), one);
  EXPECT_EQ(Submission(two).case_id(), two);
  EXPECT_EQ(Submission(same).case_id(), one);
  EXPECT_EQ(Case(one).exercise_id(), "ex1");
  EXPECT_EQ(Case(real).submissions(), 1u);
}

TEST_F(SubmissionsTest, MailsWithNothingInCommonStayAlone) {
  const uint64_t one = script_.AnalysedMail("moj", "");
  const uint64_t two = script_.AnalysedMail("moj", "");
  Follow();
  EXPECT_EQ(Submission(one).case_id(), one);
  EXPECT_EQ(Submission(two).case_id(), two);
}

TEST_F(SubmissionsTest, FailedAnalysisStillOpensACase) {
  const uint64_t sequence = script_.Submit("moj", script_.Mail());
  v1::AnalysisResult result;
  result.set_subject_sequence(sequence);
  result.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
  result.set_error("the parser died");
  script_.Analysed(result);
  Follow();
  EXPECT_EQ(Submission(sequence).case_id(), sequence);
  EXPECT_EQ(Submission(sequence).analysis_error(), "the parser died");
  EXPECT_EQ(UpdateIn(**View()->Outbox("moj", 1)).analysis_error(), "the parser died");
}

TEST_F(SubmissionsTest, SubmitterAloneIsToldWhatBecameOfItsSubmission) {
  script_.AnalysedMail("moj", "m");
  const uint64_t sequence = script_.Submit("nict", script_.Mail());
  v1::AnalysisResult result = Script::Findings(sequence, "m");
  result.mutable_classification()->mutable_event_type()->set_id("phishing");
  script_.Analysed(result);
  const Applied applied = Follow();
  EXPECT_THAT(Receivers(applied), ElementsAre("moj", "nict"));
  const auto items = Outbox("nict");
  ASSERT_EQ(items.size(), 1u);
  const v1::Update update = UpdateIn(items[0].second);
  EXPECT_EQ(items[0].first, 1u);
  EXPECT_EQ(update.sequence(), sequence);
  EXPECT_EQ(update.classification().event_type().id(), "phishing");
  EXPECT_EQ(update.submission_id(), Submission(sequence).submission_id());
  EXPECT_TRUE(Outbox("bank").empty());
}

TEST_F(SubmissionsTest, AnUpdateDoesNotTellThatOthersReportedTheSame) {
  script_.AnalysedMail("moj", "m");
  const uint64_t first = script_.AnalysedMail("nict", "m");
  script_.AnalysedMail("nict", "m");
  Follow();
  ASSERT_EQ(Submission(first).relation(), v1::RELATION_EXACT);
  const auto items = Outbox("nict");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(UpdateIn(items[0].second).relation(), v1::RELATION_NEW_CASE);
  EXPECT_EQ(UpdateIn(items[1].second).relation(), v1::RELATION_KNOWN_CASE);
  for (const auto& [position, row] : items) {
    EXPECT_EQ(UpdateIn(row).case_reference(), Submission(first).submission_id()) << position;
  }
}

TEST_F(SubmissionsTest, DisabledSubmitterIsNotTold) {
  const uint64_t sequence = script_.Submit("nict", script_.Mail());
  auto disabled = Script::Org("nict", v1::ORGANIZATION_KIND_INCORPORATED_AGENCY);
  disabled.set_disabled(true);
  script_.Organization(disabled);
  script_.Analysed(Script::Findings(sequence, "m"));
  EXPECT_THAT(Follow().outboxes, IsEmpty());
}

TEST_F(SubmissionsTest, CaseKeepsTheNewestAnalysisThatDidNotAbstain) {
  const v1::Submission first = script_.Incident("障害");
  const uint64_t one = script_.Submit("moj", first);
  const uint64_t two = script_.Submit("moj", script_.Incident("続報", v1::TLP_GREEN, first.id()));
  v1::AnalysisResult result = Script::Findings(one);
  result.mutable_classification()->mutable_event_type()->set_id("ransomware");
  result.mutable_classification()->mutable_gov_kind()->set_id("g1");
  script_.Analysed(result);
  v1::AnalysisResult later = Script::Findings(two);
  later.mutable_classification()->mutable_event_type();  // Abstained.
  later.mutable_classification()->mutable_gov_kind()->set_id("g2");
  script_.Analysed(later);
  Follow();
  EXPECT_EQ(Case(one).classification().event_type().id(), "ransomware");
  EXPECT_EQ(Case(one).classification().gov_kind().id(), "g2");
  EXPECT_EQ(Submission(two).classification().event_type().id(), "");
}

TEST_F(SubmissionsTest, SecondAnalysisChangesNothingUnlessItIsAReanalysis) {
  const uint64_t sequence = script_.AnalysedMail("moj", "m");
  Follow();
  v1::AnalysisResult again = Script::Findings(sequence, "else");
  again.mutable_classification()->mutable_event_type()->set_id("phishing");
  script_.Analysed(again);
  Follow();
  EXPECT_EQ(Submission(sequence).classification().event_type().id(), "");
  again.set_reanalysis(true);
  script_.Analysed(again);
  EXPECT_THAT(Follow().outboxes, IsEmpty());
  EXPECT_EQ(Submission(sequence).classification().event_type().id(), "phishing");
  EXPECT_EQ(Case(sequence).classification().event_type().id(), "phishing");
  EXPECT_EQ(Submission(sequence).case_id(), sequence);
  // It moved nothing, but later mails find it by what it is known by now.
  const uint64_t other = script_.AnalysedMail("nict", "else");
  Follow();
  EXPECT_EQ(Submission(other).case_id(), sequence);
}

TEST_F(SubmissionsTest, AnalysisOfUnknownOrForeignSubjectsIsIgnored) {
  v1::Submission observation = script_.Draft();
  observation.mutable_observation()->set_event("scan");
  const uint64_t sequence = script_.Submit("moj", observation);
  Follow();
  EXPECT_EQ(View()->Meta()->analysis_pending(), 0u);
  EXPECT_EQ(Submission(sequence).title(), "scan");
  EXPECT_EQ(Submission(sequence).case_id(), 0u);
  script_.Analysed(Script::Findings(sequence, "m"));
  script_.Analysed(Script::Findings(0, "m"));
  script_.Analysed(Script::Findings(9999, "m"));
  Follow();
  EXPECT_FALSE(Submission(sequence).analysed());
  EXPECT_EQ(View()->Meta()->cases(), 0u);
}

TEST_F(SubmissionsTest, UnreadableSubmissionIsRecordedAsSuchWithTheStrictestMarking) {
  journal_.Append({v1::ENTRY_KIND_INCIDENT_REPORT, "moj", "a",
                   *Uuid::FromBytes(std::string(16, 'i')), "\xff\xff\xff"},
                  [](const Result<journal::Acceptance>&) {});
  const uint64_t mismatch = script_.Add(v1::ENTRY_KIND_SUSPICIOUS_MAIL, script_.Incident("x"),
                                        "moj", "a", *Uuid::FromBytes(std::string(16, 'j')));
  Follow();
  EXPECT_EQ(View()->Meta()->analysis_pending(), 0u);
  for (const uint64_t sequence : {mismatch - 1, mismatch}) {
    EXPECT_EQ(Submission(sequence).outcome(), v1::ANALYSIS_OUTCOME_FAILED);
    EXPECT_EQ(Submission(sequence).analysis_error(), "the body cannot be read");
    EXPECT_EQ(Submission(sequence).handling().tlp(), v1::TLP_RED);
    EXPECT_EQ(Submission(sequence).case_id(), 0u);
  }
}

TEST_F(SubmissionsTest, LogThatHoldsAnIdTwiceKeepsTheFirst) {
  const v1::Submission incident = script_.Incident("一");
  const uint64_t first = script_.Submit("moj", incident);
  const uint64_t second = script_.Submit("moj", incident);
  const uint64_t other = script_.Submit("nict", incident);
  Follow();
  EXPECT_EQ(**View()->SubmissionSequence("moj", incident.id()), first);
  EXPECT_FALSE(View()->Submission(second)->has_value());
  EXPECT_EQ(Submission(other).case_id(), other);
  EXPECT_EQ(View()->Meta()->submissions(), 2u);
}

TEST_F(SubmissionsTest, ConflictsAreCountedAtTheFirst) {
  const uint64_t first = script_.Submit("moj", script_.Incident("一"));
  v1::SubmissionConflict conflict;
  conflict.set_first_sequence(first);
  script_.Add(v1::ENTRY_KIND_SUBMISSION_CONFLICT, conflict, "moj", "a");
  Follow();
  EXPECT_EQ(Submission(first).conflicts(), 1u);
}

TEST_F(SubmissionsTest, ErasureTakesTheContentAndLeavesTheLinks) {
  const uint64_t sequence = script_.AnalysedMail("moj", "m");
  const uint64_t pending = script_.Submit("moj", script_.Mail());
  Follow();
  EXPECT_EQ(Case(sequence).title(), "請求書");
  for (const uint64_t subject : {sequence, pending}) {
    v1::BodyErased erased;
    erased.set_sequence(subject);
    script_.Add(v1::ENTRY_KIND_BODY_ERASED, erased);
  }
  script_.Analysed(Script::Findings(pending, "m"));
  Follow();
  EXPECT_TRUE(Submission(sequence).erased());
  EXPECT_EQ(Submission(sequence).title(), "");
  EXPECT_FALSE(Submission(sequence).has_mail());
  EXPECT_EQ(Submission(sequence).case_id(), sequence);
  EXPECT_EQ(Case(sequence).title(), "");
  EXPECT_EQ(Case(sequence).submissions(), 1u);
  EXPECT_EQ(Submission(pending).case_id(), 0u);
  EXPECT_EQ(View()->Meta()->analysis_pending(), 0u);
}

TEST_F(SubmissionsTest, EntryOfAnUnknownKindStopsTheEngine) {
  script_.Add(static_cast<v1::EntryKind>(99), v1::TimeReached());
  const auto entries = *journal_.Read(engine_->next(), 10, SIZE_MAX);
  const auto applied = engine_->Apply(entries);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(applied.error().message, ::testing::HasSubstr("newer journal"));
  EXPECT_EQ(engine_->Apply({}).error().code, ErrorCode::kUnavailable);
}

TEST_F(SubmissionsTest, GapInTheSequencesStopsTheEngine) {
  script_.Time(1);
  script_.Time(2);
  const auto entries = *journal_.Read(engine_->next() + 1, 10, SIZE_MAX);
  EXPECT_EQ(engine_->Apply(entries).error().code, ErrorCode::kCorruption);
}

TEST_F(SubmissionsTest, BrokenEntryOfTheHubItselfStopsTheEngineAndLeavesTheState) {
  const std::string digest = *View()->Digest();
  script_.Submit("moj", script_.Incident("一"));
  journal_.Append({v1::ENTRY_KIND_TIME_REACHED, "", "", {}, "\xff"},
                  [](const Result<journal::Acceptance>&) {});
  const auto entries = *journal_.Read(engine_->next(), 10, SIZE_MAX);
  EXPECT_EQ(engine_->Apply(entries).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(*View()->Digest(), digest);
}

}  // namespace
}  // namespace noroshi::engine
