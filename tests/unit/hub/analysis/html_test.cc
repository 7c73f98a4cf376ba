#include "hub/analysis/html.h"

#include <gtest/gtest.h>

#include <chrono>

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

TEST(HtmlTest, EveryPlaceALinkCanHave) {
  const auto first = [](std::string_view html) {
    const HtmlContent content = ReadHtml(html);
    if (content.links.size() != 1) return std::to_string(content.links.size()) + " links";
    return v1::LinkPlace_Name(content.links[0].place).substr(11) + " " + content.links[0].url;
  };
  EXPECT_EQ(first("<map><area href='http://a.example/m'></map>"), "ANCHOR http://a.example/m");
  EXPECT_EQ(first("<svg><a xlink:href='http://a.example/'>"), "ANCHOR http://a.example/");
  EXPECT_EQ(first("<button formaction='http://a.example/'>"), "FORM http://a.example/");
  EXPECT_EQ(first("<form action='http://a.example/'>"), "FORM http://a.example/");
  EXPECT_EQ(first("<meta http-equiv='refresh' content='5 , http://a.example/'>"),
            "REDIRECT http://a.example/");
  EXPECT_EQ(first("<object data='http://a.example/'>"), "FRAME http://a.example/");
  EXPECT_EQ(first("<base href='http://a.example/'>"), "BASE http://a.example/");
  EXPECT_EQ(first("<td background=\"http://a.example/b.png\">"), "RESOURCE http://a.example/b.png");
  EXPECT_EQ(first("<p style=\"background:url(&quot;http://a.example/c.png&quot;)\">"),
            "RESOURCE http://a.example/c.png");
  EXPECT_EQ(first("<video poster=http://a.example/p>"), "RESOURCE http://a.example/p");
  EXPECT_EQ(first("<a href='//a.example/'>"), "ANCHOR http://a.example/");
  EXPECT_EQ(first("<a href='www.a.example'>"), "ANCHOR http://www.a.example");
  EXPECT_EQ(
      Urls("<img srcset='http://a.example/1,x.png 1x, http://a.example/2 2x,http://b.example'>"),
      (std::vector<std::string>{"http://a.example/1,x.png", "http://a.example/2",
                                "http://b.example"}));
}

TEST(HtmlTest, OutlooksCommentsHoldLinksButNoText) {
  const HtmlContent content = ReadHtml(
      "<!--[if mso]><v:roundrect href=\"http://a.example/o\">press</v:roundrect><![endif]-->"
      "<!--[if !mso]><!--><a href='http://b.example/'>here</a><!--<![endif]-->"
      "<!-- <a href='http://c.example/'>gone</a> -->");
  ASSERT_EQ(content.links.size(), 2u);
  EXPECT_EQ(content.links[0].url, "http://a.example/o");
  EXPECT_TRUE(content.links[0].mso);
  EXPECT_EQ(content.links[1].url, "http://b.example/");
  EXPECT_FALSE(content.links[1].mso);
  EXPECT_EQ(content.text, "here");
}

TEST(HtmlTest, LinksKnowWhatTheyShowAndWhetherTheyHide) {
  const HtmlContent content = ReadHtml(
      "<a href='http://evil.example/'>www.<b>bank</b>.example</a>"
      "<div style='max-height:0px;overflow:hidden'><a href='http://h.example/'>no</a></div>"
      "<a href='http://v.example/'>yes");
  ASSERT_EQ(content.links.size(), 3u);
  EXPECT_EQ(content.links[0].shown, "www.bank.example");
  EXPECT_FALSE(content.links[0].hidden);
  EXPECT_TRUE(content.links[1].hidden);
  EXPECT_FALSE(content.links[2].hidden);
  EXPECT_EQ(content.links[2].shown, "yes");
  EXPECT_NE(content.hidden_text.find("no"), std::string::npos);
}

TEST(HtmlTest, WhatHidesEndsWithWhatIsAroundIt) {
  EXPECT_EQ(ReadHtml("<td><span style='display:none'>no</td>yes").text, "yes");
  EXPECT_EQ(ReadHtml("<p style='display:none'>no<p>yes").text, "yes");
  EXPECT_EQ(ReadHtml("<p style='opacity:0.9;line-height:0'>yes</p>").text, "yes\n");
  EXPECT_EQ(ReadHtml("<i style='opacity:0'>no<b>no</b></i>yes").text, "yes");
  EXPECT_EQ(ReadHtml("<div hidden><div>no</div>no</div>yes").text, "yes");
}

TEST(HtmlTest, BaseResolvesLinks) {
  EXPECT_EQ(Urls("<base href='https://x.example/d/i.html'><a href='p'>1</a><a href='/q'>2</a>"
                 "<a href='//y.example/'>3</a><a href='mailto:a@b.example'>4</a>"),
            (std::vector<std::string>{"https://x.example/d/i.html", "https://x.example/d/p",
                                      "https://x.example/q", "https://y.example/",
                                      "mailto:a@b.example"}));
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
  EXPECT_EQ(DecodeCharacterReferences("&#99999999999;&#150;"), "\xef\xbf\xbd\u2013");
  EXPECT_EQ(DecodeCharacterReferences("&ampx &notit; &lt&gt &copy=1"), "&x \u00acit; <> \u00a9=1");
  EXPECT_EQ(DecodeCharacterReferences("?a&copy=1&amp;b&lt", ReferencePlace::kAttribute),
            "?a&copy=1&b<");
  EXPECT_EQ(DecodeCharacterReferences("https&colon;&sol;&sol;a"), "https://a");
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
