#include "common/base/terminal.h"

#include <algorithm>
#include <iterator>

#include "common/base/encoding.h"

namespace noroshi {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};
// Unicode's categories Cc, Zl, Zp and those of Cf that hide or turn what is around them.
constexpr Range kUnsafe[] = {{0x0000, 0x001f}, {0x007f, 0x009f},  {0x00ad, 0x00ad},
                             {0x061c, 0x061c}, {0x180e, 0x180e},  {0x200b, 0x200f},
                             {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff},
                             {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

constexpr size_t kUtf8BytesMax = 4;

// The bytes of the valid character that `text` begins with; 0: there is none.
size_t CharacterLength(std::string_view text) {
  for (size_t length = 1; length <= std::min(kUtf8BytesMax, text.size()); ++length) {
    if (IsValidUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

// character: valid UTF-8.
char32_t CodePoint(std::string_view character) {
  constexpr unsigned char kLeadBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = static_cast<unsigned char>(character[0]) & kLeadBits[character.size()];
  for (const char byte : character.substr(1)) {
    code = (code << 6) | (static_cast<unsigned char>(byte) & 0x3f);
  }
  return code;
}

bool Unsafe(char32_t code) {
  return std::any_of(std::begin(kUnsafe), std::end(kUnsafe), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::string Safe(std::string_view text, bool keep_line_breaks) {
  std::string safe;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    const bool kept =
        (keep_line_breaks && character == "\n") || (length > 0 && !Unsafe(CodePoint(character)));
    safe += kept ? character : "?";
    text.remove_prefix(character.size());
  }
  return safe;
}

}  // namespace

std::string TerminalLine(std::string_view text) { return Safe(text, false); }

std::string TerminalText(std::string_view text) { return Safe(text, true); }

}  // namespace noroshi
