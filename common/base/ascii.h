// Letters and digits of ASCII, whatever the locale.
// Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace noroshi {

constexpr bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string LowerAscii(std::string_view text);

// 0 to 15; -1: no hexadecimal digit.
constexpr int HexDigit(char c) {
  if (IsAsciiDigit(c)) return c - '0';
  const char lower = LowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// lower must be in lower case.
bool EqualsNoCase(std::string_view text, std::string_view lower);
bool StartsWithNoCase(std::string_view text, std::string_view lower);

}  // namespace noroshi
