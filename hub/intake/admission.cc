#include "hub/intake/admission.h"

#include <algorithm>

#include "common/base/check.h"

namespace noroshi::intake {

bool MemoryBudget::TryTake(size_t bytes) {
  size_t used = used_;
  do {
    if (bytes > max_ || used > max_ - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

Lease::~Lease() {
  all_->Give(bytes_);
  organization_->Give(bytes_);
}

bool Lease::Grow(size_t bytes) {
  if (!organization_->TryTake(bytes)) return false;
  if (!all_->TryTake(bytes)) {
    organization_->Give(bytes);
    return false;
  }
  bytes_ += bytes;
  return true;
}

TokenBucket::TokenBucket(uint64_t per_second, uint64_t burst)
    : per_second_(per_second), burst_(burst), milli_tokens_(burst * 1000) {
  NOROSHI_CHECK(per_second > 0 && burst > 0);
}

void TokenBucket::Refill(int64_t now_ms) {
  if (now_ms <= refilled_at_ms_) return;
  const auto elapsed_ms = static_cast<uint64_t>(now_ms - refilled_at_ms_);
  refilled_at_ms_ = now_ms;
  const uint64_t missing = burst_ * 1000 - milli_tokens_;
  // Tokens a second are thousandths of tokens a millisecond.
  if (elapsed_ms > missing / per_second_) {
    milli_tokens_ = burst_ * 1000;
  } else {
    milli_tokens_ += elapsed_ms * per_second_;
  }
}

uint32_t TokenBucket::Take(uint64_t amount, int64_t now_ms) {
  Refill(now_ms);
  const uint64_t wanted = std::min(amount, burst_) * 1000;
  if (milli_tokens_ >= wanted) {
    milli_tokens_ -= wanted;
    return 0;
  }
  const uint64_t wait_ms = (wanted - milli_tokens_ + per_second_ - 1) / per_second_;
  return static_cast<uint32_t>(std::clamp<uint64_t>(wait_ms, 1, UINT32_MAX));
}

bool TokenBucket::Full(int64_t now_ms) {
  Refill(now_ms);
  return milli_tokens_ == burst_ * 1000;
}

Admission::Organization::Organization(const Limits& limits)
    : bytes(limits.organization_bytes_per_second, limits.organization_bytes_burst),
      submissions(limits.organization_submissions_per_second,
                  limits.organization_submissions_burst),
      lines(limits.log_lines_per_second, limits.log_lines_burst),
      memory(std::make_shared<MemoryBudget>(limits.organization_memory_bytes_max)) {}

Admission::Admission(const Limits& limits)
    : limits_(limits),
      stranger_lines_(limits.log_lines_per_second, limits.log_lines_burst),
      memory_(std::make_shared<MemoryBudget>(limits.memory_bytes_max)) {}

bool Admission::OpenSession(const std::string& organization, int64_t now_ms) {
  auto found = organizations_.find(organization);
  if (found == organizations_.end()) {
    if (organizations_.size() >= limits_.organizations_tracked_max) Sweep(now_ms);
    if (organizations_.size() >= limits_.organizations_tracked_max) return false;
    found = organizations_.try_emplace(organization, limits_).first;
  }
  if (found->second.sessions >= limits_.sessions_per_organization_max) return false;
  ++found->second.sessions;
  return true;
}

void Admission::CloseSession(const std::string& organization, int64_t now_ms) {
  const auto found = organizations_.find(organization);
  NOROSHI_CHECK(found != organizations_.end() && found->second.sessions > 0);
  --found->second.sessions;
  if (MayForget(found->second, now_ms)) organizations_.erase(found);
}

uint32_t Admission::Admit(const std::string& organization, uint64_t bytes, int64_t now_ms) {
  const auto found = organizations_.find(organization);
  NOROSHI_CHECK(found != organizations_.end());
  if (const uint32_t wait_ms = found->second.submissions.Take(1, now_ms)) return wait_ms;
  return found->second.bytes.Take(bytes, now_ms);
}

bool Admission::MayLog(const std::string& organization, int64_t now_ms) {
  const auto found = organizations_.find(organization);
  TokenBucket& lines = found == organizations_.end() ? stranger_lines_ : found->second.lines;
  return lines.Take(1, now_ms) == 0;
}

bool Admission::IsNews(const std::string& organization, const std::string& word, int64_t now_ms) {
  const auto found = organizations_.find(organization);
  NOROSHI_CHECK(found != organizations_.end());
  const auto [told, first] = found->second.told.try_emplace(word, now_ms);
  if (!first && now_ms - told->second < kSameRefusal.count()) return false;
  told->second = now_ms;
  return true;
}

std::shared_ptr<Lease> Admission::NewLease(const std::string& organization) {
  const auto found = organizations_.find(organization);
  NOROSHI_CHECK(found != organizations_.end());
  return std::make_shared<Lease>(memory_, found->second.memory);
}

bool Admission::MayForget(Organization& organization, int64_t now_ms) {
  return organization.sessions == 0 && organization.bytes.Full(now_ms) &&
         organization.submissions.Full(now_ms) && organization.lines.Full(now_ms);
}

void Admission::Sweep(int64_t now_ms) {
  for (auto item = organizations_.begin(); item != organizations_.end();) {
    item = MayForget(item->second, now_ms) ? organizations_.erase(item) : std::next(item);
  }
}

}  // namespace noroshi::intake
