// Questions, samples, proposals, and what the audit keeps of every action.
#include <gmock/gmock.h>

#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

using store::List;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class QuestionsTest : public DeedScene {
 protected:
  store::QuestionRow Question(const std::string& id) const {
    return (*View()->Question(IdOf(id))).value_or(store::QuestionRow());
  }
};

TEST_F(QuestionsTest, QuestionGoesToTheReporterAndIsAnsweredOnce) {
  const uint64_t id = NewCase("moj");
  journal_.set_time_ms(journal_.time_ms() + 3);
  ASSERT_EQ(Do(deeds::Ask("q", id, "moj")), "");
  EXPECT_THAT(applied_.questions, ElementsAre(IdOf("q")));
  EXPECT_THAT(Receivers(applied_), ElementsAre("moj"));
  EXPECT_EQ(Question("q").state(), store::v1::QUESTION_STATE_ASKED);
  EXPECT_EQ(Question("q").asked_by(), "person:ana");
  EXPECT_EQ(Question("q").asked_at_ms(), journal_.time_ms());
  EXPECT_EQ(Question("q").case_reference(), Submission(id).submission_id());
  EXPECT_EQ(View()->OutboxBefore("moj", 0, 1)->front().second.question_id(), IdOf("q"));
  EXPECT_THAT(*View()->Ids(List::kQuestionsOpen, "", "", 10), ElementsAre(IdOf("q")));
  EXPECT_THAT(*View()->Ids(List::kQuestionsTo, "moj", "", 10), ElementsAre(IdOf("q")));
  EXPECT_EQ(Do(deeds::Ask("q", id, "moj")), kRefusedUsed);

  EXPECT_EQ(Do(deeds::Answer("q"), "x", "nict"), kRefusedOwner);
  EXPECT_EQ(Do(deeds::Answer("q"), "rep", "moj"), "");
  EXPECT_EQ(Question("q").state(), store::v1::QUESTION_STATE_ANSWERED);
  EXPECT_EQ(Question("q").answer(), "昨日");
  EXPECT_EQ(Question("q").answered_by(), "person:rep");
  EXPECT_THAT(Receivers(applied_), ElementsAre("moj")) << "its other agents need not answer";
  EXPECT_EQ(Outbox("moj").size(), 2u);
  EXPECT_THAT(*View()->Ids(List::kQuestionsOpen, "", "", 10), IsEmpty());
  EXPECT_EQ(Do(deeds::Answer("q"), "rep", "moj"), kRefusedState);
  EXPECT_EQ(Do(deeds::Withdraw("q")), kRefusedState);
  EXPECT_EQ(Question("q").answer(), "昨日");
}

TEST_F(QuestionsTest, TextsHaveAnEnd) {
  const uint64_t id = NewCase("moj");
  v1::Action asked = deeds::Ask("q", id, "moj");
  asked.mutable_question_asked()->set_text(std::string(kQuestionBytesMax + 1, 'x'));
  EXPECT_EQ(Do(asked), kRefusedTooLong);
  asked.mutable_question_asked()->set_text(std::string(kQuestionBytesMax, 'x'));
  EXPECT_EQ(Do(asked), "");
  v1::Action answered = deeds::Answer("q");
  answered.mutable_question_answered()->set_text(std::string(kAnswerBytesMax + 1, 'x'));
  EXPECT_EQ(Do(answered, "rep", "moj"), kRefusedTooLong);
  answered.mutable_question_answered()->set_text(std::string(kAnswerBytesMax, 'x'));
  EXPECT_EQ(Do(answered, "rep", "moj"), "");
}

TEST_F(QuestionsTest, CentreMayWriteDownAnAnswer) {
  const uint64_t id = NewCase("moj");
  ASSERT_EQ(Do(deeds::Ask("q", id, "moj")), "");
  EXPECT_EQ(Do(deeds::Answer("q", "鈴木"), "ana", "centre"), "");
  EXPECT_EQ(Question("q").answered_by(), "鈴木");
}

TEST_F(QuestionsTest, OnlyAReporterOfTheCaseIsAsked) {
  const uint64_t id = NewCase("moj");
  EXPECT_EQ(Do(deeds::Ask("q", id, "nict")), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Ask("q", 999, "moj")), kRefusedNotFound);
  v1::Action malformed = deeds::Ask("q", id, "moj");
  malformed.mutable_question_asked()->set_question_id("short");
  EXPECT_EQ(Do(malformed), kRefusedNotFound);
  const uint64_t into = NewCase("nict");
  ASSERT_EQ(Do(deeds::Join(id, into)), "");
  EXPECT_EQ(Do(deeds::Ask("q", id, "moj")), kRefusedState);
  EXPECT_EQ(Outbox("moj").size(), 0u);
  EXPECT_EQ(Do(deeds::Ask("q", into, "moj")), "");
}

TEST_F(QuestionsTest, WithdrawnQuestionIsToldAndStaysUnanswered) {
  const uint64_t id = NewCase("moj");
  ASSERT_EQ(Do(deeds::Ask("q", id, "moj")), "");
  EXPECT_EQ(Do(deeds::Withdraw("q")), "");
  EXPECT_EQ(Question("q").state(), store::v1::QUESTION_STATE_WITHDRAWN);
  EXPECT_EQ(Outbox("moj").size(), 2u);
  EXPECT_THAT(*View()->Ids(List::kQuestionsOpen, "", "", 10), IsEmpty());
  EXPECT_EQ(Do(deeds::Answer("q"), "rep", "moj"), kRefusedState);
  EXPECT_EQ(Do(deeds::Withdraw("q")), kRefusedState);
  EXPECT_EQ(Do(deeds::Withdraw("none")), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Answer("none"), "rep", "moj"), kRefusedNotFound);
}

// ---- samples ----

class SamplesTest : public DeedScene {
 protected:
  v1::RequestState StateOf(const std::string& id) const {
    return (*View()->AnalysisRequest(IdOf(id)))->state();
  }
  std::vector<std::string> InState(v1::RequestState state) const {
    return *View()->Ids(List::kRequestsByState, std::to_string(state), "", 10);
  }
};

TEST_F(SamplesTest, SampleIsStoredOnceAndCountsWhoTookIt) {
  const uint64_t id = NewCase("moj");
  ASSERT_EQ(Do(deeds::Sample("s", "moj", id), "rep", "moj"), "");
  EXPECT_THAT(applied_.samples, ElementsAre(IdOf("s")));
  const store::SampleRow row = **View()->Sample(IdOf("s"));
  EXPECT_EQ(row.organization(), "moj");
  EXPECT_EQ(row.case_id(), id);
  EXPECT_EQ(row.name(), "s.exe");
  EXPECT_EQ(row.handling().tlp(), v1::TLP_AMBER);
  EXPECT_EQ(row.stored_by(), "person:rep");
  EXPECT_EQ(row.sequence(), last_);
  EXPECT_THAT(*View()->Ids(List::kSamplesOf, "moj", "", 10), ElementsAre(IdOf("s")));
  EXPECT_THAT(*View()->Ids(List::kSamplesOfCase, store::NumberOwner(id), "", 10),
              ElementsAre(IdOf("s")));
  EXPECT_EQ(Do(deeds::Sample("s", "moj"), "rep", "moj"), kRefusedUsed);
  EXPECT_EQ(Do(deeds::Take("s")), "");
  EXPECT_EQ(Do(deeds::Take("s"), "app"), "");
  EXPECT_EQ((*View()->Sample(IdOf("s")))->taken(), 2u);
  EXPECT_EQ(Do(deeds::Take("none")), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Sample("x", "none")), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Sample("x", "moj", 999)), kRefusedNotFound);
}

TEST_F(SamplesTest, OwnerAndCentreAskForAnalysis) {
  ASSERT_EQ(Do(deeds::Sample("s", "moj"), "rep", "moj"), "");
  EXPECT_EQ(Do(deeds::Request("r", "s"), "x", "nict"), kRefusedOwner);
  EXPECT_EQ(Do(deeds::Request("r", "none"), "rep", "moj"), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Request("r", "s"), "rep", "moj"), "");
  EXPECT_EQ(Do(deeds::Request("r", "s"), "rep", "moj"), kRefusedUsed);
  EXPECT_EQ(Do(deeds::Request("c", "s"), "ana", "centre"), "");
  EXPECT_EQ((*View()->AnalysisRequest(IdOf("r")))->organization(), "moj");
  EXPECT_EQ((*View()->AnalysisRequest(IdOf("c")))->organization(), "moj") << "whose sample it is";
  EXPECT_EQ(View()->Ids(List::kRequestsOf, "moj", "", 10)->size(), 2u);
  EXPECT_EQ((*View()->AnalysisRequest(IdOf("c")))->asked_by(), "person:ana");
  EXPECT_EQ(View()->Ids(List::kRequestsOfSample, ToHex(IdOf("s")), "", 10)->size(), 2u);
  EXPECT_EQ(InState(v1::REQUEST_STATE_ASKED).size(), 2u);
}

TEST_F(SamplesTest, RequestsMoveForwardOnly) {
  ASSERT_EQ(Do(deeds::Sample("s", "moj"), "rep", "moj"), "");
  ASSERT_EQ(Do(deeds::Request("r", "s")), "");
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_ASKED)), kRefusedState);
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_UNSPECIFIED)), kRefusedState);
  EXPECT_EQ(Do(deeds::Move("r", static_cast<v1::RequestState>(77))), kRefusedState);
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_RUNNING)), "");
  EXPECT_THAT(InState(v1::REQUEST_STATE_ASKED), IsEmpty());
  EXPECT_THAT(InState(v1::REQUEST_STATE_RUNNING), ElementsAre(IdOf("r")));
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_ACCEPTED)), kRefusedState);
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_DONE)), "");
  EXPECT_EQ((*View()->AnalysisRequest(IdOf("r")))->result(), "result");
  EXPECT_EQ(Do(deeds::Move("r", v1::REQUEST_STATE_DECLINED)), kRefusedState) << "done is done";
  EXPECT_EQ(StateOf("r"), v1::REQUEST_STATE_DONE);
  EXPECT_EQ(Do(deeds::Move("none", v1::REQUEST_STATE_DONE)), kRefusedNotFound);
  ASSERT_EQ(Do(deeds::Request("d", "s")), "");
  EXPECT_EQ(Do(deeds::Move("d", v1::REQUEST_STATE_DECLINED)), "");
  EXPECT_EQ(Do(deeds::Move("d", v1::REQUEST_STATE_DONE)), kRefusedState);
}

// ---- two persons ----

class ProposalsTest : public DeedScene {
 protected:
  static v1::AlertIssued Alert(char id = 'A') { return Script::Warning(id, v1::TLP_GREEN, "all"); }
  store::v1::ProposalState StateOf(const std::string& id) const {
    return (*View()->Proposal(IdOf(id)))->state();
  }
  size_t Alerts() const { return View()->Alerts(0, 10)->size(); }
};

TEST_F(ProposalsTest, AnotherPersonDecidesOnce) {
  ASSERT_EQ(Do(deeds::Propose("p", Alert())), "");
  EXPECT_THAT(*View()->Ids(List::kProposalsOpen, "", "", 10), ElementsAre(IdOf("p")));
  EXPECT_EQ(Alerts(), 0u);
  EXPECT_EQ(Do(deeds::Propose("p", Alert()), "app"), kRefusedUsed);
  EXPECT_EQ(Do(deeds::Decide("p", true), "ana"), kRefusedSamePerson);
  EXPECT_EQ(Do(deeds::Decide("p", false), "ana"), kRefusedSamePerson);
  EXPECT_EQ(Alerts(), 0u);
  EXPECT_EQ(StateOf("p"), store::v1::PROPOSAL_STATE_OPEN);
  EXPECT_EQ(Do(deeds::Decide("p", true), "app"), "");
  EXPECT_EQ(StateOf("p"), store::v1::PROPOSAL_STATE_APPROVED);
  EXPECT_EQ(OnlyAlert().issued_by(), "person:ana, person:app");
  EXPECT_EQ(OnlyAlert().sequence(), last_);
  EXPECT_THAT(*View()->Ids(List::kProposalsOpen, "", "", 10), IsEmpty());
  EXPECT_EQ(Do(deeds::Decide("p", true), "app"), kRefusedState);
  EXPECT_EQ(Do(deeds::Decide("p", false), "app"), kRefusedState);
  EXPECT_EQ(Alerts(), 1u);
  EXPECT_EQ(View()->OutboxBefore("moj", 0, 10)->size(), 1u);
  EXPECT_EQ(Do(deeds::Decide("none", true), "app"), kRefusedNotFound);
}

TEST_F(ProposalsTest, WhoeverComesByTheSocketIsOnePersonAllTheSame) {
  const auto propose = [&](const std::string& id, char alert) {
    script_.Add(v1::ENTRY_KIND_ACTION, deeds::Propose(id, Alert(alert)), "", "admin:suzuki");
    Follow();
    return (*View()->Proposal(IdOf(id)))->proposed_by();
  };
  EXPECT_EQ(propose("p", 'A'), "admin:suzuki");
  v1::Action bound = deeds::Person("app", "centre", {v1::ROLE_APPROVER});
  bound.mutable_person_set()->set_local_login("suzuki");
  ASSERT_EQ(Do(bound, "root"), "");
  EXPECT_EQ(Do(deeds::Decide("p", true), "app"), kRefusedSamePerson) << "bound since";
  EXPECT_EQ(propose("q", 'B'), "person:app");
  EXPECT_EQ(Do(deeds::Decide("q", true), "app"), kRefusedSamePerson);
  EXPECT_EQ(Alerts(), 0u);
  EXPECT_EQ(Do(deeds::Decide("q", true), "root"), "");
  EXPECT_EQ(Alerts(), 1u);
}

TEST_F(ProposalsTest, NothingIsIssuedWhenItIsRejected) {
  ASSERT_EQ(Do(deeds::Propose("p", Alert())), "");
  EXPECT_EQ(Do(deeds::Decide("p", false), "app"), "");
  EXPECT_EQ(StateOf("p"), store::v1::PROPOSAL_STATE_REJECTED);
  EXPECT_EQ(Do(deeds::Decide("p", true), "root"), kRefusedState);
  EXPECT_EQ(Alerts(), 0u);
}

TEST_F(ProposalsTest, WhatCannotBeIssuedIsRefusedAndNotApproved) {
  v1::AlertIssued malformed = Alert();
  malformed.mutable_alert()->set_alert_id("short");
  EXPECT_EQ(Do(deeds::Propose("p", malformed)), kRefusedAlert);
  v1::AlertIssued large = Alert();
  large.mutable_alert()->set_text_ja(std::string(kAlertBytesMax + 1, 'x'));
  EXPECT_EQ(Do(deeds::Propose("p", large)), kRefusedAlert);
  EXPECT_EQ(Do(deeds::Propose("p", v1::AlertIssued())), kRefusedAlert);

  ASSERT_EQ(Do(deeds::Propose("p", Alert('A'))), "");
  ASSERT_EQ(Do(deeds::Propose("q", Alert('A'))), "");
  EXPECT_EQ(Do(deeds::Decide("p", true), "app"), "");
  EXPECT_EQ(Do(deeds::Decide("q", true), "app"), kRefusedUsed) << "the same alert, once more";
  EXPECT_EQ(StateOf("q"), store::v1::PROPOSAL_STATE_OPEN);
  EXPECT_EQ(Do(deeds::Decide("q", false), "app"), "");
  EXPECT_EQ(Alerts(), 1u);
}

// ---- audit, repeated calls ----

class AuditTest : public DeedScene {};

TEST_F(AuditTest, EachActionLeavesOneRowWhateverCameOfIt) {
  const uint64_t id = NewCase();
  const size_t before = View()->Audit(0, 1000)->size();
  v1::Action done = deeds::Prioritise(id, 1);
  done.set_session(HashOf("s"));
  done.set_address("192.0.2.7");
  done.set_location("/api/v1/cases/" + std::to_string(id));
  ASSERT_EQ(Do(done), "");
  const store::AuditRow row = **View()->AuditOf(last_);
  EXPECT_EQ(row.sequence(), last_);
  EXPECT_EQ(row.time_ms(), journal_.time_ms());
  EXPECT_EQ(row.organization(), "centre");
  EXPECT_EQ(row.actor(), "person:ana");
  EXPECT_EQ(row.address(), "192.0.2.7");
  EXPECT_EQ(row.what(), "case_prioritised");
  EXPECT_EQ(row.object(), done.location());
  EXPECT_EQ(row.session(), HashOf("s"));
  EXPECT_EQ(row.refused(), "");
  const uint64_t first = last_;
  ASSERT_EQ(Do(deeds::Close(id, 77)), kRefusedStale);
  const uint64_t second = last_;
  v1::Action read;
  read.mutable_content_read()->set_object("/api/v1/cases/1");
  ASSERT_EQ(Do(read, "app"), "");
  v1::Action refused;
  refused.mutable_sign_in_refused()->set_person("ana");
  ASSERT_EQ(Do(refused, "app"), "");
  EXPECT_EQ(View()->Audit(0, 1000)->size(), before + 4);
  EXPECT_EQ(View()->Audit(0, 1000)->front().what(), "sign_in_refused");
  EXPECT_EQ(View()->Audit(second, 1)->front().sequence(), first);
  EXPECT_THAT(*View()->Ids(List::kAuditOf, "person:ana", "", 2),
              ElementsAre(BigEndian64(second), BigEndian64(first)));
  EXPECT_EQ(View()->Ids(List::kAuditOf, "person:app", "", 10)->size(), 2u);
  NewCase();
  EXPECT_EQ(View()->Audit(0, 1000)->size(), before + 4) << "only what persons do";
}

TEST_F(AuditTest, RequestKeysAreRecordedOnlyWhenDone) {
  const uint64_t id = NewCase();
  v1::Action action = deeds::Close(id, 5);
  action.set_request_key(HashOf("key"));
  action.set_request_digest(HashOf("digest"));
  action.set_location("/there");
  ASSERT_EQ(Do(action), kRefusedStale);
  EXPECT_FALSE(View()->Request("person:ana", HashOf("key"))->has_value());
  action.mutable_case_closed()->set_expected_version(0);
  ASSERT_EQ(Do(action), "") << "with the same key: nothing was done before";
  const store::RequestRow row = **View()->Request("person:ana", HashOf("key"));
  EXPECT_EQ(row.digest(), HashOf("digest"));
  EXPECT_EQ(row.location(), "/there");
  EXPECT_EQ(row.sequence(), last_);
  EXPECT_FALSE(View()->Request("person:app", HashOf("key"))->has_value());
}

TEST_F(AuditTest, RefusedSignInIsNothingDone) {
  v1::Action action;
  action.mutable_sign_in_refused()->set_person("ana");
  action.set_request_key(HashOf("key"));
  ASSERT_EQ(Do(action), "");
  EXPECT_FALSE(View()->Request("person:ana", HashOf("key"))->has_value());
}

TEST_F(AuditTest, RepeatedCallIsNotDoneAgain) {
  v1::Action action = deeds::Open("incident", "手で");
  action.set_request_key(HashOf("key"));
  ASSERT_EQ(Do(action), "");
  const uint64_t first = last_;
  EXPECT_EQ(Do(action), kRefusedRepeated);
  EXPECT_FALSE(View()->Case(last_)->has_value());
  EXPECT_EQ((*View()->Request("person:ana", HashOf("key")))->sequence(), first);
  EXPECT_EQ(Do(action, "app"), "") << "another person's key is another";
}

TEST_F(AuditTest, CallsAreForgottenAfterTheirTime) {
  const auto call = [&](const std::string& key) {
    v1::Action action = deeds::Open("incident", "手で");
    action.set_request_key(HashOf(key));
    return Do(action);
  };
  const auto is_there = [&](const std::string& key) {
    return View()->Request("person:ana", HashOf(key))->has_value();
  };
  const size_t old = kRequestsForgottenMax + 1;
  for (size_t i = 0; i < old; ++i) ASSERT_EQ(call("old" + std::to_string(i)), "");
  journal_.set_time_ms(journal_.time_ms() + kRequestLifeMs);
  EXPECT_EQ(call("old1"), kRefusedRepeated) << "its time is not over";
  ASSERT_EQ(call("in-time"), "");
  EXPECT_TRUE(is_there("old0"));
  journal_.set_time_ms(journal_.time_ms() + 1);
  EXPECT_EQ(call("old" + std::to_string(old - 1)), "") << "over: it is another call";
  EXPECT_TRUE(is_there("old" + std::to_string(old - 1)));
  EXPECT_FALSE(is_there("old0"));
  EXPECT_FALSE(is_there("old" + std::to_string(old - 2)));
  EXPECT_TRUE(is_there("in-time"));
}

TEST_F(AuditTest, AgentsOfTwoOrganisationsAreTwo) {
  const uint64_t first = NewCase("moj");
  const uint64_t second = NewCase("nict");
  ASSERT_EQ(Do(deeds::Ask("q", first, "moj")), "");
  ASSERT_EQ(Do(deeds::Ask("r", second, "nict")), "");
  const auto answer = [&](const std::string& question, const std::string& organization) {
    v1::Action action = deeds::Answer(question);
    action.set_request_key(HashOf("key"));
    last_ = script_.Add(v1::ENTRY_KIND_ACTION, action, organization, "a");
    Follow();
    return (*View()->AuditOf(last_))->refused();
  };
  EXPECT_EQ(answer("q", "moj"), "");
  EXPECT_EQ(answer("r", "nict"), "") << "another agent's key is another";
  EXPECT_EQ((*View()->AuditOf(last_))->actor(), "nict/a");
  EXPECT_EQ(View()->Ids(List::kAuditOf, "nict/a", "", 10)->size(), 1u);
  EXPECT_EQ(View()->Ids(List::kAuditOf, "moj/a", "", 10)->size(), 1u);
  EXPECT_EQ(View()->Ids(List::kAuditOf, "a", "", 10)->size(), 0u);
}

TEST_F(AuditTest, ActionOfANewerHubStopsTheEngine) {
  script_.Add(v1::ENTRY_KIND_ACTION, v1::Action(), "centre", "person:ana");
  const auto entries = *journal_.Read(engine_->next(), 10, SIZE_MAX);
  const auto applied = engine_->Apply(entries);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace noroshi::engine
