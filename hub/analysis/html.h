// HTML as a person sees it: visible text, and every link in it.
//
// A tokenizer in the manner of the WHATWG standard, without a tree: one pass,
// linear in the input, no recursion, nothing executed or fetched. Scripts,
// styles, comments, <head> and elements that are hidden by attribute or inline
// style are not visible; their links are collected all the same, and marked.
// Block elements and <br> become line ends.
//
// Threads: thread-safe. Deterministic.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/analysis/html_tags.h"
#include "hub/analysis/references.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kHtmlLinksMax = 1000;      // More are not collected.
inline constexpr size_t kHtmlShownBytesMax = 512;  // Of a link's text.
inline constexpr size_t kHtmlHiddenDepthMax =
    64;  // Elements inside a hidden one that are told apart.

struct HtmlLink {
  std::string url;    // Character references decoded, white space and controls removed.
  size_t offset = 0;  // Where it stands in text.
  v1::LinkPlace place = v1::LINK_PLACE_ANCHOR;
  std::string shown;    // The text that is clicked; of anchors only.
  bool hidden = false;  // Inside a hidden element.
  bool mso = false;     // Inside a conditional comment that only Outlook reads.
};

struct HtmlContent {
  std::string text;             // UTF-8; at most as long as the input.
  std::string hidden_text;      // Of hidden elements; likewise.
  std::string scripts;          // Their source; likewise.
  std::vector<HtmlLink> links;  // In order; resolved against <base>.
  bool cut = false;             // A limit was reached.
};

HtmlContent ReadHtml(std::string_view utf8);

// The charset that <meta> names within the first 1,024 bytes; empty: none.
std::string HtmlCharset(std::string_view bytes);

}  // namespace noroshi::analysis
