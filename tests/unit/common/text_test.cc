#include "common/text/text.h"

#include <gtest/gtest.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <set>

#include "common/base/encoding.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"

namespace noroshi::text {
namespace {

std::set<char> Placeholders(const std::string& pattern) {
  std::set<char> found;
  for (size_t i = 0; i + 2 < pattern.size(); ++i) {
    if (pattern[i] == '{' && pattern[i + 2] == '}') found.insert(pattern[i + 1]);
  }
  return found;
}

TEST(TextTest, EveryKeyHasBothLanguagesWithTheSamePlaceholders) {
  ASSERT_GT(TextKeys().size(), 40u);
  // Arguments that are placeholders themselves give the pattern back.
  for (const std::string& key : TextKeys()) {
    const auto args = {std::string_view("{0}"), std::string_view("{1}"), std::string_view("{2}")};
    const std::string ja = Text(Lang::kJa, key, args);
    const std::string en = Text(Lang::kEn, key, args);
    EXPECT_FALSE(ja.empty()) << key;
    EXPECT_FALSE(en.empty()) << key;
    EXPECT_EQ(Placeholders(ja), Placeholders(en)) << key;
    EXPECT_TRUE(IsValidUtf8(ja) && IsValidUtf8(en)) << key;
  }
}

TEST(TextTest, FillsPlaceholders) {
  EXPECT_EQ(Text(Lang::kJa, "alert_kind.warning"), "注意喚起");
  EXPECT_EQ(Text(Lang::kEn, "receipt.accepted", {"42"}), "Accepted as number 42");
  EXPECT_EQ(Text(Lang::kEn, "receipt.accepted", {"{0}"}), "Accepted as number {0}")
      << "an argument is not a pattern";
}

TEST(TextTest, UnknownKeyEndsTheProgram) {
  EXPECT_FALSE(HasText("no.such.key"));
  EXPECT_DEATH(Text(Lang::kEn, "no.such.key"), "");
  EXPECT_DEATH(Text(Lang::kEn, "receipt.accepted"), "") << "a missing argument";
}

TEST(TextTest, LanguageFollowsTheTag) {
  EXPECT_EQ(LangFromTag("ja_JP.UTF-8"), Lang::kJa);
  EXPECT_EQ(LangFromTag("ja"), Lang::kJa);
  EXPECT_EQ(LangFromTag("jam"), Lang::kEn);
  EXPECT_EQ(LangFromTag("C"), Lang::kEn);
}

TEST(UnicodeTest, MatchingFormUnifiesWidthCaseAndSpace) {
  EXPECT_EQ(NormaliseForMatching("　ＡＢＣ\tﾊﾟｽﾜｰﾄﾞ \r\n x "), "abc パスワード x");
  EXPECT_EQ(NormaliseForMatching("①㈱Ⅱ"), "1(株)ii");
  EXPECT_EQ(NormaliseForMatching("a\xe2\x80\x8b"
                                 "b\xc2\xad"
                                 "c"),
            "abc")
      << "invisible characters";
  EXPECT_EQ(NormaliseForMatching("10〜20"), NormaliseForMatching("10～20"));
  EXPECT_EQ(NormaliseForMatching("−１"), NormaliseForMatching("－１"));
  EXPECT_EQ(NormaliseForMatching(""), "");
}

// A text of ASCII alone goes another way than one with a character more.
TEST(UnicodeTest, AsciiAloneAndAmongOthersIsTheSame) {
  for (int c = 0; c < 0x80; ++c) {
    for (const std::string& text :
         {std::string("x") + static_cast<char>(c) + "y", std::string(2, static_cast<char>(c)) + "y",
          std::string("x ") + static_cast<char>(c) + "\ty"}) {
      EXPECT_EQ(NormaliseForMatching(text) + "あ", NormaliseForMatching(text + "あ")) << c;
    }
  }
  EXPECT_EQ(NormaliseForMatching(" \t A  b \n"), "a b");
}

// What is quick for kana and han must not differ from asking ICU for the whole.
TEST(UnicodeTest, TheNormalFormIsIcus) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* folder = icu::Normalizer2::getNFKCCasefoldInstance(error);
  ASSERT_TRUE(U_SUCCESS(error));
  const UChar32 characters[] = {0x304b, 0x304c, 0x306f, 0x3099, 0x309a, 0x309b, 0x30ab,
                                0x30fc, 0x3001, 0x3002, 0x4e00, 0x6f0f, 0x9fff, 0xff76,
                                0xff9e, 0xff9f, 0x3042, 'a',    'E',    0x0301, 0x2460};
  for (const UChar32 first : characters) {
    for (const UChar32 second : characters) {
      for (const UChar32 third : characters) {
        icu::UnicodeString text(first);
        text.append(second).append(third);
        std::string utf8;
        text.toUTF8String(utf8);
        // U+309B is a space with a mark: our form drops the space.
        icu::UnicodeString whole = folder->normalize(text, error).findAndReplace(" ", "");
        std::string expected;
        whole.toUTF8String(expected);
        ASSERT_EQ(NormaliseWithoutSpace(utf8), expected) << utf8;
      }
    }
  }
  for (UChar32 c = 0x3000; c < 0xa000; ++c) {
    std::string utf8;
    icu::UnicodeString(c).toUTF8String(utf8);
    std::string expected;
    folder->normalize(icu::UnicodeString(c), error).findAndReplace(" ", "").toUTF8String(expected);
    if (c == 0x301c) expected = "~";  // The wave dash is one of the confused variants.
    ASSERT_EQ(NormaliseWithoutSpace(utf8), expected) << c;
  }
}

TEST(UnicodeTest, MalformedInputIsReplacedNotRefused) {
  EXPECT_EQ(ToValidUtf8("a\xff\xc0\x80"
                        "b"),
            "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
            "b");
  EXPECT_EQ(ToValidUtf8(std::string("a\0b", 3)), "ab");
  EXPECT_EQ(ToValidUtf8("狼煙 beacon 狼煙"), "狼煙 beacon 狼煙");
  EXPECT_EQ(ToValidUtf8("狼\xe7\x8b beacon \xff\xff煙\xe7"),
            "狼\xef\xbf\xbd beacon \xef\xbf\xbd\xef\xbf\xbd煙\xef\xbf\xbd");
  EXPECT_TRUE(IsValidUtf8(NormaliseForMatching("\xe3\x81")));
}

TEST(UnicodeTest, MappedFormPointsToTheWordsAsWritten) {
  const std::string original = "情報の\n漏えい（ｶｸﾆﾝ）";
  const Mapped mapped = NormaliseMapped(original);
  EXPECT_EQ(mapped.text, "情報の漏えい(カクニン)") << "a line break inside a sentence is no space";
  const size_t at = mapped.text.find("カクニン");
  ASSERT_EQ(mapped.origin.size(), mapped.text.size() + 1);
  EXPECT_EQ(original.substr(mapped.origin[at], std::string("ｶｸﾆﾝ").size()), "ｶｸﾆﾝ");
  EXPECT_EQ(mapped.origin.back(), original.size());
}

TEST(UnicodeTest, MappedFormKeepsLineEndsThatEndSentences) {
  EXPECT_EQ(NormaliseMapped("止まった。\n原因は不明").text, "止まった。\n原因は不明");
  EXPECT_EQ(NormaliseMapped("title\n\nbody").text, "title\nbody");
  EXPECT_EQ(NormaliseMapped("one\ntwo").text, "one two");
}

TEST(UnicodeTest, RunOfCombiningMarksIsCut) {
  std::string marks = "e";
  for (int i = 0; i < 20000; ++i) marks += "\xcc\x81";
  EXPECT_FALSE(NormaliseWithoutSpace(marks).empty());
}

TEST(UnicodeTest, WeightCountsWhatIsSaid) {
  EXPECT_EQ(TextWeight("abc 12!"), 5u);
  EXPECT_EQ(TextWeight("請求書です。"), 10u);
  EXPECT_EQ(TextWeight("——…  \n"), 0u);
}

struct CharsetCase {
  const char* name;
  std::string bytes;
  const char* label;
  const char* text;
  const char* charset;
};

void PrintTo(const CharsetCase& each, std::ostream* out) { *out << each.charset; }

class CharsetTest : public testing::TestWithParam<CharsetCase> {};

TEST_P(CharsetTest, Decodes) {
  const Decoded decoded = DecodeCharset(GetParam().bytes, GetParam().label);
  EXPECT_EQ(decoded.text, GetParam().text);
  EXPECT_EQ(decoded.charset, GetParam().charset);
}

INSTANTIATE_TEST_SUITE_P(
    Labels, CharsetTest,
    testing::Values(
        CharsetCase{"Utf8", "\xe3\x81\x82", "UTF-8", "あ", "utf-8"},
        CharsetCase{"Utf8Bom", "\xef\xbb\xbf\xe3\x81\x82", "iso-8859-1", "あ", "utf-8"},
        CharsetCase{"Jis", "\x1b$B$\"\x1b(B", "iso-2022-jp", "あ", "iso-2022-jp"},
        CharsetCase{"JisNecRow13", "\x1b$B-!-j-6\x1b(B", "ISO-2022-JP", "①㈱Ⅱ", "iso-2022-jp"},
        CharsetCase{"JisIbmExtension", "\x1b$B|b\x1b(B", "iso-2022-jp", "髙", "iso-2022-jp"},
        CharsetCase{"JisHalfWidthKana", "\x1b(I1234\x1b(B", "iso-2022-jp", "ｱｲｳｴ", "iso-2022-jp"},
        CharsetCase{"JisKanaByShift",
                    "a\x0e\x31\x32\x0f"
                    "b",
                    "iso-2022-jp", "aｱｲb", "iso-2022-jp"},
        CharsetCase{"JisKanaByEighthBit", "\x1b$B$\"\x1b(B\xb1\xb2", "iso-2022-jp", "あｱｲ",
                    "iso-2022-jp"},
        CharsetCase{"ShiftJis", "\x82\xa0\x87\x40\xb1", "Shift_JIS", "あ①ｱ", "windows-31j"},
        CharsetCase{"Cp932Ibm", "\xfb\xfc", "cp932", "髙", "windows-31j"},
        CharsetCase{"EucJp", "\xa4\xa2\xad\xa1", "EUC-JP", "あ①", "euc-jp"},
        CharsetCase{"Latin1MeansWindows", "\x93quoted\x94 caf\xe9 and more of it in plain ASCII",
                    "iso-8859-1", "“quoted” café and more of it in plain ASCII", "windows-1252"},
        CharsetCase{"Utf16WithMark", std::string("\xff\xfe\x42\x30", 4), "", "あ", "utf-16le"},
        CharsetCase{"Utf16Big", std::string("\x30\x42", 2), "utf-16be", "あ", "utf-16be"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Mislabelled, CharsetTest,
    testing::Values(
        CharsetCase{"JisAsUtf8", "\x1b$B$\"\x1b(B", "utf-8", "あ", "iso-2022-jp"},
        CharsetCase{"JisUnlabelled", "\x1b$B$\"\x1b(B", "", "あ", "iso-2022-jp"},
        CharsetCase{"Utf8AsLatin", "\xe3\x81\x82\xe3\x81\x84", "iso-8859-1", "あい", "utf-8"},
        CharsetCase{"Utf8AsShiftJis", "\xe3\x81\x82\xe3\x81\x84", "shift_jis", "あい", "utf-8"},
        CharsetCase{"ShiftJisAsUtf8", "\x82\xa0\x82\xa2\x82\xa4", "utf-8", "あいう", "windows-31j"},
        CharsetCase{"ShiftJisAsAscii", "\x82\xa0\x82\xa2\x82\xa4", "us-ascii", "あいう",
                    "windows-31j"},
        CharsetCase{"EucAsLatin", "\xa4\xa2\xa4\xa4\xa4\xa6", "iso-8859-1", "あいう", "euc-jp"},
        CharsetCase{"MarkInFrontOfUtf8", "\xff\xfehttp://a.example/", "utf-8",
                    "\xef\xbf\xbd\xef\xbf\xbdhttp://a.example/", "utf-8"},
        CharsetCase{"UnknownLabel", "hello", "x-klingon-9", "hello", "us-ascii"},
        // A converter to Japanese makes one harmless character of the only byte beyond ASCII.
        CharsetCase{"EuroAtTheEnd", "100 \x80", "", "100 €", "windows-1252"},
        CharsetCase{"LatinWithARowOfKana", "\xa1Hola, se\xf1or! \xa1Ol\xe9!", "",
                    "¡Hola, señor! ¡Olé!", "windows-1252"},
        CharsetCase{"AsciiAsLatin", "hello", "iso-8859-1", "hello", "windows-1252"}),
    [](const auto& test) { return test.param.name; });

TEST(CharsetRepairTest, SaysWhetherItRepaired) {
  EXPECT_FALSE(DecodeCharset("\xe3\x81\x82", "UTF-8").repaired);
  EXPECT_TRUE(DecodeCharset("\x82\xa0\x82\xa2\x82\xa4", "utf-8").repaired);
}

TEST(CharsetRepairTest, NeverFailsAndAlwaysGivesUtf8) {
  const std::string bytes = "\xff\xfe\xc0\xaf\xed\xa0\x80\x1b$B\x7f\x1b$ \x0e\x80";
  for (const char* label : {"utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "utf-16", "utf-7",
                            "iso-2022-kr", "big5", "", "ibm-37,swaplfnl"}) {
    EXPECT_TRUE(IsValidUtf8(DecodeCharset(bytes, label).text)) << label;
  }
}

TEST(NfkcTest, OneFormForEveryKeyboard) {
  EXPECT_EQ(Nfkc("\xef\xbc\xa1\xef\xbc\x91 x"), "A1 x");        // Full-width A and 1.
  EXPECT_EQ(Nfkc("\xe3\x81\x8b\xe3\x82\x99"), "\xe3\x81\x8c");  // KA and voicing mark: GA.
  EXPECT_EQ(Nfkc("Case stays\t"), "Case stays\t");
  EXPECT_EQ(Nfkc(""), "");
  EXPECT_EQ(Nfkc("\xed\xa0\x80"), std::nullopt);
}

}  // namespace
}  // namespace noroshi::text
