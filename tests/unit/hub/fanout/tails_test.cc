#include "hub/fanout/tails.h"

#include <gtest/gtest.h>

namespace noroshi::fanout {
namespace {

constexpr size_t kMany = 1000;
constexpr size_t kMuch = 1 << 20;

// An item that says where it is.
store::OutboxRow At(uint64_t position) {
  store::OutboxRow row;
  row.set_reason(std::to_string(position));
  return row;
}

TEST(TailsTest, ReadsEachPositionOnceAndWhatItIsToldOfNever) {
  Tails tails(4, kMuch);
  constexpr uint64_t kLast = 3;
  size_t reads = 0;
  const auto read = [&](uint64_t position) -> Result<std::optional<store::OutboxRow>> {
    ++reads;
    if (position > kLast) return std::optional<store::OutboxRow>();
    return std::optional<store::OutboxRow>(At(position));
  };
  const auto reason = [&](uint64_t position) {
    const store::OutboxRow* const item = *tails.Get("moj", position, read);
    return item == nullptr ? "none" : item->reason();
  };
  for (int agent = 0; agent < 5; ++agent) {
    for (uint64_t position = 1; position <= kLast; ++position) {
      EXPECT_EQ(reason(position), std::to_string(position));
    }
    EXPECT_EQ(reason(kLast + 1), "none");
  }
  EXPECT_EQ(reads, 4u);
  tails.Add({"moj", 3, At(33)});  // It was read before.
  tails.Add({"moj", 4, At(4)});
  tails.Add({"bank", 1, At(1)});  // Nobody asked for these.
  EXPECT_EQ(reason(3), "3");
  EXPECT_EQ(reason(4), "4");
  EXPECT_EQ(reason(5), "none");
  EXPECT_EQ(reads, 4u);
  EXPECT_EQ(reason(9), "none");  // Beyond: not taken for the end.
  tails.Add({"moj", 5, At(5)});
  EXPECT_EQ(reason(5), "5");
  EXPECT_EQ(reads, 5u);
  EXPECT_EQ(reason(1), "1");  // Beyond the four newest: read again.
  EXPECT_EQ(reads, 6u);
  tails.Add({"moj", 8, At(8)});  // A gap: what lies before is read.
  EXPECT_EQ(reason(8), "8");
  EXPECT_EQ(reads, 6u);
  EXPECT_EQ(reason(2), "2");
  EXPECT_EQ(reads, 7u);
  tails.Forget("moj");
  EXPECT_EQ(tails.bytes(), 0u);
}

TEST(TailsTest, StaysWithinItsBytes) {
  const size_t max = 10 * (sizeof(store::OutboxRow) + 5);
  Tails tails(kMany, max);
  const auto read = [](uint64_t position) {
    return Result<std::optional<store::OutboxRow>>(At(position));
  };
  for (uint64_t position = 1; position <= 100; ++position) {
    const char* const organization = position % 2 == 0 ? "moj" : "bank";
    EXPECT_EQ((*tails.Get(organization, position, read))->reason(), std::to_string(position));
    EXPECT_LE(tails.bytes(), max);
  }
  for (uint64_t position = 200; position < 230; ++position) {
    EXPECT_EQ((*tails.Get("moj", position, read))->reason(), std::to_string(position));
    EXPECT_EQ((*tails.Get("moj", position, read))->reason(), std::to_string(position));
    tails.Add({"bank", position, At(position)});
    EXPECT_LE(tails.bytes(), max);
  }
}

}  // namespace
}  // namespace noroshi::fanout
