#include "hub/journal/tile_cache.h"

namespace noroshi::journal {

std::shared_ptr<const Tile> TileCache::Find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = tiles_.find(key);
  return found == tiles_.end() ? nullptr : found->second;
}

void TileCache::Insert(const std::string& key, std::shared_ptr<const Tile> tile) {
  const std::lock_guard lock(mutex_);
  if (!tiles_.emplace(key, std::move(tile)).second) return;
  order_.push_back(key);
  if (order_.size() <= kCachedTilesMax) return;
  tiles_.erase(order_.front());
  order_.pop_front();
}

}  // namespace noroshi::journal
