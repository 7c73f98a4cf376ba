// Checks a submission against every rule that proto/noroshi/v1/submission.proto
// states. Whichever way it comes, from an agent or through the API, these rules hold;
// an agent asks them before it queues anything.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/base/uuid.h"
#include "noroshi/v1/agent.pb.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::submission {

inline constexpr size_t kTitleBytesMax = 512;
inline constexpr size_t kTextBytesMax = 64 * 1024;
inline constexpr size_t kRecoveryBytesMax = 4 * 1024;
inline constexpr size_t kServiceBytesMax = 512;
inline constexpr size_t kOnBehalfOfBytesMax = 256;
inline constexpr size_t kGradeBytesMax = 64;
inline constexpr int kCausesMax = 17;
inline constexpr size_t kMailBytesMax = 24 * 1024 * 1024;
inline constexpr size_t kMailNoteBytesMax = 16 * 1024;
// Of a whole submission without mail.raw; all texts at their maxima are less than half.
inline constexpr size_t kBesideMailBytesMax = 512 * 1024;
inline constexpr size_t kObservationDetailBytesMax = 4 * 1024;
inline constexpr int64_t kFutureMaxMs = int64_t{10} * 60 * 1000;
inline constexpr int64_t kTimeMinMs = 631'152'000'000;  // 1990-01-01T00:00:00Z.

// Rejection.code: the stable words of these rules. docs/protocol.md says what each
// means and what to do.
namespace rejection {
inline constexpr char kUnreadable[] = "unreadable";
inline constexpr char kMissingField[] = "missing_field";
inline constexpr char kInvalidField[] = "invalid_field";
inline constexpr char kTooLarge[] = "too_large";
}  // namespace rejection

// Ids that a report may use.
struct Vocabulary {
  std::set<std::string, std::less<>> event_types;
  std::set<std::string, std::less<>> causes;
  std::set<std::string, std::less<>> sectors;
};
// Those of common/taxonomy.
const Vocabulary& TaxonomyVocabulary();

// Either what the hub needs to know of a good submission, or why it is refused.
struct Validated {
  std::optional<v1::Rejection> rejection;
  std::optional<Uuid> id;  // Set exactly without a rejection.
  v1::EntryKind kind = v1::ENTRY_KIND_UNSPECIFIED;
};

Validated ValidateSubmission(std::string_view bytes, const Vocabulary& vocabulary, int64_t now_ms);

}  // namespace noroshi::submission
