// The stable words of Rejection.code and Goodbye.code. docs/protocol.md says
// what each means and what to do.
#pragma once

#include <string>

#include "common/base/result.h"

namespace noroshi::intake {

// The word with which an error's message begins: "revoked: lost" -> "revoked".
inline std::string WordOf(const std::string& message) {
  return message.substr(0, message.find(':'));
}

// Beside those of the submission's own rules (common/submission/validate.h).
namespace rejection {
inline constexpr char kIdConflict[] = "id_conflict";
inline constexpr char kOverBudget[] = "over_budget";
inline constexpr char kOverloaded[] = "overloaded";
inline constexpr char kNoSpace[] = "no_space";
inline constexpr char kUnavailable[] = "unavailable";
inline constexpr char kTooManyChunked[] = "too_many_chunked";
inline constexpr char kChunkTimeout[] = "chunk_timeout";
inline constexpr char kInternal[] = "internal";
}  // namespace rejection

// Whether the same mark or answer may be sent again, or the same asked for, later.
inline bool IsRetryable(ErrorCode code) {
  return code != ErrorCode::kDenied && code != ErrorCode::kInvalid &&
         code != ErrorCode::kNotFound && code != ErrorCode::kConflict;
}

// The word for a mark, answer or certificate that was refused: whoever refuses for what
// was asked says it first in the message, what fails in the hub has one by its kind.
inline std::string RefusalWord(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDenied:
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
      return WordOf(error.message);
    case ErrorCode::kOverloaded:
      return error.message.starts_with(rejection::kOverBudget) ? rejection::kOverBudget
                                                               : rejection::kOverloaded;
    case ErrorCode::kNoSpace:
      return rejection::kNoSpace;
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
      return rejection::kUnavailable;
    default:
      return rejection::kInternal;
  }
}

namespace goodbye {
inline constexpr char kBadFrame[] = "bad_frame";
inline constexpr char kBadChunk[] = "bad_chunk";
inline constexpr char kBadHello[] = "bad_hello";
inline constexpr char kBadAck[] = "bad_ack";
inline constexpr char kBadMark[] = "bad_mark";
inline constexpr char kBadAnswer[] = "bad_answer";
inline constexpr char kUnexpectedFrame[] = "unexpected_frame";
inline constexpr char kWindow[] = "window";
inline constexpr char kTooManyMarks[] = "too_many_marks";
inline constexpr char kTooManyAnswers[] = "too_many_answers";
inline constexpr char kTooManySessions[] = "too_many_sessions";
inline constexpr char kHelloTimeout[] = "hello_timeout";
inline constexpr char kFrameTimeout[] = "frame_timeout";
inline constexpr char kIdle[] = "idle";
inline constexpr char kSlowReader[] = "slow_reader";
inline constexpr char kRenewOnly[] = "renew_only";
inline constexpr char kCertificateExpired[] = "certificate_expired";
inline constexpr char kRevoked[] = "revoked";
inline constexpr char kUnavailable[] = "unavailable";
inline constexpr char kShuttingDown[] = "shutting_down";
}  // namespace goodbye

}  // namespace noroshi::intake
