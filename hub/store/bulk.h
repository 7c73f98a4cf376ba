// Rows of a rebuild. They stay in memory over many commits, so that a row that
// changes several times is written once, and go to the database as whole files,
// past its memtable. For hub/store only.
//
// Threads: one thread; a file is written by another one while it goes on.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <future>
#include <string>

#include "common/base/result.h"
#include "hub/store/changes.h"

namespace noroshi::store {

inline constexpr size_t kBulkBytesMax = 64 * 1024 * 1024;  // Twice that while a file is written.

class Bulk {
 public:
  Bulk(rocksdb::Options options, std::string folder);

  Changes& changes() { return changes_; }
  // Older than those and newer than the database.
  const Changes& spilling() const { return spilling_; }

  // Begins to write the changes to the database if they have become too many.
  Result<void> SpillIfFull(rocksdb::DB* db);
  // Returns when everything is written. After an error: give up.
  Result<void> Flush(rocksdb::DB* db);

 private:
  Result<void> Begin(rocksdb::DB* db);
  Result<void> Finish(rocksdb::DB* db);

  const rocksdb::Options options_;
  const std::string file_;
  Changes changes_;
  Changes spilling_;
  std::future<Result<void>> written_;  // The last: its thread ends before what it reads.
};

}  // namespace noroshi::store
