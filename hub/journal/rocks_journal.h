// The journal on this machine's disk, in RocksDB. Contract: hub/journal/journal.h.
#pragma once

#include <memory>
#include <string>

#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "hub/journal/journal.h"

namespace rocksdb {
class Env;
}

namespace noroshi::journal {

struct RocksJournalOptions {
  std::string folder;
  std::string hub_name;            // Recorded when a log starts.
  std::string master_key;          // 32 bytes; wraps the bodies' keys.
  std::string signing_seed;        // 32 bytes; Ed25519 key that signs tree heads.
  bool create_if_missing = false;  // Otherwise a missing journal is kNotFound.
  bool read_only = false;          // Append gets kDenied; nothing is written.
  // With read_only, for Verify: entries that do not fit do not keep the journal
  // from opening, and Verify names them all.
  bool open_damaged = false;
  uint64_t free_space_reserve_bytes = 256ULL * 1024 * 1024;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  rocksdb::Env* env = nullptr;  // nullptr: the machine's disk. Tests inject faults here.
  // Never set by the hub. It exists so that the crash suite can prove that it
  // notices a journal which does not sync.
  bool unsafe_no_sync_for_tests = false;
};

// Opens and checks: sequences dense from 0, every leaf in its tile, the root
// equal to the stored head, whose signature verifies. kCorruption says what does
// not fit; nothing is repaired silently. A torn tail, the last and never
// acknowledged batch, is dropped by RocksDB; the size that was found is logged.
Result<std::unique_ptr<Journal>> OpenRocksJournal(const RocksJournalOptions& options);

// Turns a copied journal into a restored one: a new log id, committed to the old
// head by a LogRestored entry. For an unopened folder.
Result<void> MarkRestored(const RocksJournalOptions& options, const std::string& reason);

}  // namespace noroshi::journal
