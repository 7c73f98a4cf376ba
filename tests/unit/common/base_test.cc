#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "common/base/encoding.h"
#include "common/base/result.h"
#include "common/base/terminal.h"
#include "common/base/uuid.h"
#include "common/log/log.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"

namespace noroshi {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::kInvalid, "odd"};
  return number / 2;
}

Result<int> Quarter(int number) {
  NOROSHI_ASSIGN_OR_RETURN(const int half, Half(number));
  NOROSHI_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(ResultTest, MacrosPassValuesAndErrors) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_EQ(Quarter(6).error().Prefixed("quarter").message, "quarter: odd");
}

TEST(ResultDeathTest, ValueOfAnErrorAborts) { EXPECT_DEATH((void)Half(3).value(), "check failed"); }

TEST(EncodingTest, HexRoundTrip) {
  const std::string bytes("\x00\x7f\xff", 3);
  EXPECT_EQ(ToHex(bytes), "007fff");
  EXPECT_EQ(*FromHex("007FfF"), bytes);
  EXPECT_FALSE(FromHex("0").ok());
  EXPECT_FALSE(FromHex("0g").ok());
}

TEST(EncodingTest, Base64UrlRoundTripsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(*FromBase64Url(ToBase64Url(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
  EXPECT_EQ(ToBase64Url("\xfb\xff"), "-_8");
}

TEST(EncodingTest, Base64UrlIsStrict) {
  for (const char* bad : {"A", "AB=", "A B", "-_9", "AB+"})
    EXPECT_FALSE(FromBase64Url(bad).ok()) << bad;
}

TEST(EncodingTest, BigEndianSortsByValue) {
  EXPECT_LT(BigEndian64(255), BigEndian64(256));
  EXPECT_EQ(ReadBigEndian64(BigEndian64(0x0123456789abcdef)), 0x0123456789abcdefU);
  std::string four;
  AppendBigEndian32(0xdeadbeef, &four);
  EXPECT_EQ(ReadBigEndian32(four), 0xdeadbeefU);
}

TEST(EncodingTest, Utf8ByTheTable) {
  for (const char* good : {"", "a", "é", "狼煙", "🔥", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe7\x8b", "a\xff"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << ToHex(bad);
  }
}

// Words of eight bytes are looked at at once: every place within and across them.
TEST(EncodingTest, AsciiPrefixEndsAtTheFirstOtherByte) {
  const std::string ascii = "\x01\x7f for every place of the first other byte";
  EXPECT_EQ(AsciiPrefix(""), 0U);
  EXPECT_EQ(AsciiPrefix(ascii), ascii.size());
  for (const char other : {'\0', '\x80', '\xff'}) {
    for (size_t at = 0; at < ascii.size(); ++at) {
      std::string text = ascii;
      text[at] = other;
      EXPECT_EQ(AsciiPrefix(text), at) << at;
      EXPECT_EQ(IsValidUtf8(text), other == '\0') << at;
    }
  }
}

TEST(EncodingTest, TruncateKeepsWholeCharacters) {
  EXPECT_EQ(TruncateUtf8("狼煙", 6), "狼煙");
  EXPECT_EQ(TruncateUtf8("狼煙", 5), "狼");
  EXPECT_EQ(TruncateUtf8("狼煙", 2), "");
}

TEST(EncodingTest, Identifiers) {
  EXPECT_TRUE(IsIdentifier("moj"));
  EXPECT_TRUE(IsIdentifier("a.b-c_9"));
  EXPECT_TRUE(IsIdentifier(std::string(kIdentifierBytesMax, 'a')));
  EXPECT_FALSE(IsIdentifier(std::string(kIdentifierBytesMax + 1, 'a')));
  for (const char* bad : {"", "-a", ".a", "A", "a/b", "a b", "é"})
    EXPECT_FALSE(IsIdentifier(bad)) << bad;
}

TEST(UuidTest, Version7CarriesItsTime) {
  const Uuid uuid = SystemRandom().UuidV7(1'795'237'380'123);
  EXPECT_TRUE(uuid.IsV7());
  EXPECT_EQ(uuid.time_ms(), 1'795'237'380'123);
  EXPECT_EQ(*Uuid::Parse(uuid.ToString()), uuid);
  EXPECT_EQ(*Uuid::FromBytes(uuid.bytes()), uuid);
}

TEST(UuidTest, TextOfAnotherFormIsRefused) {
  EXPECT_TRUE(Uuid::Parse("019aa3c2-0000-7000-8000-00000000000A").ok());
  for (const char* bad :
       {"", "019aa3c2-0000-7000-8000-00000000000", "019aa3c2000070008000000000000000abcd",
        "019aa3c2-0000-7000-8000-00000000000g"}) {
    EXPECT_FALSE(Uuid::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(Uuid::FromBytes("short").ok());
}

TEST(ClockTest, FormatsUtc) {
  EXPECT_EQ(FormatUtc(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatUtc(1'774'965'599'999), "2026-03-31T13:59:59.999Z");
  EXPECT_EQ(FormatUtc(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(*ParseUtc("2026-03-31T13:59:59.999Z"), 1'774'965'599'999);
  EXPECT_EQ(*ParseUtc("2026-03-31T13:59:59Z"), 1'774'965'599'000);
  EXPECT_EQ(*ParseUtc("1969-12-31T23:59:59.999Z"), -1);
  for (const char* wrong :
       {"", "Z", "2026-03-31", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-03-31T24:00:00Z", "2026-03-31T13:59:60Z", "2026-03-31 13:59:59Z",
        "2026-03-31T13:59:59+09:00", "2026-03-31T13:59:59.9Z", "+026-03-31T13:59:59Z",
        "2026-03-31T13:59:59.999999Z", "-001-03-31T13:59:59Z"}) {
    EXPECT_FALSE(ParseUtc(wrong).ok()) << wrong;
  }
}

TEST(TerminalTest, TextStaysAndControlsGo) {
  EXPECT_EQ(TerminalLine("狼煙 a\U0001f525 é"), "狼煙 a\U0001f525 é");
  EXPECT_EQ(TerminalLine("a\x1b[31m\nb\tc\x7f"), "a?[31m?b?c?");
  EXPECT_EQ(TerminalText("a\nb\r\n"), "a\nb?\n");
}

TEST(TerminalTest, NothingHidesOrTurnsTheText) {
  EXPECT_EQ(TerminalLine("\u202egpj.exe\u200b"), "?gpj.exe?");
  EXPECT_EQ(TerminalLine("\u2066\u009b1m\ufeff\u00ad\u2028\U000e0041"), "??1m????");
}

TEST(TerminalTest, BytesThatAreNotUtf8AreNotPassedOn) {
  EXPECT_EQ(TerminalLine("\xff狼煙\xc2\x9b"), "?狼煙?");
  EXPECT_EQ(TerminalText("\xe2\x80"), "??");
  EXPECT_EQ(TerminalLine(std::string_view("\0a", 2)), "?a");
}

TEST(RandomTest, NoBytesAreGivenTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(seen.insert(SystemRandom().Bytes(60)).second) << i;
  const std::string large = SystemRandom().Bytes(10'000);  // More than is drawn in advance.
  EXPECT_NE(large.substr(0, 5'000), large.substr(5'000));
}

TEST(RandomTest, AForkDoesNotShareWhatWasDrawn) {
  SystemRandom().Bytes(1);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  const std::string bytes = SystemRandom().Bytes(32);
  if (child == 0) ::_exit(::write(pipe_ends[1], bytes.data(), bytes.size()) == 32 ? 0 : 1);
  std::string childs(32, '\0');
  EXPECT_EQ(::read(pipe_ends[0], childs.data(), childs.size()), 32);
  EXPECT_NE(bytes, childs);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int end : pipe_ends) ::close(end);
}

TEST(RandomTest, BelowStaysBelow) {
  for (int i = 0; i < 1000; ++i) EXPECT_LT(SystemRandom().Below(7), 7U);
}

TEST(LogTest, ALineCannotBeForged) {
  const std::string line =
      FormatLogLine(0, Level::kWarning, "refused",
                    {{"reason", "x\"}\n{\"level\":\"info\"\r\x1b[31m\u202e"}, {"count", 3}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warning\",\"event\":\"refused\","
            "\"reason\":"
            "\"x\\\"}\\u000a{\\\"level\\\":\\\"info\\\"\\u000d\\u001b[31m\\u202e\",\"count\":3}");
}

TEST(LogTest, WarningsAndErrorsAreCountedByEvent) {
  testing::internal::CaptureStderr();
  Log(Level::kInfo, "counted_info");
  Log(Level::kWarning, "counted_warning");
  Log(Level::kError, "counted_warning");
  EXPECT_NE(testing::internal::GetCapturedStderr(), "");
  const auto counts = LogCounts();
  EXPECT_FALSE(counts.contains("counted_info"));
  EXPECT_EQ(counts.at("counted_warning"), 2U);
}

TEST(LogTest, InvalidUtf8IsReplacedAndLongValuesAreCut) {
  const std::string line = FormatLogLine(0, Level::kInfo, "e", {{"a", "\xff\xfe"}});
  EXPECT_NE(line.find("\"\\ufffd\\ufffd\""), std::string::npos);
  const std::string at_limit(kLogValueBytesMax, 'a');
  EXPECT_EQ(FormatLogLine(0, Level::kInfo, "e", {{"a", at_limit}}).find("…"), std::string::npos);
  const std::string above = at_limit + 'b';
  const std::string cut = FormatLogLine(0, Level::kInfo, "e", {{"a", above}});
  EXPECT_NE(cut.find("…"), std::string::npos);
  EXPECT_EQ(cut.find('b', cut.find("\"a\":")), std::string::npos);
}

}  // namespace
}  // namespace noroshi
