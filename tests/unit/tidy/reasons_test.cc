// Whatever the hub refuses or reports has a line in docs/operations.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace noroshi {
namespace {

namespace fs = std::filesystem;

std::string Content(const fs::path& file) {
  std::ifstream stream(file);
  std::stringstream content;
  content << stream.rdbuf();
  return content.str();
}

fs::path Root() { return NOROSHI_SOURCE_DIR; }

void AddMatches(const std::string& text, const std::string& pattern, std::set<std::string>* found) {
  const std::regex regex(pattern);
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    found->insert((*match)[1]);
  }
}

// Every word of the documentation that stands first in a table's row, in `code`;
// rows without their cells (the last one is advice) are left out.
std::set<std::string> Documented(bool with_advice) {
  std::set<std::string> words;
  std::istringstream lines(Content(Root() / "docs/operations.md"));
  const std::regex row(with_advice ? R"(^\|([^|]+)\|([^|]*[a-z][^|]*)\|([^|]*[a-z][^|]*)\|$)"
                                   : R"(^\|([^|]+)\|([^|]*[a-z][^|]*)\|([^|]*)\|$)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) AddMatches(match[1], "`([a-z_]+)`", &words);
  }
  return words;
}

void ExpectDocumented(const std::set<std::string>& words, size_t at_least,
                      bool with_advice = true) {
  EXPECT_GE(words.size(), at_least) << "the pattern does not find them any more";
  const auto documented = Documented(with_advice);
  for (const auto& word : words) {
    EXPECT_TRUE(documented.contains(word))
        << word << " has no line in docs/operations.md" << (with_advice ? ", or no advice" : "");
  }
}

// Events of the log in all lines of these levels ("Info", "Warning|Error").
std::set<std::string> Events(const std::string& levels) {
  std::set<std::string> calls;
  for (const char* folder : {"hub", "common"}) {
    for (const auto& file : fs::recursive_directory_iterator(Root() / folder)) {
      if (file.path().extension() != ".cc") continue;
      // Up to the fields: one of several events may be chosen there.
      AddMatches(Content(file.path()),
                 R"re(\bLog\(([^;{]*Level::k(?:)re" + levels + R"re()[^;{]*))re", &calls);
    }
  }
  std::set<std::string> words;
  for (const std::string& call : calls) AddMatches(call, R"re("([a-z_]+)")re", &words);
  return words;
}

TEST(ReasonsTest, EveryRejectionAndGoodbye) {
  std::set<std::string> words;
  for (const char* file : {"hub/intake/codes.h", "common/submission/validate.h"}) {
    AddMatches(Content(Root() / file), R"re(\[\] = "([a-z_]+)")re", &words);
  }
  ExpectDocumented(words, 25);
}

TEST(ReasonsTest, EveryRefusedHandshake) {
  std::set<std::string> words;
  for (const char* file : {"common/tls/verify.cc", "common/tls/stream.cc", "common/tls/context.cc",
                           "hub/intake/session.cc", "hub/app/directory.cc"}) {
    const std::string text = Content(Root() / file);
    AddMatches(text, R"re("([a-z_]+): )re", &words);
    AddMatches(text, R"re(Refuse\("([a-z_]+)")re", &words);
    AddMatches(text, R"re(return "([a-z]+_[a-z_]+)";)re", &words);
  }
  words.erase("socket");  // Before any handshake: `connection_failed` tells it.
  ExpectDocumented(words, 18);
}

TEST(ReasonsTest, EveryEventOfTheLog) {
  ExpectDocumented(Events("Info"), 20, /*with_advice=*/false);
  ExpectDocumented(Events("Warning|Error"), 25);
}

// What agents are told of marks, answers and certificates, and what the counters say.
TEST(ReasonsTest, EveryRefusedMarkAnswerAndCertificate) {
  std::set<std::string> words;
  for (const char* file :
       {"hub/fanout/fanout.cc", "hub/fanout/answers.cc", "hub/app/registrar.cc"}) {
    const std::string text = Content(Root() / file);
    AddMatches(text, R"re("([a-z]+_[a-z_]+): )re", &words);
    AddMatches(text, R"re(Prefixed\("([a-z_]+)"\))re", &words);
  }
  words.erase("alert_id");  // Intake has said goodbye to such frames before.
  words.erase("question_id");
  ExpectDocumented(words, 7);
}

}  // namespace
}  // namespace noroshi
