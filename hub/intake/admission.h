// Admission: how much work one organisation, and all together, may have under
// way. Nothing here waits: the caller gets a yes, or a no with a time to retry.
//
// Threads: MemoryBudget and Lease are thread-safe (a lease ends on the journal's
// thread); everything else belongs to intake's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "hub/intake/options.h"

namespace noroshi::intake {

// Bytes that may be held at once.
class MemoryBudget {
 public:
  explicit MemoryBudget(size_t max) : max_(max) {}
  bool TryTake(size_t bytes);
  void Give(size_t bytes) { used_ -= bytes; }
  size_t used() const { return used_; }

 private:
  const size_t max_;
  std::atomic<size_t> used_{0};
};

// A share of the global and of one organisation's memory, given back at its end.
class Lease {
 public:
  Lease(std::shared_ptr<MemoryBudget> all, std::shared_ptr<MemoryBudget> organization)
      : all_(std::move(all)), organization_(std::move(organization)) {}
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // False, and nothing taken, if either budget lacks the bytes.
  bool Grow(size_t bytes);

 private:
  std::shared_ptr<MemoryBudget> all_;
  std::shared_ptr<MemoryBudget> organization_;
  size_t bytes_ = 0;
};

// A rate with a burst. Time is given, in steady milliseconds.
class TokenBucket {
 public:
  // Starts full. REQUIRES: both above 0.
  TokenBucket(uint64_t per_second, uint64_t burst);
  // 0: taken. Else nothing is taken, and so many milliseconds remain until it
  // could be. A request above the burst waits for a full bucket, then empties it.
  uint32_t Take(uint64_t amount, int64_t now_ms);
  bool Full(int64_t now_ms);

 private:
  void Refill(int64_t now_ms);

  uint64_t per_second_;
  uint64_t burst_;
  uint64_t milli_tokens_;  // Thousandths, so that slow rates refill evenly.
  int64_t refilled_at_ms_ = 0;
};

class Admission {
 public:
  static constexpr std::chrono::milliseconds kSameRefusal{60'000};

  explicit Admission(const Limits& limits);

  // One more session of this organisation; false at the cap.
  bool OpenSession(const std::string& organization, int64_t now_ms);
  void CloseSession(const std::string& organization, int64_t now_ms);

  // 0: admitted. Else the milliseconds after which to retry. REQUIRES: the
  // organisation has a session.
  // A submission, mark or answer: whatever becomes an entry of the journal.
  uint32_t Admit(const std::string& organization, uint64_t bytes, int64_t now_ms);
  // Whether a line may be written to the log that this organisation (without a
  // session: any stranger) has caused. What it does is counted all the same.
  bool MayLog(const std::string& organization, int64_t now_ms);
  // Whether this is the first refusal of that kind within kSameRefusal. What comes in
  // floods is told once, and counted. REQUIRES: the organisation has a session; few words.
  bool IsNews(const std::string& organization, const std::string& word, int64_t now_ms);
  // An empty lease. REQUIRES: the organisation has a session.
  std::shared_ptr<Lease> NewLease(const std::string& organization);

  size_t memory_used() const { return memory_->used(); }
  size_t organizations() const { return organizations_.size(); }

 private:
  struct Organization {
    explicit Organization(const Limits& limits);
    size_t sessions = 0;
    TokenBucket bytes;
    TokenBucket submissions;
    TokenBucket lines;
    std::map<std::string, int64_t> told;  // When each kind of refusal was news.
    std::shared_ptr<MemoryBudget> memory;
  };
  // Without sessions, and all buckets full again: an empty one is remembered, or
  // reconnecting would refill it.
  static bool MayForget(Organization& organization, int64_t now_ms);
  void Sweep(int64_t now_ms);

  const Limits limits_;
  TokenBucket stranger_lines_;
  std::shared_ptr<MemoryBudget> memory_;
  std::map<std::string, Organization> organizations_;
};

}  // namespace noroshi::intake
