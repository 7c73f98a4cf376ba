// Rebuild: the whole journal into a new state. Several threads read and parse
// ahead, one applies, in order: the digest is the same whatever their number.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "hub/journal/journal.h"

namespace noroshi::engine {

inline constexpr size_t kRebuildWorkersMax = 64;
inline constexpr size_t kRebuildBatchMax = 1'024;

struct RebuildOptions {
  std::string folder;           // Must not exist; removed again on error.
  size_t workers = 1;           // 1 to kRebuildWorkersMax.
  size_t batch = 256;           // Entries of one commit: 1 to kRebuildBatchMax.
  uint64_t until = UINT64_MAX;  // Only the entries before this one.
};

struct Rebuilt {
  uint64_t applied = 0;
  std::string digest;  // 32 bytes.
};

// The new state is on disk when this returns. Put it in place with
// store::ReplaceStore. The journal may grow meanwhile; what was there at the
// start is applied.
Result<Rebuilt> Rebuild(journal::Journal* journal, const RebuildOptions& options);

}  // namespace noroshi::engine
