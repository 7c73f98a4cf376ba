// Five bits a character, most significant first. Internal to hub/identity.
#pragma once

#include <string>
#include <string_view>

namespace noroshi::identity {

inline constexpr std::string_view kRfc4648Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
// Crockford's: nothing that looks like something else, and no U.
inline constexpr std::string_view kCrockfordAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// Without padding. Multiples of five bytes fill their characters.
inline std::string Base32(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  unsigned int bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = ((bits << 8) | static_cast<unsigned char>(byte)) & 0xfff;
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31];
  }
  if (count > 0) text += alphabet[(bits << (5 - count)) & 31];
  return text;
}

}  // namespace noroshi::identity
