// A backup under load, a restored hub with live agents, and a hub whose history
// was rewritten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/base/uuid.h"
#include "tests/support/assertions.h"
#include "tests/support/crash_rig.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/persons.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

std::vector<std::string> ReportOf(const std::string& what) {
  return {"incident", "--tlp", "AMBER", "--title", what, "--what", what, "--wait", "30"};
}

TEST(BackupTest, ABackupUnderLoadHoldsWhatWasReceiptedBefore) {
  const TempDir folder;
  CrashRig rig(folder.path(), RealHub(), 1);
  ASSERT_OK(rig.Start());
  const std::string backup = folder / "backup";
  size_t before = 0;
  Result<std::string> made = Error{ErrorCode::kInternal, "no backup made"};
  ASSERT_OK(rig.LoadAndCrash([&] {
    before = rig.ledger().receipts();
    made = rig.hub().Command({"backup", backup});
  }));
  ASSERT_OK(made);
  ASSERT_OK_AND_ASSIGN(const Output verified, rig.hub().Try({"verify", "--folder", backup}));
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;

  // The backup serves as a hub, with every receipt given before it was made.
  std::filesystem::rename(rig.hub().data(), folder / "lost");
  ASSERT_OK(rig.hub().Command({"restore", backup, "--reason", "test"}));
  ASSERT_OK_AND_ASSIGN(const auto restored, ReadSubmissions(rig.hub().data()));
  EXPECT_GE(restored.size(), before);
}

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(world_.Start()); }

  // How often each submission stands in the stopped hub's journal.
  std::map<std::string, int> Count() {
    std::map<std::string, int> counts;
    const auto submissions = ReadSubmissions(world_.hub.data());
    EXPECT_OK(submissions);
    if (!submissions.ok()) return counts;
    for (const auto& submission : *submissions) {
      ++counts[Uuid::FromBytes(submission.id).value().ToString()];
    }
    return counts;
  }

  Result<std::string> Warn(const std::string& title) {
    NOROSHI_ASSIGN_OR_RETURN(
        const json::value issued,
        IssueAlert(world_.hub,
                   {"--kind", "warning", "--tlp", "GREEN", "--title-ja", title, "--title-en", title,
                    "--text-ja", "本文", "--text-en", "Text", "--to", "kind:ceptoar"}));
    return TextAt(issued, "/alert_id");
  }

  void WaitForAlert(const std::string& id) {
    ASSERT_OK(world_.ceptoar.WaitForAlert(
        [&](const json::value& alert) { return TextAt(alert, "/alert_id") == id; }));
  }

  void WaitForLog(AgentUnderTest& agent, const std::string& word) {
    ASSERT_OK(WaitUntil(word, {.paths = {agent.log_file()}, .process = agent.process()->pidfd()},
                        [&] { return agent.log().find(word) != std::string::npos; }));
  }

  World world_;
};

TEST_F(RestoreTest, LiveAgentsBringBackWhatTheBackupLacks) {
  const std::string backup = world_.folder / "backup";
  ASSERT_OK_AND_ASSIGN(const std::string kept, world_.ministry.Report(ReportOf("退避の前")));
  ASSERT_OK_AND_ASSIGN(const std::string first_alert, Warn("before"));
  ASSERT_NO_FATAL_FAILURE(WaitForAlert(first_alert));
  ASSERT_OK(world_.hub.Command({"backup", backup}));
  ASSERT_OK_AND_ASSIGN(const std::string lost, world_.ministry.Report(ReportOf("退避の後")));
  ASSERT_OK_AND_ASSIGN(const std::string lost_too, world_.agency.Report(ReportOf("退避の後")));

  world_.hub.Kill();
  std::filesystem::rename(world_.hub.data(), world_.folder / "lost");
  ASSERT_OK(world_.hub.Command({"restore", backup, "--reason", "the disk broke"}));
  ASSERT_OK(world_.hub.Serve());
  for (AgentUnderTest* agent : {&world_.ministry, &world_.agency, &world_.ceptoar}) {
    ASSERT_NO_FATAL_FAILURE(WaitForLog(*agent, "hub_restored"));
  }
  ASSERT_OK(world_.hub.AskUntil(
      "the reports to come back", {"status"},
      [](const json::value& status) { return NumberAt(status, "/submissions") >= 3; }));
  // New things work as ever, and the old alert does not come twice.
  ASSERT_OK_AND_ASSIGN(const std::string fresh, world_.agency.Report(ReportOf("復旧の後")));
  ASSERT_OK_AND_ASSIGN(const std::string second_alert, Warn("after"));
  ASSERT_NO_FATAL_FAILURE(WaitForAlert(second_alert));
  ASSERT_OK_AND_ASSIGN(const json::array alerts, world_.ceptoar.Alerts());
  std::map<std::string, int> alert_counts;
  for (const json::value& alert : alerts) ++alert_counts[TextAt(alert, "/alert_id")];
  EXPECT_EQ(alert_counts, (std::map<std::string, int>{{first_alert, 1}, {second_alert, 1}}));
  for (AgentUnderTest* agent : {&world_.ministry, &world_.agency}) {
    ASSERT_OK_AND_ASSIGN(const Output verified, agent->Try({"verify"}));
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }
  ASSERT_OK(world_.hub.Stop());
  EXPECT_EQ(Count(), (std::map<std::string, int>{{kept, 1}, {lost, 1}, {lost_too, 1}, {fresh, 1}}));
  ASSERT_OK_AND_ASSIGN(const Output verified, world_.hub.Try({"verify"}));
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

TEST_F(RestoreTest, AHubWithAnOlderJournalIsRefused) {
  ASSERT_OK(world_.ministry.Report(ReportOf("一件目")));
  ASSERT_OK(world_.hub.Settle());
  ASSERT_OK(world_.hub.Stop());
  const std::string older = world_.folder / "older";
  std::filesystem::copy(world_.hub.data(), older, std::filesystem::copy_options::recursive);
  ASSERT_OK(world_.hub.Serve());
  ASSERT_OK(world_.ministry.Report(ReportOf("二件目")));
  ASSERT_OK(world_.hub.Stop());

  // Somebody puts the older files back and says nothing: the second report is gone.
  std::filesystem::remove_all(world_.hub.data());
  std::filesystem::rename(older, world_.hub.data());
  ASSERT_OK(world_.hub.Serve());
  ASSERT_NO_FATAL_FAILURE(WaitForLog(world_.ministry, "history_rewritten"));
  // The agent keeps its next report for a hub that it can believe.
  ASSERT_OK(world_.ministry.Report(
      {"incident", "--tlp", "AMBER", "--title", "三件目", "--what", "三件目"}));
  ASSERT_OK(world_.hub.Settle());
  EXPECT_FALSE(std::filesystem::is_empty(world_.ministry.data() + "/spool/new"));
}

}  // namespace
}  // namespace noroshi::support
