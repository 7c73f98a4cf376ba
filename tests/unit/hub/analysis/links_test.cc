#include "hub/analysis/links.h"

#include <gtest/gtest.h>

#include <chrono>

#include "hub/analysis/gateways.h"

namespace noroshi::analysis {
namespace {

using Strings = std::vector<std::string>;

TEST(LinksTest, UrlsEndWhereTheSentenceOwnsTheMark) {
  EXPECT_EQ(FindUrls("見てください（https://a.example/x）。次はhttp://b.example/y、です。", 10),
            (Strings{"https://a.example/x", "http://b.example/y"}));
  EXPECT_EQ(FindUrls("(see https://a.example/(x)). HXXPS://b[.]example/z, <http://c.example>", 10),
            (Strings{"https://a.example/(x)", "https://b.example/z", "http://c.example"}));
  EXPECT_TRUE(FindUrls("http:// :// x://y ://", 10).empty());
  EXPECT_EQ(FindUrls("http://a http://b http://c", 2).size(), 2u);
}

TEST(LinksTest, JapaneseGoesOnBehindAUrlButMayBeItsHost) {
  EXPECT_EQ(FindUrls("https://a.example/loginをクリック", 9), (Strings{"https://a.example/login"}));
  EXPECT_EQ(FindUrls("http://www.a.jpをご覧ください", 9), (Strings{"http://www.a.jp"}));
  EXPECT_EQ(FindUrls("http://例え.jp/入口", 9), (Strings{"http://例え.jp/"}));
  EXPECT_EQ(FindUrls("http://ホスト.テスト/p 次", 9), (Strings{"http://ホスト.テスト/p"}));
  EXPECT_EQ(FindUrls("https://a.example/café", 9), (Strings{"https://a.example/café"}));
}

TEST(LinksTest, DefangedFormsAreUndone) {
  for (const std::string_view text :
       {"hxxp://a[.]example/x", "hXXp://a(.)example/x", "http[:]//a.example/x",
        "h**p://a.example/x", "http[://]a[dot]example/x", "ttp://a.example/x",
        "http://a{.}example/x", "htxp://a.example/x"}) {
    const std::vector<TextUrl> found = FindTextUrls(text, 9);
    ASSERT_EQ(found.size(), 1u) << text;
    EXPECT_EQ(found[0].url, "http://a.example/x") << text;
    EXPECT_TRUE(found[0].defanged) << text;
    EXPECT_EQ(found[0].begin, 0u) << text;
    EXPECT_EQ(found[0].end, text.size()) << text;
  }
  EXPECT_FALSE(FindTextUrls("http://a.example/x", 9)[0].defanged);
}

TEST(LinksTest, SplitAndHiddenCharactersAreJoined) {
  EXPECT_EQ(FindUrls("<https://a.example/aaa\r\nbbb\n/c> d", 9),
            (Strings{"https://a.example/aaabbb/c"}));
  EXPECT_EQ(FindUrls("https://a.example/aaa\nbbb", 9), (Strings{"https://a.example/aaa"}));
  EXPECT_EQ(FindUrls("https://a\u200b.exam\u00adple/x", 9), (Strings{"https://a.example/x"}));
}

TEST(LinksTest, BareHostsIpsAndAddresses) {
  EXPECT_EQ(FindBareHosts("see www.a.jp/x, evil[.]com and b(.)c[.]co[.]jp; 1.2, x.y", 9),
            (Strings{"www.a.jp", "evil.com", "b.c.co.jp"}));
  EXPECT_EQ(FindBareHosts("a@www.a.jp file[.]pdf http://www.b.jp", 9), (Strings{}));
  EXPECT_EQ(FindIps("from 192.0.2.1 and 198[.]51[.]100[.]7, v1.2.3.4 1.2.3.4.5 300.1.1.1", 9),
            (Strings{"192.0.2.1", "198.51.100.7"}));
  EXPECT_EQ(FindAddresses("<a.b+c@X.Example>, d[at]e[.]example 'f＠g.example' @h i@ j@k", 9),
            (Strings{"a.b+c@x.example", "d@e.example", "f@g.example"}));
  EXPECT_EQ(FindAddresses("a@b.example a@b.example c@d.example", 1).size(), 1u);
}

TEST(LinksTest, ShownHosts) {
  EXPECT_EQ(ShownHost(" https://Bank.example/login "), "bank.example");
  EXPECT_EQ(ShownHost("www.bank.co.jp"), "www.bank.co.jp");
  EXPECT_EQ(ShownHost("bank.com/login"), "bank.com");
  EXPECT_EQ(ShownHost("Please log in"), "");
  EXPECT_EQ(ShownHost("invoice.pdf"), "");
  EXPECT_EQ(ShownHost("bank.com is yours"), "");
}

TEST(LinksTest, RewritingGatewaysAreUnwrapped) {
  EXPECT_EQ(WrappedUrl("https://jpn01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil."
                       "example%2Fx%3Fa%3D1&data=05"),
            "https://evil.example/x?a=1");
  EXPECT_EQ(WrappedUrl("https://urldefense.com/v3/__https://evil.example/x__;!!abc$"),
            "https://evil.example/x");
  EXPECT_EQ(WrappedUrl("https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example_x&d=D"),
            "https://evil.example/x");
  EXPECT_EQ(WrappedUrl("https://www.google.com/url?sa=t&url=https://evil.example/"),
            "https://evil.example/");
  EXPECT_EQ(WrappedUrl("https://www.google.com/search?q=word"), "");
  EXPECT_EQ(WrappedUrl("https://a.example/?url=https://b.example/"), "");
}

TEST(LinksTest, WorkIsLinear) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string_view piece : {"http://", "a.", "www.", "x@", "[.]", "<http://\n", "1.1.",
                                       "hxxp[:]//", "(", "://", "あ."}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    FindTextUrls(text, SIZE_MAX);
    FindBareHosts(text, 100);
    FindIps(text, 100);
    FindAddresses(text, 100);
    WithoutUrls(text);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace noroshi::analysis
