#include "hub/journal/tree.h"

#include <bit>

#include "common/merkle/merkle.h"

namespace noroshi::journal {
namespace {

using merkle::kHashBytes;

unsigned Log2(uint64_t power_of_two) { return std::countr_zero(power_of_two); }

// The largest power of two smaller than count (RFC 6962's k). REQUIRES: count > 1.
uint64_t Split(uint64_t count) { return std::bit_floor(count - 1); }

// Root of the leaves [from, to), where from is a multiple of a power of two not
// smaller than to - from.
Result<void> AppendRangeRoot(uint64_t from, uint64_t to, NodeReader* nodes, std::string* out) {
  const uint64_t count = to - from;
  if (std::has_single_bit(count)) {
    const unsigned height = Log2(count);
    return nodes->AppendNode(height, from >> height, out);
  }
  const uint64_t left_count = Split(count);
  const unsigned height = Log2(left_count);
  std::string left;
  std::string right;
  NOROSHI_RETURN_IF_ERROR(nodes->AppendNode(height, from >> height, &left));
  NOROSHI_RETURN_IF_ERROR(AppendRangeRoot(from + left_count, to, nodes, &right));
  *out += merkle::NodeHash(left, right);
  return {};
}

// RFC 6962 2.1.2, SUBPROOF; recursion no deeper than 64.
Result<void> AppendSubProof(uint64_t old_count, uint64_t from, uint64_t to, bool whole,
                            NodeReader* nodes, std::string* out) {
  const uint64_t count = to - from;
  if (old_count == count) {
    if (whole) return {};
    return AppendRangeRoot(from, to, nodes, out);
  }
  const uint64_t left = Split(count);
  if (old_count <= left) {
    NOROSHI_RETURN_IF_ERROR(AppendSubProof(old_count, from, from + left, whole, nodes, out));
    return AppendRangeRoot(from + left, to, nodes, out);
  }
  NOROSHI_RETURN_IF_ERROR(AppendSubProof(old_count - left, from + left, to, false, nodes, out));
  return AppendRangeRoot(from, from + left, nodes, out);
}

}  // namespace

Result<Tile> Tile::FromHashes(std::string_view hashes) {
  if (hashes.size() != kTileWidth * kHashBytes) {
    return Error{ErrorCode::kCorruption, "a stored tile does not hold 256 hashes"};
  }
  Tile tile;
  for (size_t i = 0; i < kTileWidth; ++i) tile.Append(hashes.substr(i * kHashBytes, kHashBytes));
  return tile;
}

void Tile::Append(std::string_view hash) {
  NOROSHI_CHECK(!full() && hash.size() == kHashBytes);
  rows_[0] += hash;
  for (unsigned row = 0; row < kTileHeight; ++row) {
    const std::string& nodes = rows_[row];
    if (nodes.size() % (2 * kHashBytes) != 0) return;
    const std::string_view pair = std::string_view(nodes).substr(nodes.size() - 2 * kHashBytes);
    rows_[row + 1] += merkle::NodeHash(pair.substr(0, kHashBytes), pair.substr(kHashBytes));
  }
}

std::string_view Tile::Node(unsigned row, size_t index) const {
  const std::string_view nodes = rows_[row];
  if ((index + 1) * kHashBytes > nodes.size()) return {};
  return nodes.substr(index * kHashBytes, kHashBytes);
}

NodePlace PlaceOf(unsigned height, uint64_t index) {
  const unsigned row = height % kTileHeight;
  const unsigned shift = kTileHeight - row;  // Nodes of this row in a tile: 1 << shift.
  return {.tile = {.level = static_cast<uint8_t>(height / kTileHeight), .index = index >> shift},
          .row = row,
          .index = static_cast<size_t>(index & ((uint64_t{1} << shift) - 1))};
}

void Tree::Append(std::string_view leaf_hash) { Add(0, size_++, std::string(leaf_hash)); }

void Tree::AppendTile(std::string_view root) {
  NOROSHI_CHECK(size_ % kTileWidth == 0);
  Add(1, size_ / kTileWidth, std::string(root));
  size_ += kTileWidth;
}

// number: of this hash, within its level.
void Tree::Add(uint8_t level, uint64_t number, std::string hash) {
  for (;; ++level) {
    while (level >= edge_.size()) edge_.emplace_back();
    Tile& tile = edge_[level];
    tile.Append(hash);
    if (!tile.full()) return;
    hash = tile.Node(kTileHeight, 0);
    number /= kTileWidth;
    unsettled_.push_back({{level, number}, std::move(tile)});
    edge_[level] = Tile();
  }
}

std::string_view Tree::Find(unsigned height, uint64_t index) const {
  const NodePlace place = PlaceOf(height, index);
  if (place.tile.level < edge_.size() &&
      place.tile.index == size_ >> (kTileHeight * (place.tile.level + 1U))) {
    return edge_[place.tile.level].Node(place.row, place.index);
  }
  for (const FullTile& full : unsettled_) {
    if (full.id == place.tile) return full.tile.Node(place.row, place.index);
  }
  return {};
}

Result<RightEdge> ReadRightEdge(uint64_t size, NodeReader* nodes) {
  RightEdge edge(1);
  for (unsigned height = 0; height < 64 && size >> height != 0; ++height) {
    std::string next = edge.back();
    if ((size >> height & 1) != 0) {
      std::string left;
      NOROSHI_RETURN_IF_ERROR(nodes->AppendNode(height, (size >> height) - 1, &left));
      next = next.empty() ? left : merkle::NodeHash(left, next);
    }
    edge.push_back(std::move(next));
  }
  return edge;
}

std::string RootOf(const RightEdge& edge) {
  return edge.back().empty() ? merkle::EmptyRoot() : edge.back();
}

Result<void> AppendInclusionProof(uint64_t leaf, uint64_t size, const RightEdge& edge,
                                  NodeReader* nodes, std::string* proof) {
  NOROSHI_CHECK(leaf < size);
  for (unsigned height = 0; (size - 1) >> height != 0; ++height) {
    const uint64_t sibling = (leaf >> height) ^ 1;
    if (sibling < size >> height) {
      NOROSHI_RETURN_IF_ERROR(nodes->AppendNode(height, sibling, proof));
    } else if (sibling == size >> height) {
      *proof += edge[height];  // Empty if the leaf's own subtree is the last.
    }
  }
  return {};
}

Result<std::string> ConsistencyProof(uint64_t old_size, uint64_t new_size, NodeReader* nodes) {
  NOROSHI_CHECK(old_size <= new_size);
  std::string proof;
  if (old_size == 0) return proof;
  NOROSHI_RETURN_IF_ERROR(AppendSubProof(old_size, 0, new_size, true, nodes, &proof));
  return proof;
}

}  // namespace noroshi::journal
