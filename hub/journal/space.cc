#include "hub/journal/space.h"

#include <rocksdb/env.h>

#include "common/log/log.h"

namespace noroshi::journal {

SpaceGuard::SpaceGuard(rocksdb::Env* env, const Clock& clock, std::string folder,
                       uint64_t reserve_bytes)
    : env_(env), clock_(clock), folder_(std::move(folder)), reserve_bytes_(reserve_bytes) {}

Result<void> SpaceGuard::Check(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.Steady();
  if (!asked_ || now - asked_at_ >= kInterval) {
    const rocksdb::Status status = env_->GetFreeSpace(folder_, &free_bytes_);
    if (!status.ok()) {
      return Error{ErrorCode::kIo, "free space of " + folder_ + ": " + status.ToString()};
    }
    asked_ = true;
    asked_at_ = now;
  }
  if (free_bytes_ >= reserve_bytes_ && free_bytes_ - reserve_bytes_ >= bytes) {
    free_bytes_ -= bytes;  // Until the disk is asked again.
    Tell(/*is_short=*/false, now);
    return {};
  }
  Tell(/*is_short=*/true, now);
  return Error{ErrorCode::kNoSpace, "journal: " + std::to_string(free_bytes_) + " bytes free in " +
                                        folder_ + ", of which " + std::to_string(reserve_bytes_) +
                                        " are kept in reserve"};
}

void SpaceGuard::Tell(bool is_short, std::chrono::steady_clock::time_point now) {
  if (is_short) short_at_ = now;
  const bool begins = is_short && !told_short_;
  const bool ends = told_short_ && !is_short && now - short_at_ >= kCalm;
  if (!begins && !ends) return;
  told_short_ = is_short;
  Log(is_short ? Level::kError : Level::kInfo,
      is_short ? "journal_short_of_space" : "journal_has_space",
      {{"folder", folder_}, {"free_bytes", free_bytes_}, {"reserve_bytes", reserve_bytes_}});
}

}  // namespace noroshi::journal
