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
  // There has to be space for so long before the log says that there is again.
  static constexpr std::chrono::seconds kCalm{10};

  SpaceGuard(rocksdb::Env* env, const Clock& clock, std::string folder, uint64_t reserve_bytes);

  // kNoSpace if less than the reserve would be free after writing `bytes`. The log says
  // when that begins and when it is over.
  Result<void> Check(uint64_t bytes);

 private:
  void Tell(bool is_short, std::chrono::steady_clock::time_point now);

  rocksdb::Env* const env_;
  const Clock& clock_;
  const std::string folder_;
  const uint64_t reserve_bytes_;
  std::mutex mutex_;
  bool asked_ = false;
  std::chrono::steady_clock::time_point asked_at_;
  uint64_t free_bytes_ = 0;
  bool told_short_ = false;
  std::chrono::steady_clock::time_point short_at_;  // The last time.
};

}  // namespace noroshi::journal
