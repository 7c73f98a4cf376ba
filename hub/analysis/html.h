// HTML as a person sees it: visible text and links.
//
// A tokenizer in the manner of the WHATWG standard, without a tree: one pass,
// linear in the input, no recursion, nothing executed or fetched. Scripts,
// styles, comments, <head> and elements that are hidden by attribute or inline
// style are not visible. Block elements and <br> become line ends.
//
// Threads: thread-safe. Deterministic.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

inline constexpr size_t kHtmlLinksMax = 1000;                // More are not collected.
inline constexpr size_t kHtmlAttributesMax = 64;             // Per tag; more are skipped.
inline constexpr size_t kHtmlAttributeBytesMax = 16 * 1024;  // A longer value is cut.

struct HtmlLink {
  std::string url;    // Character references decoded, white space and controls removed.
  size_t offset = 0;  // Where it stands in text.
};

struct HtmlContent {
  std::string text;             // UTF-8; at most as long as the input.
  std::vector<HtmlLink> links;  // href, form action, frames, refresh; resolved against <base>.
  bool cut = false;             // A limit was reached.
};

HtmlContent ReadHtml(std::string_view utf8);

// The charset that <meta> names within the first 1,024 bytes; empty: none.
std::string HtmlCharset(std::string_view bytes);

// "&amp;", "&#12354;" and the like.
std::string DecodeCharacterReferences(std::string_view text);

}  // namespace noroshi::analysis
