// The journal's RocksDB instance: options that never lose or skip an
// acknowledged write, one handle for each column family, errors as Result.
//
// Threads: thread-safe. The callback given to Open may run on RocksDB's threads.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::journal {

enum class Family { kMeta, kEntries, kBodies, kKeys, kIds, kTiles };
inline constexpr size_t kFamilyCount = 6;

struct DatabaseOptions {
  std::string folder;
  rocksdb::Env* env = nullptr;  // nullptr: the machine's disk.
  bool create_if_missing = false;
  bool read_only = false;
  uint64_t reserve_bytes = 0;  // Of free space, into which all that is held back still fits.
  // A write in the background failed (flush, compaction, manifest).
  std::function<void(const std::string& what)> background_error;
};

class Database {
 public:
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // nullopt if absent. The snapshot may be nullptr: the newest.
  Result<std::optional<std::string>> Get(Family family, std::string_view key,
                                         const rocksdb::Snapshot* snapshot = nullptr) const;
  std::unique_ptr<rocksdb::Iterator> Iterate(Family family,
                                             const rocksdb::ReadOptions& options) const;
  void Put(rocksdb::WriteBatch* batch, Family family, std::string_view key,
           std::string_view value) const;
  // Atomic. With sync it is on disk when this returns.
  Result<void> Write(rocksdb::WriteBatch* batch, bool sync);
  // Deletes one key so that no file holds its value any longer.
  Result<void> DeletePhysically(Family family, std::string_view key);
  // A copy that shares no file with this one. The folder must not exist.
  Result<void> CopyTo(const std::string& folder);

  // A consistent view for as long as the pointer lives.
  std::shared_ptr<const rocksdb::Snapshot> Snapshot() const;

 private:
  Database() = default;
  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles_[static_cast<size_t>(family)];
  }

  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> handles_{};  // Owned; freed before db_.
};

// context: what was attempted.
Error FromStatus(const rocksdb::Status& status, std::string_view context);

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace noroshi::journal
