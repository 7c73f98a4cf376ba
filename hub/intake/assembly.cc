#include "hub/intake/assembly.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/uuid.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"

namespace noroshi::intake {
namespace {

constexpr uint32_t kRetryAfterMs = 1000;

ChunkOutcome Violation(std::string reason) {
  ChunkOutcome outcome;
  outcome.kind = ChunkOutcome::Kind::kViolation;
  outcome.reason = std::move(reason);
  return outcome;
}

// What every piece must satisfy, whatever came before. Empty: nothing is wrong.
std::string Malformed(const v1::SubmitChunk& chunk) {
  const uint64_t size = chunk.data().size();
  if (chunk.submission_id().size() != Uuid::kBytes) return "submission_id is not 16 bytes";
  if (size == 0) return "a piece without data";
  if (chunk.total_size() > wire::kSubmissionBytesMax) {
    return fmt::format("total_size {} is over {}", chunk.total_size(), wire::kSubmissionBytesMax);
  }
  if (chunk.offset() > chunk.total_size() || size > chunk.total_size() - chunk.offset()) {
    return "a piece beyond total_size";
  }
  return "";
}

}  // namespace

void Assemblies::Remember(const std::string& id) {
  refused_.push_back(id);
  if (refused_.size() > kRefusedRememberedMax) refused_.pop_front();
}

ChunkOutcome Assemblies::Refuse(const std::string& id, const char* code, const std::string& reason,
                                uint32_t retry_after_ms) {
  ChunkOutcome outcome;
  outcome.kind = ChunkOutcome::Kind::kRefused;
  outcome.rejection.set_submission_id(id);
  outcome.rejection.set_code(code);
  outcome.rejection.set_reason(reason);
  outcome.rejection.set_retryable(true);
  outcome.rejection.set_retry_after_ms(retry_after_ms);
  Remember(id);
  if (const auto found = open_.find(id); found != open_.end()) {
    outcome.released = found->second.bytes.size();
    open_.erase(found);
  }
  return outcome;
}

ChunkOutcome Assemblies::Add(v1::SubmitChunk* chunk, int64_t now_ms) {
  if (std::string wrong = Malformed(*chunk); !wrong.empty()) return Violation(std::move(wrong));
  const std::string& id = chunk->submission_id();
  auto found = open_.find(id);
  if (found == open_.end()) {
    const auto refused = std::find(refused_.begin(), refused_.end(), id);
    if (chunk->offset() != 0) {
      if (refused == refused_.end()) return Violation("a first piece that does not begin at 0");
      ChunkOutcome ignored;
      ignored.kind = ChunkOutcome::Kind::kIgnored;
      return ignored;
    }
    if (refused != refused_.end()) refused_.erase(refused);  // It is being sent again.
    if (open_.size() >= limits_.assemblies_max) {
      return Refuse(id, rejection::kTooManyChunked, "too many chunked submissions at once",
                    kRetryAfterMs);
    }
    found = open_.emplace(id, Open{chunk->total_size(), "", new_lease_(), now_ms}).first;
  }
  Open& open = found->second;
  if (open.total != chunk->total_size()) return Violation("total_size changed");
  if (open.bytes.size() != chunk->offset()) return Violation("a gap or a repeated piece");
  if (!open.lease->Grow(chunk->data().size())) {
    return Refuse(id, rejection::kOverloaded, "the hub has no memory for this submission now",
                  kRetryAfterMs);
  }
  // Pages that no byte was written to cost nothing, so the whole can be reserved.
  if (open.bytes.empty()) open.bytes.reserve(open.total);
  open.bytes.append(chunk->data());
  open.grown_at_ms = now_ms;
  ChunkOutcome outcome;
  if (open.bytes.size() == open.total) {
    outcome.kind = ChunkOutcome::Kind::kComplete;
    outcome.assembled = {std::move(open.bytes), std::move(open.lease)};
    open_.erase(found);
  }
  return outcome;
}

std::vector<Assemblies::Expired> Assemblies::Expire(int64_t now_ms) {
  std::vector<Expired> expired;
  for (auto item = open_.begin(); item != open_.end();) {
    if (now_ms - item->second.grown_at_ms < limits_.assembly_timeout.count()) {
      ++item;
      continue;
    }
    expired.push_back({item->first, item->second.bytes.size()});
    Remember(item->first);
    item = open_.erase(item);
  }
  return expired;
}

}  // namespace noroshi::intake
