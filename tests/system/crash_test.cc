// kill -9 of the hub and of agents under load: nothing acknowledged is lost,
// nothing happens twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "tests/support/assertions.h"
#include "tests/support/crash_rig.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/loop_disk.h"
#include "tests/support/persons.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

TEST(CrashTest, HubKilledUnderLoadLosesNothingAndDoublesNothing) {
  const uint64_t seed = std::random_device{}();
  testing::Test::RecordProperty("seed", std::to_string(seed));
  size_t receipts = 0;
  for (int kill = 0; kill < CrashCycles(); kill += kCrashesOfOneHub) {
    const TempDir folder;
    CrashRig rig(folder.path(), RealHub(), seed + static_cast<uint64_t>(kill));
    ASSERT_OK(rig.Start());
    for (int i = kill; i < std::min(kill + kCrashesOfOneHub, CrashCycles()); ++i) {
      SCOPED_TRACE("kill " + std::to_string(i));
      ASSERT_OK(rig.LoadAndCrash([&] { rig.hub().process()->Signal(SIGKILL); }));
      ASSERT_OK(rig.Restart());
    }
    ASSERT_OK_AND_ASSIGN(const auto findings, rig.Finish());
    ASSERT_THAT(findings, testing::IsEmpty());
    receipts += rig.ledger().receipts();
  }
  std::printf("%d kills of the hub, %zu receipts\n", CrashCycles(), receipts);
}

// Mails for one `report mail` command.
std::string MakeMailFolder(const std::string& folder, int cycle, int count) {
  const std::string mails = folder + "/mails-" + std::to_string(cycle);
  std::filesystem::create_directory(mails);
  for (int number = 0; number < count; ++number) {
    const std::string name = std::to_string(cycle) + "-" + std::to_string(number);
    WriteFile(mails + "/" + name + ".eml",
              "From: a@lure.example\r\nTo: b@agency.example.jp\r\nSubject: Offer " + name +
                  "\r\n\r\nAn offer, number " + name + ", at https://lure.example/" + name +
                  "\r\n");
  }
  return mails;
}

// How often each submission id stands in the journal.
Result<std::map<std::string, int>> CountInJournal(const HubUnderTest& hub) {
  NOROSHI_ASSIGN_OR_RETURN(const auto submissions, ReadSubmissions(hub.data()));
  std::map<std::string, int> counts;
  for (const auto& submission : submissions) {
    NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(submission.id));
    ++counts[id.ToString()];
  }
  return counts;
}

size_t FilesIn(const std::string& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(CrashTest, AgentKilledUnderLoadLosesNothingAndDoublesNothing) {
  constexpr int kMails = 12;
  World world;
  ASSERT_OK(world.Start());
  AgentUnderTest& agent = world.agency;
  std::mt19937_64 random(std::random_device{}());
  std::set<std::string> reported;
  std::set<std::string> alerts;
  for (int cycle = 0; cycle < CrashCycles(); ++cycle) {
    SCOPED_TRACE("kill " + std::to_string(cycle));
    const std::string mails = MakeMailFolder(world.folder.path(), cycle, kMails);
    ASSERT_OK_AND_ASSIGN(const auto ids, agent.ReportAll({"mail", "--tlp", "GREEN", mails}));
    EXPECT_EQ(ids.size(), static_cast<size_t>(kMails));
    reported.insert(ids.begin(), ids.end());
    ASSERT_OK_AND_ASSIGN(
        const json::value issued,
        IssueAlert(world.hub, {"--kind", "warning", "--tlp", "GREEN", "--title-ja", "注意喚起",
                               "--title-en", "Warning", "--text-ja", "本文", "--text-en", "Text",
                               "--to", "org:shinko-agency"}));
    alerts.insert(TextAt(issued, "/alert_id"));
    // Somewhere in the middle of sending.
    const size_t left = random() % kMails;
    Wake wake;
    wake.paths = {agent.data() + "/spool/new"};
    wake.process = agent.process()->pidfd();
    ASSERT_OK(WaitUntil("the agent to send", wake,
                        [&] { return FilesIn(agent.data() + "/spool/new") <= left; }));
    agent.Kill();
    ASSERT_OK(agent.Run());
  }
  ASSERT_OK(agent.WaitForEmptySpool());
  ASSERT_OK(world.hub.Settle());
  // An alert of its own marks the end of what is delivered.
  ASSERT_OK_AND_ASSIGN(const json::value last,
                       IssueAlert(world.hub, {"--kind", "warning", "--tlp", "GREEN", "--title-ja",
                                              "最後", "--title-en", "Last", "--text-ja", "本文",
                                              "--text-en", "Text", "--to", "org:shinko-agency"}));
  alerts.insert(TextAt(last, "/alert_id"));
  ASSERT_OK(agent.WaitForAlert([&](const json::value& alert) {
    return TextAt(alert, "/alert_id") == TextAt(last, "/alert_id");
  }));
  ASSERT_OK_AND_ASSIGN(const json::array held, agent.Alerts());
  std::multiset<std::string> held_ids;
  for (const json::value& alert : held) held_ids.insert(TextAt(alert, "/alert_id"));
  for (const std::string& id : alerts) EXPECT_EQ(held_ids.count(id), 1U) << id;
  // Standard output got each at least once.
  const std::string passed_on = agent.data() + ".out";
  ASSERT_OK(WaitUntil("the last alert on standard output", {.paths = {passed_on}}, [&] {
    return ReadFile(passed_on).find(TextAt(last, "/alert_id")) != std::string::npos;
  }));
  const std::string output = ReadFile(passed_on);
  for (const std::string& id : alerts) EXPECT_NE(output.find(id), std::string::npos) << id;

  ASSERT_OK(agent.Stop());
  ASSERT_OK(world.hub.Stop());
  ASSERT_OK_AND_ASSIGN(const auto counts, CountInJournal(world.hub));
  for (const std::string& id : reported) {
    const auto count = counts.find(id);
    EXPECT_TRUE(count != counts.end() && count->second == 1) << id;
  }
  EXPECT_EQ(counts.size(), reported.size());
  ASSERT_OK_AND_ASSIGN(const Output verified, agent.Try({"verify"}));
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  std::printf("%d kills of the agent, %zu submissions\n", CrashCycles(), reported.size());
}

TEST(CrashTest, WhatTheAgentTookSurvivesItsPowerCut) {
  World world;
  auto disk = LoopDisk::Make(world.folder.path(), uint64_t{1} << 30);
  if (!disk.ok()) GTEST_SKIP() << "no power to cut: " << disk.error().message;
  ASSERT_OK(world.Start());
  AgentUnderTest agent((*disk)->path(), "kasumi-ministry", "spare");
  ASSERT_OK(agent.Enroll(world.hub));
  std::set<std::string> reported;
  for (int cycle = 0; cycle < CrashCycles(); ++cycle) {
    SCOPED_TRACE("cut " + std::to_string(cycle));
    ASSERT_OK(agent.Run());
    const std::string mails = MakeMailFolder(world.folder.path(), cycle, 4);
    ASSERT_OK_AND_ASSIGN(const auto ids, agent.ReportAll({"mail", "--tlp", "GREEN", mails}));
    agent.process()->Freeze();
    (*disk)->CutPower();
    agent.Kill();
    ASSERT_OK((*disk)->PowerUp());
    reported.insert(ids.begin(), ids.end());
  }
  ASSERT_OK(agent.Run());
  ASSERT_OK(agent.WaitForEmptySpool());
  ASSERT_OK(agent.Stop());
  ASSERT_OK(world.hub.Stop());
  ASSERT_OK_AND_ASSIGN(const auto counts, CountInJournal(world.hub));
  for (const std::string& id : reported) EXPECT_TRUE(counts.contains(id)) << id;
  for (const auto& [id, count] : counts) EXPECT_EQ(count, 1) << id;
  std::printf("%d power cuts of the agent, %zu submissions\n", CrashCycles(), reported.size());
}

}  // namespace
}  // namespace noroshi::support
