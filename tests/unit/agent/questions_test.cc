#include "agent/spool/questions.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/cutting_file_system.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::spool {
namespace {

v1::Question Asked(const Uuid& id, const std::string& text = "いつですか。") {
  v1::Question question;
  question.set_question_id(id.bytes());
  question.set_text(text);
  return question;
}

v1::AnswerQuestion Words(const Uuid& id, const std::string& text) {
  v1::AnswerQuestion answer;
  answer.set_question_id(id.bytes());
  answer.set_text(text);
  return answer;
}

v1::Answered Verdict(const Uuid& id, bool accepted, const std::string& reason = "") {
  v1::Answered answered;
  answered.set_question_id(id.bytes());
  answered.set_accepted(accepted);
  answered.set_reason(reason);
  return answered;
}

class QuestionsTest : public testing::Test {
 protected:
  Questions Open() { return Questions::Open(SystemFileSystem(), folder_.path()).value(); }

  TempFolder folder_;
  FakeRandom random_;
  int64_t now_ms_ = 1'795'000'000'000;
  const Uuid first_ = random_.UuidV7(1000);
  const Uuid second_ = random_.UuidV7(2000);
};

TEST_F(QuestionsTest, AreKeptAsTheHubSentThemLast) {
  Questions questions = Open();
  ASSERT_TRUE(questions.Keep(Asked(second_)).ok());
  ASSERT_TRUE(questions.Keep(Asked(first_)).ok());
  v1::Question withdrawn = Asked(second_);
  withdrawn.set_withdrawn(true);
  ASSERT_TRUE(questions.Keep(withdrawn).ok());
  const auto kept = Open().List().value();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].question_id(), first_.bytes());
  EXPECT_FALSE(kept[0].withdrawn());
  EXPECT_TRUE(kept[1].withdrawn());
  EXPECT_EQ(Open().Find(random_.UuidV7(1)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(questions.Keep(v1::Question()).error().code, ErrorCode::kInvalid);
}

TEST_F(QuestionsTest, DamagedOnesHideNothingElse) {
  Questions questions = Open();
  ASSERT_TRUE(questions.Keep(Asked(first_)).ok());
  ASSERT_TRUE(questions.Keep(Asked(second_)).ok());
  ASSERT_TRUE(SystemFileSystem().WriteDurably(folder_ / first_.ToString(), "half", 0600).ok());
  ASSERT_EQ(Open().List()->size(), 1u);
  EXPECT_EQ(Open().Find(first_).error().code, ErrorCode::kCorruption);
}

TEST_F(QuestionsTest, OldestGoBeyondTheMaximum) {
  Questions questions = Open();
  ASSERT_TRUE(questions.Keep(Asked(first_)).ok());
  ASSERT_TRUE(questions.Answer(Words(first_, "はい")).ok());
  ASSERT_TRUE(questions.Settle(first_, Verdict(first_, true), now_ms_).ok());
  // As if they had been kept one by one; only their names count.
  for (size_t i = 1; i < kQuestionsMax; ++i) {
    std::ofstream(folder_ / random_.UuidV7(3000 + static_cast<int64_t>(i)).ToString());
  }
  ASSERT_TRUE(questions.Find(first_).ok());
  ASSERT_TRUE(questions.Keep(Asked(second_)).ok());
  EXPECT_EQ(questions.Find(first_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(questions.StandingOf(first_)->state, AnswerState::kNone);
  EXPECT_TRUE(questions.Find(second_).ok());
}

TEST_F(QuestionsTest, OneAnswerWaitsAndNoneFollowsAnAcceptedOne) {
  Questions questions = Open();
  EXPECT_EQ(questions.StandingOf(first_)->state, AnswerState::kNone);
  ASSERT_TRUE(questions.Answer(Words(first_, "はい")).ok());
  EXPECT_EQ(questions.Answer(Words(first_, "いいえ")).error().code, ErrorCode::kConflict);
  EXPECT_EQ(Open().StandingOf(first_)->state, AnswerState::kWaiting);
  EXPECT_EQ(Open().StandingOf(first_)->answer.text(), "はい");
  ASSERT_TRUE(questions.Settle(first_, Verdict(first_, true), now_ms_).ok());
  EXPECT_EQ(Open().StandingOf(first_)->state, AnswerState::kAccepted);
  EXPECT_EQ(Open().StandingOf(first_)->answer.text(), "はい");
  EXPECT_FALSE(Open().StandingOf(first_)->at.empty());
  EXPECT_EQ(questions.Answer(Words(first_, "はい")).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(questions.Waiting()->empty());
}

TEST_F(QuestionsTest, RefusedAnswerSaysWhyAndAnotherMayFollow) {
  Questions questions = Open();
  ASSERT_TRUE(questions.Answer(Words(first_, "はい")).ok());
  ASSERT_TRUE(questions.Settle(first_, Verdict(first_, false, "withdrawn: \"x\"\n"), now_ms_).ok());
  EXPECT_EQ(questions.StandingOf(first_)->state, AnswerState::kRefused);
  EXPECT_EQ(questions.StandingOf(first_)->reason, "withdrawn: \"x\"\n");
  ASSERT_TRUE(questions.Answer(Words(first_, "いいえ")).ok());
  EXPECT_EQ(questions.StandingOf(first_)->state, AnswerState::kWaiting);
  ASSERT_TRUE(questions.Settle(first_, Verdict(first_, true), now_ms_).ok());
  EXPECT_EQ(questions.StandingOf(first_)->answer.text(), "いいえ");
}

TEST_F(QuestionsTest, DamagedAnswerIsRefusedAloud) {
  Questions questions = Open();
  ASSERT_TRUE(questions.Answer(Words(first_, "はい")).ok());
  ASSERT_TRUE(questions.Answer(Words(second_, "いいえ")).ok());
  const std::string path = questions.waiting_folder() + "/" + first_.ToString();
  ASSERT_TRUE(SystemFileSystem().WriteDurably(path, "half", 0600).ok());
  EXPECT_EQ(questions.Oldest(now_ms_).value()->text(), "いいえ");
  EXPECT_EQ(questions.StandingOf(first_)->state, AnswerState::kRefused);
  EXPECT_NE(questions.StandingOf(first_)->reason.find("damaged"), std::string::npos);
}

TEST_F(QuestionsTest, AfterARestoreOnlyWhatWasAcceptedGoesAgain) {
  Questions questions = Open();
  for (const Uuid& id : {first_, second_}) ASSERT_TRUE(questions.Answer(Words(id, "はい")).ok());
  ASSERT_TRUE(questions.Settle(first_, Verdict(first_, true), now_ms_).ok());
  ASSERT_TRUE(questions.Settle(second_, Verdict(second_, false, "no"), now_ms_).ok());
  EXPECT_EQ(questions.PutBack().value(), 1u);
  EXPECT_EQ(questions.Waiting().value(), std::vector{first_});
  EXPECT_EQ(questions.Oldest(now_ms_).value()->text(), "はい");
  EXPECT_EQ(questions.PutBack().value(), 0u);
}

// An answer that was promised is sent until the hub has answered, and stays known after.
TEST_F(QuestionsTest, NoAnswerIsLostWhereverItStops) {
  size_t cut_at = 1;
  for (bool whole = false; !whole; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const TempFolder folder;
    CuttingFileSystem files(cut_at);
    bool promised = false;
    bool settled = false;
    auto questions = Questions::Open(files, folder.path());
    if (questions.ok()) {
      promised = questions->Answer(Words(first_, "はい")).ok();
      settled = promised && questions->Settle(first_, Verdict(first_, true), now_ms_).ok();
    }
    whole = settled && !files.cut();
    files.PowerCut();
    Questions again = Questions::Open(SystemFileSystem(), folder.path()).value();
    const auto standing = again.StandingOf(first_);
    ASSERT_TRUE(standing.ok()) << standing.error().message;
    if (promised) {
      EXPECT_NE(standing->state, AnswerState::kNone);
      EXPECT_NE(standing->state, AnswerState::kRefused);
    }
    EXPECT_EQ(standing->answer.text(), standing->state == AnswerState::kNone ? "" : "はい");
  }
}

}  // namespace
}  // namespace noroshi::spool
