#include "hub/analysis/mail.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/analysis/sketch.h"
#include "hub/analysis/unwrap.h"

namespace noroshi::analysis {
namespace {

constexpr std::string_view kLure =
    "お世話になっております。請求書の金額に誤りがありましたので、再発行いたしました。\n"
    "添付の圧縮ファイルを開き、内容をご確認のうえ、本日中にご返信をお願いいたします。\n"
    "パスワードは別のメールでお知らせいたします。経理部　山田\n";

std::string Sample(const std::string& name) {
  std::ifstream file(std::string(NOROSHI_TEST_DATA) + "/mail/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

v1::MailFacts Read(std::string_view raw) {
  WarmUpMail();
  MailReading reading = ReadMail(raw);
  EXPECT_EQ(reading.limit, "");
  return reading.facts;
}

std::string KeyOf(const v1::MailFacts& facts, v1::TieKind kind) {
  for (const v1::MailTie& tie : facts.sketch().ties()) {
    if (tie.kind() == kind) return tie.key();
  }
  return {};
}
// Equal for mails with the same text, and with the same text, links and attachments.
std::string TextKey(const v1::MailFacts& facts) { return KeyOf(facts, v1::TIE_KIND_SAME_TEXT); }
std::string MailKey(const v1::MailFacts& facts) { return KeyOf(facts, v1::TIE_KIND_SAME_MAIL); }

std::string Mail(const std::string& headers, std::string_view body) {
  return "From: a@sender.example\r\nMIME-Version: 1.0\r\n" + headers + "\r\n" + std::string(body);
}

std::string Utf8Mail(std::string_view body, const std::string& subject = "x") {
  return Mail("Subject: " + subject + "\r\nContent-Type: text/plain; charset=utf-8\r\n", body);
}

std::string TextKeyOf(const std::string& text) { return TextKey(Read(Utf8Mail(text))); }

// ---- samples ----

TEST(MailTest, OneCampaignSeenByThreeOrganisationsIsOneMatter) {
  const v1::MailFacts jis = Read(Sample("campaign-a-ministry.eml"));
  const v1::MailFacts attached = Read(Sample("campaign-a-agency.eml"));
  const v1::MailFacts inlined = Read(Sample("campaign-a-operator.eml"));
  ASSERT_EQ(TextKey(jis).size(), kTieKeyBytes);
  ASSERT_EQ(MailKey(jis).size(), kTieKeyBytes);
  EXPECT_EQ(TextKey(jis), TextKey(attached));
  EXPECT_EQ(TextKey(jis), TextKey(inlined));
  EXPECT_EQ(MailKey(jis), MailKey(attached));
  EXPECT_EQ(MailKey(jis), MailKey(inlined));
  EXPECT_FALSE(jis.unwrapped());
  EXPECT_TRUE(attached.unwrapped());
  EXPECT_TRUE(inlined.unwrapped());
  EXPECT_EQ(jis.subject(), "【至急】補助金交付決定通知書（令和８年度）の確認について");
  EXPECT_EQ(attached.subject(), jis.subject());
  EXPECT_EQ(inlined.subject(), jis.subject());
  EXPECT_EQ(attached.from(), "\"補助金審査室 高松\" <info@hojo-shinsa.example>");
  ASSERT_EQ(jis.attachments_size(), 1);
  EXPECT_EQ(jis.attachments(0).name(), "交付決定通知書.docm");
  EXPECT_EQ(attached.attachments(0).name(), "交付決定通知書.docm");
  EXPECT_EQ(jis.attachments(0).sha256(), inlined.attachments(0).sha256());
  EXPECT_NE(jis.text().find("①交付決定通知書"), std::string::npos) << "NEC row 13";
  EXPECT_NE(jis.text().find("㈱みらい計画"), std::string::npos);
  ASSERT_EQ(jis.urls_size(), 1);
  EXPECT_EQ(jis.urls(0), "https://hojokin-kakunin.example/notice/r8");
}

TEST(MailTest, HtmlAndQuotedPlainTextAreTheSameText) {
  const v1::MailFacts html = Read(Sample("campaign-b-html.eml"));
  const v1::MailFacts plain = Read(Sample("campaign-b-forwarded.eml"));
  ASSERT_FALSE(TextKey(html).empty());
  EXPECT_EQ(TextKey(html), TextKey(plain));
  EXPECT_EQ(MailKey(html), MailKey(plain));
  EXPECT_EQ(plain.from(), "IT Service Desk <noreply@quota-desk.example>");
}

TEST(MailTest, DifferentSamplesHaveDifferentTies) {
  std::set<std::string> texts;
  std::set<std::string> exacts;
  for (const char* name :
       {"campaign-a-ministry.eml", "campaign-b-html.eml", "campaign-c-shift-jis.eml",
        "benign-meeting.eml", "benign-newsletter.eml"}) {
    const v1::MailFacts facts = Read(Sample(name));
    EXPECT_TRUE(texts.insert(TextKey(facts)).second) << name;
    EXPECT_TRUE(exacts.insert(MailKey(facts)).second) << name;
  }
}

// ---- decoding ----

TEST(MailTest, Base64IsReadWhereverItsLinesBreak) {
  const std::string encoded = "aGVsbG8gd29ybGQsIGhlbGxvIGhpbGwu";
  for (size_t at = 0; at <= encoded.size(); ++at) {
    for (const char* broken : {"\r\n", "*", "\r\n\r\n"}) {
      const MailReading read =
          ReadMail(Mail("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n",
                        std::string(encoded).insert(at, broken)));
      EXPECT_EQ(read.facts.text(), "hello world, hello hill.") << at;
    }
  }
}

TEST(MailTest, Base64GoesOnAfterPaddingInTheMiddle) {
  const v1::MailFacts facts = Read(Mail(
      "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", "aGVsbG8=\r\nIHdvcmxk"));
  EXPECT_EQ(facts.text(), "hello world");
}

TEST(MailTest, EncodedWordsThatSplitACharacterAreJoined) {
  const v1::MailFacts facts = Read(
      Mail("Subject: =?utf-8?B?44GC44E=?= =?utf-8?B?hA==?=\r\n =?utf-8?Q?=21_ok?= plain\r\n", "x"));
  EXPECT_EQ(facts.subject(), "あい! ok plain");
}

TEST(MailTest, RawBytesInHeadersAreGuessed) {
  EXPECT_EQ(Read(Mail("Subject: \x82\xa0\x82\xa2\x82\xa4\r\n", "x")).subject(), "あいう");
  EXPECT_EQ(Read(Mail("Subject: \xe3\x81\x82\r\n", "x")).subject(), "あ");
}

TEST(MailTest, FileNamesInEveryEncoding) {
  const auto name = [](const std::string& disposition) {
    const v1::MailFacts facts = Read(
        Mail("Content-Type: application/zip\r\nContent-Disposition: " + disposition + "\r\n", "z"));
    return facts.attachments_size() == 1 ? facts.attachments(0).name() : std::string("?");
  };
  EXPECT_EQ(name("attachment; filename=\"=?iso-2022-jp?B?GyRCJCIbKEI=?=.zip\""), "あ.zip");
  EXPECT_EQ(name("attachment; filename*=utf-8''%E3%81%82.zip"), "あ.zip");
  EXPECT_EQ(name("attachment; filename*0*=shift_jis''%82%A0; filename*1=.zip"), "あ.zip");
  EXPECT_EQ(name("attachment; filename=plain.zip; filename=other.zip"), "plain.zip");
  EXPECT_EQ(name("attachment; filename=\"a\\\"b.zip\""), "a\"b.zip");
}

TEST(MailTest, AttachmentsAreHashedDecoded) {
  const v1::MailFacts facts =
      Read(Mail("Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n"
                "Content-Disposition: attachment\r\n",
                "AAECAw=="));
  ASSERT_EQ(facts.attachments_size(), 1);
  EXPECT_EQ(facts.attachments(0).size(), 4u);
  EXPECT_EQ(facts.attachments(0).sha256(), Sha256Of(std::string("\0\1\2\3", 4)));
}

// ---- what it is recognised by ----

TEST(MailTest, TiesIgnoreCharsetEncodingAndWrapping) {
  const std::string wrapped(kLure);
  std::string joined;
  for (const char c : wrapped) {
    if (c != '\n') joined.push_back(c);
  }
  const std::string base = TextKeyOf(wrapped);
  ASSERT_FALSE(base.empty());
  EXPECT_EQ(base, TextKey(Read(Utf8Mail(joined, "another subject"))));
  EXPECT_EQ(base, TextKey(Read(Mail("Content-Type: text/html; charset=utf-8\r\n",
                                    "<div>" + joined + "</div><!-- z -->"))));
}

TEST(MailTest, TiesTellTextsApart) {
  const std::string lure(kLure);
  std::string other = lure;
  other.replace(other.find("山田"), 6, "川田");
  EXPECT_NE(TextKeyOf(lure), TextKeyOf(other));
}

TEST(MailTest, TooLittleTextHasNoTieOfItsText) {
  const v1::MailFacts facts = Read(Utf8Mail("Please see the attachment.\nBest regards\n"));
  EXPECT_TRUE(TextKey(facts).empty());
  EXPECT_TRUE(MailKey(facts).empty());
  const std::string at(kTextWeightMin, 'a');
  EXPECT_FALSE(TextKeyOf(at).empty());
  EXPECT_TRUE(TextKeyOf(at.substr(1)).empty());
}

TEST(MailTest, SameMailCoversAttachmentsAndLinks) {
  const auto mail = [](const std::string& href, const std::string& file) {
    return Mail("Content-Type: multipart/mixed; boundary=b\r\n",
                "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + std::string(kLure) +
                    "<a href='" + href +
                    "'>here</a></p>\r\n--b\r\nContent-Type: application/zip\r\n"
                    "Content-Disposition: attachment; filename=a.zip\r\n\r\n" +
                    file + "\r\n--b--\r\n");
  };
  const v1::MailFacts one = Read(mail("https://a.example/1", "one"));
  const v1::MailFacts link = Read(mail("https://a.example/2", "one"));
  const v1::MailFacts file = Read(mail("https://a.example/1", "two"));
  EXPECT_EQ(TextKey(one), TextKey(link));
  EXPECT_EQ(TextKey(one), TextKey(file));
  EXPECT_NE(MailKey(one), MailKey(link));
  EXPECT_NE(MailKey(one), MailKey(file));
}

TEST(MailTest, MailingListFooterDoesNotCountButALongOneStays) {
  const std::string lure(kLure);
  const std::string rule = "\n________________________________________\n";
  const std::string base = TextKeyOf(lure);
  EXPECT_EQ(base, TextKeyOf(lure + rule + "all-staff mailing list\nhttps://lists.example/\n"));
  EXPECT_NE(base, TextKeyOf(lure + rule + "all-staff mailing list\n" + lure));
  EXPECT_NE(base, TextKeyOf(lure + rule + "open the file now"));
}

TEST(MailTest, LinkTargetsThatMailProgramsWriteDoNotCount) {
  const std::string lure(kLure);
  EXPECT_EQ(TextKeyOf(lure + "詳細"), TextKeyOf(lure + "詳細<https://a.example/x>"));
}

TEST(MailTest, UrlsAndBannersDoNotCount) {
  const std::string lure(kLure);
  const std::string base = TextKeyOf(lure);
  EXPECT_EQ(base, TextKeyOf(lure + "https://a.example/?id=1"));
  EXPECT_EQ(base, TextKeyOf(lure + "hxxps://a[.]example/?id=2\n"));
  EXPECT_EQ(base, TextKeyOf("【注意】このメールは外部から届いています。\n" + lure));
  EXPECT_EQ(base, TextKeyOf(lure + "\nCAUTION: This email originated from outside.\n"));
  EXPECT_NE(base, TextKeyOf("このメールは重要です。\n" + lure));
  EXPECT_TRUE(TextKeyOf("see https://a.example/" + std::string(500, 'a')).empty())
      << "a URL is not text enough";
}

// ---- unwrapping ----

TEST(UnwrapTest, ForwardsByTheirSeparators) {
  const std::string lure(kLure);
  const std::string base = TextKeyOf(lure);
  const std::string english = "From: A <a@x.example>\nSent: Monday\nTo: b\nSubject: S\n\n";
  const std::string japanese = "差出人: A <a@x.example>\n送信日時: 月曜\n宛先: b\n件名: S\n\n";
  for (const std::string& text :
       {"note\n\n-----Original Message-----\n" + english + lure,
        "報告します。\n\n-----元のメッセージ-----\n" + japanese + lure,
        "---------- Forwarded message ---------\n" + english + lure,
        "note\n\nBegin forwarded message:\n\n" + english + lure,
        "________________________________\n" + english + lure,
        "転送します\n\n-------- 転送メッセージ --------\n" + japanese + lure}) {
    const auto forward = FindInlineForward("FW: S", "u@agency.example.jp", text);
    ASSERT_TRUE(forward) << text;
    EXPECT_EQ(TextKeyOf(forward->text), base) << text;
    EXPECT_EQ(forward->subject, "S");
  }
}

TEST(UnwrapTest, WhollyQuotedReportIsAForward) {
  const std::string text =
      "報告します。\n\nA <a@x.example> さんは書きました:\n> 一行目\n>\n> 二行目\n";
  const auto forward = FindInlineForward("【不審メール報告】S", "u@agency.example.jp", text);
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->text, "一行目\n\n二行目\n");
  EXPECT_FALSE(FindInlineForward("RE: S", "u@agency.example.jp", text));
  EXPECT_FALSE(FindInlineForward("FW: S", "u@agency.example.jp", text + "not quoted\n"));
}

TEST(UnwrapTest, QuotedConversationUnderALureIsNotTheMail) {
  const std::string text = std::string(kLure) +
                           "\n-----Original Message-----\nFrom: b@victim.example\nSent: Monday\n"
                           "To: c\nSubject: Budget\n\nThe real, old conversation.\n";
  EXPECT_FALSE(FindInlineForward("RE: Budget", "a@sender.example", text));
}

TEST(UnwrapTest, CoverThatLinksElsewhereIsNoCover) {
  const std::string inner =
      "---------- Forwarded message ---------\nFrom: A <a@x.example>\nSubject: S\n\nold text\n";
  EXPECT_TRUE(FindInlineForward("FW: S", "u@agency.example.jp",
                                "My site: https://www.agency.example.jp/\n" + inner));
  EXPECT_FALSE(
      FindInlineForward("FW: S", "u@agency.example.jp", "Verify: https://evil.example/\n" + inner));
  EXPECT_FALSE(IsCoverNote("https://evil.example/", "no address"));
  EXPECT_FALSE(IsCoverNote(std::string(kCoverNoteBytesMax + 1, 'a'), "u@agency.example.jp"));
  EXPECT_TRUE(IsCoverNote(std::string(kCoverNoteBytesMax, 'a'), "u@agency.example.jp"));
}

TEST(UnwrapTest, SeveralAttachedMailsAreACollection) {
  const std::string inner = "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\ntext\r\n";
  const v1::MailFacts facts =
      Read(Mail("Content-Type: multipart/mixed; boundary=b\r\n", inner + inner + "--b--\r\n"));
  EXPECT_FALSE(facts.unwrapped());
}

TEST(UnwrapTest, EncodedAttachedMailIsOpenedToo) {
  const std::string inner = "From: x@lure.example\r\nSubject: inner\r\n\r\nbody of the inner mail";
  std::string encoded = ToBase64Url(inner);  // Standard alphabet for this text.
  const v1::MailFacts facts =
      Read(Mail("Content-Type: multipart/mixed; boundary=b\r\n",
                "--b\r\nContent-Type: application/octet-stream; name=\"fw.eml\"\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n" +
                    encoded + "\r\n--b--\r\n"));
  EXPECT_TRUE(facts.unwrapped());
  EXPECT_EQ(facts.subject(), "inner");
}

// ---- limits ----

TEST(MailLimitTest, PartsBeyondTheMaximum) {
  const auto mail = [](int parts) {
    std::string body;
    for (int i = 0; i < parts; ++i) body += "--b\r\nContent-Type: text/plain\r\n\r\np\r\n";
    return Mail("Content-Type: multipart/mixed; boundary=b\r\n", body + "--b--\r\n");
  };
  WarmUpMail();
  EXPECT_EQ(ReadMail(mail(kMailPartsMax)).limit, "");
  const MailReading over = ReadMail(mail(kMailPartsMax + 1));
  EXPECT_TRUE(over.limit.starts_with("kMailPartsMax")) << over.limit;
  EXPECT_FALSE(over.facts.text().empty()) << "what was understood is kept";
}

TEST(MailLimitTest, DepthBeyondTheMaximum) {
  const auto nested = [](int depth) {
    std::string body = "Content-Type: text/plain\r\n\r\ndeep\r\n";
    for (int i = 0; i < depth; ++i) {
      const std::string b = "b" + std::to_string(i);
      body = "Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\n" + body +
             "\r\n--" + b + "--\r\n";
    }
    return "Subject: s\r\n" + body;
  };
  WarmUpMail();
  EXPECT_EQ(ReadMail(nested(kMailDepthMax - 1)).limit, "");
  EXPECT_TRUE(ReadMail(nested(kMailDepthMax)).limit.starts_with("kMailDepthMax"));
  EXPECT_TRUE(ReadMail(nested(5000)).limit.starts_with("kMailDepthMax"));
}

TEST(MailLimitTest, TextHeaderUrlAndAttachmentLimits) {
  WarmUpMail();
  const auto limit = [](const std::string& raw) { return ReadMail(raw).limit; };
  EXPECT_TRUE(
      limit(Utf8Mail(std::string(kPartTextBytesMax + 1, 'a'))).starts_with("kPartTextBytesMax"));
  EXPECT_EQ(limit(Utf8Mail(std::string(kPartTextBytesMax, 'a'))), "");
  EXPECT_TRUE(limit(Mail("Subject: " + std::string(kHeaderBytesMax + 1, 'a') + "\r\n", "x"))
                  .starts_with("kHeaderBytesMax"));
  std::string urls;
  for (size_t i = 0; i <= kUrlsMax; ++i) {
    urls += "https://a" + std::to_string(i % 3) + ".example/" + std::to_string(i) + "\n";
  }
  const MailReading many = ReadMail(Utf8Mail(urls));
  EXPECT_TRUE(many.limit.starts_with("kUrlsMax")) << many.limit;
  EXPECT_EQ(static_cast<size_t>(many.facts.urls_size()), kUrlsMax);
  std::string parts;
  for (size_t i = 0; i <= kAttachmentsMax; ++i) {
    parts += "--b\r\nContent-Type: image/png; name=i" + std::to_string(i) + "\r\n\r\n" +
             std::to_string(i) + "\r\n";
  }
  EXPECT_TRUE(limit(Mail("Content-Type: multipart/mixed; boundary=b\r\n", parts + "--b--\r\n"))
                  .starts_with("kAttachmentsMax"));
  EXPECT_TRUE(limit(Utf8Mail("https://a.example/" + std::string(kUrlBytesMax, 'a')))
                  .starts_with("kUrlBytesMax"));
}

std::string Repeated(const std::string& line, int times) {
  std::string lines;
  for (int i = 0; i < times; ++i) lines += line;
  return lines;
}

TEST(MailLimitTest, HeadersBeyondTheMaximum) {
  WarmUpMail();
  const std::string read = "Content-Language: ja\r\n";
  const auto mail = [&](int headers) { return Repeated(read, headers) + "Subject: s\r\n\r\ntext"; };
  EXPECT_EQ(ReadMail(mail(kHeadersMax - 1)).limit, "");
  const MailReading over = ReadMail(mail(kHeadersMax));
  EXPECT_TRUE(over.limit.starts_with("kHeadersMax")) << over.limit;
  EXPECT_EQ(over.facts.subject(), "s") << "what a mail cannot be read without is";
  EXPECT_EQ(over.facts.text(), "text");
  // Also where the headers never end.
  const MailReading endless = ReadMail("Subject: s\r\n" + Repeated(read, kHeadersMax));
  EXPECT_TRUE(endless.limit.starts_with("kHeadersMax")) << endless.limit;
  EXPECT_EQ(endless.facts.subject(), "s");
}

TEST(MailTest, HeadersThatNobodyReadsDoNotCount) {
  WarmUpMail();
  const std::string unread = Repeated("X-Tag: 1\r\n and more: of it\r\n", kHeadersMax * 2);
  const MailReading reading =
      ReadMail("Subject: s\r\n" + unread + "X-Originating-IP: [192.0.2.7]\r\n\r\ntext");
  EXPECT_EQ(reading.limit, "");
  EXPECT_EQ(reading.facts.subject(), "s");
  EXPECT_EQ(reading.facts.ips(0), "192.0.2.7");
  EXPECT_EQ(reading.facts.text(), "text");
}

// GMime goes on behind a line that is no header, but not where it is the first one.
TEST(MailTest, LinesThatAreNoHeadersHideNothing) {
  WarmUpMail();
  const MailReading between =
      ReadMail("X-First: 1\r\nno header\r\nX-Other: 2\r\nSubject: s\r\n\r\ntext");
  EXPECT_EQ(between.facts.subject(), "s");
  EXPECT_EQ(between.facts.text(), "text");
  const MailReading first =
      ReadMail("no header\r\nnote: https://a.example/x\r\nX-Other: 2\r\n\r\ntext");
  ASSERT_EQ(first.facts.urls_size(), 1);
  EXPECT_EQ(first.facts.urls(0), "https://a.example/x");
  const MailReading mailbox =
      ReadMail("From a@b.example Sat Nov 21 10:00:00 2026\nX-First: 1\nSubject: s\n\ntext");
  EXPECT_EQ(mailbox.facts.subject(), "s");
}

TEST(MailLimitTest, MailBytesBeyondTheMaximum) {
  WarmUpMail();
  std::string raw = Mail("Content-Type: application/octet-stream; name=a\r\n", "");
  raw.resize(kMailBytesMax + 1, 'a');
  EXPECT_TRUE(ReadMail(raw).limit.starts_with("kMailBytesMax"));
}

TEST(MailTest, WhatIsNoMailIsReadAsText) {
  WarmUpMail();
  for (const std::string& raw : {std::string(), std::string("\0\0\0", 3), std::string("no headers"),
                                 std::string(1000, '\n'), std::string("--\r\n--\r\n")}) {
    EXPECT_EQ(ReadMail(raw).limit, "");
  }
}

TEST(MailTest, SameBytesGiveTheSameFacts) {
  const std::string raw = Sample("campaign-a-agency.eml");
  EXPECT_EQ(Read(raw).SerializeAsString(), Read(raw).SerializeAsString());
}

}  // namespace
}  // namespace noroshi::analysis
