#include "hub/analysis/segments.h"

#include <gtest/gtest.h>

namespace noroshi::analysis {
namespace {

constexpr std::string_view kLure =
    "口座の確認が完了しておりません。\n本日中に次のページから手続きをお済ませください。\n"
    "https://portal.bank-check.example/a1b2\n手続きがない場合、ご利用を停止いたします。\n";

std::string LureOf(const std::string& text) {
  return Joined(SegmentText(text), SegmentKind::kLure);
}

const std::string& Bare() {
  static const std::string bare = LureOf(std::string(kLure));
  return bare;
}

std::string Quoted(std::string_view text) {
  std::string out = "> ";
  for (const char c : text) {
    out.push_back(c);
    if (c == '\n') out += "> ";
  }
  return out + '\n';
}

TEST(SegmentsTest, ALureAloneIsAllLure) {
  const auto lines = SegmentText(kLure);
  ASSERT_EQ(lines.size(), 3U) << "a line that is a URL only says nothing";
  for (const SegmentLine& line : lines) EXPECT_EQ(line.kind, SegmentKind::kLure) << line.text;
}

TEST(SegmentsTest, AReportFormIsNotTheLure) {
  const std::string form =
      "不審メール報告書\n\n1 報告機関: 港湾局\n2 受信者数: 12名（うち開封 1名）\n"
      "3 添付ファイルの開封: なし\n4 本文中のURLへのアクセス: なし\n\n";
  EXPECT_EQ(LureOf(form + "以下、受信したメールの内容です。\n" + std::string(kLure)), Bare());
  EXPECT_EQ(LureOf(form + "-----Original Message-----\nFrom: 銀行\nSubject: 重要\n\n" +
                   std::string(kLure)),
            Bare());
  EXPECT_EQ(LureOf(form + "差出人: 銀行\n件名: 重要なお知らせ\n\n" + std::string(kLure)), Bare());
  EXPECT_EQ(LureOf(form + "銀行 さんは書きました:\n" + Quoted(kLure)), Bare());
  EXPECT_EQ(LureOf("A colleague received the suspicious e-mail below. Nothing was clicked.\n\n" +
                   Quoted(kLure)),
            Bare());
}

TEST(SegmentsTest, ReportsOfReportsAreOpened) {
  const std::string inner =
      "不審なメールを受信しました。\n\n-----Original Message-----\nFrom: a\n"
      "Subject: b\n\n" +
      std::string(kLure);
  EXPECT_EQ(LureOf("情報提供いたします。\n\n---------- Forwarded message ---------\nFrom: c\n"
                   "Subject: d\n\n" +
                   inner),
            Bare());
}

TEST(SegmentsTest, AStolenThreadIsNotTheLure) {
  for (const std::string& thread :
       {std::string("-----Original Message-----\nFrom: 企画課\nTo: 総務課\nSubject: 会議\n\n"
                    "来月の会議の資料を送ります。部数は20部です。\n"),
        Quoted("来月の会議の資料を送ります。\n部数は20部です。"),
        "2026年4月11日(土) 10:00 企画課 <kikaku@bureau.example>:\n" +
            Quoted("会場の鍵は守衛室にあります。")}) {
    EXPECT_EQ(LureOf(std::string(kLure) + '\n' + thread), Bare()) << thread;
  }
}

TEST(SegmentsTest, WhatALureSaysBetweenQuotedLinesStays) {
  const std::string text = std::string(kLure) + "> 以前のご案内\n至急ご対応ください。\n";
  EXPECT_NE(LureOf(text).find("至急ご対応ください"), std::string::npos);
  EXPECT_EQ(LureOf(text).find("以前のご案内"), std::string::npos);
}

TEST(SegmentsTest, FootersAndBannersAreNotTheLure) {
  EXPECT_EQ(LureOf("【注意】このメールは組織外から送信されています。\n\n" + std::string(kLure)),
            Bare());
  EXPECT_EQ(LureOf(std::string(kLure) +
                   "\nThis message is intended solely for the addressee. If you have received it "
                   "in error,\nplease notify the sender immediately and delete it.\n"),
            Bare());
  EXPECT_EQ(LureOf(std::string(kLure) +
                   "\n------------------\n港湾局 総務課\nTEL 000-1234\nE-mail: a@b.example\n"),
            Bare());
  EXPECT_EQ(LureOf(std::string(kLure) + "--\n港湾局 総務課\n"), Bare());
}

TEST(SegmentsTest, ALureThatWearsAFootersWordsStays) {
  const std::string text = "お支払いの確認ができません。このメールの添付をご確認ください。\n";
  EXPECT_EQ(LureOf(text), LureOf(text + "-----Original Message-----\nFrom: a\nTo: b\n\nx y z\n"));
  EXPECT_FALSE(
      LureOf("Your invoice is confidential and must be paid today, please open it.\n").empty())
      << "one phrase makes no legal notice";
}

TEST(SegmentsTest, NothingButAFormIsKept) {
  const std::string note = "不審なメールを受信しました。ご確認ください。\n";
  EXPECT_FALSE(LureOf(note).empty()) << "nothing else is there to be recognised by";
}

TEST(SegmentsTest, TextsBeyondTheLimitsAreCut) {
  std::string many;
  for (size_t i = 0; i < kSegmentLinesMax + 1; ++i) many += "line of words\n";
  EXPECT_EQ(SegmentText(many).size(), kSegmentLinesMax);
  const std::string large(kSegmentTextBytesMax + 100, 'a');
  ASSERT_EQ(SegmentText(large).size(), 1U);
  EXPECT_EQ(SegmentText(large)[0].text.size(), kSegmentTextBytesMax);
}

}  // namespace
}  // namespace noroshi::analysis
