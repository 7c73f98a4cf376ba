#include "common/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <array>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/encoding.h"

namespace noroshi::text {
namespace {

const icu::Normalizer2& CaseFolder() {
  static const icu::Normalizer2* instance = [] {
    UErrorCode error = U_ZERO_ERROR;
    const icu::Normalizer2* found = icu::Normalizer2::getNFKCCasefoldInstance(error);
    NOROSHI_CHECK(U_SUCCESS(error));
    return found;
  }();
  return *instance;
}

// Characters that conversions between charsets and word processors confuse.
UChar32 FoldVariant(UChar32 c) {
  switch (c) {
    case 0x301c:  // wave dash: JIS to Unicode by the standard; CP932 gives U+FF5E
    case 0x203e:  // overline: 0x7e of JIS X 0201
    case 0x223c:
      return '~';
    case 0x2212:  // minus
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2015:
      return '-';
    case 0x2016:  // double vertical line
      return 0x2225;
    case 0x00a5:  // yen: 0x5c of JIS X 0201
    case 0xffe5:
      return '\\';
    case 0x2018:
    case 0x2019:
      return '\'';
    case 0x201c:
    case 0x201d:
      return '"';
    default:
      return c;
  }
}

bool AskIsJapanese(UChar32 c) {
  if (c == 0x30fc || c == 0x3005 || (c >= 0x3001 && c <= 0x3003) || c == 0x300c || c == 0x300d) {
    return true;
  }
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA;
}

// What is asked of nearly every character, for those of most texts: asking ICU each time cost
// more than all the rest.
class Characters {
 public:
  static const Characters& Get() {
    static const Characters* instance = new Characters();  // As long as the process.
    return *instance;
  }

  // Its normal form beside others of this kind is itself (of a capital letter of ASCII, the small
  // one), so that the normaliser need not be asked.
  bool IsPlain(UChar32 c) const { return Holds(c, kPlain); }
  bool IsControl(UChar32 c) const { return c < kEnd ? Holds(c, kControl) : u_iscntrl(c); }
  bool IsSpace(UChar32 c) const { return c < kEnd ? Holds(c, kSpace) : u_isUWhiteSpace(c); }
  bool IsWord(UChar32 c) const { return c < kEnd ? Holds(c, kWord) : u_isalnum(c); }
  bool IsJapanese(UChar32 c) const { return c < kEnd ? Holds(c, kJapanese) : AskIsJapanese(c); }

 private:
  static constexpr UChar32 kAsciiEnd = 0x80;
  static constexpr UChar32 kKana = 0x3000;  // Kana and han, to kEnd: what Japanese is written in.
  static constexpr UChar32 kEnd = 0xa000;
  static constexpr uint8_t kPlain = 1;
  static constexpr uint8_t kSpace = 2;
  static constexpr uint8_t kWord = 4;
  static constexpr uint8_t kJapanese = 8;
  static constexpr uint8_t kControl = 16;

  Characters() {
    for (UChar32 c = 0; c < kEnd; ++c) {
      const bool plain = c < kAsciiEnd || (c >= kKana && AskIsPlain(c));
      flags_[static_cast<size_t>(c)] = static_cast<uint8_t>(
          (plain ? kPlain : 0) | (u_isUWhiteSpace(c) ? kSpace : 0) | (u_isalnum(c) ? kWord : 0) |
          (AskIsJapanese(c) ? kJapanese : 0) | (u_iscntrl(c) ? kControl : 0));
    }
  }

  static bool AskIsPlain(UChar32 c) {
    const icu::Normalizer2& folder = CaseFolder();
    if (!folder.hasBoundaryBefore(c) || FoldVariant(c) != c || u_isUWhiteSpace(c)) return false;
    UErrorCode error = U_ZERO_ERROR;
    return folder.isNormalized(icu::UnicodeString(c), error) && U_SUCCESS(error) && !u_iscntrl(c);
  }

  bool Holds(UChar32 c, uint8_t flag) const {
    return c >= 0 && c < kEnd && (flags_[static_cast<size_t>(c)] & flag) != 0;
  }

  std::array<uint8_t, static_cast<size_t>(kEnd)> flags_{};
};

// One normalised character with the place of its origin.
struct Piece {
  UChar32 c;
  uint32_t origin;
};

// Calls emit(Piece) for every character of the normal form; white space as it is.
template <typename Emit>
void ForEachNormalised(std::string_view utf8, Emit emit) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(utf8.data());
  const auto size = static_cast<int32_t>(utf8.size());
  const icu::Normalizer2& folder = CaseFolder();
  const Characters& characters = Characters::Get();
  icu::UnicodeString segment;
  uint32_t segment_origin = 0;
  const auto show = [&](UChar32 c, uint32_t origin) {
    if (!characters.IsControl(c) || characters.IsSpace(c)) emit(Piece{c, origin});
  };
  const auto flush = [&] {
    UErrorCode error = U_ZERO_ERROR;
    const icu::UnicodeString folded = folder.normalize(segment, error);
    for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
      show(FoldVariant(folded.char32At(i)), segment_origin);
    }
    segment.remove();
  };
  const auto next = [&](int32_t* at) {
    UChar32 c = 0xfffd;
    if (*at < size) U8_NEXT(bytes, *at, size, c);
    return c < 0 ? 0xfffd : c;
  };
  int32_t at = 0;
  int32_t end = 0;
  for (UChar32 c = next(&end), following = 0; at < size; c = following) {
    const auto origin = static_cast<uint32_t>(at);
    at = end;
    following = next(&end);
    // Plain before plain: what follows cannot change it either.
    if (characters.IsPlain(c) && (at == size || characters.IsPlain(following))) {
      if (!segment.isEmpty()) flush();
      if (c >= 0x80) {
        emit(Piece{c, origin});
      } else {
        show(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c, origin);
      }
      continue;
    }
    c = FoldVariant(c);
    // A segment is bounded: a run of combining marks without end is cut.
    if (segment.isEmpty() || folder.hasBoundaryBefore(c) || segment.length() > 64) {
      flush();
      segment_origin = origin;
    }
    segment.append(c);
  }
  flush();
}

// The normal form of a text of ASCII alone.
std::string NormaliseAscii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool space = false;
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      space = !out.empty();
      continue;
    }
    if (c < 0x20 || c == 0x7f) continue;
    if (space) out.push_back(' ');
    space = false;
    out.push_back(LowerAscii(c));
  }
  return out;
}

void AppendWide(UChar32 c, std::string* out) {
  uint8_t buffer[U8_MAX_LENGTH];
  int32_t length = 0;
  U8_APPEND_UNSAFE(buffer, length, c);
  out->append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(length));
}

void AppendUtf8(UChar32 c, std::string* out) {
  c < 0x80 ? out->push_back(static_cast<char>(c)) : AppendWide(c, out);
}

}  // namespace

std::string ToValidUtf8(std::string_view bytes) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string out;
  out.reserve(bytes.size());
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto size = static_cast<int32_t>(bytes.size());
  int32_t good = 0;  // From here on nothing has to change, and nothing is copied yet.
  for (int32_t at = 0; at < size;) {
    at += static_cast<int32_t>(AsciiPrefix(bytes.substr(static_cast<size_t>(at))));
    if (at == size) break;
    const int32_t begin = at;
    UChar32 c;
    U8_NEXT(data, at, size, c);
    if (c > 0) continue;
    out.append(bytes, static_cast<size_t>(good), static_cast<size_t>(begin - good));
    if (c < 0) out.append(kReplacement);
    good = at;
  }
  return out.append(bytes, static_cast<size_t>(good));
}

std::optional<std::string> Nfkc(std::string_view utf8) {
  if (!IsValidUtf8(utf8)) return std::nullopt;
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFKCInstance(error);
  NOROSHI_CHECK(U_SUCCESS(error));
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  form->normalizeUTF8(0, {utf8.data(), static_cast<int32_t>(utf8.size())}, sink, nullptr, error);
  NOROSHI_CHECK(U_SUCCESS(error));
  return out;
}

std::string NormaliseForMatching(std::string_view utf8) {
  // Most lines of most mails; ICU has nothing to say about them.
  if (AsciiPrefix(utf8) == utf8.size()) return NormaliseAscii(utf8);
  std::string out;
  out.reserve(utf8.size());
  const Characters& characters = Characters::Get();
  bool space = false;
  ForEachNormalised(utf8, [&](Piece piece) {
    if (characters.IsSpace(piece.c)) {
      space = !out.empty();
      return;
    }
    if (space) out.push_back(' ');
    space = false;
    AppendUtf8(piece.c, &out);
  });
  return out;
}

Mapped NormaliseMapped(std::string_view utf8) {
  Mapped mapped;
  mapped.text.reserve(utf8.size());
  mapped.origin.reserve(utf8.size() + 1);
  const Characters& characters = Characters::Get();
  UChar32 previous = 0;  // Last character that was not white space.
  int breaks = 0;        // Line ends since then.
  bool space = false;
  uint32_t space_origin = 0;
  const auto append = [&](UChar32 c, uint32_t origin) {
    AppendUtf8(c, &mapped.text);
    mapped.origin.resize(mapped.text.size(), origin);
  };
  ForEachNormalised(utf8, [&](Piece piece) {
    if (characters.IsSpace(piece.c)) {
      if (!space) space_origin = piece.origin;
      space = true;
      breaks += piece.c == '\n';
      return;
    }
    if (space && previous != 0) {
      const bool ends = previous == 0x3002 || previous == '.' || previous == '!' ||
                        previous == '?' || previous == 0x300d || previous == 0x3011;
      const bool inside = characters.IsJapanese(previous) && characters.IsJapanese(piece.c);
      if (breaks > 1 || (breaks == 1 && ends)) {
        append('\n', space_origin);
      } else if (!inside) {
        append(' ', space_origin);
      }
    }
    space = false;
    breaks = 0;
    previous = piece.c;
    append(piece.c, piece.origin);
  });
  mapped.origin.push_back(static_cast<uint32_t>(utf8.size()));
  return mapped;
}

std::string NormaliseWithoutSpace(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  const Characters& characters = Characters::Get();
  ForEachNormalised(utf8, [&](Piece piece) {
    if (!characters.IsSpace(piece.c)) AppendUtf8(piece.c, &out);
  });
  return out;
}

uint32_t TextWeight(std::string_view utf8) {
  const auto* data = reinterpret_cast<const uint8_t*>(utf8.data());
  const auto size = static_cast<int32_t>(utf8.size());
  const Characters& characters = Characters::Get();
  uint32_t weight = 0;
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(data, i, size, c);
    if (c < 0 || !characters.IsWord(c)) continue;
    weight += characters.IsJapanese(c) ? 2 : 1;
  }
  return weight;
}

}  // namespace noroshi::text
