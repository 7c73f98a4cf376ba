// A small file that knows whether it is whole: 8 bytes of magic (what and which
// version), the SHA-256 of the payload, the payload.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::spool {

inline constexpr size_t kRecordOverheadBytes = 8 + 32;

inline constexpr std::string_view kSubmissionMagic = "nrsubm-1";  // A serialised Submission.
inline constexpr std::string_view kReceiptsMagic = "nrrcpt-1";    // A serialised Receipts.
inline constexpr std::string_view kInboxMagic = "nrinbx-1";       // A serialised Deliveries.
inline constexpr std::string_view kMarkMagic = "nrmark-1";        // A serialised MarkAlert.
inline constexpr std::string_view kQuestionMagic = "nrques-1";    // A serialised Question.
inline constexpr std::string_view kAnswerMagic = "nransw-1";      // A serialised AnswerQuestion.
inline constexpr std::string_view kHeadMagic = "nrhead-1";        // A serialised TreeHead.

std::string SealRecord(std::string_view magic, std::string_view payload);
// kCorruption when the bytes are not exactly what SealRecord wrote.
Result<std::string> OpenRecord(std::string_view magic, std::string_view bytes);

}  // namespace noroshi::spool
