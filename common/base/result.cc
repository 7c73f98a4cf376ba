#include "common/base/result.h"

#include <cerrno>
#include <cstring>

namespace noroshi {

std::string_view ToString(ErrorCode code) {
  // No default case, so that the compiler warns about a missing one.
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kCorruption:
      return "corruption";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

Error Error::Prefixed(std::string_view context) const {
  return Error{code, std::string(context) + ": " + message};
}

Error ErrnoError(std::string_view what) {
  const int number = errno;
  ErrorCode code = ErrorCode::kIo;
  if (number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE) {
    code = ErrorCode::kNoSpace;
  } else if (number == ENOENT) {
    code = ErrorCode::kNotFound;
  } else if (number == EACCES || number == EPERM) {
    code = ErrorCode::kDenied;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe.
  return Error{code, std::string(what) + ": " + std::strerror(number)};
}

}  // namespace noroshi
