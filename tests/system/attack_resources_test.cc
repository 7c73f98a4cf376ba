// What the hub stands on gives way: the disk fails, descriptors or memory run out. It refuses or
// stops; it never gives a receipt for what is not on the disk, and goes on by itself, or after a
// restart, when it can.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/payloads.h"
#include "tests/system/resources_fixture.h"

namespace noroshi::support {
namespace {

constexpr char kStrace[] = "/usr/bin/strace";

struct Failure {
  const char* name;
  const char* call;  // As strace injects it.
};

void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.call; }

class FailingDiskTest : public ResourcesTest, public testing::WithParamInterface<Failure> {};

// The process's thread of this name.
std::string ThreadNamed(pid_t process, const std::string& name) {
  for (const auto& task :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process))) {
    if (ReadFile(task.path().string() + "/comm") == name + "\n") {
      return task.path().filename().string();
    }
  }
  return "";
}

TEST_P(FailingDiskTest, AFailedCallStopsTheJournalAndNoReceiptIsFalse) {
  if (::access(kStrace, X_OK) != 0) GTEST_SKIP() << "strace is not installed";
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  // Only the thread that writes the journal: what fails is the disk, not a socket.
  const std::string committer = ThreadNamed(hub_->process()->pid(), "commit");
  ASSERT_FALSE(committer.empty());
  const std::string call = GetParam().call;
  ProcessOptions options;
  options.argv = {
      kStrace, "-qq",           "-p", committer, "-e", "trace=" + call.substr(0, call.find(':')),
      "-e",    "inject=" + call};
  options.stderr_file = folder_ / "strace.log";
  ASSERT_OK_AND_ASSIGN(auto strace, Process::Start(options));
  ASSERT_OK(WaitForHealth("journal"));
  ASSERT_OK(hub_->AskUntil("refusals", {"status"}, [](const json::value& status) {
    return NumberAt(status, "/submissions_rejected/unavailable") > 0;
  }));
  EXPECT_NE(hub_->log().find("journal_latched"), std::string::npos);
  // It goes on answering questions, but gives no receipt.
  const size_t receipts = ledger_.receipts();
  submitter_->HubIsUp(hub_->address(), kEndless);
  ASSERT_OK_AND_ASSIGN(auto client, Greet({hub_->address(), agency_}));
  ASSERT_OK(client->SendBytes(SubmitFrame(MakeReport("x").SerializeAsString())));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
  EXPECT_EQ(answer.rejection().code(), "unavailable") << answer.ShortDebugString();
  EXPECT_TRUE(answer.rejection().retryable());
  EXPECT_EQ(ledger_.receipts(), receipts);
  ASSERT_OK(strace->Stop());
  hub_->Kill();
  ASSERT_OK(hub_->Serve());
  ExpectNothingFalse();
}

INSTANTIATE_TEST_SUITE_P(ResourcesTest, FailingDiskTest,
                         testing::Values(Failure{"FirstWrite", "write:error=EIO:when=1"},
                                         Failure{"EveryFifthWrite", "write:error=EIO:when=5+5"},
                                         Failure{"EverySeventhWriteForSpace",
                                                 "write:error=ENOSPC:when=7+7"},
                                         Failure{"FirstSync", "fdatasync:error=EIO:when=1"},
                                         Failure{"EveryFifthSync", "fdatasync:error=EIO:when=5+5"},
                                         Failure{"SyncForQuota", "fdatasync:error=EDQUOT:when=3"}),
                         [](const auto& each) { return std::string(each.param.name); });

class FailingOpenTest : public testing::TestWithParam<int> {};

// `noroshi-hub rebuild` under strace, which lets calls fail as `inject` says and
// writes into `trace` what files were opened.
Result<Output> TracedRebuild(const std::string& data, const std::string& trace,
                             const std::vector<std::string>& inject) {
  // LeakSanitizer cannot look at a traced process.
  std::vector<std::string> argv = {
      kStrace, "-f", "-qq", "-o", trace, "-e", "trace=openat", "-E", "LSAN_OPTIONS=detect_leaks=0"};
  argv.insert(argv.end(), inject.begin(), inject.end());
  argv.insert(argv.end(), {HubBinary(), "--data", data, "rebuild"});
  return RunCommand(argv);
}

// How many files are opened (by the loader and libraries) before the first one in
// this folder; -1: none is.
int OpensBefore(const std::string& trace, const std::string& folder) {
  std::istringstream lines(ReadFile(trace));
  int opens = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("openat(") == std::string::npos) continue;
    if (line.find(folder) != std::string::npos) return opens;
    ++opens;
  }
  return -1;
}

// The parameter: how many of its own files the hub may open before the first failure.
TEST_P(FailingOpenTest, AHubThatCannotOpenItsFilesSaysSoAndHarmsNothing) {
  if (::access(kStrace, X_OK) != 0) GTEST_SKIP() << "strace is not installed";
  const TempDir folder;
  {
    HubUnderTest hub(folder.path());
    ASSERT_OK(hub.Init());
    ASSERT_OK(hub.Serve());
    ASSERT_OK(hub.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK(hub.Stop());
  }
  const std::string data = folder / "hub";
  ASSERT_OK_AND_ASSIGN(const Output sound, TracedRebuild(data, folder / "sound", {}));
  ASSERT_EQ(sound.status, 0) << sound.err;
  const int before = OpensBefore(folder / "sound", data);
  ASSERT_GE(before, 0);
  for (const std::string error : {"EIO", "EMFILE"}) {
    const std::string trace = folder / error;
    const std::string inject =
        fmt::format("inject=openat:error={}:when={}+7", error, before + 1 + GetParam());
    ASSERT_OK_AND_ASSIGN(const Output run, TracedRebuild(data, trace, {"-e", inject}));
    EXPECT_TRUE(run.status == 0 || !run.err.empty());
    EXPECT_LT(run.status, 128) << run.err;  // No signal ended it.
    // It was the hub's own work that failed.
    EXPECT_EQ(OpensBefore(trace, data), before);
    EXPECT_NE(ReadFile(trace).find("(INJECTED)"), std::string::npos);
  }
  HubUnderTest hub(folder.path());
  ASSERT_OK(hub.Serve());
  ASSERT_OK_AND_ASSIGN(const json::value status, hub.Settle());
  EXPECT_EQ(NumberAt(status, "/organizations"), 2);  // The centre, and the ministry.
  ASSERT_OK(hub.Stop());
}

INSTANTIATE_TEST_SUITE_P(ResourcesTest, FailingOpenTest, testing::Values(0, 1, 5, 12, 25));

TEST_F(ResourcesTest, WithoutDescriptorsWhoIsThereIsServedAndOthersWait) {
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  const pid_t hub = hub_->process()->pid();
  rlimit before{};
  ASSERT_EQ(::prlimit(hub, RLIMIT_NOFILE, nullptr, &before), 0);
  // The databases open what they need first.
  rlimit none = before;
  none.rlim_cur = 1;
  ASSERT_EQ(::prlimit(hub, RLIMIT_NOFILE, &none, nullptr), 0);
  ASSERT_OK_AND_ASSIGN(auto waiting, WireClient::ConnectPlain(hub_->address()));
  ASSERT_OK(WaitUntil("accept to fail", {.paths = {hub_->log_file()}},
                      [&] { return hub_->log().find("\"accept_failed\"") != std::string::npos; }));
  const size_t receipts = ledger_.receipts();
  EXPECT_TRUE(ledger_.WaitForReceipts(receipts + 50)) << submitter_->last_error();
  ASSERT_EQ(::prlimit(hub, RLIMIT_NOFILE, &before, nullptr), 0);
  ASSERT_OK(Greet({hub_->address(), agency_}));
  ASSERT_OK_AND_ASSIGN(const json::value status, hub_->Ask({"status"}));
  EXPECT_GT(NumberAt(status, "/intake/accept_failures"), 0);
  EXPECT_EQ(TextAt(status, "/health"), "ok");
  ExpectNothingFalse();
}

// More connections than the configuration allows, and than there are descriptors for.
TEST_F(ResourcesTest, ConnectionsLeaveDescriptorsToTheJournal) {
  ASSERT_NO_FATAL_FAILURE(Begin({{"connections = 20000", "connections = 40"}}));
  std::vector<std::unique_ptr<WireClient>> strangers;
  for (int i = 0; i < 200; ++i) {
    auto stranger = WireClient::ConnectPlain(hub_->address());
    ASSERT_OK(stranger);
    strangers.push_back(std::move(*stranger));
  }
  // Strangers have a quarter of the places at most: an agent finds one.
  EXPECT_OK(Greet({hub_->address(), agency_}));
  ASSERT_OK(hub_->AskUntil("strangers to give way", {"status"}, [](const json::value& status) {
    return NumberAt(status, "/handshakes_refused/crowded") > 0;
  }));
  ExpectNothingFalse();
}

// Strangers at the web server must not take what the journal opens its next file with.
TEST_F(ResourcesTest, WebConnectionsLeaveDescriptorsToTheJournal) {
  const std::vector<std::string> few = {"/usr/bin/prlimit", "--nofile=300:300"};
  serve_with_.insert(serve_with_.begin(), few.begin(), few.end());
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  EXPECT_NE(hub_->log().find("\"connections_limited\""), std::string::npos);
  std::string web_address = ReadFile(hub_->data() + "/run/web_address");
  ASSERT_FALSE(web_address.empty());
  web_address.pop_back();  // The line's end.
  std::vector<std::unique_ptr<WireClient>> strangers;
  for (int i = 0; i < 250; ++i) {
    auto stranger = WireClient::ConnectPlain(web_address);
    ASSERT_OK(stranger);
    strangers.push_back(std::move(*stranger));
  }
  // Answered after all of them were accepted or turned away: a backup opens new files of both
  // databases.
  ASSERT_OK(hub_->Command({"backup", folder_.path() + "/backup"}));
  const size_t receipts = ledger_.receipts();
  EXPECT_TRUE(ledger_.WaitForReceipts(receipts + 50)) << submitter_->last_error();
  ASSERT_OK_AND_ASSIGN(const json::value status, hub_->Ask({"status"}));
  EXPECT_EQ(TextAt(status, "/health"), "ok");
  ExpectNothingFalse();
}

TEST_F(ResourcesTest, OneOrganizationCannotTakeAllTheMemory) {
  ASSERT_NO_FATAL_FAILURE(Begin({{"memory_budget = \"512MiB\"", "memory_budget = \"32MiB\""}}));
  ASSERT_OK_AND_ASSIGN(auto client, Greet({hub_->address(), agency_}));
  // A quarter of it is what one may hold: pieces of mails that never end.
  v1::AgentFrame frame;
  const std::string piece(128 * 1024, 'x');
  frame.mutable_chunk()->set_submission_id(MakeReport("x").id());
  frame.mutable_chunk()->set_total_size(20 << 20);
  v1::HubFrame answer;
  for (size_t at = 0; at <= size_t{8} << 20; at += piece.size()) {
    frame.mutable_chunk()->set_offset(at);
    frame.mutable_chunk()->set_data(piece);
    ASSERT_OK(client->Send(frame));
  }
  ASSERT_OK_AND_ASSIGN(answer, client->Receive());
  EXPECT_EQ(answer.rejection().code(), "overloaded") << answer.ShortDebugString();
  EXPECT_TRUE(answer.rejection().retryable());
  ASSERT_OK_AND_ASSIGN(const json::value status, hub_->Ask({"status"}));
  EXPECT_EQ(NumberAt(status, "/submissions_rejected/overloaded"), 1);
  const size_t receipts = ledger_.receipts();
  EXPECT_TRUE(ledger_.WaitForReceipts(receipts + 50)) << submitter_->last_error();
  ExpectNothingFalse();
}

}  // namespace
}  // namespace noroshi::support
