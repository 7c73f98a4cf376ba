// Unicode helpers over ICU: one normal form for matching, never for showing.
//
// Inputs should be UTF-8; malformed sequences become U+FFFD, nothing fails.
// Locale-free and deterministic. Threads: thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::text {

// UTF-8 with every malformed sequence replaced by U+FFFD and NUL removed.
std::string ToValidUtf8(std::string_view bytes);

// NFKC and nothing else, for what must compare equal however it was typed
// (passwords). nullopt: not UTF-8.
std::optional<std::string> Nfkc(std::string_view utf8);

// For matching by rules and people: NFKC (full-width and half-width forms,
// circled digits and the like become their plain forms), case folding, the
// variants that charsets confuse (wave dash and full-width tilde, the minus and
// dash signs, yen and backslash) made one, every run of white space one space,
// no white space at either end; zero-width and other invisible format
// characters removed.
std::string NormaliseForMatching(std::string_view utf8);

// NormaliseForMatching, and for each byte of the result the offset in the input
// of the character it came from, plus one last element: the input's size. So the
// words that matched can be shown as they were written. White space between two
// Japanese characters (a line broken inside a sentence) is dropped; a blank line
// and a line end that follows a sentence's end stay as '\n'.
struct Mapped {
  std::string text;
  std::vector<uint32_t> origin;
};
Mapped NormaliseMapped(std::string_view utf8);

// NormaliseForMatching without any white space at all.
std::string NormaliseWithoutSpace(std::string_view utf8);

// How much a text says: letters and digits count 1, kana and han 2, everything
// else 0. Sixty-four is about twelve English words or 32 Japanese characters.
uint32_t TextWeight(std::string_view utf8);

}  // namespace noroshi::text
