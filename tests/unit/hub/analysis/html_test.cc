#include "hub/analysis/html.h"

#include <gtest/gtest.h>

#include <chrono>

#include "hub/analysis/links.h"
#include "hub/analysis/transfer.h"

namespace noroshi::analysis {
namespace {

std::vector<std::string> Urls(std::string_view html) {
  std::vector<std::string> urls;
  for (const HtmlLink& link : ReadHtml(html).links) urls.push_back(link.url);
  return urls;
}

TEST(HtmlTest, VisibleTextOnly) {
  EXPECT_EQ(ReadHtml("<html><head><title>T</title><style>p{}</style><script>var a='<p>no</p>';"
                     "</script></head><body><p>One &amp;&nbsp;two</p><!-- no --><div>three<br>four"
                     "</div></body></html>")
                .text,
            "One &\xc2\xa0two\nthree\nfour\n");
}

TEST(HtmlTest, HiddenElementsAreNotVisible) {
  EXPECT_EQ(ReadHtml("a<span style='display: none'>no<span>no</span>no</span>b").text, "ab");
  EXPECT_EQ(ReadHtml("a<p hidden>no</p>b<i style=\"FONT-SIZE:0px\">no</i>").text, "a\nb");
  EXPECT_EQ(ReadHtml("<span style='font-size:0.9em'>yes</span>").text, "yes");
}

TEST(HtmlTest, LinksOfEveryKind) {
  EXPECT_EQ(Urls("<a href='http://a.example/?x=1&amp;y=2'>t</a><area href=http://b.example>"
                 "<form action=\"http://c.example/\"><iframe src='http://d.example/'></iframe>"
                 "<meta http-equiv=Refresh content=\"0; URL='http://e.example/'\">"
                 "<a href='#top'>x</a><A HREF = ' ht\ntp://f.example/ '>y</A>"),
            (std::vector<std::string>{"http://a.example/?x=1&y=2", "http://b.example",
                                      "http://c.example/", "http://d.example/", "http://e.example/",
                                      "http://f.example/"}));
}

TEST(HtmlTest, BaseResolvesLinks) {
  EXPECT_EQ(Urls("<base href='https://x.example/d/i.html'><a href='p'>1</a><a href='/q'>2</a>"
                 "<a href='//y.example/'>3</a><a href='mailto:a@b.example'>4</a>"),
            (std::vector<std::string>{"https://x.example/d/p", "https://x.example/q",
                                      "https://y.example/", "mailto:a@b.example"}));
}

TEST(HtmlTest, BrokenMarkupStillGivesTextAndLinks) {
  EXPECT_EQ(ReadHtml("</head><meta x>1 < 2 <b").text, "1 < 2 ");
  EXPECT_EQ(Urls("<a title='unclosed href=\"x\"><a href=\"http://a.example/\">").size(), 0u);
  EXPECT_EQ(Urls("<a href=\"http://a.example/").size(), 1u);
  EXPECT_EQ(ReadHtml("<!--[if mso]>no<![endif]-->yes<!---->!").text, "yes!");
  EXPECT_EQ(ReadHtml("<!-- never closed").text, "");
}

TEST(HtmlTest, CharacterReferences) {
  EXPECT_EQ(DecodeCharacterReferences("&#x3042;&#12354;&lt;&amp;lt;&nosuch;&#xd800;&#0;&amp"),
            "ああ<&lt;&nosuch;\xef\xbf\xbd\xef\xbf\xbd&");
  EXPECT_EQ(DecodeCharacterReferences("&#99999999999;"),
            "\xef\xbf\xbd"
            "9;");
}

TEST(HtmlTest, LinkPlacesPointIntoTheText) {
  const HtmlContent content = ReadHtml("<p>ab</p><a href='http://a.example/'>c</a>");
  ASSERT_EQ(content.links.size(), 1u);
  EXPECT_EQ(content.text.substr(content.links[0].offset), "c");
}

TEST(HtmlTest, LimitsAreSaid) {
  std::string links;
  for (size_t i = 0; i <= kHtmlLinksMax; ++i) links += "<a href='http://a.example/'>";
  EXPECT_TRUE(ReadHtml(links).cut);
  EXPECT_EQ(ReadHtml(links).links.size(), kHtmlLinksMax);
  EXPECT_FALSE(ReadHtml(links.substr(links.size() / (kHtmlLinksMax + 1))).cut);
  std::string attributes = "<a";
  for (size_t i = 0; i <= kHtmlAttributesMax; ++i) attributes += " a" + std::to_string(i);
  EXPECT_TRUE(ReadHtml(attributes + ">").cut);
  EXPECT_TRUE(ReadHtml("<a href='" + std::string(kHtmlAttributeBytesMax + 1, 'x') + "'>").cut);
}

// Quadratic work on a megabyte would take minutes.
TEST(HtmlTest, WorkIsLinear) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string_view piece : {"<div>", "<!--", "</", "<a b='", "&", "<script>",
                                       "<p hidden>", "<textarea></", "&#", "<base href=x>"}) {
    std::string html;
    while (html.size() < 1'000'000) html += piece;
    ReadHtml(html);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(HtmlTest, FindsTheMetaCharset) {
  EXPECT_EQ(HtmlCharset("<html><META http-equiv=x content='text/html; charset=Shift_JIS'>"),
            "shift_jis");
  EXPECT_EQ(HtmlCharset("<meta charset=\"euc-jp\">"), "euc-jp");
  EXPECT_EQ(HtmlCharset("<p>charset=x</p>"), "");
}

TEST(LinksTest, UrlsEndWhereTheSentenceOwnsTheMark) {
  EXPECT_EQ(FindUrls("見てください（https://a.example/x）。次はhttp://b.example/y、です。", 10),
            (std::vector<std::string>{"https://a.example/x", "http://b.example/y"}));
  EXPECT_EQ(FindUrls("(see https://a.example/(x)). HXXPS://b[.]example/z, <http://c.example>", 10),
            (std::vector<std::string>{"https://a.example/(x)", "https://b.example/z",
                                      "http://c.example"}));
  EXPECT_TRUE(FindUrls("http:// :// x://y ://", 10).empty());
  EXPECT_EQ(FindUrls("http://a http://b http://c", 2).size(), 2u);
}

TEST(LinksTest, HostIsWhatBrowsersReach) {
  EXPECT_EQ(HostOf("https://user:pw@Evil.Example:8443/p"), "evil.example");
  EXPECT_EQ(HostOf("http://evil.example\\@good.example/"), "evil.example");
  EXPECT_EQ(HostOf("no url"), "");
}

TEST(TransferTest, QuotedPrintableIsTolerant) {
  EXPECT_EQ(DecodeQuotedPrintable("a=3D=\r\nb= \nc=zz=4"), "a=bc=zz=4");
  EXPECT_EQ(DecodeQuotedPrintable("a_b=20", true), "a b ");
  EXPECT_EQ(DecodeQuotedPrintable("end="), "end");
  EXPECT_EQ(DecodeTransfer("QQ==", " BASE64 "), "A");
  EXPECT_EQ(DecodeTransfer("x", "x-unknown"), "x");
}

TEST(TransferTest, EncodedWordsMayBeBroken) {
  EXPECT_EQ(DecodeHeaderText("=?utf-8?B?44GC"), "=?utf-8?B?44GC");
  EXPECT_EQ(DecodeHeaderText("=?utf-8?X?a?= =?=?"), "=?utf-8?X?a?= =?=?");
  EXPECT_EQ(DecodeHeaderText("\"=?utf-8?Q?=E3=81=82?=\"<a@b.example>"), "\"あ\"<a@b.example>");
  EXPECT_EQ(DecodeHeaderText("a\r\n b"), "a b");
}

TEST(TransferTest, ParametersBeyondTheMaximumAreIgnored) {
  std::string raw = "text/plain";
  for (size_t i = 0; i <= kParametersMax; ++i) raw += "; p" + std::to_string(i) + "=v";
  EXPECT_EQ(ParseParameters(raw).parameters.size(), kParametersMax);
  EXPECT_EQ(ParseParameters("TEXT/Plain").value, "text/plain");
  EXPECT_EQ(ParseParameters("a; b; =c; d=\"e;f\"").Find("d"), "e;f");
}

}  // namespace
}  // namespace noroshi::analysis
