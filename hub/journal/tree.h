// The journal's Merkle tree (RFC 6962), kept in tiles of 256 hashes as in C2SP
// tlog-tiles: tile (level, index) holds the roots of the complete subtrees of
// 256^level leaves from number 256 * index on. Only complete tiles are stored.
//
// "Height" counts from 0 at the leaves; node (height, index) is the root of the
// complete subtree of leaves [index << height, (index + 1) << height). Complete
// nodes never change, so whatever was true at a smaller size can still be read
// from a tree that has grown.
//
// Threads: external.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::journal {

inline constexpr unsigned kTileHeight = 8;
inline constexpr size_t kTileWidth = size_t{1} << kTileHeight;

// Up to 256 hashes of one level, and all complete nodes above them.
class Tile {
 public:
  // kCorruption unless these are 256 hashes.
  static Result<Tile> FromHashes(std::string_view hashes);

  void Append(std::string_view hash);  // REQUIRES: !full().
  bool full() const { return !rows_[kTileHeight].empty(); }
  const std::string& hashes() const { return rows_[0]; }
  // Row 0 are the hashes, row 8 is the root. Empty if that node is not complete.
  std::string_view Node(unsigned row, size_t index) const;

 private:
  std::array<std::string, kTileHeight + 1> rows_;  // Concatenated hashes.
};

struct TileId {
  uint8_t level = 0;
  uint64_t index = 0;
  bool operator==(const TileId&) const = default;
};

class Tree {
 public:
  struct FullTile {
    TileId id;
    Tile tile;
  };

  void Append(std::string_view leaf_hash);
  // 256 leaves at once, whose tile of level 0 has this root and is on disk.
  // REQUIRES: size is a multiple of 256.
  void AppendTile(std::string_view root);
  uint64_t size() const { return size_; }
  // Tiles that became complete since the last Settle, lower levels first.
  const std::vector<FullTile>& unsettled() const { return unsettled_; }
  // They are on disk: forget them.
  void Settle() { unsettled_.clear(); }
  // Empty: not complete, or not in memory.
  std::string_view Find(unsigned height, uint64_t index) const;

 private:
  void Add(uint8_t level, uint64_t number, std::string hash);

  uint64_t size_ = 0;
  std::vector<Tile> edge_;  // By level; none is full.
  std::vector<FullTile> unsettled_;
};

// Which tile holds a node, and where in it.
struct NodePlace {
  TileId tile;
  unsigned row = 0;
  size_t index = 0;
};
NodePlace PlaceOf(unsigned height, uint64_t index);

// Where proofs take their nodes from.
class NodeReader {
 public:
  virtual ~NodeReader() = default;
  // Appends the 32 bytes of a complete node.
  virtual Result<void> AppendNode(unsigned height, uint64_t index, std::string* out) = 0;
};

// [height] is the hash of the leaves that fill no node of that height:
// (size >> height) << height to size. Empty if there are none. The last is the root.
using RightEdge = std::vector<std::string>;

Result<RightEdge> ReadRightEdge(uint64_t size, NodeReader* nodes);
std::string RootOf(const RightEdge& edge);

// Appends the proof of RFC 6962 2.1.1. `edge` is that of `size`. REQUIRES: leaf < size.
Result<void> AppendInclusionProof(uint64_t leaf, uint64_t size, const RightEdge& edge,
                                  NodeReader* nodes, std::string* proof);

// The proof of RFC 6962 2.1.2; empty for old_size 0 and new_size. REQUIRES: old_size <= new_size.
Result<std::string> ConsistencyProof(uint64_t old_size, uint64_t new_size, NodeReader* nodes);

}  // namespace noroshi::journal
