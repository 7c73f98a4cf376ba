#include "hub/intake/lag.h"

#include <algorithm>

namespace noroshi::intake {

void Receipted::Add(size_t count, uint64_t log_size, size_t kept_max) {
  sizes_.insert(sizes_.end(), std::min(count, kept_max), log_size);
  while (sizes_.size() > kept_max) sizes_.pop_front();
}

bool Lag::OnApplied(uint64_t next) {
  applied_ = next;
  return awaited_.exchange(false);
}

void Lag::OnReceipted(size_t count, uint64_t log_size, Receipted* party) {
  newest_ = std::max(newest_, log_size);
  party->Add(count, log_size, share_);
}

bool Lag::IsHeld(const Receipted& party) const {
  const uint64_t done = std::max<uint64_t>(applied_, forgiven_);
  const bool large = newest_ > done && newest_ - done > max_;
  return large && party.sizes_.size() == share_ && party.sizes_.front() > done;
}

bool Lag::Holds(const Receipted& party) {
  if (!IsHeld(party)) return false;
  awaited_ = true;
  return IsHeld(party);  // What was applied just before was not announced to anybody.
}

void Lag::Tick() {
  const uint64_t applied = applied_;
  still_ = applied == applied_at_tick_ ? still_ + 1 : 0;
  applied_at_tick_ = applied;
  if (still_ >= kStillTicksMax) forgiven_ = newest_;
}

}  // namespace noroshi::intake
