#include "common/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <bitset>

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

bool IsJapanese(UChar32 c) {
  if (c == 0x30fc || c == 0x3005 || (c >= 0x3001 && c <= 0x3003) || c == 0x300c || c == 0x300d) {
    return true;
  }
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA;
}

// Characters whose normal form beside any others of their kind is themselves: asking the
// normaliser for each costs more than everything else. Computed from it, once.
class PlainCharacters {
 public:
  static constexpr UChar32 kFirst = 0x3000;  // Kana and han: what Japanese is written in.
  static constexpr UChar32 kEnd = 0xa000;

  static const PlainCharacters& Get() {
    static const PlainCharacters* instance = new PlainCharacters();  // As long as the process.
    return *instance;
  }
  // Its normal form alone is itself, and nothing before it takes part in that.
  bool IsPlain(UChar32 c) const {
    return c >= kFirst && c < kEnd && plain_[static_cast<size_t>(c - kFirst)];
  }

 private:
  PlainCharacters() {
    const icu::Normalizer2& folder = CaseFolder();
    for (UChar32 c = kFirst; c < kEnd; ++c) {
      if (!folder.hasBoundaryBefore(c) || FoldVariant(c) != c || u_isUWhiteSpace(c)) continue;
      UErrorCode error = U_ZERO_ERROR;
      plain_[static_cast<size_t>(c - kFirst)] =
          folder.isNormalized(icu::UnicodeString(c), error) && U_SUCCESS(error) && !u_iscntrl(c);
    }
  }

  std::bitset<static_cast<size_t>(kEnd - kFirst)> plain_;
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
  const PlainCharacters& plain = PlainCharacters::Get();
  icu::UnicodeString segment;
  uint32_t segment_origin = 0;
  const auto flush = [&] {
    if (segment.isEmpty()) return;
    UErrorCode error = U_ZERO_ERROR;
    const icu::UnicodeString folded = folder.normalize(segment, error);
    for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
      const UChar32 c = folded.char32At(i);
      if (u_iscntrl(c) && !u_isUWhiteSpace(c)) continue;
      emit(Piece{FoldVariant(c), segment_origin});
    }
    segment.remove();
  };
  for (int32_t i = 0; i < size;) {
    const int32_t at = i;
    // ASCII before ASCII stands alone: the common case needs no normaliser.
    if (bytes[i] < 0x80 && (i + 1 == size || bytes[i + 1] < 0x80)) {
      flush();
      const UChar32 c = bytes[i++];
      if ((c >= 0x20 && c != 0x7f) || u_isUWhiteSpace(c)) {
        emit(Piece{c >= 'A' && c <= 'Z' ? c + 0x20 : c, static_cast<uint32_t>(at)});
      }
      continue;
    }
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    if (c < 0) c = 0xfffd;
    // Plain before plain: what follows cannot change it either.
    if (plain.IsPlain(c)) {
      UChar32 following = 0;
      int32_t next = i;
      if (next < size) U8_NEXT(bytes, next, size, following);
      if (i == size || plain.IsPlain(following)) {
        flush();
        emit(Piece{c, static_cast<uint32_t>(at)});
        continue;
      }
    }
    c = FoldVariant(c);
    // A segment is bounded: a run of combining marks without end is cut.
    if (segment.isEmpty() || folder.hasBoundaryBefore(c) || segment.length() > 64) {
      flush();
      segment_origin = static_cast<uint32_t>(at);
    }
    segment.append(c);
  }
  flush();
}

void AppendUtf8(UChar32 c, std::string* out) {
  uint8_t buffer[U8_MAX_LENGTH];
  int32_t length = 0;
  U8_APPEND_UNSAFE(buffer, length, c);
  out->append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(length));
}

}  // namespace

std::string ToValidUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto size = static_cast<int32_t>(bytes.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(data, i, size, c);
    if (c == 0) continue;
    AppendUtf8(c < 0 ? 0xfffd : c, &out);
  }
  return out;
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
  std::string out;
  out.reserve(utf8.size());
  bool space = false;
  ForEachNormalised(utf8, [&](Piece piece) {
    if (u_isUWhiteSpace(piece.c)) {
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
  UChar32 previous = 0;  // Last character that was not white space.
  int breaks = 0;        // Line ends since then.
  bool space = false;
  uint32_t space_origin = 0;
  const auto append = [&](UChar32 c, uint32_t origin) {
    AppendUtf8(c, &mapped.text);
    mapped.origin.resize(mapped.text.size(), origin);
  };
  ForEachNormalised(utf8, [&](Piece piece) {
    if (u_isUWhiteSpace(piece.c)) {
      if (!space) space_origin = piece.origin;
      space = true;
      breaks += piece.c == '\n';
      return;
    }
    if (space && previous != 0) {
      const bool ends = previous == 0x3002 || previous == '.' || previous == '!' ||
                        previous == '?' || previous == 0x300d || previous == 0x3011;
      const bool inside = IsJapanese(previous) && IsJapanese(piece.c);
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

std::string NormaliseForFingerprint(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  ForEachNormalised(utf8, [&](Piece piece) {
    if (!u_isUWhiteSpace(piece.c)) AppendUtf8(piece.c, &out);
  });
  return out;
}

uint32_t TextWeight(std::string_view utf8) {
  const auto* data = reinterpret_cast<const uint8_t*>(utf8.data());
  const auto size = static_cast<int32_t>(utf8.size());
  uint32_t weight = 0;
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(data, i, size, c);
    if (c < 0 || !u_isalnum(c)) continue;
    weight += IsJapanese(c) ? 2 : 1;
  }
  return weight;
}

}  // namespace noroshi::text
