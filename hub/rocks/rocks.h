// What the two RocksDB databases of a hub, journal and state, have in common:
// how they behave on a disk that fills or fails, and how large they let things
// grow. They know nothing else of each other.
//
// Threads: all functions may be called anywhere.
#pragma once

#include <rocksdb/options.h>

#include <cstdint>
#include <functional>
#include <string>

namespace noroshi::rocks {

// How much a database holds back from its tables, and writes at once. All of it
// is written into the free-space reserve when reports are no longer taken, so it
// follows from the reserve.
struct Sizes {
  uint64_t wal_bytes_max = 0;         // Of all write-ahead logs: what opening replays.
  uint64_t large_buffer_bytes = 0;    // Rows in memory, for a table of bodies.
  uint64_t small_buffer_bytes = 0;    // The same for any other table.
  uint64_t file_bytes = 0;            // One file of a table.
  uint64_t level_bytes = 0;           // A table's first sorted level.
  uint64_t compaction_bytes_max = 0;  // What is written anew at once.
};

// The largest that make sense from a reserve of 256 MiB on.
Sizes SizesFor(uint64_t reserve_bytes);
void Apply(const Sizes& sizes, uint64_t buffer_bytes, rocksdb::ColumnFamilyOptions* options);

// - The first failed write stops all writing until the database is opened again.
//   `failed`, which may be empty, is told of those in the background, on a thread
//   of RocksDB's.
// - RocksDB's warnings go to our log as `event`, and it keeps no log of its own:
//   it ends the process when it writes on into a log file of which a write has
//   failed (7.8, as Debian builds it: an assertion).
// - Space is not taken in advance: a disk of 64 MiB has none to spare, and it gains
//   no speed that could be measured.
void Prepare(const char* event, std::function<void(const std::string& what)> failed,
             rocksdb::DBOptions* options);

}  // namespace noroshi::rocks
