// Random: the seam for randomness (ids, salts, keys, back-off).
//
// Threads: thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/uuid.h"

namespace noroshi {

class Random {
 public:
  virtual ~Random() = default;
  // Exactly size bytes, fit for keys. Never fails: without entropy it aborts.
  virtual void Fill(void* data, size_t size) = 0;

  std::string Bytes(size_t size);
  uint64_t Below(uint64_t bound);  // Uniform in [0, bound). REQUIRES: bound > 0.
  Uuid UuidV7(int64_t time_ms);
};

// OpenSSL's generator.
Random& SystemRandom();

}  // namespace noroshi
