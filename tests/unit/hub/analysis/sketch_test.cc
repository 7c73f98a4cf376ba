#include "hub/analysis/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/base/encoding.h"
#include "hub/analysis/innocent_hosts.h"

namespace noroshi::analysis {
namespace {

constexpr std::string_view kLure =
    "いつもご利用いただきありがとうございます。お客様の口座で不正な引き出しが確認されたため、\n"
    "一時的にお取引を制限しております。制限の解除には、ご本人様による確認が必要です。\n"
    "本日中に次のページから手続きをお済ませください。手続きがない場合、口座を凍結いたします。\n";
constexpr std::string_view kEnglishLure =
    "We could not deliver your parcel because nobody was at home to sign for it. Please choose a "
    "new day for the delivery and pay the small customs fee within two days, or the parcel will "
    "be sent back to the sender at your expense.\n";

v1::MailSketch Sketch(std::string_view text, const v1::MailFacts& facts = {}) {
  return SketchMail({text, "", ""}, facts, {});
}

int Agreeing(const v1::MailSketch& a, const v1::MailSketch& b) {
  EXPECT_EQ(a.minhash_size(), static_cast<int>(kMinhashSlots));
  EXPECT_EQ(b.minhash_size(), static_cast<int>(kMinhashSlots));
  int agreeing = 0;
  for (int i = 0; i < a.minhash_size() && i < b.minhash_size(); ++i) {
    agreeing += a.minhash(i) == b.minhash(i);
  }
  return agreeing;
}

std::vector<std::string> Shown(const v1::MailSketch& sketch, v1::TieKind kind) {
  std::vector<std::string> shown;
  for (const v1::MailTie& tie : sketch.ties()) {
    if (tie.kind() == kind) shown.push_back(tie.shown());
  }
  return shown;
}

std::string KeyOf(const v1::MailSketch& sketch, v1::TieKind kind) {
  for (const v1::MailTie& tie : sketch.ties()) {
    if (tie.kind() == kind) return tie.key();
  }
  return {};
}

v1::MailFacts Linking(const std::string& url, v1::LinkPlace place = v1::LINK_PLACE_ANCHOR) {
  v1::MailFacts facts;
  facts.add_urls(url);
  v1::MailLink* link = facts.add_links();
  link->set_place(place);
  const size_t host = url.find("://") + 3;
  link->set_host(url.substr(host, url.find('/', host) - host));
  return facts;
}

TEST(SketchTest, TheSameLureHasTheSameSketchHoweverItIsWritten) {
  const v1::MailSketch base = Sketch(kLure);
  std::string wrapped(kLure);
  std::erase(wrapped, '\n');
  EXPECT_EQ(Agreeing(base, Sketch(wrapped)), 128);
  EXPECT_EQ(Agreeing(base, Sketch(std::string(kLure) + "https://a.example/?id=1\n")), 128);
  EXPECT_EQ(
      Agreeing(base, Sketch("taro@bureau.example 様\xe2\x80\x8b\n" + std::string(kLure))) > 118,
      true);
  EXPECT_EQ(KeyOf(base, v1::TIE_KIND_SAME_TEXT), KeyOf(Sketch(wrapped), v1::TIE_KIND_SAME_TEXT));
}

TEST(SketchTest, NamesNumbersAndLookalikesChangeLittle) {
  const v1::MailSketch base = Sketch(kEnglishLure);
  std::string other(kEnglishLure);
  std::replace(other.begin(), other.end(), '\n', ' ');
  EXPECT_GE(Agreeing(base, Sketch("Dear Mr Tanaka, parcel JP-4471-9. " + other)), 100);
  // Cyrillic а and о.
  std::string alike;
  for (const char c : kEnglishLure) {
    alike += c == 'a' ? "\xd0\xb0" : c == 'o' ? "\xd0\xbe" : std::string(1, c);
  }
  EXPECT_EQ(Agreeing(base, Sketch(alike)), 128);
}

TEST(SketchTest, OtherLuresAgreeInFewSlots) {
  EXPECT_LT(Agreeing(Sketch(kLure), Sketch(kEnglishLure)), 8);
  EXPECT_LT(Agreeing(Sketch(kEnglishLure),
                     Sketch("The board has asked me to handle a payment that nobody else may know "
                            "of. Tell me when you are at your desk, and send me the number that I "
                            "can reach you at. I am in a meeting until the late afternoon.\n")),
            24);
}

TEST(SketchTest, AgreementIsTheShareOfCommonShingles) {
  // Two thirds of each text are the other's: likeness one half.
  std::mt19937 random(1);
  const auto letters = [&](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text.push_back(static_cast<char>('a' + random() % 26));
    return text;
  };
  const std::string shared = letters(800);
  const std::string a = letters(400);
  const std::string b = letters(400);
  EXPECT_NEAR(Agreeing(Sketch(shared + a), Sketch(shared + b)), 64, 16);
}

TEST(SketchTest, TooLittleTextHasNoSketchOfIt) {
  EXPECT_EQ(Sketch("Please see the attachment.").minhash_size(), 0);
  EXPECT_EQ(Sketch(std::string(2000, 'a')).minhash_size(), 0) << "a letter again and again";
  EXPECT_EQ(Sketch("").ties_size(), 0);
}

TEST(SketchTest, AShortTextTiesOnlyWithItsSubject) {
  v1::MailFacts facts;
  facts.set_subject("【外部】Re: 契約書の差替えについて");
  const v1::MailSketch tagged = Sketch("添付をご確認ください。", facts);
  facts.set_subject("契約書の差替えについて");
  const v1::MailSketch bare = Sketch("添付をご確認ください。", facts);
  ASSERT_FALSE(KeyOf(bare, v1::TIE_KIND_SAME_TEXT).empty());
  EXPECT_EQ(KeyOf(bare, v1::TIE_KIND_SAME_TEXT), KeyOf(tagged, v1::TIE_KIND_SAME_TEXT));
  EXPECT_EQ(KeyOf(bare, v1::TIE_KIND_SUBJECT), KeyOf(tagged, v1::TIE_KIND_SUBJECT));
  EXPECT_TRUE(KeyOf(Sketch("添付をご確認ください。"), v1::TIE_KIND_SAME_TEXT).empty());
}

TEST(SketchTest, OnlyWhereAClickLeadsIsATie) {
  EXPECT_EQ(Shown(Sketch("", Linking("https://evil.example/a")), v1::TIE_KIND_HOST),
            std::vector<std::string>{"evil.example"});
  EXPECT_TRUE(
      Sketch("", Linking("https://evil.example/a.png", v1::LINK_PLACE_RESOURCE)).ties().empty());
  EXPECT_TRUE(Sketch("", Linking("https://bureau.example/", v1::LINK_PLACE_COVER)).ties().empty());
}

TEST(SketchTest, InnocentHostsTieNothingAndSharedOnesByTheirPages) {
  EXPECT_TRUE(Sketch("", Linking("https://www.youtube.com/watch")).ties().empty());
  EXPECT_TRUE(Sketch("", Linking("https://bit.ly/")).ties().empty());
  EXPECT_EQ(Shown(Sketch("", Linking("https://bit.ly/3xYz77?e=1")), v1::TIE_KIND_PAGE),
            std::vector<std::string>{"bit.ly/3xYz77"});
  EXPECT_EQ(UseOfHost("a.b.pages.dev"), HostUse::kShared);
  EXPECT_EQ(UseOfHost("pages.dev.evil.example"), HostUse::kOwn);
  EXPECT_EQ(UseOfHost("maps.google.com"), HostUse::kInnocent) << "the more specific line wins";
  EXPECT_EQ(UseOfHost("sites.google.com"), HostUse::kShared);
  EXPECT_EQ(UseOfHost(""), HostUse::kOwn);
}

TEST(SketchTest, FilesTieAndLogosDoNot) {
  v1::MailFacts facts;
  v1::AttachmentFacts* file = facts.add_attachments();
  file->set_name("a.zip");
  file->set_size(kTieFileBytesMin);
  file->set_sha256(std::string(32, 'x'));
  EXPECT_EQ(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT),
            std::vector<std::string>{"a.zip"});
  file->set_size(kTieFileBytesMin - 1);
  EXPECT_TRUE(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT).empty());
  file->set_size(5000);
  file->set_declared_type("image/png");
  EXPECT_TRUE(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT).empty());
  EXPECT_FALSE(Shown(Sketch("", facts), v1::TIE_KIND_ATTACHMENT).empty())
      << "the picture is the lure";
}

TEST(SketchTest, NotesInTheirPlaceTieNothing) {
  v1::MailFacts facts;
  v1::AttachmentFacts* file = facts.add_attachments();
  file->set_name("invoice.pdf");
  file->set_type("text/plain");
  file->set_size(kTieNoteBytesMin - 1);
  file->set_sha256(std::string(32, 'x'));
  file->add_markers("type_mismatch");
  EXPECT_TRUE(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT).empty());
  file->set_size(kTieNoteBytesMin);
  EXPECT_FALSE(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT).empty());
  file->set_size(kTieNoteBytesMin - 1);
  file->add_markers("script");
  EXPECT_FALSE(Shown(Sketch(kLure, facts), v1::TIE_KIND_ATTACHMENT).empty());
}

TEST(SketchTest, AFileThatDiffersNearItsEndHasTheSameHead) {
  const std::string file(1500, 'x');
  EXPECT_EQ(AttachmentHead(file + "a"), AttachmentHead(file + "bc"));
  EXPECT_NE(AttachmentHead(file), AttachmentHead("y" + file));
  EXPECT_TRUE(AttachmentHead(std::string(512, 'x')).empty());
  EXPECT_FALSE(AttachmentHead(std::string(513, 'x')).empty());
}

TEST(SketchTest, TiesAreBounded) {
  v1::MailFacts facts;
  for (size_t i = 0; i < kTiesMax + 1; ++i) {
    facts.add_urls("https://h" + std::to_string(i) + ".example/");
    v1::MailLink* link = facts.add_links();
    link->set_host("h" + std::to_string(i) + ".example");
  }
  EXPECT_EQ(Sketch("", facts).ties_size(), static_cast<int>(kTiesMax));
  const v1::MailSketch sketch =
      Sketch("", Linking("https://" + std::string(300, 'a') + ".example/"));
  ASSERT_EQ(sketch.ties_size(), 1);
  EXPECT_EQ(sketch.ties(0).shown().size(), kTieShownBytesMax);
  EXPECT_EQ(sketch.ties(0).key().size(), kTieKeyBytes);
}

}  // namespace
}  // namespace noroshi::analysis
