#include "common/taxonomy/taxonomy.h"

#include <gtest/gtest.h>

#include <set>

namespace noroshi::taxonomy {
namespace {

TEST(TaxonomyTest, HoldsTheWholePublishedVocabulary) {
  EXPECT_EQ(EventTypes().size(), 8u);
  EXPECT_EQ(Causes().size(), 17u);
  EXPECT_EQ(GovKinds().size(), 3u);
  EXPECT_EQ(Sectors().size(), 14u);
  size_t ceptoars = 0;
  for (const Sector& sector : Sectors()) ceptoars += sector.ceptoars.size();
  EXPECT_EQ(ceptoars, 19u);
}

TEST(TaxonomyTest, EveryClassHasBothNamesAndAKnownParent) {
  const auto check = [](const std::vector<Class>& classes, const std::vector<Class>& groups) {
    std::set<std::string> ids;
    for (const Class& c : groups) ids.insert(c.id);
    std::set<std::string> seen;
    for (const Class& c : classes) {
      EXPECT_FALSE(c.name_ja.empty()) << c.id;
      EXPECT_FALSE(c.name_en.empty()) << c.id;
      EXPECT_TRUE(seen.insert(c.id).second) << c.id;
      EXPECT_TRUE(c.parent.empty() || ids.contains(c.parent)) << c.id;
    }
  };
  check(EventTypes(), EventTypeGroups());
  check(EventTypeGroups(), EventTypeGroups());
  check(Causes(), CauseGroups());
  check(CauseGroups(), CauseGroups());
  check(GovKinds(), {});
}

TEST(TaxonomyTest, LooksUpById) {
  EXPECT_TRUE(IsEventType("leak"));
  EXPECT_FALSE(IsEventType("confidentiality")) << "a group is not an event type";
  EXPECT_FALSE(IsEventType(""));
  EXPECT_TRUE(IsCause("cross_sector"));
  EXPECT_FALSE(IsCause("Leak"));
  EXPECT_TRUE(IsGovKind("unintended_leak"));
  EXPECT_TRUE(IsSector("finance"));
  EXPECT_TRUE(IsCeptoar("finance", "banking"));
  EXPECT_FALSE(IsCeptoar("gas", "banking")) << "a CEPTOAR of another sector";
  EXPECT_EQ(FindEventType("unavailability")->name_ja, "システム等の利用困難");
  EXPECT_EQ(FindCeptoar("government", "local_government")->name_en, "Local governments");
  EXPECT_EQ(DataHash().size(), 12u);
}

}  // namespace
}  // namespace noroshi::taxonomy
