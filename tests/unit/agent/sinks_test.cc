#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "agent/sinks/render.h"
#include "agent/sinks/sink.h"
#include "agent/spool/inbox.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::sinks {
namespace {

using std::chrono::milliseconds;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

class SinkTest : public testing::Test {
 protected:
  SinkTest() : inbox_(spool::Inbox::Open(SystemFileSystem(), folder_ / "inbox").value()) {
    NOROSHI_CHECK(inbox_.Recover().ok());
  }

  void Deliver(const std::string& title) {
    v1::Alert alert;
    alert.set_alert_id(random_.Bytes(16));
    alert.set_title_ja(title);
    alert.set_tlp(v1::TLP_GREEN);
    v1::Deliveries deliveries;
    deliveries.set_log_id("log");
    deliveries.add_deliveries()->set_position(++position_);
    deliveries.mutable_deliveries(0)->set_alert(alert.SerializeAsString());
    ASSERT_TRUE(inbox_.Append(deliveries).ok());
  }
  std::unique_ptr<Sink> Start(SinkOptions options) {
    return Sink::Start(SystemFileSystem(), folder_ / "inbox", std::move(options)).value();
  }
  SinkOptions FileSink() {
    SinkOptions options;
    options.name = "file";
    options.kind = SinkKind::kFile;
    options.path = folder_ / "alerts.jsonl";
    return options;
  }
  std::vector<std::string> Titles() {
    std::vector<std::string> titles;
    std::istringstream lines(ReadAll(folder_ / "alerts.jsonl"));
    for (std::string line; std::getline(lines, line);)
      titles.emplace_back(boost::json::parse(line).at("title_ja").as_string());
    return titles;
  }

  TempFolder folder_;
  FakeRandom random_;
  spool::Inbox inbox_;
  uint64_t position_ = 0;
};

TEST_F(SinkTest, AFileGetsEachItemOnceAcrossRestarts) {
  Deliver("一");
  {
    auto sink = Start(FileSink());
    ASSERT_TRUE(sink->WaitUntilDone(milliseconds(60'000)));
    Deliver("二");
    sink->Wake();
    ASSERT_TRUE(sink->WaitUntilDone(milliseconds(60'000)));
  }
  Deliver("三");
  auto sink = Start(FileSink());
  ASSERT_TRUE(sink->WaitUntilDone(milliseconds(60'000)));
  EXPECT_EQ(Titles(), (std::vector<std::string>{"一", "二", "三"}));
}

TEST_F(SinkTest, AFileIsNotDoubledWhenTheCursorIsLostAndHalfALineIsCut) {
  Deliver("一");
  Start(FileSink())->WaitUntilDone(milliseconds(60'000));
  // The crash came after the line and before the cursor; half of the next line was written.
  ASSERT_TRUE(SystemFileSystem().Remove(folder_ / "inbox/cursors/file").ok());
  Deliver("二");
  std::ofstream(folder_ / "alerts.jsonl", std::ios::app) << "{\"type\":\"al";
  Start(FileSink())->WaitUntilDone(milliseconds(60'000));
  EXPECT_EQ(Titles(), (std::vector<std::string>{"一", "二"}));
}

TEST_F(SinkTest, ACommandGetsTheItemOnItsInput) {
  SinkOptions options;
  options.name = "command";
  options.kind = SinkKind::kCommand;
  options.command = {"/bin/sh", "-c", "cat >> \"$0\"", folder_ / "alerts.jsonl"};
  Deliver("一");
  Deliver("二; rm -rf \"$0\" `touch x`");
  auto sink = Start(options);
  ASSERT_TRUE(sink->WaitUntilDone(milliseconds(60'000)));
  EXPECT_EQ(Titles(), (std::vector<std::string>{"一", "二; rm -rf \"$0\" `touch x`"}));
}

TEST_F(SinkTest, AFailingCommandIsRetriedAndLosesNothing) {
  SinkOptions options;
  options.name = "flaky";
  options.kind = SinkKind::kCommand;
  // Fails the first time.
  options.command = {"/bin/sh", "-c",
                     "test -e \"$0.tried\" || { touch \"$0.tried\"; exit 3; }; cat >> \"$0\"",
                     folder_ / "alerts.jsonl"};
  Deliver("一");
  auto sink = Start(options);
  ASSERT_TRUE(sink->WaitUntilDone(milliseconds(60'000)));
  EXPECT_EQ(Titles(), std::vector<std::string>{"一"});
}

TEST_F(SinkTest, UpdatesCanBeLeftOut) {
  v1::Deliveries deliveries;
  deliveries.set_log_id("log");
  deliveries.add_deliveries()->set_position(++position_);
  deliveries.mutable_deliveries(0)->mutable_update()->set_sequence(4);
  ASSERT_TRUE(inbox_.Append(deliveries).ok());
  Deliver("一");
  SinkOptions options = FileSink();
  options.updates = false;
  Start(options)->WaitUntilDone(milliseconds(60'000));
  EXPECT_EQ(Titles(), std::vector<std::string>{"一"});
}

TEST(CommandTest, TimeoutStatusAndAbsenceAreTold) {
  const int never = ::eventfd(0, EFD_CLOEXEC);
  EXPECT_TRUE(RunCommand({"/bin/true"}, "x", milliseconds(60'000), never).ok());
  EXPECT_EQ(RunCommand({"/bin/false"}, "x", milliseconds(60'000), never).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(
      RunCommand({"/bin/sh", "-c", "exec sleep 1000"}, "x", milliseconds(50), never).error().code,
      ErrorCode::kTimeout);
  EXPECT_EQ(RunCommand({"/nonexistent/command"}, "x", milliseconds(1000), never).error().code,
            ErrorCode::kNotFound);
  const int now = ::eventfd(1, EFD_CLOEXEC);
  EXPECT_EQ(
      RunCommand({"/bin/sh", "-c", "exec sleep 1000"}, "x", milliseconds(60'000), now).error().code,
      ErrorCode::kClosed);
  ::close(never);
  ::close(now);
}

TEST(RenderTest, TextCannotSteerATerminal) {
  v1::Alert alert;
  alert.set_alert_id(std::string(16, 'a'));
  alert.set_title_ja("\x1b[2J消去");
  spool::InboxItem item;
  item.delivery.set_alert(alert.SerializeAsString());
  EXPECT_EQ(ToText(item).find('\x1b'), std::string::npos);
}

TEST(RenderTest, TlpWordsGoBothWays) {
  EXPECT_EQ(TlpFromWord("tlp:amber+strict"), v1::TLP_AMBER_STRICT);
  EXPECT_EQ(TlpFromWord(TlpWord(v1::TLP_RED)), v1::TLP_RED);
  EXPECT_EQ(TlpFromWord("WHITE"), v1::TLP_UNSPECIFIED);
}

}  // namespace
}  // namespace noroshi::sinks
