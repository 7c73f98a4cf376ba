// Facts beyond text and fingerprints: headers, links, kind, language, wrapping.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "hub/analysis/headers.h"
#include "hub/analysis/kind.h"
#include "hub/analysis/language.h"
#include "hub/analysis/mail.h"
#include "tests/unit/hub/analysis/zip_maker.h"

namespace noroshi::analysis {
namespace {

using Strings = std::vector<std::string>;

v1::MailFacts Read(std::string_view raw) {
  WarmUpMail();
  MailReading reading = ReadMail(raw);
  EXPECT_EQ(reading.limit, "");
  return reading.facts;
}

template <typename List>
Strings All(const List& list) {
  return Strings(list.begin(), list.end());
}

std::string Html(std::string_view body, std::string_view headers = "") {
  return "From: A <a@sender.example>\r\n" + std::string(headers) +
         "Content-Type: text/html; charset=utf-8\r\n\r\n" + std::string(body);
}

std::string Text(std::string_view body, std::string_view headers = "") {
  return "From: A <a@sender.example>\r\n" + std::string(headers) +
         "Content-Type: text/plain; charset=utf-8\r\n\r\n" + std::string(body);
}

// ---- headers ----

TEST(HeadersTest, ReceivedInTheFormsThatServersWrite) {
  v1::MailHop hop = ReadReceived(
      "from mail.a.example (unknown [203.0.113.9]) by mx.b.example (Postfix) with ESMTPS id 4Pq "
      "for <x@b.example>; Mon, 3 Apr 2023 09:00:00 +0900");
  EXPECT_EQ(hop.from(), "mail.a.example");
  EXPECT_EQ(hop.by(), "mx.b.example");
  EXPECT_EQ(hop.ip(), "203.0.113.9");
  EXPECT_EQ(hop.date(), "Mon, 3 Apr 2023 09:00:00 +0900");
  hop = ReadReceived("from [198.51.100.7] by mx.b.example; x");
  EXPECT_EQ(hop.ip(), "198.51.100.7");
  hop = ReadReceived("from a.outlook.com (2603:10A6::15) by b.outlook.com (2603:10a6::16) with m");
  EXPECT_EQ(hop.ip(), "2603:10a6::15");
  hop = ReadReceived("from a (helo [IPv6:2001:db8::1]) (by c) by d");
  EXPECT_EQ(hop.ip(), "2001:db8::1");
  EXPECT_EQ(hop.by(), "d");
  hop = ReadReceived("by e.example with HTTP; y");
  EXPECT_EQ(hop.from(), "");
  EXPECT_EQ(hop.by(), "e.example");
  EXPECT_EQ(ReadReceived("").ByteSizeLong(), 0u);
}

TEST(HeadersTest, AuthenticationResultsOfRfc8601AndOthers) {
  const auto words = [](std::string_view header) {
    Strings out;
    for (const auto& r : ReadAuthenticationResults(header)) {
      out.push_back(r.method() + "=" + r.result() + " " + r.domain() + " by " + r.server());
    }
    return out;
  };
  EXPECT_EQ(words("mx.b.example 1; spf=pass (sender \\; ok) smtp.mailfrom=x@A.example; dkim=fail "
                  "reason=\"bad\" header.d=d.example header.s=s; dmarc=none header.from=f.example"),
            (Strings{"spf=pass a.example by mx.b.example", "dkim=fail d.example by mx.b.example",
                     "dmarc=none f.example by mx.b.example"}));
  EXPECT_EQ(words("i=1; mx.b.example; DKIM/1 = Pass header.i=@d.example"),
            (Strings{"dkim=pass d.example by mx.b.example"}));
  EXPECT_EQ(words("spf=softfail smtp.mailfrom=a.example;dmarc=fail action=none"),
            (Strings{"spf=softfail a.example by ", "dmarc=fail  by "}));
  EXPECT_EQ(words("mx.b.example; none"), (Strings{}));
  EXPECT_EQ(words(";;==;=x;a="), (Strings{}));
  const v1::AuthenticationResult spf = ReadReceivedSpf(
      "SoftFail (mx.b.example: domain of transitioning x@a.example does not designate 1.2.3.4)");
  EXPECT_EQ(spf.result(), "softfail");
  EXPECT_EQ(spf.domain(), "a.example");
  EXPECT_EQ(spf.server(), "mx.b.example");
}

TEST(HeadersTest, FactsOfAWholeHeader) {
  const v1::MailFacts facts = Read(
      "Return-Path: <bounce@mailer.test>\r\n"
      "Received: from a.test (a.test [203.0.113.9]) by mx.agency.example; now\r\n"
      "Received: from b.test ([198.51.100.7]) by a.test; before\r\n"
      "Authentication-Results: mx.agency.example; spf=fail smtp.mailfrom=mailer.test\r\n"
      "X-Originating-IP: [192.0.2.77]\r\n"
      "From: \"info@bank.example.com\" <x@sender.co.jp>\r\nReply-To: y@elsewhere.test\r\n"
      "To: victim@agency.example\r\nSubject: RE: z\r\nMessage-ID: <m@sender.co.jp>\r\n"
      "Date: Mon, 3 Apr 2023 09:00:00 +0900\r\n\r\nWrite to z@drop.test, 198.51.100.99.\r\n");
  EXPECT_EQ(facts.from_address(), "x@sender.co.jp");
  EXPECT_EQ(facts.return_path(), "bounce@mailer.test");
  EXPECT_EQ(All(facts.reply_to()), (Strings{"y@elsewhere.test"}));
  EXPECT_EQ(facts.date(), "Mon, 3 Apr 2023 09:00:00 +0900");
  ASSERT_EQ(facts.hops_size(), 2);
  EXPECT_EQ(facts.hops(1).ip(), "198.51.100.7");
  ASSERT_EQ(facts.authentication_size(), 1);
  EXPECT_EQ(All(facts.ips()),
            (Strings{"203.0.113.9", "198.51.100.7", "192.0.2.77", "198.51.100.99"}));
  EXPECT_EQ(All(facts.addresses()),
            (Strings{"x@sender.co.jp", "y@elsewhere.test", "bounce@mailer.test", "z@drop.test"}))
      << "the victim's is none";
  Strings codes;
  for (const std::string& m : facts.mismatches()) codes.push_back(m.substr(0, m.find(':')));
  EXPECT_EQ(codes, (Strings{"display_name", "reply_to", "return_path", "thread"}));
}

TEST(HeadersTest, WhatFitsTogetherIsNoMismatch) {
  const v1::MailFacts facts = Read(
      "From: \"Example Shop\" <x@news.shop.co.jp>\r\nReply-To: help@shop.co.jp\r\n"
      "Return-Path: <b@bounce.shop.co.jp>\r\nSubject: Re: order\r\nIn-Reply-To: <q@r.test>\r\n"
      "References: <p@r.test>\r\n\t<q@r.test>\r\n\r\nx");
  EXPECT_EQ(facts.mismatches_size(), 0);
  EXPECT_EQ(facts.in_reply_to(), "q@r.test");
  EXPECT_EQ(All(facts.references()), (Strings{"p@r.test", "q@r.test"}));
}

TEST(HeadersTest, CountsBeyondTheMaxima) {
  MessageHeaders headers;
  for (size_t i = 0; i < kHopsMax; ++i) headers.Add("Received", "from a by b; c");
  for (size_t i = 0; i < kReferencesMax; ++i) headers.Add("References", "<a@b>");
  EXPECT_FALSE(headers.cut);
  headers.Add("Received", "from a by b; c");
  EXPECT_TRUE(headers.cut);
  EXPECT_EQ(headers.hops.size(), kHopsMax);
  headers.cut = false;
  headers.Add("References", "<a@b>");
  EXPECT_TRUE(headers.cut);
  std::string list;
  for (size_t i = 0; i <= kHeaderAddressesMax; ++i) list += "a" + std::to_string(i) + "@b.test,";
  headers.cut = false;
  headers.Add("Reply-To", list);
  EXPECT_TRUE(headers.cut);
  EXPECT_EQ(headers.reply_to.size(), kHeaderAddressesMax);
  std::string results = "s";
  for (size_t i = 0; i <= kAuthenticationMax; ++i) results += "; spf=pass";
  EXPECT_EQ(ReadAuthenticationResults(results).size(), kAuthenticationMax);
  EXPECT_EQ(ReadReceived("from " + std::string(kHeaderTokenBytesMax + 1, 'a')).from().size(),
            kHeaderTokenBytesMax);
}

// ---- links ----

TEST(FactsTest, LinksTellWhereTheyLeadAndWhatTheyShow) {
  const v1::MailFacts facts =
      Read(Html("<a href='https://login.evil.co.jp/x'>https://www.bank.co.jp/</a>"
                "<a href='http://user@192.747/'>y</a><img src='https://img.evil.co.jp/p.png'>"
                "<p>hxxp://de[.]fanged.test/</p>"
                "<div style='display:none'>http://hidden.test/</div>"));
  ASSERT_EQ(facts.urls_size(), 5);
  ASSERT_EQ(facts.links_size(), 6);
  EXPECT_EQ(facts.links(0).host(), "login.evil.co.jp");
  EXPECT_EQ(facts.links(0).domain(), "evil.co.jp");
  EXPECT_EQ(facts.links(0).shown_host(), "www.bank.co.jp");
  EXPECT_EQ(All(facts.links(0).markers()), (Strings{"shown_differs"}));
  EXPECT_EQ(facts.links(1).host(), "192.0.2.235");
  EXPECT_EQ(All(facts.links(1).markers()), (Strings{"credentials", "ip", "odd_ip"}));
  EXPECT_EQ(facts.urls(3), "http://de.fanged.test/");
  EXPECT_EQ(All(facts.links(3).markers()), (Strings{"defanged"}));
  EXPECT_EQ(All(facts.links(4).markers()), (Strings{"hidden"}));
  EXPECT_EQ(facts.links(5).place(), v1::LINK_PLACE_RESOURCE);
  EXPECT_EQ(facts.links(5).url(), "https://img.evil.co.jp/p.png");
  EXPECT_EQ(All(facts.ips()), (Strings{"192.0.2.235"}));
  EXPECT_EQ(facts.domains(0), "evil.co.jp");
}

TEST(FactsTest, OutlooksOwnLinksAndSchemes) {
  const v1::MailFacts facts =
      Read(Html("<!--[if mso]><a href='http://o.test/'>x</a><![endif]--><a href='search-ms:q'>a</a>"
                "<a href='file://h.test/s'>b</a><a href='https:\\\\back.test\\p'>c</a>"
                "<a href='mailto:m@drop.test?subject=x'>d</a>"));
  EXPECT_EQ(All(facts.urls()), (Strings{"file://h.test/s", "https://back.test\\p"}));
  ASSERT_EQ(facts.links_size(), 3);
  EXPECT_EQ(facts.links(2).url(), "http://o.test/");
  EXPECT_EQ(All(facts.links(2).markers()), (Strings{"mso"}));
  EXPECT_EQ(All(facts.warnings()), (Strings{"link_scheme: search-ms"}));
  EXPECT_EQ(All(facts.addresses()), (Strings{"a@sender.example", "m@drop.test"}));
}

TEST(FactsTest, AnAttachedPageLeadsSomewhere) {
  const std::string page =
      "<script>var u = \"https://script.test/next\"; f('https://quoted.test/x');</script>"
      "<meta http-equiv=refresh content='0;url=https://refresh.test/'>"
      "<img src='https://logo.test/a.png'><form action='https://form.test/go'></form>";
  for (const char* name : {"invoice.html", "invoice.SVG", "invoice.bin"}) {
    const v1::MailFacts facts = Read(
        "From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\n\r\nSee the file, https://shown.test/\r\n"
        "--b\r\nContent-Type: application/octet-stream\r\n"
        "Content-Disposition: attachment; filename=" +
        std::string(name) + "\r\n\r\n<!DOCTYPE html><html>" + page + "</html>\r\n--b--\r\n");
    EXPECT_EQ(All(facts.urls()), (Strings{"https://shown.test/"}));
    Strings attached;
    for (int i = 1; i < facts.links_size(); ++i) {
      EXPECT_EQ(facts.links(i).place(), v1::LINK_PLACE_ATTACHMENT);
      attached.push_back(facts.links(i).url());
    }
    EXPECT_EQ(attached, (Strings{"https://refresh.test/", "https://form.test/go",
                                 "https://script.test/next", "https://quoted.test/x"}))
        << name;
  }
}

TEST(FactsTest, LinksToHostsThatEverybodyLinksToAreMarked) {
  const v1::MailFacts facts =
      Read(Html("<link rel=stylesheet href='https://fonts.googleapis.com/css?family=A'>"
                "<a href='https://evil.test/?u=https://fonts.googleapis.com/'>x</a>"));
  ASSERT_EQ(facts.urls_size(), 2);
  for (int i = 0; i < 2; ++i) {
    const bool font = facts.urls(i).starts_with("https://fonts.");
    EXPECT_EQ(All(facts.links(i).markers()), font ? Strings{"innocent"} : Strings{}) << i;
  }
}

TEST(FactsTest, OneDomainDoesNotCrowdOutTheOthers) {
  WarmUpMail();
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "https://h" + std::to_string(i) + ".crowd.test/\n";
  const MailReading reading = ReadMail(Text(body + "https://last.example.com/\n"));
  EXPECT_TRUE(reading.limit.starts_with("kUrlsMax"));
  const Strings urls = All(reading.facts.urls());
  EXPECT_EQ(urls.size(), kUrlsPerDomainMax + 1);
  EXPECT_EQ(urls.back(), "https://last.example.com/");
}

// ---- kind ----

TEST(KindTest, InTheAnnualReportsWords) {
  const auto kind = [](const std::string& raw) { return Read(raw).kind(); };
  const std::string file =
      "From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
      "https://a.test/\r\n--b\r\nContent-Type: ";
  const std::string end = "\r\n\r\ncontent\r\n--b--\r\n";
  EXPECT_EQ(kind(file + "application/zip; name=a.zip" + end), v1::MAIL_KIND_ATTACHMENT);
  EXPECT_EQ(kind(file + "image/png; name=a.png" + end), v1::MAIL_KIND_URL);
  EXPECT_EQ(kind(file + "image/png; name=a.exe" + end), v1::MAIL_KIND_ATTACHMENT);
  EXPECT_EQ(kind(file + "text/calendar; name=a.ics" + end), v1::MAIL_KIND_URL);
  EXPECT_EQ(kind(Text("https://a.test/")), v1::MAIL_KIND_URL);
  EXPECT_EQ(kind(Html("x<img src='https://a.test/'>")), v1::MAIL_KIND_NONE);
  EXPECT_EQ(kind(Text("本日中にご返信ください。")), v1::MAIL_KIND_REPLY);
  EXPECT_EQ(kind(Text("hello", "Reply-To: x@elsewhere.test\r\n")), v1::MAIL_KIND_REPLY);
  EXPECT_EQ(kind(Text("hello")), v1::MAIL_KIND_NONE);
  EXPECT_FALSE(Read(Text("hello")).kind_reason().empty());
}

TEST(KindTest, WhatAForwardLostIsSaid) {
  const std::string head =
      "報告します\r\n\r\n-----Original Message-----\r\nFrom: x@y.test\r\n"
      "Subject: s\r\n\r\n";
  const auto read = [&](std::string_view text) {
    return Read(Text(head + std::string(text), "Subject: FW: s\r\n"));
  };
  EXPECT_EQ(read("添付の圧縮ファイルを開いてください").kind(), v1::MAIL_KIND_ATTACHMENT);
  EXPECT_TRUE(read("添付の書類").kind_reason().starts_with("attachment_lost:"));
  EXPECT_TRUE(read("Click here").kind_reason().starts_with("url_lost:"));
  EXPECT_EQ(Read(Text("Click here")).kind(), v1::MAIL_KIND_NONE);
}

// ---- language ----

TEST(LanguageTest, ByScriptAndCommonWords) {
  EXPECT_EQ(LanguageOf("お世話になっております。Microsoft 365 の更新のお知らせです。"), "ja");
  EXPECT_EQ(LanguageOf("尊敬的用户，您的账户已被暂停，请立即登录。"), "zh");
  EXPECT_EQ(LanguageOf("안녕하세요, 귀하의 계정이 정지되었습니다."), "ko");
  EXPECT_EQ(LanguageOf("Your account has been suspended. Please log in to the portal."), "en");
  EXPECT_EQ(LanguageOf("Ihr Konto wurde gesperrt. Bitte melden Sie sich an und prüfen Sie die"),
            "de");
  EXPECT_EQ(LanguageOf("Prezado cliente, sua conta foi suspensa. Clique para não perder o acesso"),
            "pt");
  EXPECT_EQ(LanguageOf("Votre compte est suspendu, veuillez cliquer sur le lien pour vous"), "fr");
  EXPECT_EQ(LanguageOf("Ваш аккаунт заблокирован"), "ru");
  EXPECT_EQ(LanguageOf("https://the.and.you.your.example/ 12345"), "");
  EXPECT_EQ(LanguageOf("ok"), "");
  EXPECT_EQ(LanguageOf(std::string(kLanguageBytesMax, ' ') + "the and you your to of"), "");
}

// ---- wrapping ----

TEST(WrappingTest, ZipAroundAMailAndMailboxes) {
  const std::string mail = "From: x@lure.test\r\nSubject: inner\r\n\r\nbody https://lure.test/\r\n";
  const std::string zip = MakeZip({{"mail.eml", mail}}, "infected");
  EXPECT_EQ(Read(zip).subject(), "inner") << "a zip by itself";
  const v1::MailFacts attached = Read(
      "From: u@agency.example\r\nSubject: report\r\nContent-Type: multipart/mixed; "
      "boundary=b\r\n\r\n--b\r\n\r\n報告します\r\n--b\r\nContent-Type: application/zip; "
      "name=m.zip\r\nContent-Transfer-Encoding: binary\r\n\r\n" +
      zip + "\r\n--b--\r\n");
  EXPECT_EQ(attached.subject(), "inner");
  EXPECT_TRUE(attached.unwrapped());
  EXPECT_EQ(attached.attachments_size(), 0);
  EXPECT_EQ(All(attached.urls()), (Strings{"https://lure.test/"}));
  const std::string from = "From a@b Mon Apr  3 09:00:00 2023\r\n";
  EXPECT_EQ(Read(from + mail).subject(), "inner") << "an mbox of one";
  const v1::MailFacts two = Read(from + mail + "\r\n" + from + "Subject: b\r\n\r\nhttps://b.test/");
  EXPECT_EQ(All(two.urls()), (Strings{"https://lure.test/", "https://b.test/"}));
  EXPECT_FALSE(two.unwrapped());
}

TEST(WrappingTest, WholeMailInUtf16) {
  std::string wide = "\xff\xfe";
  for (const char c : Text("https://a.test/", "Subject: wide\r\n")) {
    wide.push_back(c);
    wide.push_back('\0');
  }
  EXPECT_EQ(Read(wide).subject(), "wide");
  EXPECT_EQ(Read(wide.substr(2)).urls(0), "https://a.test/");
}

TEST(WrappingTest, ACoversOwnFilesAndLinksAreKept) {
  const v1::MailFacts facts = Read(
      "From: u@agency.example\r\nSubject: report\r\nContent-Type: multipart/mixed; "
      "boundary=b\r\n\r\n--b\r\n\r\nsee https://www.agency.example/\r\n--b\r\n"
      "Content-Type: application/pdf; name=log.pdf\r\n\r\n%PDF-1.4\r\n--b\r\n"
      "Content-Type: message/rfc822\r\n\r\nFrom: x@lure.test\r\nSubject: inner\r\n\r\n"
      "https://lure.test/\r\n--b--\r\n");
  EXPECT_EQ(facts.subject(), "inner");
  EXPECT_EQ(All(facts.urls()), (Strings{"https://lure.test/"}));
  ASSERT_EQ(facts.links_size(), 2);
  EXPECT_EQ(facts.links(1).place(), v1::LINK_PLACE_COVER);
  ASSERT_EQ(facts.attachments_size(), 1);
  EXPECT_EQ(facts.attachments(0).name(), "log.pdf");
  EXPECT_EQ(All(facts.hosts()), (Strings{"lure.test"})) << "not the reporter's";
}

TEST(WrappingTest, ReportFormUnderAnySubject) {
  const v1::MailFacts facts =
      Read(Text("不審メール報告様式\r\n1 報告機関: x\r\n" + std::string(3000, 'a') +
                    "\r\n以下、受信した不審メールの内容です。\r\n\r\n差出人: 甲 <x@lure.test>\r\n"
                    "件名: 督促\r\n\r\nこちら https://lure.test/ をご覧ください\r\n",
                "Subject: x\r\n"));
  EXPECT_TRUE(facts.unwrapped());
  EXPECT_EQ(facts.subject(), "督促");
  EXPECT_EQ(facts.from_address(), "x@lure.test");
  EXPECT_EQ(facts.hops_size(), 0) << "the reporter's headers say nothing of the lure";
}

}  // namespace
}  // namespace noroshi::analysis
