// Lag: how far the engine is behind what was receipted.
//
// Receipts come faster than their entries are applied, and everything that persons decide
// (an alert, for one) is applied behind them. So that a flood of many organisations does not
// delay it for minutes, whoever has much that is not applied waits while the lag is large;
// who has little goes on.
//
// An engine that stands still (it has stopped, or the disk is full) is not waited for:
// reports get their receipts without it.
//
// Threads: OnApplied is for any thread, everything else for intake's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace noroshi::intake {

inline constexpr int kStillTicksMax = 5;  // An engine that others keep from working comes back.

// What one party has receipted of late.
class Receipted {
 public:
  // log_size: entries in the journal when so many submissions were answered.
  void Add(size_t count, uint64_t log_size, size_t kept_max);

 private:
  friend class Lag;
  std::deque<uint64_t> sizes_;  // The last kept_max, oldest first.
};

class Lag {
 public:
  // max: entries; share: of a party, that are not applied.
  Lag(uint64_t max, size_t share) : max_(max), share_(share) {}

  // The engine has applied all entries before `next`. True: somebody waits for that.
  bool OnApplied(uint64_t next);

  void OnReceipted(size_t count, uint64_t log_size, Receipted* party);
  // Whether the party has to wait. If so, the next OnApplied says true.
  bool Holds(const Receipted& party);
  // Once a second: whether the engine moves.
  void Tick();

 private:
  bool IsHeld(const Receipted& party) const;

  const uint64_t max_;
  const size_t share_;
  std::atomic<uint64_t> applied_{0};
  std::atomic<bool> awaited_{false};
  uint64_t newest_ = 0;
  uint64_t forgiven_ = 0;  // Entries before it count as applied.
  uint64_t applied_at_tick_ = 0;
  int still_ = 0;  // Ticks since the engine moved.
};

}  // namespace noroshi::intake
