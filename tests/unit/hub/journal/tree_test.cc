#include "hub/journal/tree.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "common/merkle/merkle.h"
#include "hub/journal/tile_cache.h"

namespace noroshi::journal {
namespace {

std::string Leaf(uint64_t i) { return merkle::LeafHash("leaf " + std::to_string(i)); }

// RFC 6962 2.1 word for word, on leaf hashes.
std::string Root(uint64_t from, uint64_t to) {
  if (from == to) return merkle::EmptyRoot();
  if (to - from == 1) return Leaf(from);
  const uint64_t k = std::bit_floor(to - from - 1);
  return merkle::NodeHash(Root(from, from + k), Root(from + k, to));
}

std::string Path(uint64_t leaf, uint64_t from, uint64_t to) {
  if (to - from == 1) return "";
  const uint64_t k = std::bit_floor(to - from - 1);
  if (leaf < from + k) return Path(leaf, from, from + k) + Root(from + k, to);
  return Path(leaf, from + k, to) + Root(from, from + k);
}

// Tiles go to a map when they are full, as the journal puts them on disk.
class Store final : public NodeReader {
 public:
  void Grow(uint64_t size) {
    while (tree.size() < size) {
      tree.Append(Leaf(tree.size()));
      for (const auto& full : tree.unsettled()) {
        tiles[{full.id.level, full.id.index}] = Tile::FromHashes(full.tile.hashes()).value();
      }
      tree.Settle();
    }
  }
  Result<void> AppendNode(unsigned height, uint64_t index, std::string* out) override {
    const std::string_view found = tree.Find(height, index);
    if (!found.empty()) {
      *out += found;
      return {};
    }
    const NodePlace place = PlaceOf(height, index);
    const auto tile = tiles.find({place.tile.level, place.tile.index});
    if (tile == tiles.end()) return Error{ErrorCode::kCorruption, "no tile"};
    *out += tile->second.Node(place.row, place.index);
    return {};
  }
  std::string RootAt(uint64_t size) { return RootOf(ReadRightEdge(size, this).value()); }
  std::string Inclusion(uint64_t leaf, uint64_t size) {
    std::string proof;
    const auto edge = ReadRightEdge(size, this).value();
    EXPECT_TRUE(AppendInclusionProof(leaf, size, edge, this, &proof).ok());
    return proof;
  }

  Tree tree;
  std::map<std::pair<uint8_t, uint64_t>, Tile> tiles;
};

TEST(TreeTest, EmptyTreeHasTheRootOfNothing) {
  Store store;
  EXPECT_EQ(store.RootAt(0), merkle::EmptyRoot());
}

TEST(TreeTest, RootsAndProofsMatchTheRfcForSmallSizes) {
  constexpr uint64_t kMax = 70;
  Store store;
  store.Grow(kMax);  // Smaller sizes are read from the grown tree.
  for (uint64_t size = 1; size <= kMax; ++size) {
    ASSERT_EQ(store.RootAt(size), Root(0, size)) << size;
    for (uint64_t leaf = 0; leaf < size; ++leaf) {
      ASSERT_EQ(store.Inclusion(leaf, size), Path(leaf, 0, size)) << leaf << " of " << size;
    }
    for (uint64_t old = 0; old <= size; ++old) {
      const auto proof = ConsistencyProof(old, size, &store);
      ASSERT_TRUE(proof.ok());
      ASSERT_TRUE(
          merkle::VerifyConsistency(old, store.RootAt(old), size, store.RootAt(size), *proof).ok())
          << old << " to " << size;
    }
  }
}

TEST(TreeTest, ProofsHoldAroundTileBoundaries) {
  Store store;
  const std::vector<uint64_t> sizes = {255,   256,   257,   511,   512,   513,
                                       65535, 65536, 65537, 65792, 65793, 70000};
  store.Grow(sizes.back());
  EXPECT_EQ(store.tiles.count({1, 0}), 1U);
  EXPECT_EQ(store.tiles.count({0, 272}), 1U);
  EXPECT_EQ(store.tiles.count({0, 273}), 0U);  // Not full.
  for (const uint64_t size : sizes) {
    const std::string root = store.RootAt(size);
    for (const uint64_t leaf :
         {uint64_t{0}, uint64_t{1}, uint64_t{254}, size / 2, size / 2 + 1, size - 2, size - 1}) {
      ASSERT_TRUE(
          merkle::VerifyInclusion(leaf, size, Leaf(leaf), store.Inclusion(leaf, size), root).ok())
          << leaf << " of " << size;
    }
    for (const uint64_t old : sizes) {
      if (old > size) continue;
      ASSERT_TRUE(merkle::VerifyConsistency(old, store.RootAt(old), size, root,
                                            ConsistencyProof(old, size, &store).value())
                      .ok())
          << old << " to " << size;
    }
  }
  EXPECT_EQ(store.RootAt(65537), Root(0, 65537));
}

TEST(TreeTest, SameRootWhenGrownInOneGo) {
  Store slow;
  slow.Grow(1000);
  Tree fast;
  for (uint64_t i = 0; i < 1000; ++i) fast.Append(Leaf(i));
  EXPECT_EQ(fast.unsettled().size(), 3U);  // Found in memory until settled.
  EXPECT_EQ(fast.Find(0, 700), Leaf(700));
  EXPECT_EQ(fast.Find(3, 10), slow.tiles.at({0, 0}).Node(3, 10));
  fast.Settle();
  EXPECT_TRUE(fast.Find(0, 700).empty());
  EXPECT_EQ(fast.Find(0, 999), Leaf(999));
  EXPECT_TRUE(fast.Find(0, 1000).empty());
}

TEST(TreeTest, AStoredTileOfAnotherSizeIsRefused) {
  EXPECT_FALSE(Tile::FromHashes(std::string(255 * 32, 'x')).ok());
  EXPECT_FALSE(Tile::FromHashes(std::string(257 * 32, 'x')).ok());
  EXPECT_TRUE(Tile::FromHashes(std::string(256 * 32, 'x')).ok());
}

TEST(TileCacheTest, TheFirstTileGivesWayToOneMoreThanTheMaximum) {
  TileCache cache;
  const auto tile = std::make_shared<const Tile>();
  for (size_t i = 0; i < kCachedTilesMax; ++i) cache.Insert(std::to_string(i), tile);
  EXPECT_EQ(cache.Find("0"), tile);
  cache.Insert("1", std::make_shared<const Tile>());  // Known: nothing changes.
  EXPECT_EQ(cache.Find("1"), tile);
  cache.Insert("one more", tile);
  EXPECT_EQ(cache.Find("0"), nullptr);
  EXPECT_EQ(cache.Find("1"), tile);
  EXPECT_EQ(cache.Find("one more"), tile);
}

TEST(TreeTest, ATileAtOnceIsItsLeavesOneByOne) {
  Tree leaves;
  Tree tiles;
  while (tiles.size() < (kTileWidth + 2) * kTileWidth) {
    leaves.Settle();
    for (size_t i = 0; i < kTileWidth; ++i) leaves.Append(Leaf(leaves.size()));
    const auto first = leaves.unsettled().begin();
    tiles.Settle();
    tiles.AppendTile(first->tile.Node(kTileHeight, 0));
    ASSERT_EQ(tiles.size(), leaves.size());
    ASSERT_EQ(tiles.unsettled().size() + 1, leaves.unsettled().size());
    for (size_t i = 0; i < tiles.unsettled().size(); ++i) {
      EXPECT_EQ(tiles.unsettled()[i].id, first[i + 1].id);
      EXPECT_EQ(tiles.unsettled()[i].tile.hashes(), first[i + 1].tile.hashes());
    }
  }
  leaves.Settle();
  leaves.Append(Leaf(leaves.size()));
  tiles.Append(Leaf(tiles.size()));
  for (unsigned height = 0; height < 2 * kTileHeight; ++height) {
    const uint64_t last = (tiles.size() >> height) - 1;
    EXPECT_EQ(tiles.Find(height, last), leaves.Find(height, last));
  }
}

}  // namespace
}  // namespace noroshi::journal
