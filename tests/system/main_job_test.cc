// The main job with real processes: report, receipt, one campaign, alert,
// acknowledgement; and who must not learn what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/assertions.h"
#include "tests/support/persons.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

const char kReceiptWait[] = "30";

class MainJobTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(world_.Start()); }

  // Two organisations report the mail that both got.
  void ReportCampaign(const std::vector<std::string>& options = {"--tlp", "GREEN"}) {
    for (auto [agent, mail] : {std::pair(&world_.ministry, "mail/campaign-a-ministry.eml"),
                               std::pair(&world_.agency, "mail/campaign-a-agency.eml")}) {
      std::vector<std::string> arguments = {"mail", "--wait", kReceiptWait};
      arguments.insert(arguments.end(), options.begin(), options.end());
      arguments.push_back(TestData(mail));
      ASSERT_OK(agent->Report(arguments));
    }
  }

  // Cases of a kind ("campaign", "incident"), in full: the real thing, or an exercise's.
  Result<std::vector<json::value>> Cases(const std::string& kind,
                                         const std::string& exercise = "") {
    std::vector<std::string> command = {"case", "list"};
    if (!exercise.empty()) command.insert(command.end(), {"--exercise", exercise});
    NOROSHI_ASSIGN_OR_RETURN(const json::value list, world_.hub.Ask(command));
    std::vector<json::value> cases;
    for (const json::value& row : ArrayAt(list, "/cases")) {
      const std::string id = std::to_string(NumberAt(row, "/case_id"));
      NOROSHI_ASSIGN_OR_RETURN(json::value whole, world_.hub.Ask({"case", "show", id}));
      if (TextAt(whole, "/kind") == kind) cases.push_back(std::move(whole));
    }
    return cases;
  }

  Result<json::value> OnlyCase(const std::string& kind) {
    NOROSHI_RETURN_IF_ERROR(world_.hub.Settle().ok() ? Result<void>() : Timeout());
    NOROSHI_ASSIGN_OR_RETURN(auto cases, Cases(kind));
    if (cases.size() == 1) return std::move(cases.front());
    return Error{ErrorCode::kInvalid, std::to_string(cases.size()) + " cases of kind " + kind};
  }

  static Result<void> Timeout() { return Error{ErrorCode::kTimeout, "the hub did not settle"}; }

  World world_;
};

const json::value* RecipientOf(const json::value& alert, const std::string& organization) {
  const json::value* recipients = alert.if_object()->if_contains("recipients");
  if (recipients == nullptr) return nullptr;
  for (const json::value& recipient : recipients->get_array()) {
    if (TextAt(recipient, "/organization") == organization) return &recipient;
  }
  return nullptr;
}

TEST_F(MainJobTest, OneMailSeenByTwoBecomesOneWarningForTheThird) {
  // Receipts come first, and verify offline.
  ASSERT_OK(world_.ministry.Report(
      {"incident", "--wait", kReceiptWait, "--file", TestData("reports/ransomware-first.yaml")}));
  ReportCampaign();
  for (AgentUnderTest* agent : {&world_.ministry, &world_.agency}) {
    ASSERT_OK_AND_ASSIGN(const Output verified, agent->Try({"verify"}));
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }

  // One campaign of two organisations, although headers, charset and forwarding differ.
  ASSERT_OK_AND_ASSIGN(const json::value campaign, OnlyCase("campaign"));
  const json::array organizations = ArrayAt(campaign, "/organizations");
  EXPECT_EQ(organizations.size(), 2U);
  const json::array submissions = ArrayAt(campaign, "/submissions");
  ASSERT_EQ(submissions.size(), 2U);
  for (const json::value& submission : submissions) {
    EXPECT_FALSE(TextAt(submission, "/joined_reason").empty()) << json::serialize(submission);
  }
  const json::array links = ArrayAt(submissions[1], "/links");
  ASSERT_FALSE(links.empty()) << json::serialize(submissions[1]);
  EXPECT_EQ(NumberAt(links[0], "/strength"), 100);
  EXPECT_EQ(NumberAt(links[0], "/submission"), NumberAt(submissions[0], "/sequence"));
  EXPECT_EQ(NumberAt(campaign, "/campaign/variants"), 1);

  // The incident is classified, and says by which words.
  ASSERT_OK_AND_ASSIGN(const json::value incident, OnlyCase("incident"));
  EXPECT_FALSE(TextAt(incident, "/classification/event_type/id").empty())
      << json::serialize(incident);
  EXPECT_GT(NumberAt(incident, "/classification/event_type/confidence_percent"), 0);
  const json::array evidence = ArrayAt(incident, "/classification/event_type/evidence");
  ASSERT_FALSE(evidence.empty()) << json::serialize(incident);
  EXPECT_FALSE(TextAt(evidence[0], "/rule").empty());
  EXPECT_FALSE(TextAt(evidence[0], "/words").empty());

  // The alert rule warns the third organisation, which acknowledges.
  ASSERT_OK_AND_ASSIGN(const json::value alert,
                       world_.ceptoar.WaitForAlert([](const json::value&) { return true; }));
  const std::string alert_id = TextAt(alert, "/alert_id");
  ASSERT_EQ(alert_id.size(), 32U) << json::serialize(alert);
  ASSERT_OK(world_.ceptoar.Command({"ack", alert_id, "--mark", "read", "--person", "当番"}));
  ASSERT_OK_AND_ASSIGN(const json::value shown,
                       world_.hub.AskUntil("the acknowledgement", {"alert", "show", alert_id},
                                           [](const json::value& answer) {
                                             const auto* row = RecipientOf(answer, "bank-ceptoar");
                                             return row != nullptr &&
                                                    TextAt(*row, "/state") == "read";
                                           }));
  EXPECT_EQ(TextAt(*RecipientOf(shown, "bank-ceptoar"), "/reason"), "kind:ceptoar");
  // Everything applied is still what the journal says.
  ASSERT_OK_AND_ASSIGN(const Output verified, world_.hub.Try({"verify"}));
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

TEST_F(MainJobTest, NobodyLearnsWhoElseReported) {
  ReportCampaign();
  ASSERT_OK(world_.ceptoar.WaitForAlert([](const json::value&) { return true; }));
  ASSERT_OK(world_.ministry.WaitForAlert([](const json::value&) { return true; }));
  ASSERT_OK(world_.agency.WaitForAlert([](const json::value&) { return true; }));
  for (AgentUnderTest* agent : {&world_.ministry, &world_.agency, &world_.ceptoar}) {
    ASSERT_OK(agent->Stop());
    for (const std::string other : {"kasumi-ministry", "shinko-agency", "bank-ceptoar"}) {
      if (other == agent->organization()) continue;
      for (const std::string& name : {other, "機関" + other}) {
        EXPECT_THAT(FilesHolding(agent->data(), name), testing::IsEmpty())
            << agent->organization() << " holds the name " << name;
      }
    }
  }
}

TEST_F(MainJobTest, DeniedLeakIsNoLeak) {
  ASSERT_OK(world_.ministry.Report(
      {"incident", "--wait", kReceiptWait, "--tlp", "AMBER", "--title", "予約システムの停止",
       "--what", "サーバの故障により予約システムが停止した。情報の漏えいは確認されていない。"}));
  ASSERT_OK_AND_ASSIGN(const json::value incident, OnlyCase("incident"));
  EXPECT_NE(TextAt(incident, "/classification/event_type/id"), "leak") << json::serialize(incident);
}

TEST_F(MainJobTest, FollowUpJoinsItsThread) {
  ASSERT_OK_AND_ASSIGN(
      const std::string first,
      world_.ministry.Report({"incident", "--wait", kReceiptWait, "--tlp", "AMBER", "--title",
                              "業務サーバの停止", "--what", "業務サーバが応答しない。"}));
  ASSERT_OK(world_.ministry.Report({"incident", "--wait", kReceiptWait, "--tlp", "AMBER", "--stage",
                                    "follow-up", "--thread", first, "--what",
                                    "予備機に切り替えて復旧した。"}));
  ASSERT_OK_AND_ASSIGN(const json::value incident, OnlyCase("incident"));
  const json::array submissions = ArrayAt(incident, "/submissions");
  ASSERT_EQ(submissions.size(), 2U) << json::serialize(incident);
  EXPECT_EQ(TextAt(submissions[1], "/relation"), "follow_up") << json::serialize(submissions[1]);
}

TEST_F(MainJobTest, FollowUpOfAnotherOrganizationJoinsNothing) {
  ASSERT_OK_AND_ASSIGN(
      const std::string first,
      world_.ministry.Report({"incident", "--wait", kReceiptWait, "--tlp", "AMBER", "--title",
                              "業務サーバの停止", "--what", "業務サーバが応答しない。"}));
  ASSERT_OK(world_.agency.Report({"incident", "--wait", kReceiptWait, "--tlp", "AMBER", "--stage",
                                  "follow-up", "--thread", first, "--what", "続報。"}));
  ASSERT_OK(world_.hub.Settle());
  ASSERT_OK_AND_ASSIGN(const auto cases, Cases("incident"));
  ASSERT_EQ(cases.size(), 2U);
  for (const json::value& each : cases) EXPECT_EQ(ArrayAt(each, "/submissions").size(), 1U);
}

TEST_F(MainJobTest, ExerciseNeverJoinsTheRealThing) {
  ASSERT_OK(world_.ministry.Report({"mail", "--wait", kReceiptWait, "--tlp", "GREEN",
                                    TestData("mail/campaign-a-ministry.eml")}));
  ASSERT_OK(world_.agency.Report({"mail", "--wait", kReceiptWait, "--tlp", "GREEN", "--exercise",
                                  "autumn-2026", TestData("mail/campaign-a-agency.eml")}));
  ASSERT_OK_AND_ASSIGN(const json::value status, world_.hub.Settle());
  for (const std::string exercise : {"", "autumn-2026"}) {
    ASSERT_OK_AND_ASSIGN(const auto campaigns, Cases("campaign", exercise));
    ASSERT_EQ(campaigns.size(), 1U) << exercise;
    EXPECT_EQ(ArrayAt(campaigns[0], "/organizations").size(), 1U);
  }
  EXPECT_EQ(NumberAt(status, "/submissions"), 1) << json::serialize(status);
  EXPECT_EQ(NumberAt(status, "/exercise_submissions"), 1) << json::serialize(status);
  EXPECT_EQ(NumberAt(status, "/alerts"), 0) << json::serialize(status);
}

TEST_F(MainJobTest, RedContentNeverReachesAnAgent) {
  const std::string secret = "kagami-no-ura-7731";
  ASSERT_OK(IssueAlert(
      world_.hub, {"--kind", "warning", "--tlp", "RED", "--title-ja", "件名 " + secret,
                   "--title-en", "Title " + secret, "--text-ja", "本文 " + secret, "--text-en",
                   "Text " + secret, "--to", "org:bank-ceptoar", "--to", "org:kasumi-ministry"}));
  ASSERT_OK_AND_ASSIGN(const json::value notice,
                       world_.ceptoar.WaitForAlert([](const json::value&) { return true; }));
  EXPECT_TRUE(At(notice, "/content_withheld").is_bool() &&
              At(notice, "/content_withheld").get_bool())
      << json::serialize(notice);
  ASSERT_OK(world_.ceptoar.Stop());
  EXPECT_THAT(FilesHolding(world_.ceptoar.data(), secret), testing::IsEmpty());
  EXPECT_EQ(world_.ceptoar.log().find(secret), std::string::npos);
}

TEST_F(MainJobTest, RedCampaignSendsNothingByItself) {
  ReportCampaign({"--tlp", "RED"});
  ASSERT_OK_AND_ASSIGN(const json::value campaign, OnlyCase("campaign"));
  EXPECT_EQ(ArrayAt(campaign, "/organizations").size(), 2U);
  ASSERT_OK_AND_ASSIGN(const json::value status, world_.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/alerts"), 0);
  ASSERT_OK_AND_ASSIGN(const json::array alerts, world_.ceptoar.Alerts());
  EXPECT_TRUE(alerts.empty());
}

TEST_F(MainJobTest, RebuildGivesTheSameState) {
  ASSERT_OK(world_.ministry.Report(
      {"incident", "--wait", kReceiptWait, "--file", TestData("reports/ransomware-first.yaml")}));
  ReportCampaign();
  ASSERT_OK(world_.ceptoar.WaitForAlert([](const json::value&) { return true; }));
  for (AgentUnderTest* agent : {&world_.ministry, &world_.agency, &world_.ceptoar}) {
    ASSERT_OK(agent->Stop());
  }
  ASSERT_OK(world_.hub.Settle());
  ASSERT_OK(world_.hub.Stop());
  // Starting and stopping may append, so the digest is taken from rebuilds only.
  std::vector<std::string> digests;
  for (const auto& [workers, batch] :
       {std::pair("1", "1"), std::pair("1", "256"), std::pair("8", "1"), std::pair("8", "256")}) {
    ASSERT_OK_AND_ASSIGN(const json::value rebuilt,
                         world_.hub.Ask({"rebuild", "--workers", workers, "--batch", batch}));
    digests.push_back(TextAt(rebuilt, "/state_digest"));
  }
  EXPECT_EQ(digests[0].size(), 64U);
  for (const std::string& digest : digests) EXPECT_EQ(digest, digests[0]);
  ASSERT_OK_AND_ASSIGN(const Output verified, world_.hub.Try({"verify"}));
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

}  // namespace
}  // namespace noroshi::support
