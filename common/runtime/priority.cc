#include "common/runtime/priority.h"

#include <unistd.h>

#include <cerrno>

#include "common/base/check.h"

namespace noroshi {

namespace {

void BeNicer(int by) {
  errno = 0;
  const int nice_value = ::nice(by);              // On Linux it is a thread's own.
  NOROSHI_CHECK(nice_value != -1 || errno == 0);  // Anybody may be nicer.
}

}  // namespace

void StandBack() { BeNicer(5); }

void StandAside() { BeNicer(10); }

}  // namespace noroshi
