// Clocks that are ten years off: the agent's and the hub's.
#include <filesystem>
#include <optional>

#include "tests/support/agent_under_test.h"
#include "tests/support/payloads.h"
#include "tests/support/persons.h"
#include "tests/support/wrong_clock.h"
#include "tests/system/resources_fixture.h"

namespace noroshi::support {
namespace {

constexpr char kRight[] = "+0";
constexpr char kAhead[] = "+3653d";
constexpr char kBehind[] = "-3653d";

// libfaketime takes over pthread_cond_timedwait, in which ThreadSanitizer would have seen
// a mutex let go: it then reports the next lock as a second one.
#if defined(__SANITIZE_THREAD__)
constexpr bool kHidesLocks = true;
#else
constexpr bool kHidesLocks = false;
#endif

// Whether a file below the folder has this id in its name.
bool Holds(const std::string& folder, const std::string& id) {
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder)) {
    if (item.path().filename().string().find(id) != std::string::npos) return true;
  }
  return false;
}

class ClocksTest : public ResourcesTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    auto clock = WrongClock::Make(folder_ / "offset");
    if (!clock.ok()) GTEST_SKIP() << clock.error().message;
    clock_ = *clock;
  }
  bool Ahead() const { return std::string(GetParam()) == kAhead; }

  std::optional<WrongClock> clock_;
};

TEST_P(ClocksTest, AHubWhoseClockJumpsCountsOnByItself) {
  if (kHidesLocks) GTEST_SKIP() << "libfaketime hides locks from ThreadSanitizer";
  serve_with_ = clock_->Run(PlainHubBinary());
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  ASSERT_NO_FATAL_FAILURE(Pause());  // Persons wait only so long for the engine.
  ASSERT_OK(IssueAlert(*hub_, {"--kind", "warning", "--tlp", "GREEN", "--title-ja", "注意",
                               "--title-en", "Warning", "--text-ja", "本文", "--text-en", "Text",
                               "--to", "org:shinko-agency", "--acknowledge-within", "24h"}));
  submitter_->HubIsUp(hub_->address(), kEndless);
  clock_->Set(GetParam());
  ASSERT_OK(WaitForHealth("clock"));
  // Reports, mails among them, analysis and handshakes go on as if nothing had happened.
  const size_t receipts = ledger_.receipts();
  ASSERT_TRUE(ledger_.WaitForReceipts(receipts + 200)) << submitter_->last_error();
  ASSERT_OK(Greet({hub_->address(), agency_}));
  ASSERT_NO_FATAL_FAILURE(Pause());  // So does who enrols.
  ASSERT_OK(hub_->Certify("shinko-agency/new"));
  ASSERT_OK_AND_ASSIGN(const json::value alerts, hub_->Ask({"alert", "list"}));
  ASSERT_EQ(ArrayAt(alerts, "/alerts").size(), 1U) << alerts;
  const std::string id = TextAt(alerts, "/alerts/0/alert_id");
  ASSERT_OK_AND_ASSIGN(const json::value shown, hub_->Ask({"alert", "show", id}));
  const std::string text = json::serialize(shown);
  EXPECT_NE(text.find("\"late\":false"), std::string::npos) << text;
  EXPECT_EQ(text.find("\"late\":true"), std::string::npos) << text;
  clock_->Set(kRight);
  ASSERT_OK(WaitForHealth("ok"));
  ExpectNothingFalse();
}

TEST_P(ClocksTest, AHubDoesNotStartWithAWrongClock) {
  if (kHidesLocks) GTEST_SKIP() << "libfaketime hides locks from ThreadSanitizer";
  serve_with_ = clock_->Run(PlainHubBinary());
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  ASSERT_OK(hub_->Stop());
  clock_->Set(GetParam());
  EXPECT_FALSE(hub_->Serve().ok());
  EXPECT_NE(hub_->log().find("set the clock"), std::string::npos);
  clock_->Set(kRight);
  ASSERT_OK(hub_->Serve());
  ExpectNothingFalse();
}

TEST_P(ClocksTest, AnAgentWithAWrongClockKeepsItsReportsUntilItIsRight) {
  ASSERT_NO_FATAL_FAILURE(Begin({}));
  AgentUnderTest agent(folder_.path(), "shinko-agency", "soc", clock_->Run(AgentBinary()));
  ASSERT_OK(agent.Enroll(*hub_));
  const auto report = [&](const std::string& title) {
    return agent.Report({"incident", "--tlp", "AMBER", "--title", title, "--what", title});
  };
  ASSERT_OK_AND_ASSIGN(const std::string before, report("before"));
  clock_->Set(GetParam());
  ASSERT_OK_AND_ASSIGN(const std::string meanwhile, report("meanwhile"));
  ASSERT_OK(agent.Run());
  // To this agent the hub's certificate is over, or not valid yet.
  const std::string reason = Ahead() ? "expired" : "not yet valid";
  ASSERT_OK(WaitUntil(reason, {.paths = {agent.log_file()}},
                      [&] { return agent.log().find(reason) != std::string::npos; }));
  ASSERT_OK(hub_->AskUntil("the agent's alert", {"status"}, [](const json::value& status) {
    return NumberAt(status, "/handshakes_refused/alert") > 0;
  }));
  EXPECT_TRUE(Holds(agent.data() + "/spool/new", before));
  EXPECT_TRUE(Holds(agent.data() + "/spool/new", meanwhile));
  ASSERT_OK(agent.Stop());
  clock_->Set(kRight);
  ASSERT_OK(agent.Run());
  ASSERT_OK(agent.WaitForEmptySpool());
  EXPECT_TRUE(Holds(agent.data() + "/spool/sent", before));
  // What says that it was written in ten years is refused, and kept with the reason.
  if (Ahead()) {
    EXPECT_NE(ReadFile(agent.data() + "/spool/rejected/" + meanwhile + ".json").find("future"),
              std::string::npos);
  } else {
    EXPECT_TRUE(Holds(agent.data() + "/spool/sent", meanwhile));
  }
  ASSERT_OK(agent.Stop());
}

INSTANTIATE_TEST_SUITE_P(TenYears, ClocksTest, testing::Values(kAhead, kBehind),
                         [](const auto& each) {
                           return std::string(each.param) == kAhead ? "Ahead" : "Behind";
                         });

}  // namespace
}  // namespace noroshi::support
