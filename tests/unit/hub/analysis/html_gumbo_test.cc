// Our tokenizer beside gumbo's tree: every link that a parser by the standard
// finds must be found. (Ours may find more: what one parser drops, a mail program
// may show.) Documents stay small: gumbo's work grows with the square.
#include <gtest/gtest.h>
#include <gumbo.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/ascii.h"
#include "hub/analysis/html.h"
#include "hub/analysis/html_links.h"

namespace noroshi::analysis {
namespace {

constexpr int kMutations = 3000;
constexpr size_t kDocumentBytesMax = 4096;

struct Freed {
  void operator()(GumboOutput* output) const {
    gumbo_destroy_output(&kGumboDefaultOptions, output);
  }
};

bool IsWeb(std::string_view url) {
  return StartsWithNoCase(url, "http://") || StartsWithNoCase(url, "https://");
}

std::set<std::string> GumbosLinks(const std::string& html) {
  const std::unique_ptr<GumboOutput, Freed> output(
      gumbo_parse_with_options(&kGumboDefaultOptions, html.data(), html.size()));
  std::set<std::string> links;
  std::vector<const GumboNode*> open = {output->root};
  while (!open.empty()) {
    const GumboNode* node = open.back();
    open.pop_back();
    if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE) continue;
    const GumboElement& element = node->v.element;
    for (const char* name : {"href", "action", "src", "background", "formaction"}) {
      const GumboAttribute* attribute = gumbo_get_attribute(&element.attributes, name);
      if (attribute == nullptr) continue;
      // The value is decoded already; only the cleaning remains to be done.
      std::string url(attribute->value);
      std::erase_if(url, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
      while (url.starts_with(' ')) url.erase(0, 1);
      while (url.ends_with(' ')) url.pop_back();
      if (IsWeb(url)) links.insert(url);
    }
    for (unsigned i = 0; i < element.children.length; ++i) {
      open.push_back(static_cast<const GumboNode*>(element.children.data[i]));
    }
  }
  return links;
}

std::set<std::string> OurLinks(const std::string& html) {
  std::set<std::string> links;
  for (const HtmlLink& link : ReadHtml(html).links) {
    if (IsWeb(link.url)) links.insert(link.url);
  }
  return links;
}

void ExpectNothingMissed(const std::string& html) {
  const std::set<std::string> ours = OurLinks(html);
  for (const std::string& link : GumbosLinks(html)) {
    EXPECT_TRUE(ours.contains(link)) << link << "\nin: " << html;
  }
}

constexpr std::string_view kDocuments[] = {
    "<html><head><title>t</title><meta charset=utf-8></head><body background='http://b.test/'>"
    "<table><tr><td><a href=\"http://a.test/?x=1&amp;y=2\">a <b>b</a></td></tr></table>"
    "<form action=http://f.test/><button formaction='http://g.test/'>x</button></form>"
    "<img src='http://i.test/' alt=\"<a href='http://no.test/'>\"><!-- <a href='http://c.test/'> "
    "-->"
    "<style>a{}</style><script>var x='<a href=http://s.test/>'</script>"
    "<a href = 'http://d.test/'>d</a></body></html>",
    "<svg><style><a href='http://v.test/'>x</a></style><title><a href='http://w.test/'></title>"
    "</svg><math><mi><a href='http://m.test/'></mi></math><noscript><a href='http://n.test/'>"
    "</noscript><template><a href='http://t.test/'></template><textarea><a href='http://x.test/'>"
    "</textarea><a href='http://y.test/'>",
    "</head><meta><p><a title='>' "
    "href='http://a.test/'/><a/href=http://b.test/><A\nHREF=http://c.test"
    "><a href='http://d.test/' href='http://e.test/'><area href=http&colon;//f.test><br/><a =x "
    "href=http://g.test/><div hidden><a href=http://h.test/></div><frameset><frame "
    "src=http://j.test>"};

TEST(HtmlGumboTest, WrittenDocuments) {
  for (const std::string_view document : kDocuments) ExpectNothingMissed(std::string(document));
}

// Seeded: pieces are cut, doubled, exchanged and damaged.
TEST(HtmlGumboTest, DamagedDocuments) {
  std::mt19937 random(20260401);
  const auto below = [&](size_t n) { return random() % n; };
  constexpr std::string_view kPieces[] = {
      "<",     ">",        "\"",      "'",   "<!--", "-->", "</a>",
      "&amp;", "<script>", "</style", "/",   "=",    " ",   "\n",
      "<svg>", "</svg>",   "<table>", "<td", "<p>",  "&",   "<a href='http://z.test/'>"};
  for (int i = 0; i < kMutations && !HasFailure(); ++i) {
    std::string html(kDocuments[below(std::size(kDocuments))]);
    for (size_t changes = 1 + below(6); changes > 0; --changes) {
      const size_t at = below(html.size());
      const size_t size = below(std::min<size_t>(40, html.size() - at) + 1);
      switch (below(4)) {
        case 0:
          html.erase(at, size);
          break;
        case 1:
          html.insert(below(html.size()), html.substr(at, size));
          break;
        case 2:
          html.insert(at, kPieces[below(std::size(kPieces))]);
          break;
        default:
          html[at] = static_cast<char>(0x20 + below(0x5f));
      }
      if (html.empty()) html = "x";
    }
    ExpectNothingMissed(html.substr(0, kDocumentBytesMax));
  }
}

}  // namespace
}  // namespace noroshi::analysis
