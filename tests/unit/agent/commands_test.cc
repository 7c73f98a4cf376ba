#include "agent/app/commands.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstring>
#include <fstream>

#include "agent/app/cli.h"
#include "agent/app/editor.h"
#include "agent/app/former.h"
#include "agent/app/parts.h"
#include "agent/spool/record.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;

// An agent's folder as enrolment leaves it, but for the certificate.
class CommandsTest : public testing::Test {
 protected:
  CommandsTest() : environment_{folder_.path(), true, SystemFileSystem(), clock_, random_} {
    NOROSHI_CHECK(environment_.StorePins({"org", "agent", log_.log_id(), log_.public_key()}).ok());
    NOROSHI_CHECK(
        environment_.files
            .WriteDurably(environment_.path("agent.toml"), DefaultSettings("127.0.0.1:1", ""), 0600)
            .ok());
  }

  // Runs a command; its exit code. What it printed is in out_ and err_.
  template <typename Command>
  int Do(Command command) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int exit_code = command();
    std::fflush(stdout);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return exit_code;
  }
  int Report(std::vector<Entry> flags) {
    IncidentOptions options;
    options.flags = std::move(flags);
    return Do([&] { return ReportIncident(environment_, options); });
  }
  int Mail(const std::vector<std::string>& paths) {
    MailOptions options;
    options.flags = {{"tlp", {"GREEN"}, "--tlp"}, {"opened", {"yes"}, "--opened"}};
    options.paths = paths;
    return Do([&] { return ReportMail(environment_, options); });
  }
  // A whole command line, in this folder.
  int CommandLine(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"noroshi-agent", "--data", folder_.path()});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return Do([&] { return RunCommandLine(static_cast<int>(argv.size()), argv.data()); });
  }
  std::string Write(const std::string& name, const std::string& content) {
    NOROSHI_CHECK(environment_.files.WriteDurably(folder_ / name, content, 0700).ok());
    return folder_ / name;
  }
  Parts Open() { return Parts::Open(environment_).value(); }
  // As if the hub had accepted everything that waits.
  void AcceptAll() {
    Parts parts = Open();
    const auto items = parts.spool.Waiting().value();
    for (const auto& item : items) log_.Append("org", parts.spool.Load(item).value());
    ASSERT_TRUE(parts.spool.Accept(log_.Seal(), items, clock_.now_ms).ok());
  }
  std::vector<v1::Submission> Waiting() {
    Parts parts = Open();
    std::vector<v1::Submission> submissions;
    const auto items = parts.spool.Waiting().value();
    for (const auto& item : items) {
      EXPECT_TRUE(submissions.emplace_back().ParseFromString(parts.spool.Load(item).value()));
    }
    return submissions;
  }

  const std::vector<Entry> kReport = {{"title", {"停電"}, "--title"}, {"tlp", {"AMBER"}, "--tlp"}};
  TempFolder folder_;
  FakeClock clock_;
  FakeRandom random_;
  TestLog log_;
  Environment environment_;
  std::string out_;
  std::string err_;
};

TEST_F(CommandsTest, AReportIsDurableAndItsIdPrinted) {
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  const auto waiting = Waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].incident().title(), "停電");
  EXPECT_EQ(waiting[0].incident().stage(), v1::REPORT_STAGE_FIRST);
  EXPECT_EQ(json::parse(out_).at("submission_id").as_string(),
            Uuid::FromBytes(waiting[0].id())->ToString());
}

TEST_F(CommandsTest, AReportThatTheHubWouldRefuseIsNotQueued) {
  EXPECT_EQ(Report({{"title", {"停電"}, "--title"}}), kExitDataError);
  EXPECT_NE(err_.find("tlp"), std::string::npos) << err_;
  EXPECT_EQ(Report({{"tlp", {"AMBER"}, "--tlp"}, {"users", {"-1"}, "--users"}}), kExitDataError);
  EXPECT_NE(err_.find("--users"), std::string::npos) << err_;
  EXPECT_TRUE(Waiting().empty());
}

TEST_F(CommandsTest, AnEmptyValueIsNoConsent) {
  const std::vector<std::string> report = {"report", "incident", "--tlp", "RED", "--title", "x"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), report.begin(), report.end());
    return CommandLine(more);
  };
  for (const std::vector<std::string>& empty : {std::vector<std::string>{"--may-tell-police", ""},
                                                {"--may-tell-police="},
                                                {"--circle", ""},
                                                {"--exercise="},
                                                {"--police-ok", "", "--impact", "y"},
                                                {"--may-share-name="},
                                                {"--file="},
                                                {"--file", ""}}) {
    EXPECT_EQ(with(empty), kExitUsage) << empty[0];
    EXPECT_NE(err_.find(empty[0].substr(0, empty[0].find('=')) + ": "), std::string::npos) << err_;
  }
  EXPECT_TRUE(Waiting().empty());
  ASSERT_EQ(with({"--impact", "", "--may-tell-police", "--may-share-name=no"}), kExitOk) << err_;
  EXPECT_TRUE(Waiting().at(0).handling().may_tell_police());
  EXPECT_FALSE(Waiting().at(0).handling().may_share_name());
}

TEST_F(CommandsTest, WrongUsageIsToldInBothLanguagesAndAsJson) {
  EXPECT_EQ(CommandLine({"status", "--al"}), kExitUsage);
  EXPECT_NE(err_.find("書き方"), std::string::npos) << err_;
  EXPECT_NE(err_.find("--al"), std::string::npos) << err_;
  EXPECT_EQ(CommandLine({"--json", "report", "mail"}), kExitUsage);
  EXPECT_EQ(json::parse(err_).at("exit_code").as_int64(), kExitUsage);
  EXPECT_EQ(CommandLine({"--help"}), kExitOk);
}

TEST_F(CommandsTest, AFileIsReadAndFlagsWin) {
  IncidentOptions options;
  options.file = Write("report.yaml", "title: from file\ntlp: RED\nimpact: 大\n");
  options.flags = kReport;
  ASSERT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitOk) << err_;
  const auto waiting = Waiting();
  EXPECT_EQ(waiting.at(0).incident().title(), "停電");
  EXPECT_EQ(waiting.at(0).incident().impact(), "大");
  EXPECT_EQ(waiting.at(0).handling().tlp(), v1::TLP_AMBER);
  options.file = folder_ / "absent.yaml";
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitNoInput);
  options.file = folder_.path();
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitNoInput);
  EXPECT_NE(err_.find("name a file"), std::string::npos) << err_;
  options.file = Write("wrong.yaml", "titel: x\n");
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitDataError);
  EXPECT_NE(err_.find("wrong.yaml:1"), std::string::npos) << err_;
}

TEST_F(CommandsTest, MailsOfFilesMboxesAndFoldersAreQueued) {
  std::filesystem::create_directories(folder_ / "mails");
  Write("mails/a.eml", "Subject: a\n\nx\n");
  Write("mails/box", "From x Sat Nov 21\nSubject: b\n\ny\n\nFrom x Sat Nov 21\nSubject: c\n\nz\n");
  ASSERT_EQ(Mail({folder_ / "mails"}), kExitOk) << err_;
  const auto waiting = Waiting();
  ASSERT_EQ(waiting.size(), 3u);
  EXPECT_EQ(json::parse(out_).at("submissions").as_array().size(), 3u);
  EXPECT_TRUE(waiting[0].mail().treatment().opened());
  EXPECT_FALSE(waiting[0].mail().treatment().has_link_clicked());
}

TEST_F(CommandsTest, ExitCodesTellAMailServerWhatToDo) {
  EXPECT_EQ(Mail({folder_ / "absent.eml"}), kExitNoInput);
  EXPECT_EQ(Mail({Write("empty.eml", "")}), kExitDataError);
  Write("agent.toml", "[hub]\naddress = \"127.0.0.1:1\"\n[spool]\nentries_max = 1\n");
  EXPECT_EQ(Mail({Write("one.eml", "Subject: a\n\n")}), kExitOk) << err_;
  EXPECT_EQ(Mail({Write("two.eml", "Subject: b\n\n")}), kExitTempFail);
  EXPECT_NE(err_.find("full"), std::string::npos) << err_;
  EXPECT_NE(err_.find("いっぱい"), std::string::npos) << err_;
  Write("agent.toml", "[hub]\naddres = 1\n");
  EXPECT_EQ(Mail({folder_ / "one.eml"}), kExitConfig);
  ASSERT_TRUE(environment_.files.Remove(folder_ / "identity.json").ok());
  EXPECT_EQ(Mail({folder_ / "one.eml"}), kExitConfig);
}

TEST_F(CommandsTest, AStopInTheMiddleTellsWhatIsLeft) {
  Write("agent.toml", "[hub]\naddress = \"127.0.0.1:1\"\n[spool]\nentries_max = 2\n");
  const std::string one = Write("one.eml", "Subject: a\n\n");
  const std::string box =
      Write("box", "From x Sat Nov 21\nSubject: b\n\nFrom x Sat Nov 21\nSubject: c\n\n");
  EXPECT_EQ(Mail({one, box, one}), kExitTempFail);
  for (const std::string& part :
       {std::string("2 通は保存済み"), "repeat only the rest, from " + box,
        std::string("without the first 1 of it")})
    EXPECT_NE(err_.find(part), std::string::npos) << part << " in " << err_;
  EXPECT_EQ(json::parse(out_).at("submissions").as_array().size(), 2u);
  EXPECT_EQ(Mail({one}), kExitTempFail);
  EXPECT_EQ(err_.find("保存済み"), std::string::npos) << err_;
}

TEST_F(CommandsTest, AReportThatIsKeptIsDoneWhateverTheWaitingBrings) {
  IncidentOptions options;
  options.flags = kReport;
  const auto file = [&](int wait_seconds) {
    options.wait_seconds = wait_seconds;
    EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitOk) << err_;
    EXPECT_EQ(json::parse(out_).at("state").as_string(), "spooled");
    EXPECT_FALSE(json::parse(out_).at("submission_id").as_string().empty());
  };
  file(0);
  EXPECT_NE(err_.find("not_running"), std::string::npos) << err_;
  file(5);  // ca.pem is missing: it cannot even dial.
  EXPECT_NE(err_.find("ca.pem"), std::string::npos) << err_;
  EXPECT_EQ(Waiting().size(), 2u);
}

TEST_F(CommandsTest, WhatHasNoHeaderIsNoMail) {
  EXPECT_EQ(Mail({Write("mail.msg", "\xd0\xcf\x11\xe0\n\nSubject: a\n\n")}), kExitDataError);
  EXPECT_NE(err_.find("save the mail as .eml"), std::string::npos) << err_;
  EXPECT_TRUE(Waiting().empty());
}

TEST_F(CommandsTest, AFolderMayHaveBracketsInItsName) {
  std::filesystem::create_directories(folder_ / "[Gmail]");
  Write("[Gmail]/a.eml", "Subject: a\n\n");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  for (const std::vector<std::string>& tlp :
       {std::vector<std::string>{"--tlp", "GREEN"}, std::vector<std::string>{"--tlp=GREEN"}}) {
    std::vector<std::string> words{"report", "mail"};
    words.insert(words.end(), tlp.begin(), tlp.end());
    words.insert(words.end(), {"[Gmail]", "[Gmail]/a.eml"});
    EXPECT_EQ(CommandLine(words), kExitOk) << err_;
  }
  std::filesystem::current_path(before);
  EXPECT_EQ(Waiting().size(), 2u);
}

// The words of a command as the shell splits them, without the program's name.
std::vector<std::string> Words(const std::string& command) {
  const std::string script = "printf '%s\\n' " + command.substr(command.find(' '));
  FILE* shell = ::popen(script.c_str(), "r");
  std::vector<std::string> words;
  char line[4096];
  while (std::fgets(line, sizeof line, shell) != nullptr)
    words.emplace_back(line, std::strcspn(line, "\n"));
  ::pclose(shell);
  return words;
}

TEST_F(CommandsTest, TheTourOfTheReadmeFilesItsReports) {
  std::ifstream readme(NOROSHI_SOURCE_DIR "/README.md");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(NOROSHI_SOURCE_DIR);
  size_t reports = 0;
  for (std::string line; std::getline(readme, line);) {
    if (!line.starts_with("noroshi-agent report ")) continue;
    for (std::string more; line.ends_with('\\') && std::getline(readme, more);)
      line.replace(line.size() - 1, 1, more);
    EXPECT_EQ(CommandLine(Words(line)), kExitOk) << line << "\n" << err_;
    ++reports;
  }
  std::filesystem::current_path(before);
  EXPECT_GE(reports, 2u);
  EXPECT_EQ(Waiting().size(), reports);
}

TEST_F(CommandsTest, VerifyChecksEveryKeptReceipt) {
  ASSERT_EQ(Report(kReport), kExitOk);
  ASSERT_EQ(Report(kReport), kExitOk);
  AcceptAll();
  ASSERT_EQ(Do([&] { return Verify(environment_); }), kExitOk) << out_;
  EXPECT_EQ(json::parse(out_).at("verified").as_int64(), 2);
}

// Two logs of one id and key: in one file, each receipt with its own head.
TEST_F(CommandsTest, VerifyNamesTwoHistoriesOfOneLog) {
  ASSERT_EQ(Report(kReport), kExitOk);
  ASSERT_EQ(Report(kReport), kExitOk);
  Parts parts = Open();
  const auto items = parts.spool.Waiting().value();
  v1::Receipts kept;
  for (const spool::Item& item : items) {
    TestLog log;
    log.Append("org", parts.spool.Load(item).value());
    const v1::Receipts receipts = log.Seal();
    *kept.mutable_head() = receipts.head();
    *kept.add_receipts() = receipts.receipts(0);
    *kept.mutable_receipts()->rbegin()->mutable_head() = receipts.head();
  }
  ASSERT_TRUE(parts.spool.Accept(kept, items, clock_.now_ms).ok());
  EXPECT_EQ(Do([&] { return Verify(environment_); }), kExitFindings);
  EXPECT_NE(out_.find("another root for tree size 2"), std::string::npos) << out_;
  EXPECT_EQ(json::parse(out_).at("verified").as_int64(), 2);
}

TEST_F(CommandsTest, VerifyNamesATamperedSubmission) {
  ASSERT_EQ(Report(kReport), kExitOk);
  AcceptAll();
  Parts parts = Open();
  const std::string folder = parts.spool.KeptFolders(clock_.now_ms).at(0);
  const auto item = parts.spool.SentIn(folder)->at(0);
  // Somebody replaces the report by another one, with a good file hash.
  const Sample other = MakeIncident(random_, clock_.now_ms, "何もなかった");
  const std::string path = folder + "/" + item.name();
  ASSERT_TRUE(environment_.files.Remove(path).ok());
  spool::Item replaced = item;
  replaced.bytes = other.bytes.size();
  ASSERT_TRUE(environment_.files
                  .WriteDurably(folder + "/" + replaced.name(),
                                spool::SealRecord(spool::kSubmissionMagic, other.bytes), 0600)
                  .ok());
  EXPECT_EQ(Do([&] { return Verify(environment_); }), kExitFindings);
  EXPECT_NE(out_.find(item.id.ToString()), std::string::npos) << out_;
}

TEST_F(CommandsTest, VerifyNamesWhatIsMissingOrDamaged) {
  ASSERT_EQ(Report(kReport), kExitOk);
  AcceptAll();
  Parts parts = Open();
  const std::string folder = parts.spool.KeptFolders(clock_.now_ms).at(0);
  const auto item = parts.spool.SentIn(folder)->at(0);
  const auto names = environment_.files.List(folder, 10).value();
  const std::string receipts =
      folder + "/" +
      *std::find_if(names.begin(), names.end(), [](auto& n) { return n.ends_with(".receipts"); });
  const std::string good = environment_.files.Read(receipts, 1 << 20).value();
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  ASSERT_TRUE(environment_.files.WriteDurably(receipts, bad, 0600).ok());
  EXPECT_EQ(Do([&] { return Verify(environment_); }), kExitFindings);
  EXPECT_NE(out_.find(".receipts"), std::string::npos) << out_;
  EXPECT_NE(out_.find("has no receipt"), std::string::npos) << out_;
  ASSERT_TRUE(environment_.files.WriteDurably(receipts, good, 0600).ok());
  ASSERT_TRUE(environment_.files.Remove(folder + "/" + item.name()).ok());
  EXPECT_EQ(Do([&] { return Verify(environment_); }), kExitFindings);
  EXPECT_NE(out_.find("is not kept"), std::string::npos) << out_;
}

TEST_F(CommandsTest, StatusCountsWithoutAHub) {
  ASSERT_EQ(Report(kReport), kExitOk);
  ASSERT_EQ(Do([&] { return Status(environment_); }), kExitOk) << err_;
  const json::value status = json::parse(out_);
  EXPECT_EQ(status.at("spool").at("waiting").as_int64(), 1);
  EXPECT_EQ(status.at("connection").at("state").as_string(), "not_running");
}

TEST_F(CommandsTest, StatusListsWhatTheHubRefused) {
  for (int i = 0; i < 11; ++i) {
    clock_.Advance(std::chrono::seconds(1));
    ASSERT_EQ(Report(kReport), kExitOk) << err_;
    Parts parts = Open();
    v1::Rejection rejection;
    rejection.set_field("incident.title");
    rejection.set_reason("reason " + std::to_string(i));
    rejection.set_rule("at most one");
    ASSERT_TRUE(parts.spool.Reject(parts.spool.Waiting()->at(0), rejection).ok());
  }
  ASSERT_EQ(Do([&] { return Status(environment_); }), kExitOk) << err_;
  const json::array rejections = json::parse(out_).at("rejections").as_array();
  ASSERT_EQ(rejections.size(), 10u);
  EXPECT_EQ(rejections[0].at("reason").as_string(), "reason 10");
  EXPECT_EQ(rejections[9].at("reason").as_string(), "reason 1");
  environment_.json = false;
  ASSERT_EQ(Do([&] { return Status(environment_); }), kExitOk) << err_;
  EXPECT_NE(out_.find("incident.title: reason 10 (at most one)\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("file again"), std::string::npos) << out_;
  EXPECT_EQ(out_.find('?'), std::string::npos) << out_;
}

TEST_F(CommandsTest, NothingOfAnotherOrganisationIsLeftToTheNextOne) {
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  AcceptAll();
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  Write("runner.lock", "");
  const session::Pins next = {"other", "agent", log_.log_id(), log_.public_key()};
  const auto former = PutFormerAside(environment_, next);
  ASSERT_TRUE(former.ok()) << former.error().message;
  EXPECT_TRUE(former->everything);
  EXPECT_EQ(former->reports_not_sent, 2u);
  std::vector<std::string> left;
  for (const auto& item : std::filesystem::directory_iterator(folder_.path()))
    left.push_back(item.path().filename());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{"agent.toml", "former", "runner.lock"}));
  EXPECT_EQ(environment_.LoadPins().error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(environment_.StorePins(next).ok());
  EXPECT_TRUE(Waiting().empty());
  // What was put aside is an agent's folder as before.
  Environment old = environment_;
  EXPECT_EQ(PutFormerAside(environment_, next)->folder, "");  // The same again: nothing to do.
  old.folder = former->folder;
  ASSERT_TRUE(old.StorePins(*old.LoadPins()).ok());
  EXPECT_EQ(old.LoadPins()->organization, "org");
  EXPECT_EQ(old.OpenSpool({})->Waiting()->size(), 2u);
  EXPECT_EQ(old.OpenSpool({})->Count(clock_.now_ms)->sent, 1u);
}

TEST_F(CommandsTest, WhoCannotBeToldApartIsAnotherOrganisation) {
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  Write("identity.json", "{");
  EXPECT_EQ(Report(kReport), kExitConfig);  // A fault of this folder, not of the report.
  const auto former = PutFormerAside(environment_, {"org", "agent", "", ""});
  ASSERT_TRUE(former.ok()) << former.error().message;
  EXPECT_EQ(former->reports_not_sent, 1u);
  EXPECT_FALSE(environment_.files.Exists(environment_.path("spool")));
  // Not enrolled, and nothing there: a new agent.
  EXPECT_EQ(PutFormerAside(environment_, {"org", "agent", "", ""})->folder, "");
}

TEST_F(CommandsTest, AnotherLogsReceiptsGoAsideAndWhatWaitsStays) {
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  AcceptAll();
  ASSERT_EQ(Report(kReport), kExitOk) << err_;
  const session::Pins next = {"org", "agent", std::string(16, 'N'), std::string(32, 'K')};
  const auto former = PutFormerAside(environment_, next);
  ASSERT_TRUE(former.ok()) << former.error().message;
  EXPECT_FALSE(former->everything);
  ASSERT_TRUE(environment_.StorePins(next).ok());
  EXPECT_EQ(Do([&] { return Verify(environment_); }), kExitOk) << out_;
  EXPECT_EQ(Waiting().size(), 1u);
  EXPECT_FALSE(std::filesystem::is_empty(former->folder + "/spool/sent"));
  Environment old = environment_;
  old.folder = former->folder;
  EXPECT_EQ(old.LoadPins()->log_id, log_.log_id());
}

TEST_F(CommandsTest, SettingsThatLeadToTheSameHubStay) {
  const std::string text = "[hub]\naddress = \"hub.example:1\"\nproxy = \"http://p:2\"\n";
  Write("agent.toml", text);
  const auto stored = [&](const std::string& host, const std::string& proxy) {
    return StoreSettings(environment_, {host, 1}, proxy).value();
  };
  EXPECT_EQ(stored("hub.example", ""), SettingsFate::kKept);
  EXPECT_EQ(stored("hub.example", "http://p:2/"), SettingsFate::kKept);
  EXPECT_EQ(environment_.files.Read(folder_ / "agent.toml", 1000).value(), text);
  EXPECT_EQ(stored("hub.example", "http://q:2"), SettingsFate::kReplaced);
  EXPECT_EQ(environment_.files.Read(folder_ / "agent.toml.old", 1000).value(), text);
  EXPECT_EQ(stored("other.example", ""), SettingsFate::kReplaced);
  EXPECT_EQ(environment_.LoadSettings()->route.hub.ToString(), "other.example:1");
  Write("agent.toml", "[hub");
  EXPECT_EQ(stored("other.example", ""), SettingsFate::kReplaced);
  ASSERT_TRUE(environment_.files.Remove(folder_ / "agent.toml").ok());
  EXPECT_EQ(stored("other.example", ""), SettingsFate::kWritten);
}

TEST_F(CommandsTest, EnrolmentAsksToStopTheRunner) {
  const auto lock = spool::RunnerLock::Take(LockPath(environment_));
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(CommandLine({"enroll", "--force", "--token-file", "-"}), kExitTempFail);
  EXPECT_NE(err_.find("stop it"), std::string::npos) << err_;
}

TEST_F(CommandsTest, AlertsAreEmptyAtFirst) {
  ASSERT_EQ(Do([&] { return Alerts(environment_, {}); }), kExitOk);
  EXPECT_TRUE(json::parse(out_).at("alerts").as_array().empty());
}

TEST_F(CommandsTest, AlertsNeedAnEnrolment) {
  ASSERT_TRUE(environment_.files.Remove(folder_ / "identity.json").ok());
  EXPECT_EQ(Do([&] { return Alerts(environment_, {}); }), kExitConfig);
  EXPECT_NE(err_.find("not enrolled"), std::string::npos) << err_;
  EXPECT_FALSE(environment_.files.Exists(folder_ / "inbox"));
}

TEST_F(CommandsTest, AcksAreCheckedHere) {
  AckOptions options{"abc", "read", "", "", 0};
  EXPECT_EQ(Do([&] { return Ack(environment_, options); }), kExitUsage);
  options.alert_id = random_.UuidV7(clock_.now_ms).ToString();
  EXPECT_EQ(Do([&] { return Ack(environment_, options); }), kExitUsage);
  EXPECT_NE(err_.find("`noroshi-agent alerts`"), std::string::npos) << err_;
  options.alert_id = std::string(32, 'a');
  options.mark = "seen";
  EXPECT_EQ(Do([&] { return Ack(environment_, options); }), kExitUsage);
  options.mark = "read";
  options.person = std::string(129, 'p');
  EXPECT_EQ(Do([&] { return Ack(environment_, options); }), kExitUsage);
  options.person.pop_back();
  EXPECT_EQ(Do([&] { return Ack(environment_, options); }), kExitOk) << err_;
  EXPECT_EQ(Open().marks.Waiting()->size(), 1u);  // Durable, to be sent.
}

class QuestionCommandsTest : public CommandsTest {
 protected:
  // As if the hub had sent it.
  void Ask(bool withdrawn = false) {
    v1::Question question;
    question.set_question_id(id_.bytes());
    question.set_text("いつ\x1b[2J\n\nですか。");
    question.set_asked_at_ms(clock_.now_ms - 2000);
    question.set_answer_by_ms(clock_.now_ms - 1000);
    question.set_withdrawn(withdrawn);
    question.set_case_reference(case_reference_);
    ASSERT_TRUE(Open().questions.Keep(question).ok());
  }
  int Answer(const std::string& text, const std::string& file = "", bool edit = false) {
    return Do([&] {
      return AnswerQuestion(environment_, {id_.ToString(), text, file, edit, "鈴木", 0});
    });
  }
  json::array List(bool all = false) {
    EXPECT_EQ(Do([&] { return ListQuestions(environment_, {all}); }), kExitOk) << err_;
    return json::parse(out_).at("questions").as_array();
  }
  void Settle(bool accepted, const std::string& reason = "") {
    v1::Answered answered;
    answered.set_accepted(accepted);
    answered.set_reason(reason);
    ASSERT_TRUE(Open().questions.Settle(id_, answered, clock_.now_ms).ok());
  }

  const Uuid id_ = random_.UuidV7(clock_.now_ms);
  std::string case_reference_ = std::string(16, 'c');
};

TEST_F(QuestionCommandsTest, AreListedWithTheReportThatTheyConcern) {
  EXPECT_TRUE(List().empty());
  ASSERT_EQ(Report(kReport), kExitOk);
  case_reference_ = Waiting().at(0).id();
  AcceptAll();
  Ask();
  const auto questions = List();
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0].at("question_id").as_string(), id_.ToString());
  EXPECT_EQ(questions[0].at("state").as_string(), "open");
  EXPECT_EQ(questions[0].at("report").at("title").as_string(), "停電");
  EXPECT_EQ(questions[0].at("case_reference").as_string(),
            Uuid::FromBytes(case_reference_)->ToString());
  EXPECT_FALSE(questions[0].at("answer_by").as_string().empty());
  environment_.json = false;
  ASSERT_EQ(Do([&] { return ListQuestions(environment_, {}); }), kExitOk);
  for (const char* part : {"OVERDUE", "停電", "いつ", "ですか"}) {
    EXPECT_NE(out_.find(part), std::string::npos) << part << " in " << out_;
  }
  EXPECT_EQ(out_.find('\x1b'), std::string::npos) << out_;
}

TEST_F(QuestionCommandsTest, AnAnswerIsDurableWithoutAHubAndOnce) {
  Ask();
  ASSERT_EQ(Answer("九時に復旧した。\n"), kExitOk) << err_;
  EXPECT_EQ(json::parse(out_).at("state").as_string(), "queued");
  const auto waiting = Open().questions.Oldest(clock_.now_ms).value();
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ(waiting->text(), "九時に復旧した。");
  EXPECT_EQ(waiting->person(), "鈴木");
  EXPECT_EQ(Answer("いいえ"), kExitDataError);
  EXPECT_EQ(List().at(0).at("state").as_string(), "queued");
  ASSERT_EQ(Do([&] { return Status(environment_); }), kExitOk);
  EXPECT_EQ(json::parse(out_).at("answers_waiting").as_int64(), 1);
}

TEST_F(QuestionCommandsTest, TheHubsVerdictIsShown) {
  Ask();
  ASSERT_EQ(Answer("はい"), kExitOk);
  Settle(false, "already_answered: in other words");
  EXPECT_EQ(List().at(0).at("state").as_string(), "refused");
  EXPECT_EQ(List().at(0).at("answer").at("refused").as_string(),
            "already_answered: in other words");
  ASSERT_EQ(Answer("いいえ"), kExitOk) << err_;
  Settle(true);
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(List(/*all=*/true).at(0).at("state").as_string(), "answered");
  EXPECT_EQ(List(/*all=*/true).at(0).at("answer").at("text").as_string(), "いいえ");
  environment_.json = false;
  ASSERT_EQ(Do([&] { return ListQuestions(environment_, {true}); }), kExitOk);
  EXPECT_NE(out_.find("いいえ"), std::string::npos) << out_;
}

TEST_F(QuestionCommandsTest, AnswersAreCheckedHere) {
  EXPECT_EQ(Answer("はい"), kExitNoInput);  // Never asked.
  Ask();
  EXPECT_EQ(Answer(""), kExitUsage);
  EXPECT_EQ(Answer("はい", "-"), kExitUsage);
  EXPECT_EQ(Answer(" \n"), kExitDataError);
  EXPECT_EQ(Answer(std::string(16385, 'x')), kExitDataError);
  EXPECT_EQ(Answer("\xff"), kExitDataError);
  AnswerOptions options{"not an id", "はい", "", false, "", 0};
  EXPECT_EQ(Do([&] { return AnswerQuestion(environment_, options); }), kExitUsage);
  options.question_id = id_.ToString();
  options.person = std::string(129, 'p');
  EXPECT_EQ(Do([&] { return AnswerQuestion(environment_, options); }), kExitUsage);
  EXPECT_TRUE(Open().questions.Waiting()->empty());
  Ask(/*withdrawn=*/true);
  EXPECT_EQ(Answer("はい"), kExitDataError);
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(List(/*all=*/true).at(0).at("state").as_string(), "withdrawn");
}

TEST_F(QuestionCommandsTest, AnAnswerComesFromAFileOrTheEditor) {
  Ask();
  EXPECT_EQ(Answer("", folder_ / "absent"), kExitNoInput);
  ASSERT_EQ(Answer("", Write("answer.txt", "# 一\n二\n\n")), kExitOk) << err_;
  EXPECT_EQ(Open().questions.Oldest(clock_.now_ms).value()->text(), "# 一\n二");
  Settle(false, "once more");
  // It sees the question as comments, writes below them, and keeps its own '#'.
  ::setenv("VISUAL",
           Write("editor.sh",
                 "#!/bin/sh\ngrep -q '^# .*ですか' \"$1\" || exit 1\n"
                 "printf '三\\n# 四\\n' >> \"$1\"\n")
               .c_str(),
           1);
  ASSERT_EQ(Answer("", "", /*edit=*/true), kExitOk) << err_;
  EXPECT_EQ(Open().questions.Oldest(clock_.now_ms).value()->text(), "三\n# 四");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "drafts"));
}

TEST_F(QuestionCommandsTest, OnlyTheFormsOwnLinesAreNoAnswer) {
  Ask();
  ::setenv("VISUAL", Write("editor.sh", "#!/bin/sh\nprintf '# 一\\n二\\n' >> \"$1\"\n").c_str(), 1);
  ASSERT_EQ(Answer("", "", /*edit=*/true), kExitOk) << err_;
  EXPECT_EQ(Open().questions.Oldest(clock_.now_ms).value()->text(), "# 一\n二");
  Settle(false, "once more");
  // The first try is empty; then above the question, below the message.
  Write(
      "editor.sh",
      "#!/bin/sh\nif grep -q '^#! ' \"$1\"; then sed -i '1a # 三' \"$1\"; else touch \"$1\"; fi\n");
  ASSERT_EQ(Answer("", "", /*edit=*/true), kExitOk) << err_;
  EXPECT_EQ(Open().questions.Oldest(clock_.now_ms).value()->text(), "# 三");
}

// Many editors take the blanks at the ends of lines away, some write other line ends.
TEST_F(QuestionCommandsTest, AFormWithoutItsBlanksIsNoAnswer) {
  Ask();
  // Nothing is written at first: the editor opens again, with a message on top.
  ::setenv("VISUAL",
           Write("editor.sh",
                 "#!/bin/sh\ngrep -q '^#! ' \"$1\" && echo '三' >> \"$1\"\n"
                 "sed -i 's/ *$//; s/$/\\r/' \"$1\"\n")
               .c_str(),
           1);
  ASSERT_EQ(Answer("", "", /*edit=*/true), kExitOk) << err_;
  EXPECT_EQ(Open().questions.Oldest(clock_.now_ms).value()->text(), "三");
}

TEST_F(CommandsTest, AnEditorThatIsLeftWithoutSavingFilesNothing) {
  IncidentOptions options;
  options.flags = kReport;  // Enough for a report, as the form shows it.
  options.edit = true;
  ::setenv("VISUAL", "true", 1);
  EXPECT_NE(Do([&] { return ReportIncident(environment_, options); }), kExitOk);
  EXPECT_NE(err_.find("取りやめ"), std::string::npos) << err_;
  EXPECT_TRUE(Waiting().empty());
  ::setenv("VISUAL", "touch", 1);  // Saved as it was.
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitOk) << err_;
  // As editors save: another file takes its place.
  ::setenv("VISUAL",
           Write("editor.sh", "#!/bin/sh\ncp -p \"$1\" \"$1~\" && mv \"$1~\" \"$1\"\n").c_str(), 1);
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitOk) << err_;
  EXPECT_EQ(Waiting().size(), 2u);
}

TEST_F(CommandsTest, KeysOfAnotherReportAreRefusedBeforeTheEditorOpens) {
  IncidentOptions options;
  options.edit = true;
  options.file = Write("report.yaml", "title: x\ntlp: RED\nopened: yes\n");
  ::setenv("VISUAL", "touch", 1);
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitDataError);
  EXPECT_NE(err_.find("report.yaml:3"), std::string::npos) << err_;
  EXPECT_TRUE(Waiting().empty());
}

TEST_F(CommandsTest, TheEditorOpensAgainOnAMistakeAndTheTextIsNotLost) {
  // First it writes an unknown key; then, when it sees the message, a good form.
  const std::string editor =
      Write("editor.sh",
            "#!/bin/sh\n"
            "if grep -q '^#!' \"$1\"; then printf 'title: 停電\\ntlp: AMBER\\n' > \"$1\";\n"
            "else printf 'titel: 停電\\n' > \"$1\"; fi\n");
  ::setenv("VISUAL", editor.c_str(), 1);
  IncidentOptions options;
  options.edit = true;
  EXPECT_EQ(Do([&] { return ReportIncident(environment_, options); }), kExitOk) << err_;
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].incident().title(), "停電");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "drafts"));
}

TEST_F(CommandsTest, ADraftThatIsGivenUpStays) {
  ::setenv("VISUAL", Write("editor.sh", "#!/bin/sh\nprintf 'titel: 停電\\n' > \"$1\"\n").c_str(),
           1);
  IncidentOptions options;
  options.edit = true;
  // The second time it leaves message and text as they are: given up.
  Write("editor.sh", "#!/bin/sh\ngrep -q '^#!' \"$1\" || printf 'titel: 停電\\n' > \"$1\"\n");
  EXPECT_NE(Do([&] { return ReportIncident(environment_, options); }), kExitOk);
  EXPECT_TRUE(Waiting().empty());
  ASSERT_FALSE(std::filesystem::is_empty(folder_ / "drafts"));
  EXPECT_NE(err_.find("drafts/"), std::string::npos) << err_;
}

}  // namespace
}  // namespace noroshi::agent
