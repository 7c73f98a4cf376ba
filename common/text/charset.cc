#include "common/text/charset.h"

#include <unicode/ucnv.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <memory>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/text/unicode.h"

namespace noroshi::text {
namespace {

struct ConverterCloser {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, ConverterCloser>;

constexpr std::array<std::string_view, 12> kWarmCharsets = {
    "iso-2022-jp",  "windows-31j",  "euc-jp",  "utf-8", "utf-16le", "utf-16be",
    "windows-1252", "windows-1251", "gb18030", "big5",  "euc-kr",   "iso-8859-15"};

// What senders write, and the ICU converter that reads what they mean.
struct Alias {
  std::string_view label;
  std::string_view charset;
};
constexpr Alias kAliases[] = {
    {"shift_jis", "windows-31j"},
    {"shift-jis", "windows-31j"},
    {"sjis", "windows-31j"},
    {"x-sjis", "windows-31j"},
    {"ms_kanji", "windows-31j"},
    {"cp932", "windows-31j"},
    {"ms932", "windows-31j"},
    {"windows-932", "windows-31j"},
    {"windows-31j", "windows-31j"},
    {"csshiftjis", "windows-31j"},
    {"iso-2022-jp", "iso-2022-jp"},
    {"csiso2022jp", "iso-2022-jp"},
    {"jis", "iso-2022-jp"},
    {"cp50220", "iso-2022-jp"},
    {"cp50221", "iso-2022-jp"},
    {"iso-2022-jp-ms", "iso-2022-jp"},
    {"iso-2022-jp-1", "iso-2022-jp"},
    {"euc-jp", "euc-jp"},
    {"x-euc-jp", "euc-jp"},
    {"eucjp", "euc-jp"},
    {"eucjp-ms", "euc-jp"},
    {"cp51932", "euc-jp"},
    {"utf-8", "utf-8"},
    {"utf8", "utf-8"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"cp65001", "utf-8"},
    {"iso-8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"us-ascii", "us-ascii"},
    {"ascii", "us-ascii"},
    {"ansi_x3.4-1968", "us-ascii"},
    {"windows-1252", "windows-1252"},
    {"iso-8859-9", "windows-1254"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"gb18030", "gb18030"},
    {"ks_c_5601-1987", "windows-949"},
    {"euc-kr", "windows-949"},
    {"utf-16", "utf-16le"},
};

std::string Canonical(std::string_view label) {
  std::string lower;
  for (const char c : label.substr(0, 64)) {
    if (c == ' ' || c == '\t' || c == '"' || c == '\'') continue;
    lower.push_back(LowerAscii(c));
  }
  for (const Alias& alias : kAliases) {
    if (lower == alias.label) return std::string(alias.charset);
  }
  return lower;
}

// ISO-2022-JP-1 is the converter that also knows JIS X 0212; "euc-jp" is euc-jp-2007.
const char* IcuName(const std::string& charset) {
  return charset == "iso-2022-jp" ? "ISO-2022-JP-1" : charset.c_str();
}

Converter OpenConverter(const std::string& charset) {
  // Latin labels such as "utf-7" stay out: nothing that a mail program shows uses
  // it, and it hides text. ICU's names with options (comma) are not for senders.
  if (charset.empty() || charset == "utf-7" || charset.find(',') != std::string::npos) {
    return nullptr;
  }
  UErrorCode error = U_ZERO_ERROR;
  Converter converter(ucnv_open(IcuName(charset), &error));
  return U_SUCCESS(error) ? std::move(converter) : nullptr;
}

struct Conversion {
  std::string text;
  size_t errors = 0;  // U+FFFD and private-use characters in the result.
};

size_t CountErrors(std::string_view utf8) {
  size_t errors = 0;
  for (size_t i = 0; i + 2 < utf8.size(); ++i) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(utf8[at]); };
    const bool replacement = byte(i) == 0xef && byte(i + 1) == 0xbf && byte(i + 2) == 0xbd;
    const bool private_use = byte(i) == 0xee || (byte(i) == 0xef && byte(i + 1) < 0xa4);
    errors += replacement || private_use;
  }
  return errors;
}

Conversion Convert(std::string_view bytes, UConverter* converter) {
  Conversion result;
  ucnv_reset(converter);
  const char* source = bytes.data();
  const char* const source_end = source + bytes.size();
  std::array<UChar, 2048> buffer;
  std::string* out = &result.text;
  out->reserve(bytes.size());
  char32_t high = 0;
  const auto put = [&](char32_t c) {
    if (c == 0 || c == 0x1a) c = c == 0 ? 0 : 0xfffd;  // SUB is ICU's CP932 replacement
    if (c == 0) return;
    char utf8[4];
    size_t n = 0;
    if (c < 0x80) {
      utf8[n++] = static_cast<char>(c);
    } else if (c < 0x800) {
      utf8[n++] = static_cast<char>(0xc0 | (c >> 6));
      utf8[n++] = static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      utf8[n++] = static_cast<char>(0xe0 | (c >> 12));
      utf8[n++] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
      utf8[n++] = static_cast<char>(0x80 | (c & 0x3f));
    } else {
      utf8[n++] = static_cast<char>(0xf0 | (c >> 18));
      utf8[n++] = static_cast<char>(0x80 | ((c >> 12) & 0x3f));
      utf8[n++] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
      utf8[n++] = static_cast<char>(0x80 | (c & 0x3f));
    }
    out->append(utf8, n);
  };
  UErrorCode error;
  do {
    error = U_ZERO_ERROR;
    UChar* target = buffer.data();
    ucnv_toUnicode(converter, &target, buffer.data() + buffer.size(), &source, source_end, nullptr,
                   true, &error);
    for (const UChar* unit = buffer.data(); unit != target; ++unit) {
      const char32_t c = *unit;
      if (c > 0x1a && c < 0x80 && high == 0) {
        out->push_back(static_cast<char>(c));
      } else if (c >= 0xd800 && c < 0xdc00) {
        if (high != 0) put(0xfffd);
        high = c;
      } else if (c >= 0xdc00 && c < 0xe000) {
        put(high == 0 ? 0xfffd : 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00));
        high = 0;
      } else {
        if (high != 0) put(0xfffd);
        high = 0;
        put(c);
      }
    }
  } while (error == U_BUFFER_OVERFLOW_ERROR);
  result.errors = CountErrors(result.text);
  return result;
}

bool HasEscapes(std::string_view bytes) {
  for (size_t i = bytes.find('\x1b'); i != std::string_view::npos; i = bytes.find('\x1b', i + 1)) {
    const std::string_view sequence = bytes.substr(i + 1, 2);
    if (sequence == "$B" || sequence == "$@" || sequence == "(I" || sequence == "(J" ||
        sequence == "$(") {
      return true;
    }
  }
  return false;
}

bool IsAscii(std::string_view bytes) {
  bytes.remove_prefix(AsciiPrefix(bytes));
  return std::none_of(bytes.begin(), bytes.end(), [](char c) { return (c & 0x80) != 0; });
}

// Half-width kana that old senders write in the eighth bit or by shift out /
// shift in, rewritten as an escape sequence that every decoder knows.
std::string RewriteKana(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 16);
  bool shifted = false;
  bool kana = false;  // Our own escape is open.
  std::string charset = "\x1b(B";
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == 0x0e || c == 0x0f) {
      shifted = c == 0x0e;
      continue;
    }
    const bool is_kana = (c >= 0xa1 && c <= 0xdf) || (shifted && c >= 0x21 && c <= 0x5f);
    if (is_kana != kana) out.append(is_kana ? "\x1b(I" : charset);
    kana = is_kana;
    if (c == 0x1b && i + 2 < bytes.size()) {
      const size_t length = bytes[i + 1] == '$' && bytes[i + 2] == '(' ? 4 : 3;
      charset = bytes.substr(i, length);
    }
    if (c == '\n') charset = "\x1b(B";
    out.push_back(is_kana ? static_cast<char>(c & 0x7f) : static_cast<char>(c));
  }
  return out;
}

Decoded DecodeIso2022Jp(std::string_view bytes, bool repaired) {
  const Converter converter = OpenConverter("iso-2022-jp");
  const bool old_kana = !IsAscii(bytes) || bytes.find('\x0e') != std::string_view::npos;
  const std::string rewritten = old_kana ? RewriteKana(bytes) : std::string();
  return {Convert(old_kana ? rewritten : bytes, converter.get()).text, "iso-2022-jp", repaired};
}

// How Japanese a conversion looks.
struct Look {
  size_t kana = 0;        // Hiragana and katakana.
  size_t half_kana = 0;   // Half-width katakana: what Latin and EUC read as CP932 give.
  size_t characters = 0;  // Outside ASCII.
};

Look LookAt(std::string_view utf8) {
  Look look;
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(utf8[at]); };
  for (size_t i = 0; i < utf8.size(); ++i) {
    if (byte(i) < 0xc0) continue;
    ++look.characters;
    if (i + 2 >= utf8.size()) continue;
    look.kana += byte(i) == 0xe3 && byte(i + 1) >= 0x81 && byte(i + 1) <= 0x83;
    look.half_kana += byte(i) == 0xef && (byte(i + 1) == 0xbd || byte(i + 1) == 0xbe);
  }
  return look;
}

struct JapaneseCharset {
  std::string_view name;
  std::string_view kana_rows;  // First bytes of JIS X 0208's rows 1 ("ー"), 4 and 5.
};
constexpr JapaneseCharset kJapanese[] = {{"euc-jp", "\xa1\xa4\xa5"},
                                         {"windows-31j", "\x81\x82\x83"}};

// Bytes of the eighth bit without a usable label. The Japanese multi-byte sets
// make errors quickly when they are the wrong one; Latin never does, so Japanese
// must also look like it: by kana, or by bytes of the eighth bit side by side.
Decoded Guess(std::string_view bytes) {
  // A prefix tells as much as the whole and bounds the work.
  const std::string_view sample = bytes.substr(0, 16 * 1024);
  size_t high = 0;
  std::bitset<256> seen;
  for (const char c : sample) {
    high += (c & 0x80) != 0;
    seen.set(static_cast<unsigned char>(c));
  }
  const bool dense = high * 4 >= sample.size();
  std::string best = "windows-1252";
  size_t best_errors = high / 20 + 1;  // Some damage is still Japanese.
  for (const auto& [candidate, rows] : kJapanese) {
    // Without the rows of the kana there is none, and a conversion would not show any.
    const bool kana = std::any_of(rows.begin(), rows.end(), [&](char row) {
      return seen.test(static_cast<unsigned char>(row));
    });
    if (!dense && !kana) continue;
    const Converter converter = OpenConverter(std::string(candidate));
    const Conversion conversion = Convert(sample, converter.get());
    const Look look = LookAt(conversion.text);
    if (!dense && look.kana * 5 < look.characters) continue;
    const size_t errors = conversion.errors + look.half_kana / 2;
    if (errors >= best_errors) continue;
    best_errors = errors;
    best = candidate;
  }
  const Converter converter = OpenConverter(best);
  return {Convert(bytes, converter.get()).text, best, true};
}

// A UTF-16 text without byte order mark has a NUL in every second byte if it
// holds any markup or Latin.
bool LooksLikeUtf16(std::string_view bytes, bool little_endian) {
  if (bytes.size() < 4) return false;
  const std::string_view sample = bytes.substr(0, 256);
  size_t zeros = 0;
  for (size_t i = little_endian ? 1 : 0; i < sample.size(); i += 2) zeros += sample[i] == '\0';
  return zeros * 4 >= sample.size();
}

}  // namespace

Decoded DecodeCharset(std::string_view bytes, std::string_view label) {
  const std::string charset = Canonical(label);
  if (bytes.starts_with("\xef\xbb\xbf") && IsValidUtf8(bytes)) {
    return {ToValidUtf8(bytes.substr(3)), "utf-8", charset != "utf-8"};
  }
  const bool mark = bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff");
  const bool little = mark && bytes[0] == '\xff';
  // Two bytes in front of a text that is labelled otherwise must not hide it.
  if (mark && (charset.empty() || charset.starts_with("utf-16") ||
               LooksLikeUtf16(bytes.substr(2), little))) {
    const std::string order = little ? "utf-16le" : "utf-16be";
    const Converter converter = OpenConverter(order);
    return {Convert(bytes.substr(2), converter.get()).text, order, !charset.starts_with("utf-16")};
  }
  if (charset.starts_with("utf-16")) {
    const bool big = charset == "utf-16be" || LooksLikeUtf16(bytes, false);
    const std::string order = big && !LooksLikeUtf16(bytes, true) ? "utf-16be" : "utf-16le";
    const Converter converter = OpenConverter(order);
    return {Convert(bytes, converter.get()).text, order, order != charset};
  }
  const bool other_2022 = charset.starts_with("iso-2022-") && !charset.starts_with("iso-2022-jp");
  const bool ascii = IsAscii(bytes);
  if (charset == "iso-2022-jp" && (ascii || HasEscapes(bytes))) {
    return DecodeIso2022Jp(bytes, false);
  }
  if (!other_2022 && ascii && HasEscapes(bytes)) return DecodeIso2022Jp(bytes, true);
  if (ascii && (charset.empty() || charset == "us-ascii" || charset == "utf-8")) {
    return {ToValidUtf8(bytes), charset.empty() ? "us-ascii" : charset, false};
  }
  if (IsValidUtf8(bytes)) {
    // No other charset makes well-formed UTF-8 by accident in more than a word.
    const bool labelled = charset == "utf-8";
    if (labelled || !ascii) return {ToValidUtf8(bytes), "utf-8", !labelled};
  }
  if (charset == "utf-8") {
    Decoded guess = Guess(bytes);
    // Damaged UTF-8 beats Latin: the label says so.
    if (guess.charset != "windows-1252") return guess;
    return {ToValidUtf8(bytes), "utf-8", true};
  }
  const bool latin = charset == "windows-1252" || charset == "us-ascii" || charset.empty();
  if (latin && !ascii) {
    Decoded guess = Guess(bytes);
    guess.repaired = guess.charset != charset;
    return guess;
  }
  const Converter converter = OpenConverter(charset);
  if (converter == nullptr) {
    if (ascii) return {ToValidUtf8(bytes), "us-ascii", true};
    return Guess(bytes);
  }
  Conversion conversion = Convert(bytes, converter.get());
  const bool japanese = charset == "windows-31j" || charset == "euc-jp" || charset == "iso-2022-jp";
  if (japanese && conversion.errors * 50 > bytes.size()) return Guess(bytes);
  return {std::move(conversion.text), charset, false};
}

void WarmUpCharsets() {
  for (const std::string_view charset : kWarmCharsets) {
    const Converter converter = OpenConverter(std::string(charset));
    if (converter != nullptr) Convert("a\xe3\x81\x82", converter.get());
  }
  NormaliseForMatching("ｱＡ①");
}

}  // namespace noroshi::text
