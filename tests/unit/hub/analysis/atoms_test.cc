#include "hub/analysis/atoms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/text/unicode.h"
#include "hub/analysis/rules.h"

namespace noroshi::analysis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int> Found(const AtomFinder& finder, std::string_view text) {
  std::vector<int> found;
  finder.Find(text, &found);
  return found;
}

TEST(AtomFinderTest, FindsEachAtomOnce) {
  const AtomFinder finder({"leak", "lea", "漏えい", "漏"});
  EXPECT_THAT(Found(finder, "a leak, a leak"), ElementsAre(0, 1));
  EXPECT_THAT(Found(finder, "lea"), ElementsAre(1));
  EXPECT_THAT(Found(finder, "情報の漏えい"), ElementsAre(2, 3));
  EXPECT_THAT(Found(finder, "漏"), ElementsAre(3));
  EXPECT_THAT(Found(finder, "le"), IsEmpty());
  EXPECT_THAT(Found(finder, ""), IsEmpty());
  EXPECT_THAT(Found(AtomFinder(), "leak"), IsEmpty());
}

TEST(AtomFinderTest, AgreesWithASearchForEachAtom) {
  std::vector<std::string> atoms;
  for (char a = 'a'; a < 'e'; ++a) {
    for (char b = 'a'; b < 'e'; ++b) {
      atoms.push_back({a, b, a});
      atoms.push_back({a, b, b, a});
    }
  }
  const AtomFinder finder(atoms);
  std::string text;
  for (unsigned i = 0; i < 200; ++i) text += static_cast<char>('a' + i * i * 7 / 3 % 5);
  std::vector<int> expected;
  for (size_t i = 0; i < atoms.size(); ++i) {
    if (text.find(atoms[i]) != std::string::npos) expected.push_back(static_cast<int>(i));
  }
  ASSERT_FALSE(expected.empty());
  EXPECT_THAT(Found(finder, text), testing::ElementsAreArray(expected));
}

// The candidates are what atoms leave over; a rule that matches must be among them.
TEST(RulesTest, CandidatesHoldEveryRuleThatMatches) {
  const Rules& rules = BuiltinRules();
  std::ifstream file(std::string(NOROSHI_TEST_DATA) + "/incidents.jsonl");
  ASSERT_TRUE(file.good());
  size_t matching = 0;
  size_t left_out = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string text = text::NormaliseMapped(line).text;
    std::vector<int> candidates;
    rules.Candidates(text, &candidates);
    left_out += rules.rules().size() - candidates.size();
    for (size_t i = 0; i < rules.rules().size(); ++i) {
      if (!RE2::PartialMatch(text, *rules.rules()[i].pattern)) continue;
      ++matching;
      EXPECT_THAT(candidates, testing::Contains(static_cast<int>(i))) << text;
    }
  }
  EXPECT_GT(matching, 0U);
  EXPECT_GT(left_out, matching) << "nothing is saved";
}

}  // namespace
}  // namespace noroshi::analysis
