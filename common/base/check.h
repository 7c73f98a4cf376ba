// Assertions about our own logic. They stay on in every build: a hub that has
// lost its own invariants stops before it writes something false.
#pragma once

namespace noroshi {

// Prints the failed condition with its place to standard error and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace noroshi

#define NOROSHI_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::noroshi::CheckFailed(#condition, __FILE__, __LINE__))
