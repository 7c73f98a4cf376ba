// What intake counts. Threads: thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace noroshi::intake {

// A snapshot. Words are those of codes.h, common/tls/context.h and the Directory.
struct Stats {
  uint64_t sessions_open = 0;
  uint64_t sessions_total = 0;
  uint64_t connections_refused = 0;                    // Over the cap of connections.
  uint64_t accept_failures = 0;                        // No descriptor was left, mostly.
  std::map<std::string, uint64_t> handshakes_refused;  // By word.
  std::map<std::string, uint64_t> goodbyes;            // By code.
  uint64_t submissions_accepted = 0;
  uint64_t submissions_repeated = 0;
  std::map<std::string, uint64_t> submissions_rejected;  // By code.
  uint64_t bytes_received = 0;                           // Decrypted.
  uint64_t bytes_sent = 0;
  uint64_t deliveries_sent = 0;
  std::map<std::string, uint64_t> marks_refused;         // By word.
  std::map<std::string, uint64_t> answers_refused;       // By word.
  std::map<std::string, uint64_t> certificates_refused;  // Enrolments and renewals, by word.
  uint64_t log_lines_dropped = 0;                        // Over the budget of whoever caused them.
  uint64_t memory_used = 0;                              // Of Limits::memory_bytes_max.
};

class Counters {
 public:
  // Counters.Update([&](Stats& s) { ++s.sessions_open; });
  template <typename Function>
  void Update(Function function) {
    const std::lock_guard lock(mutex_);
    function(stats_);
  }
  Stats Snapshot() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  Stats stats_;
};

}  // namespace noroshi::intake
