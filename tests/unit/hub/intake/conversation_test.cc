// The conversation without sockets: what needs a journal that waits or fails.
#include "hub/intake/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/frame.h"
#include "hub/intake/codes.h"
#include "tests/unit/hub/intake/fakes.h"
#include "tests/unit/hub/intake/samples.h"

namespace noroshi::intake {
namespace {

class ConversationTest : public testing::Test {
 protected:
  void Begin(Mode mode = Mode::kAgent) {
    admission_ = std::make_unique<Admission>(limits_);
    services_ = std::make_unique<Services>(Services{journal_, directory_, registrar_, feed_, clock_,
                                                    vocabulary_, limits_, *admission_, counters_});
    Party party;
    party.mode = mode;
    party.identity = {"mof", "agent-1"};
    party.not_after_ms = kNowMs + 1'000'000'000;
    ASSERT_TRUE(admission_->OpenSession("mof", 0));
    mailbox_ = std::make_shared<Mailbox>([this] { ++wakes_; });
    conversation_ = std::make_unique<Conversation>(*services_, party, mailbox_);
  }
  void Greet(bool wants_deliveries = false) {
    v1::AgentFrame frame;
    frame.mutable_hello()->set_wants_deliveries(wants_deliveries);
    Say(frame);
    ASSERT_TRUE(Heard().front().has_welcome());
  }
  void Put(const v1::AgentFrame& frame) { conversation_->OnFrame(frame.SerializeAsString()); }
  void Say(const v1::AgentFrame& frame) {
    Put(frame);
    conversation_->EndOfRead();
  }
  v1::AgentFrame Submit(const v1::Submission& submission) {
    v1::AgentFrame frame;
    frame.mutable_submit()->set_submission(submission.SerializeAsString());
    return frame;
  }
  std::vector<v1::HubFrame> Heard() {
    wire::FrameDecoder decoder;
    decoder.Append(conversation_->TakeOutput());
    std::vector<v1::HubFrame> frames;
    while (true) {
      auto next = decoder.Next();
      if (!next.ok() || !next->has_value()) return frames;
      frames.emplace_back();
      EXPECT_TRUE(frames.back().ParseFromString(std::string(**next)));
    }
  }
  void Deliver() { conversation_->OnEvents(mailbox_->Take()); }

  Limits limits_;
  Vocabulary vocabulary_ = TestVocabulary();
  HeldJournal journal_;
  YesDirectory directory_;
  HeldRegistrar registrar_;
  HeldFeed feed_;
  StandingClock clock_{kNowMs};
  Counters counters_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Services> services_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<Conversation> conversation_;
  int wakes_ = 0;
};

TEST_F(ConversationTest, JournalErrorsBecomeRejections) {
  struct {
    ErrorCode error;
    const char* code;
    bool retryable;
  } const rows[] = {
      {ErrorCode::kConflict, rejection::kIdConflict, false},
      {ErrorCode::kOverloaded, rejection::kOverloaded, true},
      {ErrorCode::kNoSpace, rejection::kNoSpace, true},
      {ErrorCode::kUnavailable, rejection::kUnavailable, true},
      {ErrorCode::kIo, rejection::kInternal, true},
  };
  Begin();
  Greet();
  for (const auto& row : rows) {
    const v1::Submission mail = SampleMail();
    Say(Submit(mail));
    journal_.Fail(row.error);
    Deliver();
    const auto answers = Heard();
    ASSERT_EQ(answers.size(), 1U);
    const v1::Rejection& rejection = answers[0].rejection();
    EXPECT_EQ(rejection.code(), row.code);
    EXPECT_EQ(rejection.submission_id(), mail.id());
    EXPECT_EQ(rejection.retryable(), row.retryable);
    EXPECT_EQ(rejection.retry_after_ms() > 0, row.retryable);
  }
  EXPECT_EQ(admission_->memory_used(), 0U);
}

TEST_F(ConversationTest, OneWakeAndOneFrameForAllReceiptsOfABatch) {
  Begin();
  Greet();
  for (int i = 0; i < 50; ++i) Put(Submit(SampleMail()));
  conversation_->EndOfRead();
  EXPECT_EQ(journal_.waiting(), 50U);
  EXPECT_GT(admission_->memory_used(), 0U);
  journal_.Accept();
  EXPECT_EQ(wakes_, 1);
  Deliver();
  const auto answers = Heard();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].receipts().receipts_size(), 50);
  EXPECT_EQ(answers[0].receipts().head().tree_size(), 51U);
  EXPECT_EQ(answers[0].receipts().consistency_proof(), "proof");
  EXPECT_EQ(admission_->memory_used(), 0U);
}

TEST_F(ConversationTest, ReceiptsAreSplitBeforeAFrameIsFull) {
  Begin();
  Greet();
  for (int i = 0; i < 1000; ++i) Put(Submit(SampleMail()));
  conversation_->EndOfRead();
  journal_.Accept();
  Deliver();
  int receipts = 0;
  const auto answers = Heard();
  EXPECT_GT(answers.size(), 1U);
  for (const auto& answer : answers) receipts += answer.receipts().receipts_size();
  EXPECT_EQ(receipts, 1000);
}

TEST_F(ConversationTest, IncidentsOvertakeMailsOfTheSameRead) {
  Begin();
  Greet();
  Put(Submit(SampleMail()));
  Put(Submit(SampleObservation()));
  Put(Submit(SampleIncident()));
  conversation_->EndOfRead();
  ASSERT_EQ(journal_.drafts.size(), 3U);
  EXPECT_EQ(journal_.drafts[0].kind, v1::ENTRY_KIND_INCIDENT_REPORT);
  EXPECT_EQ(journal_.drafts[1].kind, v1::ENTRY_KIND_SUSPICIOUS_MAIL);
  EXPECT_EQ(journal_.drafts[2].kind, v1::ENTRY_KIND_OBSERVATION);
}

TEST_F(ConversationTest, DraftHoldsTheBytesAsReceivedAndTheCertificatesIdentity) {
  Begin();
  Greet();
  const std::string bytes = SampleMail().SerializeAsString() + "\xa2\x06\x03new";
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission(bytes);
  Say(frame);
  ASSERT_EQ(journal_.drafts.size(), 1U);
  EXPECT_EQ(journal_.drafts[0].body, bytes);
  EXPECT_EQ(journal_.drafts[0].organization, "mof");
  EXPECT_EQ(journal_.drafts[0].agent, "agent-1");
}

TEST_F(ConversationTest, ReadingPausesWhileTooMuchIsUnanswered) {
  limits_.outstanding_max = 3;
  Begin();
  Greet();
  for (int i = 0; i < 2; ++i) Say(Submit(SampleMail()));
  EXPECT_FALSE(conversation_->paused());
  Say(Submit(SampleMail()));
  EXPECT_TRUE(conversation_->paused());
  journal_.Accept();
  Deliver();
  EXPECT_FALSE(conversation_->paused());
}

TEST_F(ConversationTest, AnswersThatNobodyReadsEndTheSession) {
  limits_.out_pause_bytes = 1000;
  limits_.out_bytes_max = 2000;
  Begin();
  Greet();
  v1::AgentFrame ping;
  ping.mutable_ping()->set_token(1);
  while (!conversation_->over() && !conversation_->paused()) Say(ping);
  EXPECT_TRUE(conversation_->paused());
  EXPECT_FALSE(conversation_->over());
  while (!conversation_->over()) Say(ping);
  EXPECT_EQ(conversation_->ended_with(), goodbye::kSlowReader);
  EXPECT_EQ(Heard().back().goodbye().code(), goodbye::kSlowReader);
}

TEST_F(ConversationTest, DeliveriesStopAtTheMarkAndAtTheWindow) {
  limits_.delivery_mark_bytes = 10'000;
  limits_.delivery_window = 30;
  Begin();
  v1::AgentFrame hello;
  hello.mutable_hello()->set_wants_deliveries(true);
  Say(hello);
  int deliveries = 0;
  const auto count = [&] {
    const int before = deliveries;
    for (const auto& frame : Heard()) deliveries += frame.deliveries().deliveries_size();
    conversation_->OnSent();
    return deliveries - before;
  };
  EXPECT_LE(count(), 20);  // The mark, and at most one fetch beyond it.
  while (count() > 0) continue;
  EXPECT_EQ(deliveries, 30);
  v1::AgentFrame ack;
  ack.mutable_delivery_ack()->set_position(10);
  Say(ack);
  while (count() > 0) continue;
  EXPECT_EQ(deliveries, 40);
}

TEST_F(ConversationTest, StalledChunksAreRejectedRetryably) {
  Begin();
  Greet();
  v1::AgentFrame frame;
  frame.mutable_chunk()->set_submission_id(std::string(16, 'i'));
  frame.mutable_chunk()->set_total_size(100);
  frame.mutable_chunk()->set_data("abc");
  Say(frame);
  clock_.Advance(limits_.assembly_timeout.count());
  v1::AgentFrame ping;
  ping.mutable_ping();
  Say(ping);
  const auto answers = Heard();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].rejection().code(), rejection::kChunkTimeout);
  EXPECT_TRUE(answers[1].rejection().retryable());
  EXPECT_EQ(admission_->memory_used(), 0U);
}

TEST_F(ConversationTest, MarksAwaitingAnAnswerAreBounded) {
  limits_.marks_max = 2;
  Begin();
  Greet();
  v1::AgentFrame frame;
  frame.mutable_mark()->set_alert_id(std::string(16, 'a'));
  frame.mutable_mark()->set_mark(v1::DELIVERY_MARK_ACTED);
  Say(frame);
  Say(frame);
  EXPECT_FALSE(conversation_->over());
  feed_.marks[0](Error{ErrorCode::kUnavailable, "the journal is latched"});
  Deliver();
  EXPECT_TRUE(Heard()[0].marked().retryable());
  Say(frame);
  EXPECT_FALSE(conversation_->over());
  Say(frame);
  EXPECT_EQ(conversation_->ended_with(), goodbye::kTooManyMarks);
}

TEST_F(ConversationTest, MarksAndAnswersCountTowardsTheOrganisationsBudget) {
  limits_.organization_submissions_per_second = 1;
  limits_.organization_submissions_burst = 2;
  Begin();
  Greet();
  v1::AgentFrame mark;
  mark.mutable_mark()->set_alert_id(std::string(16, 'a'));
  mark.mutable_mark()->set_mark(v1::DELIVERY_MARK_READ);
  v1::AgentFrame answer;
  answer.mutable_answer()->set_question_id(std::string(16, 'q'));
  answer.mutable_answer()->set_text("はい");
  Say(mark);
  Say(answer);
  EXPECT_EQ(conversation_->under_way(), 1U);  // Answers wait for the engine, which may stand.
  EXPECT_TRUE(Heard().empty());
  Say(mark);
  Say(answer);
  EXPECT_EQ(feed_.marks.size(), 1U);
  EXPECT_EQ(feed_.answers.size(), 1U);
  EXPECT_EQ(conversation_->under_way(), 1U);  // Answers wait for the engine, which may stand.
  const auto refused = Heard();
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_TRUE(refused[0].marked().retryable());
  EXPECT_THAT(refused[0].marked().reason(), testing::StartsWith("over_budget: "));
  EXPECT_TRUE(refused[1].answered().retryable());
  EXPECT_THAT(refused[1].answered().reason(), testing::StartsWith("over_budget: "));
  EXPECT_EQ(counters_.Snapshot().marks_refused.at(rejection::kOverBudget), 1U);
  EXPECT_EQ(counters_.Snapshot().answers_refused.at(rejection::kOverBudget), 1U);
}

TEST_F(ConversationTest, WhatFailsInTheHubIsForItsOperatorToRead) {
  Begin();
  Greet();
  v1::AgentFrame mark;
  mark.mutable_mark()->set_alert_id(std::string(16, 'a'));
  mark.mutable_mark()->set_mark(v1::DELIVERY_MARK_READ);
  Say(mark);
  testing::internal::CaptureStderr();
  feed_.marks[0](Error{ErrorCode::kIo, "/var/lib/noroshi/journal/000049.log: broken"});
  Deliver();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("000049.log"));
  const auto answers = Heard();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0].marked().reason(), testing::StartsWith("internal: "));
  EXPECT_THAT(answers[0].marked().reason(), testing::Not(testing::HasSubstr("000049")));
  EXPECT_EQ(counters_.Snapshot().marks_refused.at(rejection::kInternal), 1U);
}

// Else any agent could make the operator believe that the journal was rolled back.
TEST_F(ConversationTest, OnlyAHeadThatThisHubSignedSaysThatTheJournalWasRolledBack) {
  Begin();
  v1::AgentFrame frame;
  v1::TreeHead& head = *frame.mutable_hello()->mutable_last_head();
  head.set_log_id(journal_.log_id());
  head.set_tree_size(1'000'000'000);
  head.set_signature(std::string(64, 's'));
  testing::internal::CaptureStderr();
  Say(frame);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(Heard().back().goodbye().code(), goodbye::kBadHello);
}

// A directory that cannot be read is the hub's fault, not the agent's.
TEST_F(ConversationTest, AStateThatCannotBeReadIsNoRefusal) {
  directory_.answer = Error{ErrorCode::kIo, "state: reading 4f: broken"};
  Begin();
  Greet();
  testing::internal::CaptureStderr();
  Say(Submit(SampleMail()));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("state_unreadable"));
  const v1::Goodbye goodbye = Heard().back().goodbye();
  EXPECT_EQ(goodbye.code(), goodbye::kUnavailable);
  EXPECT_THAT(goodbye.reason(), testing::Not(testing::HasSubstr("4f")));
  EXPECT_GT(goodbye.retry_after_ms(), 0U);
}

TEST_F(ConversationTest, ARevokedSubscriberIsToldSoAndNoDiskIsBlamed) {
  Begin();
  Greet(/*wants_deliveries=*/true);
  (void)Heard();
  feed_.refusal = Error{ErrorCode::kDenied, "revoked: the agent is revoked"};
  testing::internal::CaptureStderr();
  mailbox_->PostDeliveries();
  Deliver();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(Heard().back().goodbye().code(), goodbye::kRevoked);
}

// What says "later" comes in floods: the log has the first of a minute.
TEST_F(ConversationTest, ARefusalForNowIsLoggedOnceAMinute) {
  Begin();
  Greet();
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    Say(Submit(SampleMail()));
    journal_.Fail(ErrorCode::kNoSpace);
    Deliver();
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr("\"code\":\"no_space\""));
  EXPECT_EQ(log.find("no_space"), log.rfind("no_space"));
  EXPECT_EQ(counters_.Snapshot().submissions_rejected.at(rejection::kNoSpace), 3U);
}

TEST_F(ConversationTest, ARefusedEnrolmentIsCountedAndLogged) {
  Begin(Mode::kEnroll);
  v1::AgentFrame frame;
  frame.mutable_enroll()->set_token_secret(std::string(32, 's'));
  Say(frame);
  testing::internal::CaptureStderr();
  registrar_.waiting[0](Error{ErrorCode::kDenied, "bad_token: somebody else used it first"});
  Deliver();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr("\"event\":\"enrolment_refused\""));
  EXPECT_THAT(log, testing::HasSubstr("somebody else used it first"));
  EXPECT_THAT(log, testing::Not(testing::HasSubstr(std::string(32, 's'))));
  EXPECT_EQ(counters_.Snapshot().certificates_refused.at("bad_token"), 1U);
  EXPECT_EQ(conversation_->ended_with(), "bad_token");
  EXPECT_THAT(Heard()[0].certificate().error(), testing::StartsWith("bad_token: "));
}

TEST_F(ConversationTest, AnEnrolmentHearsTheWordOfWhatFailedInTheHub) {
  const std::pair<ErrorCode, const char*> refusals[] = {{ErrorCode::kNoSpace, "no_space: "},
                                                        {ErrorCode::kTimeout, "unavailable: "},
                                                        {ErrorCode::kIo, "internal: "}};
  for (const auto& [code, word] : refusals) {
    Begin(Mode::kEnroll);
    v1::AgentFrame frame;
    frame.mutable_enroll()->set_token_secret(std::string(32, 's'));
    Say(frame);
    testing::internal::CaptureStderr();
    registrar_.waiting.back()(Error{code, "journal: 12 bytes free in /var/lib/noroshi"});
    Deliver();
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("12 bytes free"));
    const std::string error = Heard().back().certificate().error();
    EXPECT_THAT(error, testing::StartsWith(word));
    EXPECT_THAT(error, testing::Not(testing::HasSubstr("/var")));
  }
}

TEST_F(ConversationTest, AnswersUnderWayAreBounded) {
  limits_.answers_max = 2;
  Begin();
  Greet();
  v1::AgentFrame frame;
  frame.mutable_answer()->set_question_id(std::string(16, 'q'));
  frame.mutable_answer()->set_text("停電は復旧した。");
  Say(frame);
  Say(frame);
  EXPECT_FALSE(conversation_->over());
  feed_.answers[0](Error{ErrorCode::kUnavailable, "the journal is latched"});
  feed_.answers[1](Error{ErrorCode::kConflict, "already_answered: in other words"});
  Deliver();
  const auto heard = Heard();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_TRUE(heard[0].answered().retryable());
  EXPECT_FALSE(heard[1].answered().accepted());
  EXPECT_FALSE(heard[1].answered().retryable());
  for (size_t i = 0; i < limits_.answers_max; ++i) Say(frame);
  EXPECT_FALSE(conversation_->over());
  Say(frame);
  EXPECT_EQ(conversation_->ended_with(), goodbye::kTooManyAnswers);
}

TEST_F(ConversationTest, AnswersBeyondTheirLimitsEndTheSession) {
  v1::AnswerQuestion good;
  good.set_question_id(std::string(16, 'q'));
  good.set_text("はい");
  std::vector<v1::AnswerQuestion> bad(4, good);
  bad[0].set_question_id(std::string(15, 'q'));
  bad[1].clear_text();
  bad[2].set_text(std::string(16 * 1024 + 1, 't'));
  bad[3].set_person(std::string(129, 'p'));
  for (const v1::AnswerQuestion& answer : bad) {
    Begin();
    Greet();
    v1::AgentFrame frame;
    *frame.mutable_answer() = answer;
    Say(frame);
    EXPECT_EQ(conversation_->ended_with(), goodbye::kBadAnswer);
  }
  EXPECT_TRUE(feed_.answers.empty());
}

TEST_F(ConversationTest, OneRenewalAtATime) {
  Begin(Mode::kRenewOnly);
  Greet();
  v1::AgentFrame frame;
  frame.mutable_renew()->set_csr_der("request");
  Say(frame);
  ASSERT_EQ(registrar_.waiting.size(), 1U);
  registrar_.waiting[0](Error{ErrorCode::kInvalid, "not a request"});
  Deliver();
  EXPECT_EQ(Heard()[0].certificate().error(), "not a request");
  Say(frame);
  Say(frame);
  EXPECT_EQ(conversation_->ended_with(), goodbye::kUnexpectedFrame);
}

TEST_F(ConversationTest, AnswersAfterTheEndAreDroppedAndFreeTheirMemory) {
  Begin();
  Greet();
  Say(Submit(SampleMail()));
  conversation_->Leave();
  mailbox_->Close();
  journal_.Accept();
  EXPECT_EQ(wakes_, 0);
  EXPECT_EQ(admission_->memory_used(), 0U);
}

}  // namespace
}  // namespace noroshi::intake
