#include "hub/journal/rehash.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/format.h"

namespace noroshi::journal {
namespace {

constexpr unsigned kThreadsMax = 4;
constexpr uint64_t kStretchTiles = 64;  // What a thread takes at a time.
constexpr size_t kReadAheadBytes = 2 * 1024 * 1024;

using Roots = std::vector<std::string>;

Error Corrupt(std::string message) { return Error{ErrorCode::kCorruption, std::move(message)}; }

// Of the tiles [from, to).
Result<Roots> RehashStretch(const Database& database, uint64_t from, uint64_t to) {
  Roots roots;
  HeaderScan headers(database, from * kTileWidth);
  for (uint64_t index = from; index < to; ++index) {
    Tile tile;
    for (uint64_t i = 0; i < kTileWidth; ++i) {
      NOROSHI_ASSIGN_OR_RETURN(const std::string_view header, headers.Take(index * kTileWidth + i));
      tile.Append(merkle::LeafHash(header));
    }
    NOROSHI_RETURN_IF_ERROR(CheckTile(database, {0, index}, tile.hashes()));
    roots.emplace_back(tile.Node(kTileHeight, 0));
  }
  return roots;
}

// Stretches are begun in order, and one that is begun is finished: the first error
// in the journal's order is always found.
class Rehashing {
 public:
  Rehashing(const Database& database, uint64_t tiles) : database_(database), tiles_(tiles) {}

  void Work() {
    while (const std::optional<uint64_t> from = Begin()) {
      auto roots = RehashStretch(database_, *from, std::min(*from + kStretchTiles, tiles_));
      const std::lock_guard lock(mutex_);
      if (!roots.ok()) failed_ = true;
      done_.emplace(*from, std::move(roots));
    }
  }

  // REQUIRES: no thread is at work.
  Result<Roots> Finish() {
    Roots all;
    for (auto& [from, roots] : done_) {
      if (!roots.ok()) return roots.error();
      std::move(roots->begin(), roots->end(), std::back_inserter(all));
    }
    return all;
  }

 private:
  std::optional<uint64_t> Begin() {
    const std::lock_guard lock(mutex_);
    if (failed_ || next_ >= tiles_) return std::nullopt;
    const uint64_t from = next_;
    next_ += kStretchTiles;
    return from;
  }

  const Database& database_;
  const uint64_t tiles_;
  std::mutex mutex_;
  uint64_t next_ = 0;
  bool failed_ = false;
  std::map<uint64_t, Result<Roots>> done_;  // By the first tile.
};

}  // namespace

HeaderScan::HeaderScan(const Database& database, uint64_t from) {
  rocksdb::ReadOptions options;
  options.readahead_size = kReadAheadBytes;
  options.fill_cache = false;
  rows_ = database.Iterate(Family::kEntries, options);
  rows_->Seek(BigEndian64(from));
}

Result<std::string_view> HeaderScan::Take(uint64_t sequence) {
  if (taken_) rows_->Next();
  taken_ = true;
  if (!rows_->status().ok()) return FromStatus(rows_->status(), "read journal");
  if (!rows_->Valid() || rows_->key() != BigEndian64(sequence)) {
    return Corrupt("entry " + std::to_string(sequence) + ": is missing");
  }
  return std::string_view(rows_->value().data(), rows_->value().size());
}

Result<void> CheckTile(const Database& database, TileId id, std::string_view hashes) {
  NOROSHI_ASSIGN_OR_RETURN(const auto stored, database.Get(Family::kTiles, TileKey(id)));
  if (stored && *stored == hashes) return {};
  return Corrupt("tile " + std::to_string(id.level) + "/" + std::to_string(id.index) +
                 " does not fit the entries");
}

Result<Roots> RehashTiles(const Database& database, uint64_t tiles) {
  Rehashing rehashing(database, tiles);
  // The caller's thread works too; a small journal needs no other.
  const uint64_t stretches = (tiles + kStretchTiles - 1) / kStretchTiles;
  const uint64_t wanted = std::min<uint64_t>(
      stretches, std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax));
  std::vector<std::thread> helpers;
  for (uint64_t i = 1; i < wanted; ++i) helpers.emplace_back([&] { rehashing.Work(); });
  rehashing.Work();
  for (std::thread& helper : helpers) helper.join();
  return rehashing.Finish();
}

}  // namespace noroshi::journal
