#include "hub/rocks/rocks.h"

#include <gtest/gtest.h>

namespace noroshi::rocks {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(RocksTest, WhatIsHeldBackFitsIntoTheReserve) {
  for (const uint64_t reserve : {8 * kMiB, 14 * kMiB, 64 * kMiB, 256 * kMiB, 4096 * kMiB}) {
    const Sizes sizes = SizesFor(reserve);
    EXPECT_LE(sizes.wal_bytes_max, reserve / 2) << reserve;
    EXPECT_LE(sizes.large_buffer_bytes, reserve / 4) << reserve;
    EXPECT_LE(2 * sizes.small_buffer_bytes, reserve / 8) << reserve;  // The state's two.
    EXPECT_LE(sizes.compaction_bytes_max, reserve) << reserve;
  }
}

TEST(RocksTest, ALargeReserveDoesNotMakeALargeMemory) {
  const Sizes usual = SizesFor(256 * kMiB);
  const Sizes large = SizesFor(1024 * 1024 * kMiB);
  EXPECT_EQ(usual.wal_bytes_max, large.wal_bytes_max);
  EXPECT_EQ(usual.large_buffer_bytes, 64 * kMiB);
  EXPECT_EQ(large.large_buffer_bytes, 64 * kMiB);
  EXPECT_EQ(large.small_buffer_bytes, 16 * kMiB);
}

TEST(RocksTest, WithoutAReserveThereAreStillBuffers) {
  const Sizes none = SizesFor(0);
  EXPECT_GT(none.small_buffer_bytes, 0U);
  EXPECT_GE(none.wal_bytes_max, none.large_buffer_bytes);
}

}  // namespace
}  // namespace noroshi::rocks
