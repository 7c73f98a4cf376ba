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
// rows without all their cells are left out.
std::set<std::string> Documented() {
  std::set<std::string> words;
  std::istringstream lines(Content(Root() / "docs/operations.md"));
  const std::regex row(R"(^\|([^|]+)\|([^|]*[a-z][^|]*)\|([^|]*)\|$)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) AddMatches(match[1], "`([a-z_]+)`", &words);
  }
  return words;
}

void ExpectDocumented(const std::set<std::string>& words, size_t at_least) {
  EXPECT_GE(words.size(), at_least) << "the pattern does not find them any more";
  const auto documented = Documented();
  for (const auto& word : words) {
    EXPECT_TRUE(documented.contains(word)) << word << " has no line in docs/operations.md";
  }
}

TEST(ReasonsTest, EveryRejectionAndGoodbye) {
  std::set<std::string> words;
  for (const char* file : {"hub/intake/codes.h", "hub/submission/validate.h"}) {
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
  std::set<std::string> words;
  for (const char* folder : {"hub", "common"}) {
    for (const auto& file : fs::recursive_directory_iterator(Root() / folder)) {
      if (file.path().extension() != ".cc") continue;
      AddMatches(Content(file.path()), R"re(Log\(Level::k[A-Za-z]+,\s*"([a-z_]+)")re", &words);
    }
  }
  ExpectDocumented(words, 30);
}

}  // namespace
}  // namespace noroshi
