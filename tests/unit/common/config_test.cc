#include "common/config/config.h"

#include <gtest/gtest.h>

#include <limits>

namespace noroshi::config {
namespace {

using std::chrono::milliseconds;

// What Finish() says after `read` has read the text.
template <typename Read>
std::string Complaint(std::string_view text, Read read) {
  auto document = Document::Parse("hub.toml", text);
  if (!document.ok()) return document.error().message;
  Table root = document->root();
  read(root);
  const auto finished = document->Finish();
  return finished.ok() ? "" : finished.error().message;
}

TEST(ConfigTest, ReadsEveryType) {
  EXPECT_EQ(Complaint(R"(
name = "狼煙"
level = "info"
on = true
workers = 8
reserve = "64MiB"
plain = 512
wait = "24h"
hosts = ["a", "b"]
[journal]
sync = false
[[rules]]
id = "one"
[[rules]]
id = "two"
)",
                      [](Table& root) {
                        EXPECT_EQ(root.String("name"), "狼煙");
                        EXPECT_EQ(root.Word("level", {"info", "debug"}), "info");
                        EXPECT_TRUE(root.Bool("on"));
                        EXPECT_EQ(root.Integer("workers", {1, 8}), 8);
                        EXPECT_EQ(root.Size("reserve", {0, 1 << 30}), 64u << 20);
                        EXPECT_EQ(root.Size("plain", {0, 512}), 512u);
                        EXPECT_EQ(
                            root.Duration("wait", {milliseconds(0), milliseconds(86'400'000)}),
                            milliseconds(86'400'000));
                        EXPECT_EQ(root.Strings("hosts"), (std::vector<std::string>{"a", "b"}));
                        EXPECT_FALSE(root.Sub("journal").Bool("sync"));
                        const auto rules = root.Tables("rules");
                        ASSERT_EQ(rules.size(), 2u);
                        EXPECT_EQ(Table(rules[1]).String("id"), "two");
                        EXPECT_EQ(Table(rules[0]).String("id"), "one");
                      }),
            "");
}

TEST(ConfigTest, AbsentOptionalKeysGetTheirFallback) {
  EXPECT_EQ(Complaint("",
                      [](Table& root) {
                        EXPECT_EQ(root.String("a", "x"), "x");
                        EXPECT_EQ(root.Word("w", {"on"}, "on"), "on");
                        EXPECT_TRUE(root.Bool("b", true));
                        EXPECT_EQ(root.Integer("c", {0, 9}, 5), 5);
                        EXPECT_EQ(root.Size("d", {0, 9}, 6), 6u);
                        EXPECT_EQ(
                            root.Duration("e", {milliseconds(0), milliseconds(9)}, milliseconds(7)),
                            milliseconds(7));
                        EXPECT_TRUE(root.Strings("f").empty());
                        EXPECT_TRUE(root.Tables("g").empty());
                        EXPECT_FALSE(root.Sub("h").Has("i"));
                      }),
            "");
}

TEST(ConfigTest, UnknownKeyIsAnErrorWithPlaceAndSuggestion) {
  EXPECT_EQ(Complaint("name = \"x\"\nlisen = \"127.0.0.1:1\"\n",
                      [](Table& root) {
                        root.String("name");
                        root.String("listen", "");
                      }),
            "hub.toml:2:1: unknown key 'lisen'; did you mean 'listen'?");
}

TEST(ConfigTest, UnknownKeyFarFromAllHasNoSuggestion) {
  EXPECT_EQ(Complaint("[journal]\nfrobnicate = 1\n",
                      [](Table& root) { root.Sub("journal").Bool("sync", true); }),
            "hub.toml:2:1: unknown key 'journal.frobnicate'");
}

TEST(ConfigTest, UnknownTableIsAnError) {
  EXPECT_EQ(Complaint("[jurnal]\nsync = true\n",
                      [](Table& root) { root.Sub("journal").Bool("sync", true); }),
            "hub.toml:1:2: unknown key 'jurnal'; did you mean 'journal'?");
}

TEST(ConfigTest, AllErrorsAreToldInTheOrderOfTheFile) {
  EXPECT_EQ(
      Complaint(
          "workers = 99\nname = 3\n[[rules]]\nid = \"\"\nkind = \"odd\"\nwait = \"5 weeks\"\n",
          [](Table& root) {
            for (Table rule : root.Tables("rules")) {
              rule.String("id");
              rule.Word("kind", {"incident", "campaign"});
              rule.Duration("wait", {milliseconds(0), milliseconds(1)});
              rule.Strings("event_types");
            }
            root.String("name");
            root.Integer("workers", {1, 64});
          }),
      "hub.toml:1:1: workers: 99 is not between 1 and 64\n"
      "hub.toml:2:1: name: must be a string, is an integer\n"
      "hub.toml:4:1: rules[0].id: must not be empty\n"
      "hub.toml:5:1: rules[0].kind: must be one of incident, campaign\n"
      "hub.toml:6:1: rules[0].wait: not a duration such as \"30s\" (ms, s, m, h, d)");
}

TEST(ConfigTest, MissingKeyNamesTheTableItBelongsTo) {
  EXPECT_EQ(Complaint("# nothing\n[journal]\nsync = true\n",
                      [](Table& root) {
                        root.Sub("journal").Bool("sync");
                        root.Sub("journal").String("path");
                      }),
            "hub.toml:2:1: journal.path: missing key");
}

TEST(ConfigTest, SyntaxErrorHasPlace) {
  const auto document = Document::Parse("hub.toml", "a = 1\nb = = 2\n");
  ASSERT_FALSE(document.ok());
  EXPECT_EQ(document.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(document.error().message.substr(0, 13), "hub.toml:2:5:");
}

TEST(ConfigTest, CallersOwnRuleGetsThePlaceOfTheKey) {
  EXPECT_EQ(Complaint("\n  listen = \"nowhere\"\n",
                      [](Table& root) {
                        root.String("listen");
                        root.Fail("listen", "not HOST:PORT");
                      }),
            "hub.toml:2:3: listen: not HOST:PORT");
}

TEST(ConfigTest, LimitsHoldAtMaximumPlusOne) {
  EXPECT_FALSE(Document::Parse("x", std::string(kDocumentBytesMax + 1, '\n')).ok());
  EXPECT_TRUE(Document::Parse("x", std::string(kDocumentBytesMax, '\n')).ok());
  EXPECT_EQ(Complaint("a = \"xxxx\"\nb = [\"1\", \"2\", \"3\"]\n",
                      [](Table& root) {
                        root.String("a", "", 3);
                        root.Strings("b", 2);
                      }),
            "hub.toml:1:1: a: longer than 3 bytes\nhub.toml:2:1: b: more than 2 items");
  std::string many;
  for (size_t i = 0; i <= kErrorsMax; ++i) many += "key" + std::to_string(i) + " = 1\n";
  const std::string complaint = Complaint(many, [](Table&) {});
  EXPECT_NE(complaint.find("\nand 1 more"), std::string::npos) << complaint;
}

TEST(ConfigTest, SizesAndDurations) {
  EXPECT_EQ(ParseSize("0").value(), 0u);
  EXPECT_EQ(ParseSize("7B").value(), 7u);
  EXPECT_EQ(ParseSize("2GiB").value(), uint64_t{2} << 30);
  for (const char* wrong :
       {"", "MiB", "-1", "1 MiB", "1MB", "1.5MiB", "99999999999999999999", "9000000000TiB"}) {
    EXPECT_FALSE(ParseSize(wrong).ok()) << wrong;
  }
  EXPECT_EQ(ParseDuration("0").value(), milliseconds(0));
  EXPECT_EQ(ParseDuration("250ms").value(), milliseconds(250));
  EXPECT_EQ(ParseDuration("30d").value(), milliseconds(int64_t{30} * 86'400'000));
  for (const char* wrong : {"", "5", "h", "-1s", "1y", "9223372036854775807d"}) {
    EXPECT_FALSE(ParseDuration(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace noroshi::config
