// Hashes stored entries anew when a journal is opened: several threads, each with
// stretches of whole tiles.
//
// Threads: starts and joins its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/database.h"
#include "hub/journal/tree.h"

namespace noroshi::journal {

// Reads the headers of entries in order, each once, past the block cache.
class HeaderScan {
 public:
  HeaderScan(const Database& database, uint64_t from);
  // Valid until the next call. kCorruption unless the next one stored is that of `sequence`.
  Result<std::string_view> Take(uint64_t sequence);

 private:
  std::unique_ptr<rocksdb::Iterator> rows_;
  bool taken_ = false;
};

// kCorruption unless this tile is stored as it is here.
Result<void> CheckTile(const Database& database, TileId id, std::string_view hashes);

// Roots of the first `tiles` tiles of level 0, each found equal to the stored one.
// kCorruption names the first entry or tile that is missing or does not fit.
Result<std::vector<std::string>> RehashTiles(const Database& database, uint64_t tiles);

}  // namespace noroshi::journal
