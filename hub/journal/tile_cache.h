// TileCache: the complete tiles that proofs used lately, with their inner nodes,
// which would cost 255 hashes to compute anew. Complete tiles never change.
//
// Threads: thread-safe.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hub/journal/tree.h"

namespace noroshi::journal {

inline constexpr size_t kCachedTilesMax = 64;  // Of 16 KiB each.

class TileCache {
 public:
  // Null: not here.
  std::shared_ptr<const Tile> Find(const std::string& key) const;
  // Takes the place of the one that came first, if there are kCachedTilesMax.
  void Insert(const std::string& key, std::shared_ptr<const Tile> tile);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Tile>> tiles_;
  std::deque<std::string> order_;  // Keys as they came.
};

}  // namespace noroshi::journal
