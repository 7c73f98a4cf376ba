#include "agent/app/form.h"

#include <gtest/gtest.h>

#include "agent/app/environment.h"
#include "agent/app/mailbox.h"
#include "agent/session/proxy.h"
#include "common/submission/validate.h"
#include "common/taxonomy/taxonomy.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::agent {
namespace {

constexpr int64_t kNow = 1'796'000'000'000;  // 2026-11-30, after the samples' times.

v1::Submission Make(std::string_view text) {
  v1::Submission submission;
  const auto entries = ReadForm("report.yaml", text);
  EXPECT_TRUE(entries.ok()) << entries.error().message;
  if (!entries.ok()) return submission;
  for (const Entry& entry : *entries) {
    const auto applied = ApplyEntry(entry, &submission);
    EXPECT_TRUE(applied.ok()) << applied.error().message;
  }
  return submission;
}

// The complaint about a form.
std::string Complaint(std::string_view text) {
  const auto entries = ReadForm("report.yaml", text);
  if (!entries.ok()) return entries.error().message;
  v1::Submission submission;
  for (const Entry& entry : *entries) {
    if (const auto applied = ApplyEntry(entry, &submission); !applied.ok())
      return applied.error().message;
  }
  submission.set_id(FakeRandom().UuidV7(kNow).bytes());
  submission.set_created_at_ms(kNow);
  submission.mutable_handling();
  const auto checked = CheckSubmission(submission, *entries, kNow);
  return checked.ok() ? "" : checked.error().message;
}

TEST(FormTest, YamlAndJsonGiveTheSameReport) {
  const v1::Submission yaml = Make(R"(
stage: first
title: 庁内ファイルサーバの暗号化
what_happened: |
  一行目
  二行目
detected_at: 2026-11-20T06:40:00+09:00
causes: [unknown, user_error]
figures:
  users: 12000
tlp: AMBER+STRICT
may_tell_police: true
support: yes
)");
  const v1::Submission json = Make(
      "{\"stage\":\"first\",\"title\":\"庁内ファイルサーバの暗号化\","
      "\"what\":\"一行目\\n二行目\\n\",\"detected\":\"2026-11-19T21:40Z\","
      "\"causes\":[\"unknown\",\"user_error\"],\"users\":12000,\"tlp\":\"tlp:amber+strict\","
      "\"police_ok\":true,\"support_requested\":\"true\"}");
  EXPECT_EQ(yaml.SerializeAsString(), json.SerializeAsString());
  EXPECT_EQ(yaml.incident().what_happened(), "一行目\n二行目\n");
  EXPECT_EQ(yaml.incident().figures().users(), 12000u);
  EXPECT_EQ(yaml.handling().tlp(), v1::TLP_AMBER_STRICT);
  EXPECT_EQ(yaml.incident().detected_at_ms(), ParseTime("2026-11-19T21:40:00Z").value());
}

TEST(FormTest, ComplaintsNameTheLine) {
  EXPECT_EQ(Complaint("title: x\ntitel: y\n"),
            "report.yaml:2: titel: 不明な項目です / unknown key; did you mean 'title'?");
  EXPECT_EQ(Complaint("title: x\n\ntitle: y\n"),
            "report.yaml:3: title: 重複しています / given twice");
  EXPECT_EQ(Complaint("users: 1\nfigures:\n  users: 2\n"),
            "report.yaml:3: users: 重複しています / given twice");
  EXPECT_EQ(
      Complaint("title: x\nusers: many\n"),
      "report.yaml:2: users: 0 以上の整数で書いてください / must be a whole number, 0 or more");
  EXPECT_EQ(Complaint("title: {a: b}\n"),
            "report.yaml:1: title: 値は文字列か一覧です / a value is a text or a short list");
  EXPECT_EQ(Complaint("a: b: c\n").substr(0, 14), "report.yaml:1:");
  EXPECT_EQ(Complaint("- a\n").substr(0, 14), "report.yaml:1:");
  EXPECT_NE(Complaint("tlp: WHITE\n").find("report.yaml:1: tlp:"), std::string::npos);
  EXPECT_NE(Complaint("thread: x\n").find("not a submission id"), std::string::npos);
  EXPECT_NE(Complaint("causes: [unknown, unknown]\n").find("given twice"), std::string::npos);
  EXPECT_NE(Complaint("title: \"a\\0b\"\n").find("control characters"), std::string::npos);
}

TEST(FormTest, WhatTheHubWouldRefuseIsRefusedHere) {
  EXPECT_EQ(Complaint("stage: first\ntlp: GREEN\ntitle: x\n"), "");
  EXPECT_NE(Complaint("stage: first\ntitle: x\n").find("tlp:"), std::string::npos);
  EXPECT_NE(Complaint("stage: first\ntlp: GREEN\n").find("what_happened:"), std::string::npos);
  EXPECT_NE(Complaint("stage: final\ntlp: GREEN\ntitle: x\n").find("thread_id:"),
            std::string::npos);
  for (const char* title : {"\"a\\nb\"", "\"a\\tb\""})
    EXPECT_NE(Complaint("stage: first\ntlp: GREEN\ntitle: " + std::string(title) + "\n")
                  .find("report.yaml:3: title: 一行で"),
              std::string::npos);
  EXPECT_NE(Complaint("thread: 01234567-0123-4123-8123-0123456789ab\n").find("not a submission id"),
            std::string::npos);  // A UUID, but none of a submission.
  EXPECT_NE(
      Complaint("stage: first\ntlp: GREEN\ntitle: x\noccurred: 2099-01-01T00:00Z\n").find("future"),
      std::string::npos);
}

TEST(FormTest, NoTextIsLostWithoutAWord) {
  const auto starts = [](const std::string& form, const std::string& complaint) {
    const std::string wrong = Complaint(form);
    EXPECT_TRUE(wrong.starts_with(complaint)) << form << " -> " << wrong;
  };
  starts("title: x\n---\ntitle: y\n", "report.yaml:3: 届出は一つ");
  starts("{\"title\": \"x\"}\n{\"title\": \"y\"}", "report.yaml:2: 届出は一つ");
  starts("{\"title\": \"x\"} and more", "report.yaml:1: 届出は一つ");
  for (const char* stray : {"]", "}", ",", "]]]]"})
    starts("{\"title\": \"x\"}\n" + std::string(stray) + "\n", "report.yaml:");
  starts("---\n---\ntitle: x\n", "report.yaml:3: 届出は一つ");
  for (const char* quote : {"\"", "'"}) {
    const std::string open = std::string("title: x\nwhat: ") + quote + "y\ntlp: RED";
    starts(open, "report.yaml:3: 引用符が閉じて");
    starts(open + "\n", "report.yaml:2: 引用符が閉じて");
    starts(open + " \r\n\n", "report.yaml:2: 引用符が閉じて");
  }
  starts("tlp: RED\ntitle: 端末 #3 が感染\n", "report.yaml:2: title: 「#」から後が");
  starts("tlp: RED\ntitle: #3 が感染\n", "report.yaml:2: title: 「#」から後が");
  starts("tlp: RED\ntitle: !urgent 停電\n", "report.yaml:2: title: 先頭の");
  starts("tlp: RED\ntitle: ! 停電\n", "report.yaml:2: title: 先頭の");
  starts("tlp: RED\ntitle: &停電、復旧済\nwhat: x\n", "report.yaml:2: title: 先頭の");
  starts("tlp: RED\nwhat: x\ntitle: &停電", "report.yaml:3: title: 先頭の");
  starts("tlp: RED\nwhat: x\nusers: &120\n", "report.yaml:3: users: 先頭の");
  starts("tlp: RED\ntitle: &a 停電 # 仙台\n", "report.yaml:2: title: 先頭の");
  starts("what: 一\n  二  三 # 四\ntlp: RED\n", "report.yaml:1: what: 「#」から後が");
  starts("title: [a # b\n]\n", "report.yaml:1: title: 「#」から後が");
  starts("\xef\xbb\xbftitle: a # b\n", "report.yaml:1: title: 「#」から後が");
  starts("figures: 3\n", "report.yaml:1: figures: ");
  starts("title: \xff\n", "report.yaml: UTF-8 で");
  starts("a: b: c\n", "report.yaml:1: YAML として");
}

TEST(FormTest, WhatLosesNothingIsTaken) {
  const v1::Submission submission = Make(
      "--- # one\ntitle: \"端末 #3\"  # quoted\nwhat: |  # a block\n  一 # 二\n\n"
      "impact: a#b\nresponse: \"ends\"\nfigures:\ntlp: RED  # not a text\n---\n");
  EXPECT_EQ(submission.incident().title(), "端末 #3");
  EXPECT_EQ(submission.incident().what_happened(), "一 # 二\n");
  EXPECT_EQ(submission.incident().impact(), "a#b");
  EXPECT_EQ(submission.handling().tlp(), v1::TLP_RED);
}

TEST(FormTest, EverySampleIsAReport) {
  size_t samples = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(NOROSHI_SOURCE_DIR "/tests/data/reports")) {
    if (file.path().extension() != ".yaml") continue;
    ++samples;
    const std::string text = SystemFileSystem().Read(file.path(), kFormBytesMax).value();
    const std::string wrong = Complaint(text);
    // Which report a follow-up belongs to is told by a flag.
    if (text.find("stage: follow-up") == std::string::npos)
      EXPECT_EQ(wrong, "") << file.path();
    else
      EXPECT_TRUE(wrong.find("thread_id: 続報") != std::string::npos &&
                  wrong.find('\n') == std::string::npos)
          << file.path() << ": " << wrong;
  }
  EXPECT_GE(samples, 5u);
}

TEST(FormTest, IdsAreThoseOfTheTaxonomy) {
  const std::string wrong = Complaint("title: x\nevent_type: malware_infectoin\n");
  EXPECT_TRUE(wrong.starts_with("report.yaml:2: event_type: 「malware_infectoin」")) << wrong;
  EXPECT_NE(wrong.find("intrusion, leak"), std::string::npos) << wrong;
  EXPECT_NE(wrong.find("did you mean 'malware_infection'?"), std::string::npos) << wrong;
  for (const char* form : {"causes: [unknown, malware]\n", "sector: railways!\n"}) {
    EXPECT_NE(Complaint(form).find("report.yaml:1: "), std::string::npos) << Complaint(form);
    EXPECT_NE(Complaint(form).find("is not one of"), std::string::npos) << Complaint(form);
  }
  EXPECT_EQ(Complaint("stage: first\ntlp: GREEN\ntitle: x\nsector: \"\"\n"), "");
}

TEST(FormTest, TimesBefore1990AreRefused) {
  for (const char* time : {"1970-01-01T00:00Z", "1989-12-31T23:59Z"}) {
    const std::string wrong = Complaint("detected: " + std::string(time) + "\n");
    EXPECT_EQ(wrong, "report.yaml:1: detected: 1990年より前の日時です / is before 1990");
  }
  EXPECT_EQ(Complaint("stage: first\ntlp: GREEN\ntitle: x\ndetected: 1990-01-01T00:00Z\n"), "");
}

TEST(FormTest, WhatOnlyTheHubsRulesSayNamesTheKey) {
  v1::Submission report;
  report.set_id(std::string(16, 'x'));
  report.set_created_at_ms(kNow);
  report.mutable_handling()->set_tlp(v1::TLP_GREEN);
  report.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
  report.mutable_incident()->set_title("x");
  EXPECT_TRUE(CheckSubmission(report, {}, kNow)
                  .error()
                  .message.starts_with("id: ハブの規則に合いません / "));
  report.set_id(FakeRandom().UuidV7(kNow).bytes());
  report.mutable_incident()->add_causes("no such cause");
  const Entry causes{"cause", {"no such cause"}, "--cause"};
  EXPECT_TRUE(CheckSubmission(report, {causes}, kNow)
                  .error()
                  .message.starts_with("--cause: causes: ハブの規則に合いません / "));
}

TEST(FormTest, LimitsHoldAtMaximumPlusOne) {
  const auto with_title = [](size_t bytes) {
    return "stage: first\ntlp: GREEN\ntitle: " + std::string(bytes, 'x') + "\n";
  };
  EXPECT_EQ(Complaint(with_title(512)), "");
  EXPECT_NE(Complaint(with_title(513)).find("at most 512 bytes (513 given)"), std::string::npos);
  std::string causes = "stage: first\ntlp: GREEN\ntitle: x\ncauses: [";
  for (const auto& cause : taxonomy::Causes()) causes += cause.id + ", ";
  EXPECT_EQ(Complaint(causes + "]\n"), "");
  EXPECT_NE(Complaint(causes + "unknown]\n").find("at most 17"), std::string::npos);
  EXPECT_NE(Complaint(std::string(kFormBytesMax + 1, ' ')).find("larger than"), std::string::npos);
  v1::Submission mail;
  mail.set_id(FakeRandom().UuidV7(kNow).bytes());
  mail.set_created_at_ms(kNow);
  mail.mutable_handling()->set_tlp(v1::TLP_GREEN);
  mail.mutable_mail()->set_raw(std::string(submission::kMailBytesMax, 'm'));
  const auto largest = CheckSubmission(mail, {}, kNow);
  ASSERT_TRUE(largest.ok()) << largest.error().message;
  EXPECT_EQ(*largest, mail.SerializeAsString());
  mail.mutable_mail()->mutable_raw()->push_back('m');
  EXPECT_FALSE(CheckSubmission(mail, {}, kNow).ok());
}

TEST(FormTest, DeepNestingIsAnErrorNotACrash) {
  EXPECT_FALSE(ReadForm("x", std::string(100'000, '[')).ok());
  EXPECT_FALSE(ReadForm("x", std::string(100'000, '{')).ok());
}

TEST(FormTest, TheTemplateIsAFormAndKeepsWhatWasGiven) {
  const std::string form = FormTemplate({{"title", {"停電: \"本館\""}, "--title"},
                                         {"causes", {"unknown", "insider"}, "--cause"},
                                         {"what", {"一\n二\n"}, "--what"}});
  const v1::Submission submission = Make(form);
  EXPECT_EQ(submission.incident().title(), "停電: \"本館\"");
  EXPECT_EQ(submission.incident().causes_size(), 2);
  EXPECT_EQ(submission.incident().what_happened(), "一\n二\n");
  EXPECT_EQ(submission.incident().stage(), v1::REPORT_STAGE_FIRST);
}

TEST(FormTest, MessagesAreReplacedNotPiledUp) {
  const std::string form = "title: x\n";
  const std::string once = WithMessage(form, "first\nsecond");
  EXPECT_EQ(once, "#! first\n#! second\ntitle: x\n");
  EXPECT_EQ(WithMessage(once, "third"), "#! third\ntitle: x\n");
}

TEST(TimeTest, ZonesAndNonsense) {
  EXPECT_EQ(ParseTime("1970-01-01T00:00Z").value(), 0);
  EXPECT_EQ(ParseTime("1970-01-01 09:00:01+09:00").value(), 1000);
  EXPECT_EQ(ParseTime("2026-11-20T06:40:00.250+0900").value(),
            ParseTime("2026-11-19T21:40:00Z").value());
  for (const char* wrong :
       {"", "yesterday", "2026-11-31T00:00Z", "2026-13-01T00:00Z", "2026-1-1T00:00Z",
        "2026-11-20T24:00Z", "2026-11-20T06:60Z", "2026-11-20T06:40+99:00", "2026-11-20",
        "2026-11-20T06:40Zx", "-026-11-20T06:40Z", "2026-02-29T00:00Z"}) {
    EXPECT_FALSE(ParseTime(wrong).ok()) << wrong;
  }
}

TEST(MailboxTest, AnMboxIsSplit) {
  const std::string mbox =
      "From a@example Sat Nov 21\nSubject: one\n\nbody\n\n"
      "From b@example Sat Nov 21\r\nSubject: two\r\n\r\nbody\r\n\r\n"
      "From c@example Sat Nov 21\nSubject: three\n";
  ASSERT_TRUE(IsMbox(mbox));
  EXPECT_EQ(SplitMbox(mbox),
            (std::vector<std::string>{"Subject: one\n\nbody\n", "Subject: two\r\n\r\nbody\r\n",
                                      "Subject: three\n"}));
}

TEST(MailboxTest, OnlyASenderWithADateIsABorder) {
  const auto mails = SplitMbox(
      "From x Sat Nov 21\nSubject: a\n\ntext\nFrom b Sun Nov 22\n\nFrom here on\n"
      "\nFrom Sat Nov 21 on\n>From q\n>>From r\n");
  ASSERT_EQ(mails.size(), 1u);
  EXPECT_EQ(mails[0],
            "Subject: a\n\ntext\nFrom b Sun Nov 22\n\nFrom here on\n"
            "\nFrom Sat Nov 21 on\nFrom q\n>From r\n");
  EXPECT_TRUE(SplitMbox("").empty());
  for (const char* no : {"", "Subject: x\n\n", "From x\n", "From the desk of Nov Sat\n",
                         "From x\nSat Nov 21\n", "From x SatNov Nov\n"})
    EXPECT_FALSE(IsMbox(no)) << no;
  EXPECT_TRUE(IsMbox("From 17@xxx Sat Nov 21 06:40:00 +0000 2026\r\n"));
}

// Thunderbird's: of old with a date, since then with nothing.
TEST(MailboxTest, ABareBorderHasAFieldBelowIt) {
  const std::string mbox =
      "From - Sat Nov 21 06:40:00 2026\nSubject: one\n\nbody\n\n"
      "From \r\nX-Mozilla-Status: 0001\r\n\r\nFrom \r\nbody\r\n\r\n"
      "From -\nSubject: three\n\n\nFrom \nhere on\n";
  EXPECT_EQ(SplitMbox(mbox),
            (std::vector<std::string>{"Subject: one\n\nbody\n",
                                      "X-Mozilla-Status: 0001\r\n\r\nFrom \r\nbody\r\n",
                                      "Subject: three\n\n\nFrom \nhere on\n"}));
  const std::string bare = "From \nSubject: one\n\nbody\n\nFrom \nSubject: two\n";
  ASSERT_TRUE(IsMbox(bare));
  EXPECT_EQ(MailsOf("INBOX", bare).size(), 2u);
  for (const char* no : {"From ", "From \n", "From \nhere on\n", "From \n\nSubject: x\n"})
    EXPECT_FALSE(IsMbox(no)) << no;
}

TEST(MailboxTest, StandardInputIsOneMail) {
  const std::string mail = "Subject: a\n\ntext\n\nFrom b Sun Nov 22\n>From c\n";
  EXPECT_EQ(MailsOf("-", "From b@example  Sat Nov 21 06:40:00 2026\n" + mail), std::vector{mail});
  EXPECT_EQ(MailsOf("-", "From b@example\r\n" + mail), std::vector{mail});
  EXPECT_EQ(MailsOf("-", mail), std::vector{mail});
  EXPECT_EQ(MailsOf("-", "From "), std::vector<std::string>{""});
  EXPECT_EQ(MailsOf("box", "From b Sat Nov 21\n" + mail).size(), 2u);
  EXPECT_EQ(MailsOf("one.eml", "From b\n" + mail), std::vector{"From b\n" + mail});
}

TEST(MailboxTest, FoldersAreReadToTheBottomAndHiddenFilesAreNot) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "Maildir/cur");
  for (const char* name : {"Maildir/cur/b", "Maildir/cur/a", "Maildir/.hidden", "single"})
    ASSERT_TRUE(SystemFileSystem().WriteDurably(folder / name, "x", 0600).ok());
  const auto files = MailFiles({folder / "single", folder / "Maildir", "-"});
  EXPECT_EQ(files.value(), (std::vector<std::string>{folder / "single", folder / "Maildir/cur/a",
                                                     folder / "Maildir/cur/b", "-"}));
  EXPECT_EQ(MailFiles({folder / "absent"}).error().code, ErrorCode::kNotFound);
}

TEST(MailboxTest, OfAMaildirOnlyMailsAreRead) {
  const TempFolder folder;
  const auto write = [&](const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    ASSERT_TRUE(SystemFileSystem().WriteDurably(folder / name, "x", 0600).ok());
  };
  for (const char* box : {"m/", "m/.Junk/", "m/Archive/2026/", "m/.hidden/deep/"}) {
    for (const char* name : {"cur/a", "new/b", "tmp/c", "dovecot.index", ".uidlist"})
      write(std::string(box) + name);
  }
  write("m/Archive/notes.txt");
  const auto files = MailFiles({folder / "m"});
  ASSERT_TRUE(files.ok()) << files.error().message;
  std::vector<std::string> expected;
  for (const char* box : {"m/.Junk/", "m/.hidden/deep/", "m/Archive/2026/", "m/"}) {
    for (const char* name : {"cur/a", "new/b"})
      expected.push_back(folder / (box + std::string(name)));
  }
  EXPECT_EQ(*files, expected);
}

TEST(MailboxTest, TheSameFileIsReadOnce) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "a");
  ASSERT_TRUE(SystemFileSystem().WriteDurably(folder / "a/x", "x", 0600).ok());
  std::filesystem::create_symlink(folder / "a/x", folder / "link");
  const auto files =
      MailFiles({"-", folder / "a/x", folder / "a", folder / "a/../a/x", folder / "link", "-"});
  EXPECT_EQ(files.value(), (std::vector<std::string>{"-", folder / "a/x"}));
}

TEST(MailboxTest, AMailBeginsWithAHeader) {
  for (const char* mail : {"Subject: x", "\r\n\nFrom x\nX-y_z.1: \r\n\r\n", "garbage\nTo:a\n"})
    EXPECT_TRUE(HasHeader(mail)) << mail;
  for (const char* other : {"", "\n\n", "garbage\n\nTo: a\n", "件名: x\n", ": x\n", "a b: x\n",
                            "x\r\n\r\nTo: a", "<a:b>\n"})
    EXPECT_FALSE(HasHeader(other)) << other;
}

TEST(SettingsTest, TheFirstFileIsValid) {
  const auto settings =
      ParseSettings("agent.toml", DefaultSettings("hub.example:8443", "http://proxy.example:3128"));
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->route.hub.ToString(), "hub.example:8443");
  EXPECT_EQ(settings->route.proxy->port, 3128);
  EXPECT_EQ(settings->sinks.size(), 1u);
}

TEST(SettingsTest, MistakesAreToldWithLineAndKey) {
  const auto settings = ParseSettings("agent.toml",
                                      "[hub]\n"
                                      "adress = \"hub.example:8443\"\n"
                                      "address = \"hub.example\"\n"
                                      "proxy = \"http://u:p@proxy:1\"\n"
                                      "[[sinks]]\n"
                                      "name = \"a b\"\n"
                                      "kind = \"command\"\n"
                                      "command = [\"notify-send\"]\n");
  ASSERT_FALSE(settings.ok());
  EXPECT_EQ(settings.error().message,
            "agent.toml:2:1: unknown key 'hub.adress'; did you mean 'address'?\n"
            "agent.toml:3:1: hub.address: not HOST:PORT\n"
            "agent.toml:4:1: hub.proxy: a proxy URL must not hold credentials\n"
            "agent.toml:6:1: sinks[0].name: not an identifier\n"
            "agent.toml:8:1: sinks[0].command: must be a list that begins with an absolute path");
}

TEST(ExitCodeTest, FollowsSysexits) {
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInvalid), 65);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kNotFound), 66);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kUnavailable), 69);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kInternal), 70);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kIo), 74);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kNoSpace), 75);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kOverloaded), 75);
  EXPECT_EQ(ExitCodeOf(ErrorCode::kDenied), 77);
}

TEST(ProxyTest, AnswersAreReadStrictly) {
  using session::ReadConnectAnswer;
  EXPECT_TRUE(ReadConnectAnswer("HTTP/1.1 200 Connection established\r\n\r\n").value());
  EXPECT_TRUE(ReadConnectAnswer("HTTP/1.0 200\r\nVia: x\r\nA:b\r\n\r\n").value());
  EXPECT_FALSE(ReadConnectAnswer("HTTP/1.1 200 OK\r\nVia: x\r\n").value());
  EXPECT_FALSE(ReadConnectAnswer("").value());
  EXPECT_EQ(ReadConnectAnswer("HTTP/1.1 407 No\r\n\r\n").error().code, ErrorCode::kDenied);
  for (const std::string wrong :
       {"HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n : x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nextra", "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 \x01\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n"}) {
    EXPECT_EQ(ReadConnectAnswer(wrong).error().code, ErrorCode::kInvalid) << wrong;
  }
  const std::string longest = std::string(session::kProxyAnswerBytesMax - 1, 'x');
  EXPECT_FALSE(ReadConnectAnswer(longest).value());
  EXPECT_FALSE(ReadConnectAnswer(longest + "x").ok());
}

TEST(ProxyTest, UrlsAndRequests) {
  EXPECT_EQ(session::ParseProxyUrl("http://proxy.example:3128/")->ToString(), "proxy.example:3128");
  for (const char* wrong : {"https://p:1", "p:1", "http://u:p@h:1", "http://h", "http://h:0"})
    EXPECT_FALSE(session::ParseProxyUrl(wrong).ok()) << wrong;
  EXPECT_EQ(session::ConnectRequest({"hub.example", 8443}),
            "CONNECT hub.example:8443 HTTP/1.1\r\nHost: hub.example:8443\r\n\r\n");
}

}  // namespace
}  // namespace noroshi::agent
