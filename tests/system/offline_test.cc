// The hub may be down, slow or moved, disks may be full: reports stay, arrive
// once, and get one receipt.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/assertions.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/loop_disk.h"
#include "tests/support/payloads.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

const std::vector<std::string> kReport = {"incident", "--tlp",  "AMBER",           "--title",
                                          "停電",     "--what", "庁舎が停電した。"};

std::vector<std::string> Waiting(std::vector<std::string> report) {
  report.insert(report.end(), {"--wait", "30"});
  return report;
}

// Fills a file system until only so much is left for others.
void FillDisk(const std::string& folder, uint64_t leave_bytes) {
  struct statvfs info {};
  ASSERT_EQ(::statvfs(folder.c_str(), &info), 0);
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  ASSERT_GT(free, leave_bytes);
  const int filler = ::open((folder + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(filler, 0);
  ASSERT_EQ(::posix_fallocate(filler, 0, static_cast<off_t>(free - leave_bytes)), 0);
  ::close(filler);
}

TEST(OfflineTest, ReportsWaitForAHubThatIsDown) {
  World world;
  ASSERT_OK(world.Start());
  ASSERT_OK(world.hub.Stop());
  for (int i = 0; i < 5; ++i) ASSERT_OK(world.ministry.Report(kReport));
  ASSERT_OK(world.hub.Serve());
  ASSERT_OK(world.ministry.WaitForEmptySpool());
  ASSERT_OK_AND_ASSIGN(const json::value status, world.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 5);
}

TEST(OfflineTest, ReportsNeedNoRunningAgentEither) {
  World world;
  ASSERT_OK(world.Start());
  ASSERT_OK(world.ministry.Stop());
  ASSERT_OK(world.ministry.Report(kReport));
  // `run --once` drains the spool and ends.
  ASSERT_OK(world.ministry.Command({"run", "--once"}));
  ASSERT_OK_AND_ASSIGN(const json::value status, world.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 1);
}

TEST(OfflineTest, ASlowHubIsWaitedFor) {
  World world;
  ASSERT_OK(world.Start());
  world.hub.process()->Signal(SIGSTOP);
  ASSERT_OK(world.ministry.Report(kReport));
  // The hub answers nothing: the report is not lost, and not taken for sent.
  EXPECT_FALSE(std::filesystem::is_empty(world.ministry.data() + "/spool/new"));
  world.hub.process()->Signal(SIGCONT);
  ASSERT_OK(world.ministry.WaitForEmptySpool());
  ASSERT_OK_AND_ASSIGN(const json::value status, world.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 1);
}

TEST(OfflineTest, AMovedHubIsFoundAtItsNewAddress) {
  World world;
  ASSERT_OK(world.Start());
  ASSERT_OK(world.ministry.Report(Waiting(kReport)));
  const std::string old_address = world.hub.address();
  ASSERT_OK(world.hub.Stop());
  ASSERT_OK(world.ministry.Report(kReport));
  world.hub.Move();
  ASSERT_OK(world.hub.Serve({"--listen", "127.0.0.1:0"}));
  ASSERT_NE(world.hub.address(), old_address);
  ASSERT_OK(world.ministry.Stop());
  ASSERT_OK(world.ministry.Configure(old_address, world.hub.address()));
  ASSERT_OK(world.ministry.Run());
  ASSERT_OK(world.ministry.WaitForEmptySpool());
  ASSERT_OK_AND_ASSIGN(const json::value status, world.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 2);
}

class RetryTest : public testing::Test {
 protected:
  RetryTest() : hub_(folder_.path()) {}
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(credentials_, hub_.Certify("kasumi-ministry/test"));
  }

  // Submits on a connection of its own: the hub's answer.
  Result<v1::HubFrame> Submit(const v1::Submission& submission) {
    NOROSHI_ASSIGN_OR_RETURN(auto client, WireClient::Connect({hub_.address(), credentials_}));
    v1::AgentFrame frame;
    frame.mutable_hello()->set_software("noroshi-test/1");
    NOROSHI_RETURN_IF_ERROR(client->Send(frame));
    frame.mutable_submit()->set_submission(submission.SerializeAsString());
    NOROSHI_RETURN_IF_ERROR(client->Send(frame));
    NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame welcome, client->Receive());
    if (!welcome.has_welcome()) return welcome;
    return client->Receive();
  }

  TempDir folder_;
  HubUnderTest hub_;
  Credentials credentials_;
};

TEST_F(RetryTest, ARetryGetsTheSameReceipt) {
  const v1::Submission submission = MakeReport("庁舎が停電した。");
  std::vector<v1::Receipt> receipts;
  const auto submit = [&] {
    ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, Submit(submission));
    ASSERT_EQ(answer.receipts().receipts_size(), 1) << answer.ShortDebugString();
    receipts.push_back(answer.receipts().receipts(0));
  };
  submit();
  submit();
  hub_.Kill();
  ASSERT_OK(hub_.Serve());
  submit();
  ASSERT_OK(hub_.Stop());
  ASSERT_EQ(receipts.size(), 3U);
  for (const v1::Receipt& receipt : receipts) {
    EXPECT_EQ(receipt.sequence(), receipts[0].sequence());
    EXPECT_EQ(receipt.leaf_hash(), receipts[0].leaf_hash());
    EXPECT_EQ(receipt.header(), receipts[0].header());
  }
  ASSERT_OK_AND_ASSIGN(const auto submissions, ReadSubmissions(hub_.data()));
  EXPECT_EQ(submissions.size(), 1U);
}

TEST_F(RetryTest, TheSameIdWithOtherContentIsRefused) {
  v1::Submission submission = MakeReport("庁舎が停電した。");
  ASSERT_OK(Submit(submission));
  submission.mutable_incident()->set_what_happened("庁舎は停電していない。");
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, Submit(submission));
  EXPECT_EQ(answer.rejection().code(), "id_conflict") << answer.ShortDebugString();
  EXPECT_FALSE(answer.rejection().retryable());
  ASSERT_OK(hub_.Stop());
  ASSERT_OK_AND_ASSIGN(const auto submissions, ReadSubmissions(hub_.data()));
  EXPECT_EQ(submissions.size(), 1U);
}

TEST(FullDiskTest, AnAgentSaysThatItsDiskIsFull) {
  World world;
  auto disk = LoopDisk::Make(world.folder.path(), uint64_t{320} << 20);
  if (!disk.ok()) GTEST_SKIP() << "no disk to fill: " << disk.error().message;
  ASSERT_OK(world.Start());
  AgentUnderTest agent((*disk)->path(), "kasumi-ministry", "spare");
  ASSERT_OK(agent.Enroll(world.hub));
  // Larger than what is left, so that the last free blocks do not hide the end.
  const std::string mail = world.folder / "large.eml";
  WriteFile(mail, "From: a@lure.example\r\nSubject: large\r\n\r\n" + std::string(4 << 20, 'x'));
  FillDisk((*disk)->path(), 1 << 20);
  ASSERT_OK_AND_ASSIGN(const Output refused, agent.Try({"report", "mail", "--tlp", "GREEN", mail}));
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, testing::HasSubstr("pace")) << refused.out;  // "space"
  std::filesystem::remove((*disk)->path() + "/filler");
  ASSERT_OK(agent.Report({"mail", "--tlp", "GREEN", mail}));
  ASSERT_OK(agent.Command({"run", "--once"}));
  ASSERT_OK_AND_ASSIGN(const json::value status, world.hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 1);
}

TEST(FullDiskTest, AHubBelowItsReserveRefusesAndRecoversByItself) {
  World world;
  auto disk = LoopDisk::Make(world.folder.path(), uint64_t{1} << 30);
  if (!disk.ok()) GTEST_SKIP() << "no disk to fill: " << disk.error().message;
  HubUnderTest hub((*disk)->path());
  ASSERT_OK(hub.Init());
  ASSERT_OK(hub.Serve());
  ASSERT_OK(hub.AddOrganization("kasumi-ministry", "ministry"));
  ASSERT_OK(world.ministry.Enroll(hub));
  FillDisk((*disk)->path(), uint64_t{100} << 20);
  // It asks the disk now and then, and keeps the reserve for what comes between.
  ASSERT_OK(hub.AskUntil("the reserve to be touched", {"status"}, [](const json::value& status) {
    return TextAt(status, "/health").find("reserve") != std::string::npos;
  }));
  ASSERT_OK(world.ministry.Run());
  ASSERT_OK(world.ministry.Report(kReport));
  ASSERT_OK(WaitUntil("the refusal", {.paths = {world.ministry.log_file()}}, [&] {
    return world.ministry.log().find("submission_rejected") != std::string::npos;
  }));
  // Kept, and readable all the while.
  EXPECT_FALSE(std::filesystem::is_empty(world.ministry.data() + "/spool/new"));
  ASSERT_OK(hub.Ask({"status"}));
  std::filesystem::remove((*disk)->path() + "/filler");
  ASSERT_OK(world.ministry.WaitForEmptySpool());
  ASSERT_OK_AND_ASSIGN(const json::value status, hub.Settle());
  EXPECT_EQ(NumberAt(status, "/submissions"), 1);
}

}  // namespace
}  // namespace noroshi::support
