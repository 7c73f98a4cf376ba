// Tags of HTML as WHATWG's tokenizer cuts them, without copying.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

inline constexpr size_t kHtmlAttributesMax = 64;             // Per tag; more are skipped.
inline constexpr size_t kHtmlAttributeBytesMax = 16 * 1024;  // A longer value is cut.
inline constexpr size_t kHtmlNameBytesMax = 32;              // Names are cut.

struct HtmlAttribute {
  std::string_view name;   // As written.
  std::string_view value;  // As written, without its quotes.
};

struct HtmlTag {
  std::string name;  // Lower case.
  bool closing = false;
  bool self_closing = false;
  std::vector<HtmlAttribute> attributes;  // Views into the input.

  // The first of that name; empty: none.
  std::string_view Find(std::string_view lower_name) const;
  bool Has(std::string_view lower_name) const;
};

// The tag at html[*at], which is "<" with a letter or "/" and a letter behind it.
// Moves *at behind it. Returns false if a limit cut something.
bool ReadHtmlTag(std::string_view html, size_t* at, HtmlTag* tag);

constexpr bool IsHtmlSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

}  // namespace noroshi::analysis
