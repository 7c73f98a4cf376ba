#include "hub/store/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace noroshi::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename Rows>
std::vector<std::string> Keys(const Rows& rows) {
  std::vector<std::string> keys;
  for (const Changes::Row* row : rows) keys.push_back(row->first);
  return keys;
}

TEST(ChangesTest, ATableThatWasScannedStaysInOrder) {
  Changes changes;
  changes.Put("b/2", "");
  changes.Put("a/9", "");
  EXPECT_THAT(Keys(changes.InOrder("b/")), ElementsAre("b/2"));
  changes.Put("b/1", "");
  changes.Remove("b/3");
  changes.Put("c/1", "");
  EXPECT_THAT(Keys(changes.InOrder("b/2")), ElementsAre("b/1", "b/2", "b/3"));
  changes.RemoveOnce("b/1");
  EXPECT_THAT(Keys(changes.InOrder("b/")), ElementsAre("b/2", "b/3"));
  EXPECT_THAT(Keys(changes.InOrder("")), ElementsAre("a/9", "b/2", "b/3", "c/1"));
  changes.Clear();
  EXPECT_THAT(Keys(changes.InOrder("b/")), IsEmpty());
}

TEST(ChangesTest, SortsByWholeKeys) {
  Changes changes;
  const std::string long_key = "table/with-a-long-name/";
  const std::string zero("ab\0", 3);
  for (const std::string& key : {long_key + "2", std::string("ab\xff"), zero, long_key + "10",
                                 std::string("ab"), std::string("ab\x01")}) {
    changes.Put(key, "");
  }
  EXPECT_THAT(Keys(changes.Sorted()),
              ElementsAre("ab", zero, "ab\x01", "ab\xff", long_key + "10", long_key + "2"));
}

TEST(ChangesTest, BytesFollowTheRowsThatAreThere) {
  Changes changes;
  changes.Put("a/1", std::string(1000, 'x'));
  const size_t one = changes.bytes();
  EXPECT_GT(one, 1000U);
  changes.Put("a/1", "");
  EXPECT_EQ(changes.bytes(), one - 1000);
  changes.RemoveOnce("a/1");
  EXPECT_EQ(changes.bytes(), 0U);
  EXPECT_EQ(changes.Find("a/1"), nullptr);
  changes.RemoveOnce("a/1");  // Written by an earlier batch.
  ASSERT_NE(changes.Find("a/1"), nullptr);
  EXPECT_FALSE(changes.Find("a/1")->value);
  EXPECT_TRUE(changes.Find("a/1")->written_once);
}

}  // namespace
}  // namespace noroshi::store
