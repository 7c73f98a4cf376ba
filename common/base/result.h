// Result<T>: a value, or an Error that says what went wrong and what to do.
//
// For operating errors only (input, disk, network). Our own logic is guarded
// by NOROSHI_CHECK. Exceptions do not cross a folder's border.
//
// Threads: values; as safe as T.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace noroshi {

// Few, and append-only: callers branch on them, people read the message.
enum class ErrorCode {
  kInvalid,  // The input breaks a rule; the same input will fail again.
  kNotFound,
  kConflict,     // Something else is already there.
  kDenied,       // Not allowed.
  kCorruption,   // Stored bytes are not what was written.
  kIo,           // The disk or the network failed.
  kNoSpace,      // Disk space or descriptors ran out; may recover.
  kOverloaded,   // A limit of work in progress; try again later.
  kUnavailable,  // Stopped, latched or not connected.
  kTimeout,
  kClosed,    // The other side ended the conversation.
  kInternal,  // A library failed in a way that we did not expect.
};

// Stable lower-case word, e.g. "no_space".
std::string_view ToString(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // For a person: what, where, what to do. Never a secret.

  // The same error, with context put before its message ("context: message").
  Error Prefixed(std::string_view context) const;
};

// The present errno as an Error: "<what>: <strerror>". ENOSPC, EDQUOT, EMFILE
// and ENFILE become kNoSpace, ENOENT kNotFound, EACCES and EPERM kDenied.
Error ErrnoError(std::string_view what);

template <typename T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    NOROSHI_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    NOROSHI_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    NOROSHI_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const {
    NOROSHI_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }

  const Error& error() const {
    NOROSHI_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace noroshi

// Returns the error of a Result<void> expression from the calling function.
#define NOROSHI_RETURN_IF_ERROR(expression)                         \
  do {                                                              \
    if (auto noroshi_result_ = (expression); !noroshi_result_.ok()) \
      return noroshi_result_.error();                               \
  } while (false)

#define NOROSHI_CONCAT_INNER_(a, b) a##b
#define NOROSHI_CONCAT_(a, b) NOROSHI_CONCAT_INNER_(a, b)

// NOROSHI_ASSIGN_OR_RETURN(auto x, F()): declares x from a Result, or returns its error.
#define NOROSHI_ASSIGN_OR_RETURN(declaration, expression)                                 \
  NOROSHI_ASSIGN_OR_RETURN_IMPL_(NOROSHI_CONCAT_(noroshi_result_, __LINE__), declaration, \
                                 expression)
#define NOROSHI_ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                           \
  if (!result.ok()) return result.error();                              \
  declaration = std::move(result).value()
