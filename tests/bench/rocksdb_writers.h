// References: what RocksDB alone does with durable records of 1 KiB, in this
// process, without TLS, parsing, proofs, encryption or analysis.
//
// Threads: one caller; each round starts and joins its own.
#pragma once

#include <string>

#include "tests/bench/bench.h"

namespace noroshi::bench {

struct RocksDbLoad {
  size_t threads = 1;
  size_t batch = 1;            // Records in one synchronous write.
  size_t record_bytes = 1024;  // Key and value.
};

// One round in a new database below options.folder, removed again:
// writes_per_s, p50_ms and p99_ms of a synchronous write.
Result<Figures> RunRocksDb(const Options& options, const RocksDbLoad& load);

}  // namespace noroshi::bench
