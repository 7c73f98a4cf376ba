// The free-space reserve: is there room for more on the journal's disk?
//
// Threads: thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "common/base/result.h"
#include "common/runtime/clock.h"

namespace rocksdb {
class Env;
}

namespace noroshi::journal {

class SpaceGuard {
 public:
  // Asks the disk at most this often.
  static constexpr std::chrono::milliseconds kInterval{100};

  SpaceGuard(rocksdb::Env* env, const Clock& clock, std::string folder, uint64_t reserve_bytes);

  // kNoSpace if less than the reserve would be free after writing `bytes`.
  Result<void> Check(uint64_t bytes);

 private:
  rocksdb::Env* const env_;
  const Clock& clock_;
  const std::string folder_;
  const uint64_t reserve_bytes_;
  std::mutex mutex_;
  bool asked_ = false;
  std::chrono::steady_clock::time_point asked_at_;
  uint64_t free_bytes_ = 0;
};

}  // namespace noroshi::journal
