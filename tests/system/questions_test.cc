// A question of the centre reaches the agent that reported; its answer, given while the
// hub is away, comes back once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/uuid.h"
#include "tests/support/assertions.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

class QuestionsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    ASSERT_OK_AND_ASSIGN(
        report_, world_.ministry.Report({"incident", "--wait", "30", "--tlp", "AMBER", "--title",
                                         "停電", "--what", "庁舎が停電した。"}));
    ASSERT_OK(world_.hub.Settle());
    ASSERT_OK_AND_ASSIGN(const json::value list, world_.hub.Ask({"case", "list"}));
    ASSERT_EQ(ArrayAt(list, "/cases").size(), 1U);
    case_id_ = static_cast<uint64_t>(NumberAt(ArrayAt(list, "/cases")[0], "/case_id"));
  }

  // What a person at the centre does while the hub is stopped.
  void Act(const v1::Action& action) {
    ASSERT_OK(world_.hub.Stop());
    ASSERT_OK(AppendAction(world_.hub.data(), action));
    ASSERT_OK(world_.hub.Serve());
  }
  void AskMinistry() {
    v1::Action action;
    v1::QuestionAsked& asked = *action.mutable_question_asked();
    asked.set_question_id(Uuid::Parse(kQuestion)->bytes());
    asked.set_case_id(case_id_);
    asked.set_organization("kasumi-ministry");
    asked.set_text("いつ復旧しましたか。");
    ASSERT_NO_FATAL_FAILURE(Act(action));
    ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "open"));
  }
  void WaitForState(AgentUnderTest& agent, const std::string& state) {
    Wake wake;
    wake.process = agent.process()->pidfd();
    wake.ask = true;
    ASSERT_OK(WaitUntil("the question to be " + state, wake, [&] {
      const auto answer = agent.Ask({"questions", "--all"});
      if (!answer.ok()) return false;
      questions_ = ArrayAt(*answer, "/questions");
      return questions_.size() == 1 && TextAt(questions_[0], "/state") == state;
    }));
  }
  // Answers to questions in the stopped hub's journal.
  std::vector<JournaledAction> Answers() {
    auto actions = ReadActions(world_.hub.data());
    EXPECT_OK(actions);
    if (!actions.ok()) return {};
    std::erase_if(*actions, [](const JournaledAction& action) {
      return !action.action.has_question_answered();
    });
    return *std::move(actions);
  }

  inline static const std::string kQuestion = "019aa000-0000-7000-8000-000000000001";
  World world_;
  std::string report_;
  uint64_t case_id_ = 0;
  json::array questions_;
};

TEST_F(QuestionsTest, AnsweredWhileTheHubIsAwayAndTakenOnce) {
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  EXPECT_EQ(TextAt(questions_[0], "/question_id"), kQuestion);
  EXPECT_EQ(TextAt(questions_[0], "/text"), "いつ復旧しましたか。");
  EXPECT_EQ(TextAt(questions_[0], "/case_reference"), report_);
  EXPECT_EQ(TextAt(questions_[0], "/report/title"), "停電");
  const std::string sink = world_.ministry.data() + ".out";
  ASSERT_OK(WaitUntil("the sink to be told, too", {.paths = {sink}},
                      [&] { return ReadFile(sink).find(kQuestion) != std::string::npos; }));

  world_.hub.Kill();
  ASSERT_OK_AND_ASSIGN(const Output queued, world_.ministry.Try({"answer", kQuestion, "--file", "-",
                                                                 "--person", "鈴木", "--wait", "0"},
                                                                "九時に復旧した。\n"));
  EXPECT_EQ(queued.status, 0) << queued.err;
  EXPECT_THAT(queued.out, testing::HasSubstr("queued"));
  ASSERT_OK_AND_ASSIGN(const Output again,
                       world_.ministry.Try({"answer", kQuestion, "--text", "十時に復旧した。"}));
  EXPECT_EQ(again.status, 65) << again.out;
  world_.ministry.Kill();
  ASSERT_OK(world_.ministry.Run());
  ASSERT_OK(world_.hub.Serve());
  ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "answered"));
  ASSERT_OK_AND_ASSIGN(const json::value status, world_.hub.Ask({"status"}));
  EXPECT_EQ(NumberAt(status, "/pending_answers"), 0);

  ASSERT_OK(world_.hub.Stop());
  const auto answers = Answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].organization, "kasumi-ministry");
  EXPECT_EQ(answers[0].actor, "csirt");
  EXPECT_EQ(answers[0].action.question_answered().text(), "九時に復旧した。");
  EXPECT_EQ(answers[0].action.question_answered().person(), "鈴木");
}

TEST_F(QuestionsTest, NobodyElseHearsOfItOrAnswersIt) {
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  ASSERT_OK(world_.hub.Settle());
  ASSERT_OK_AND_ASSIGN(const Output refused,
                       world_.agency.Try({"answer", kQuestion, "--text", "私です。"}));
  EXPECT_EQ(refused.status, 66) << refused.out;
  EXPECT_THAT(FilesHolding(world_.agency.data(), "いつ復旧しましたか"), testing::IsEmpty());

  // One that does not keep to its own program.
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world_.hub.Certify("shinko-agency/other"));
  ASSERT_OK_AND_ASSIGN(const auto client, WireClient::Connect({world_.hub.address(), credentials}));
  v1::AgentFrame frame;
  frame.mutable_hello()->set_software("noroshi-test/1");
  ASSERT_OK(client->Send(frame));
  ASSERT_OK(client->Receive());
  std::vector<std::string> reasons;
  for (const std::string& id : {Uuid::Parse(kQuestion)->bytes(), std::string(16, '?')}) {
    frame.mutable_answer()->set_question_id(id);
    frame.mutable_answer()->set_text("私です。");
    ASSERT_OK(client->Send(frame));
    ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
    ASSERT_TRUE(answer.has_answered()) << answer.ShortDebugString();
    EXPECT_FALSE(answer.answered().accepted());
    EXPECT_FALSE(answer.answered().retryable());
    reasons.push_back(answer.answered().reason());
  }
  EXPECT_EQ(reasons[0], reasons[1]);
  ASSERT_OK(world_.hub.Stop());
  EXPECT_TRUE(Answers().empty());
}

TEST_F(QuestionsTest, SecondAnswerOfTheOrganisationIsRefusedAloud) {
  AgentUnderTest second(world_.folder.path(), "kasumi-ministry", "night");
  ASSERT_OK(second.Enroll(world_.hub));
  ASSERT_OK(second.Run());
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  ASSERT_NO_FATAL_FAILURE(WaitForState(second, "open"));
  // It cannot know yet that the other one answers.
  ASSERT_OK(second.Stop());
  ASSERT_OK(second.Command({"answer", kQuestion, "--text", "十時", "--wait", "0"}));
  ASSERT_OK_AND_ASSIGN(const Output accepted,
                       world_.ministry.Try({"answer", kQuestion, "--text", "九時"}));
  EXPECT_EQ(accepted.status, 0) << accepted.out << accepted.err;
  EXPECT_THAT(accepted.out, testing::HasSubstr("accepted"));
  ASSERT_OK(second.Run());
  ASSERT_NO_FATAL_FAILURE(WaitForState(second, "refused"));
  EXPECT_THAT(TextAt(questions_[0], "/answer/refused"), testing::HasSubstr("already_answered"));
}

TEST_F(QuestionsTest, OtherAgentsAreToldThatThereIsAnAnswer) {
  AgentUnderTest second(world_.folder.path(), "kasumi-ministry", "night");
  ASSERT_OK(second.Enroll(world_.hub));
  ASSERT_OK(second.Run());
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  ASSERT_NO_FATAL_FAILURE(WaitForState(second, "open"));
  ASSERT_OK(world_.ministry.Command({"answer", kQuestion, "--text", "九時", "--wait", "30"}));
  ASSERT_NO_FATAL_FAILURE(WaitForState(second, "answered_elsewhere"));
  ASSERT_OK_AND_ASSIGN(const Output late, second.Try({"answer", kQuestion, "--text", "十時"}));
  EXPECT_EQ(late.status, 65) << late.out << late.err;
  EXPECT_THAT(late.out + late.err, testing::HasSubstr("has an answer already"));
  ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "answered"));
}

TEST_F(QuestionsTest, RestoredHubGetsTheAnswerThatItsBackupLacks) {
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  const std::string backup = world_.folder / "backup";
  ASSERT_OK(world_.hub.Command({"backup", backup}));
  ASSERT_OK(world_.ministry.Command({"answer", kQuestion, "--text", "九時", "--wait", "30"}));
  ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "answered"));
  world_.hub.Kill();
  std::filesystem::rename(world_.hub.data(), world_.folder / "lost");
  ASSERT_OK(world_.hub.Command({"restore", backup, "--reason", "the disk broke"}));
  ASSERT_OK(world_.hub.Serve());
  const std::string log = world_.ministry.log_file();
  ASSERT_OK(WaitUntil("the answer to be put back", {.paths = {log}},
                      [&] { return ReadFile(log).find("answers_put_back") != std::string::npos; }));
  ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "answered"));
  ASSERT_OK(world_.hub.Stop());
  const auto answers = Answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].action.question_answered().text(), "九時");
}

TEST_F(QuestionsTest, WithdrawnOneIsMarkedAndWantsNoAnswer) {
  ASSERT_NO_FATAL_FAILURE(AskMinistry());
  v1::Action action;
  action.mutable_question_withdrawn()->set_question_id(Uuid::Parse(kQuestion)->bytes());
  action.mutable_question_withdrawn()->set_reason("判明した");
  ASSERT_NO_FATAL_FAILURE(Act(action));
  ASSERT_NO_FATAL_FAILURE(WaitForState(world_.ministry, "withdrawn"));
  ASSERT_OK_AND_ASSIGN(const Output refused,
                       world_.ministry.Try({"answer", kQuestion, "--text", "九時"}));
  EXPECT_EQ(refused.status, 65) << refused.out;
}

}  // namespace
}  // namespace noroshi::support
