// Questions on their way out, and answers on their way in.
#include <gmock/gmock.h>

#include "hub/fanout/fanout.h"
#include "noroshi/v1/action.pb.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::fanout {
namespace {

using engine::Script;
using ::testing::HasSubstr;

class QuestionsTest : public engine::Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    script_.Enrol("moj", "a", "s1");
    script_.Enrol("moj", "b", "s2");
    script_.Enrol("bank", "a", "s3");
    report_ = script_.Incident("停電");
    const uint64_t sequence = script_.Submit("moj", report_);
    Follow();
    case_id_ = Submission(sequence).case_id();
    fanout_ = std::make_unique<Fanout>(&journal_, store_.get());
    question_ = Ask("いつ復旧しましたか。");
  }
  void TearDown() override {
    fanout_.reset();
    Scene::TearDown();
  }

  // The engine catches up and fan-out hears of it, as in the hub.
  void Apply() {
    const engine::Applied applied = Follow();
    fanout_->OnApplied(applied.outboxes);
    fanout_->OnEntriesApplied(applied.next);
  }
  uint64_t Act(const v1::Action& action, const std::string& organization = "",
               const std::string& agent = "person:tanaka") {
    return script_.Add(v1::ENTRY_KIND_ACTION, action, organization, agent);
  }
  std::string Ask(const std::string& text) {
    v1::Action action;
    v1::QuestionAsked& asked = *action.mutable_question_asked();
    asked.set_question_id(std::string(Uuid::kBytes, ++last_id_));
    asked.set_case_id(case_id_);
    asked.set_organization("moj");
    asked.set_text(text);
    asked.set_answer_by_ms(journal_.time_ms() + 1000);
    Act(action);
    Apply();
    return asked.question_id();
  }
  void Withdraw() {
    v1::Action action;
    action.mutable_question_withdrawn()->set_question_id(question_);
    action.mutable_question_withdrawn()->set_reason("not needed");
    Act(action);
  }
  // Everything that moj's agent gets.
  std::vector<v1::Delivery> Delivered() {
    const auto batch = fanout_->Subscribe({"moj", "a", journal_.log_id(), 0}, [] {})
                           ->After(0, kItemsMax, SIZE_MAX);
    EXPECT_TRUE(batch.ok());
    std::vector<v1::Delivery> deliveries;
    for (const std::string& bytes : batch->deliveries) {
      EXPECT_TRUE(deliveries.emplace_back().ParseFromString(bytes));
    }
    return deliveries;
  }
  v1::AnswerQuestion Words(const std::string& text) const {
    v1::AnswerQuestion answer;
    answer.set_question_id(question_);
    answer.set_text(text);
    answer.set_person("鈴木");
    return answer;
  }
  // What becomes of an answer; empty: nobody has been told yet.
  using Told = std::shared_ptr<std::optional<Result<void>>>;
  Told Answer(const v1::AnswerQuestion& answer, const std::string& organization = "moj",
              const std::string& agent = "a") {
    Told told = std::make_shared<std::optional<Result<void>>>();
    fanout_->Answer(organization, agent, answer, [told](Result<void> done) {
      EXPECT_FALSE(told->has_value());
      told->emplace(std::move(done));
    });
    return told;
  }
  static ErrorCode CodeOf(const Told& told) {
    EXPECT_TRUE(told->has_value() && !(*told)->ok());
    return told->has_value() && !(*told)->ok() ? (*told)->error().code : ErrorCode::kInternal;
  }
  static std::string WhyOf(const Told& told) {
    return told->has_value() && !(*told)->ok() ? (*told)->error().message : "";
  }
  static bool Accepted(const Told& told) { return told->has_value() && (*told)->ok(); }
  store::QuestionRow Row() const { return **View()->Question(question_); }

  std::unique_ptr<Fanout> fanout_;
  v1::Submission report_;
  uint64_t case_id_ = 0;
  std::string question_;
  char last_id_ = 'p';
};

TEST_F(QuestionsTest, IsDeliveredWithWhatTheReporterMayKnow) {
  const auto deliveries = Delivered();
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].reason(), "submitter");
  const v1::Question& question = deliveries[0].question();
  EXPECT_EQ(question.question_id(), question_);
  EXPECT_EQ(question.case_reference(), report_.id());
  EXPECT_EQ(question.text(), "いつ復旧しましたか。");
  EXPECT_EQ(question.asked_at_ms(), journal_.time_ms());
  EXPECT_EQ(question.answer_by_ms(), journal_.time_ms() + 1000);
  EXPECT_FALSE(question.withdrawn());
  EXPECT_EQ(deliveries[0].SerializeAsString().find("tanaka"), std::string::npos);
}

TEST_F(QuestionsTest, WithdrawnOneIsDeliveredAgainAsSuch) {
  // What was rendered before stays in memory while somebody is subscribed.
  const auto subscription = fanout_->Subscribe({"moj", "b", journal_.log_id(), 0}, [] {});
  ASSERT_TRUE(subscription->After(0, kItemsMax, SIZE_MAX).ok());
  Withdraw();
  Apply();
  const auto deliveries = Delivered();
  ASSERT_EQ(deliveries.size(), 2u);
  EXPECT_TRUE(deliveries[1].question().withdrawn());
  EXPECT_EQ(deliveries[1].question().question_id(), question_);
}

TEST_F(QuestionsTest, IsDeliveredAsItStandsNow) {
  Withdraw();
  Apply();
  for (const v1::Delivery& delivery : Delivered()) {
    EXPECT_TRUE(delivery.question().withdrawn());
  }
  EXPECT_EQ(Delivered().size(), 2u);
}

TEST_F(QuestionsTest, AnswerIsAcceptedWhenTheEngineHasTakenIt) {
  const auto told = Answer(Words("九時に復旧した。"));
  EXPECT_FALSE(told->has_value());
  EXPECT_EQ(fanout_->pending_answers(), 1u);
  Apply();
  EXPECT_TRUE(Accepted(told));
  EXPECT_EQ(fanout_->pending_answers(), 0u);
  EXPECT_EQ(Row().state(), store::v1::QUESTION_STATE_ANSWERED);
  EXPECT_EQ(Row().answer(), "九時に復旧した。");
  EXPECT_EQ(Row().answered_by(), "鈴木");
  const auto audit = *View()->AuditOf(journal_.size() - 1);
  EXPECT_EQ(audit->organization(), "moj");
  EXPECT_EQ(audit->actor(), "moj/a");
  EXPECT_EQ(audit->what(), "question_answered");
  EXPECT_THAT(audit->object(), HasSubstr("/questions/" + Uuid::FromBytes(question_)->ToString()));
}

TEST_F(QuestionsTest, AnsweredOneIsDeliveredAgainAsSuch) {
  Answer(Words("九時に復旧した。"));
  Apply();
  const auto deliveries = Delivered();
  ASSERT_EQ(deliveries.size(), 2u);
  EXPECT_TRUE(deliveries[1].question().answered());
  EXPECT_FALSE(deliveries[1].question().withdrawn());
}

TEST_F(QuestionsTest, SameWordsAgainAreAcceptedAgainAndAreNoEntry) {
  Answer(Words("はい"));
  Apply();
  const uint64_t size = journal_.size();
  EXPECT_TRUE(Accepted(Answer(Words("はい"))));
  EXPECT_TRUE(Accepted(Answer(Words("はい"), "moj", "b")));
  EXPECT_EQ(journal_.size(), size);
}

TEST_F(QuestionsTest, OtherWordsAfterAnAnswerAreRefused) {
  Answer(Words("はい"));
  Apply();
  const uint64_t size = journal_.size();
  const auto told = Answer(Words("いいえ"), "moj", "b");
  EXPECT_EQ(CodeOf(told), ErrorCode::kConflict);
  EXPECT_THAT(WhyOf(told), HasSubstr("already_answered"));
  EXPECT_EQ(journal_.size(), size);
  EXPECT_EQ(Row().answer(), "はい");
}

TEST_F(QuestionsTest, WhoLosesTheRaceIsToldSoAndNotThatItWasAccepted) {
  v1::Action centre;
  centre.mutable_question_answered()->set_question_id(question_);
  centre.mutable_question_answered()->set_text("電話で回答あり");
  Act(centre);  // In the journal, and not applied yet.
  const auto other = Answer(Words("はい"));
  Apply();
  EXPECT_EQ(CodeOf(other), ErrorCode::kConflict);
  EXPECT_THAT(WhyOf(other), HasSubstr("already_answered"));
  EXPECT_EQ(Row().answer(), "電話で回答あり");
}

TEST_F(QuestionsTest, SameWordsOfBeforeARestartAreAccepted) {
  Answer(Words("はい"));
  // The hub stops before the engine has it; the agent asks the next one.
  fanout_ = std::make_unique<Fanout>(&journal_, store_.get());
  const auto told = Answer(Words("はい"));
  Apply();
  EXPECT_TRUE(Accepted(told));
}

TEST_F(QuestionsTest, WithdrawnInTheSameMomentIsSaid) {
  Withdraw();
  const auto late = Answer(Words("はい"));
  Apply();
  EXPECT_THAT(WhyOf(late), HasSubstr("withdrawn"));
  EXPECT_THAT(WhyOf(Answer(Words("はい"))), HasSubstr("withdrawn"));
}

TEST_F(QuestionsTest, OneAnswerToAQuestionIsUnderWayAtATime) {
  const auto first = Answer(Words("はい"));
  const auto same = Answer(Words("はい"), "moj", "b");
  const auto other = Answer(Words("いいえ"), "moj", "b");
  EXPECT_EQ(CodeOf(other), ErrorCode::kUnavailable);
  const uint64_t size = journal_.size();
  Apply();
  EXPECT_TRUE(Accepted(first));
  EXPECT_TRUE(Accepted(same));
  EXPECT_EQ(journal_.size(), size);
}

TEST_F(QuestionsTest, AbsentAndForeignOnesAreRefusedAlike) {
  const auto foreign = Answer(Words("はい"), "bank");
  v1::AnswerQuestion absent = Words("はい");
  absent.set_question_id(std::string(16, '?'));
  const auto unknown = Answer(absent, "bank");
  EXPECT_EQ(CodeOf(foreign), ErrorCode::kDenied);
  EXPECT_THAT(WhyOf(foreign), HasSubstr("not_asked"));
  EXPECT_EQ(CodeOf(unknown), CodeOf(foreign));
  EXPECT_EQ(WhyOf(unknown), WhyOf(foreign));
  Answer(Words("はい"));
  Apply();
  EXPECT_EQ(WhyOf(Answer(Words("はい"), "bank")), WhyOf(foreign));
}

TEST_F(QuestionsTest, WhatTheStateDoesNotKnowYetComesAgain) {
  script_.Enrol("moj", "new", "s9");
  EXPECT_EQ(CodeOf(Answer(Words("はい"), "moj", "new")), ErrorCode::kUnavailable);
}

TEST_F(QuestionsTest, RevokedAgentsAnswerNothing) {
  script_.Revoke("moj", "a");
  Apply();
  EXPECT_EQ(CodeOf(Answer(Words("はい"))), ErrorCode::kDenied);
  EXPECT_EQ(Row().state(), store::v1::QUESTION_STATE_ASKED);
}

TEST_F(QuestionsTest, AnswerBeyondItsLimitsIsInvalid) {
  v1::AnswerQuestion answer = Words("はい");
  answer.set_question_id("short");
  EXPECT_EQ(CodeOf(Answer(answer)), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Answer(Words(""))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Answer(Words(std::string(kAnswerBytesMax + 1, 't')))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Answer(Words("\xff"))), ErrorCode::kInvalid);
  answer = Words("はい");
  answer.set_person(std::string(kPersonBytesMax + 1, 'p'));
  EXPECT_EQ(CodeOf(Answer(answer)), ErrorCode::kInvalid);
  answer.set_person(std::string(kPersonBytesMax, 'p'));
  answer.set_text(std::string(kAnswerBytesMax, 't'));
  const auto largest = Answer(answer);
  Apply();
  EXPECT_TRUE(Accepted(largest));
}

TEST_F(QuestionsTest, AnswerSaysWhenTheJournalRefusesAndMayComeAgain) {
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  EXPECT_EQ(CodeOf(Answer(Words("はい"))), ErrorCode::kNoSpace);
  EXPECT_EQ(fanout_->pending_answers(), 0u);
  journal_.set_refusal({});
  const auto told = Answer(Words("はい"));
  Apply();
  EXPECT_TRUE(Accepted(told));
}

TEST_F(QuestionsTest, EngineThatIsAheadOfTheJournalsAnswerIsNotWaitedFor) {
  // The engine has applied what the journal has not told us of yet.
  fanout_->OnEntriesApplied(journal_.size() + 1);
  const auto told = Answer(Words("はい"));
  // Its audit is not there: never an acceptance.
  EXPECT_EQ(CodeOf(told), ErrorCode::kCorruption);
}

TEST_F(QuestionsTest, CallersWhoWaitAreBounded) {
  for (size_t i = 0; i < kAnswersPendingMax; ++i) Answer(Words("はい"));
  EXPECT_EQ(fanout_->pending_answers(), kAnswersPendingMax);
  EXPECT_EQ(CodeOf(Answer(Words("はい"))), ErrorCode::kOverloaded);
  Apply();
  EXPECT_EQ(fanout_->pending_answers(), 0u);
  EXPECT_TRUE(Accepted(Answer(Words("はい"))));
}

TEST_F(QuestionsTest, NobodyIsToldAfterTheEnd) {
  const auto told = Answer(Words("はい"));
  fanout_.reset();
  EXPECT_FALSE(told->has_value());
}

}  // namespace
}  // namespace noroshi::fanout
