#include "hub/search/terms.h"

#include <gmock/gmock.h>

namespace noroshi::search {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

std::vector<std::string> TermsOf(std::string_view text) {
  TermList list;
  list.AddText(text);
  return list.terms();
}

// Whether the query finds a document that says this.
bool Meets(std::string_view query, std::string_view text) {
  const auto wanted = ReadQuery(query);
  EXPECT_TRUE(wanted.ok()) << query << ": " << wanted.error().message;
  if (!wanted.ok()) return false;
  const std::vector<std::string> terms = TermsOf(text);
  return ::testing::Value(*wanted, IsSubsetOf(terms));
}

TEST(TermsTest, WordsOfBothLanguagesMeet) {
  const char* text =
      "業務用サーバーで Ransomware が実行され、ファイルが暗号化された。Employees noticed it at "
      "9:00.";
  EXPECT_TRUE(Meets("暗号化", text));
  EXPECT_TRUE(Meets("サーバー 暗号化", text));
  EXPECT_TRUE(Meets("RANSOMWARE", text));
  EXPECT_TRUE(Meets("ｒａｎｓｏｍｗａｒｅ", text));
  EXPECT_TRUE(Meets("ｻｰﾊﾞｰ", text));
  EXPECT_TRUE(Meets("employee", text)) << "by the stem";
  EXPECT_TRUE(Meets("ransomware ファイル", text));
  EXPECT_FALSE(Meets("復号化", text));
  EXPECT_FALSE(Meets("ransomware phishing", text)) << "all words must occur";
}

TEST(TermsTest, IndicatorsMeetHoweverTheyAreWritten) {
  const char* text =
      "通信先は hxxps://Login.Evil[.]example/a/b?c=1#top（203.0.113[.]7:8443 と 2001:DB8:0::1）。"
      "差出人 Billing(at)Spam[dot]example.jp、件名ID <20260101.abc@mx.spam.example.jp>、"
      "SHA-256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
  for (const char* query :
       {"https://login.evil.example/a/b?c=1", "hxxps://login[.]evil[.]example/a/b?c=1",
        "http://login.evil.example/a/b?c=1", "login.evil.example/a/b?c=1", "login.evil.example",
        "evil[.]example", "EVIL.EXAMPLE", "203.0.113.7", "203[.]0[.]113[.]7", "2001:db8::1",
        "billing@spam.example.jp", "billing[at]spam.example.jp", "spam.example.jp", "example.jp",
        "<20260101.abc@mx.spam.example.jp>", "20260101.abc@mx.spam.example.jp",
        "mx.spam.example.jp", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}) {
    EXPECT_TRUE(Meets(query, text)) << query;
  }
  for (const char* query : {"https://login.evil.example/a", "other.evil.example", "vil.example",
                            "203.0.113.70", "2001:db8::2", "illing@spam.example.jp", "spam.example",
                            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a09"}) {
    EXPECT_FALSE(Meets(query, text)) << query;
  }
}

TEST(TermsTest, IndicatorOfAQueryIsOneTerm) {
  EXPECT_THAT(*ReadQuery("hxxp://evil[.]example/x"), ElementsAre("Uevil.example/x"));
  EXPECT_THAT(*ReadQuery("http://evil.example/"), ElementsAre("Hevil.example"));
  EXPECT_THAT(*ReadQuery("evil.example 203.0.113.7"),
              UnorderedElementsAre("Hevil.example", "I203.0.113.7"));
}

TEST(TermsTest, WhatIsNoIndicatorIsWords) {
  for (const char* query : {"v1.2", "10:30", "a@b", "1.2.3.4.5", "deadbeef", "..", "http://"}) {
    const auto terms = ReadQuery(query);
    if (!terms.ok()) continue;
    for (const std::string& term : *terms) {
      EXPECT_TRUE(term.front() < 'A' || term.front() > 'Z') << query << " -> " << term;
    }
  }
}

TEST(TermsTest, HostsHaveAllTheirParents) {
  EXPECT_THAT(TermsOf("a.b.example.co.jp"),
              AllOf(Contains("Ha.b.example.co.jp"), Contains("Hb.example.co.jp"),
                    Contains("Hexample.co.jp"), Contains("Hco.jp"), Not(Contains("Hjp"))));
}

TEST(TermsTest, LongTermsStandAsTheirHash) {
  const std::string url = "evil.example/" + std::string(400, 'a');
  const auto terms = ReadQuery("https://" + url);
  ASSERT_TRUE(terms.ok());
  ASSERT_THAT(*terms, SizeIs(1));
  EXPECT_LE(terms->front().size(), kTermBytesMax);
  EXPECT_TRUE(terms->front().starts_with("U#"));
  EXPECT_TRUE(Meets("https://" + url, "see hxxps://" + url + " ."));
  EXPECT_FALSE(Meets("https://" + url + "b", "see hxxps://" + url));
}

TEST(TermsTest, QueriesHaveBounds) {
  const auto refusal = [](const std::string& query) {
    const auto terms = ReadQuery(query);
    return terms.ok() ? "" : terms.error().message;
  };
  EXPECT_EQ(refusal(std::string(kQueryBytesMax, 'a')).find("bytes"), std::string::npos);
  EXPECT_NE(refusal(std::string(kQueryBytesMax + 1, 'a')).find("at most 512"), std::string::npos);
  std::string words;
  for (size_t i = 0; i < kQueryTermsMax; ++i) words += "w" + std::to_string(i) + " ";
  EXPECT_EQ(refusal(words), "");
  EXPECT_NE(refusal(words + "more").find("at most 32"), std::string::npos);
  for (const char* empty : {"", " ", "。", "!?", "*", "\xff\xfe", "字"}) {
    EXPECT_NE(refusal(empty), "") << empty;
  }
}

TEST(TermsTest, NothingOfAQueryIsAnOperator) {
  for (const char* query : {"ransom*", "ransom?ware", "\"ransom ware\"", "NOT ransom",
                            "title:ransom", "-ransom", "ransom NEAR ware", "(ransom"}) {
    const auto terms = ReadQuery(query);
    ASSERT_TRUE(terms.ok()) << query;
    for (const std::string& term : *terms) {
      EXPECT_EQ(term.find_first_of("*?\":()-"), std::string::npos) << term;
    }
  }
  EXPECT_FALSE(Meets("ransom*", "ransomware"));
}

TEST(TermsTest, IndicatorsOfOneTextAreBounded) {
  std::string text;
  for (size_t i = 0; i < kIndicatorsMax + 10; ++i) text += std::to_string(i) + "@mail.example ";
  size_t addresses = 0;
  for (const std::string& term : TermsOf(text)) addresses += term.starts_with('M') ? 1 : 0;
  EXPECT_EQ(addresses, kIndicatorsMax);
}

}  // namespace
}  // namespace noroshi::search
