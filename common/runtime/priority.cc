#include "common/runtime/priority.h"

#include <unistd.h>

#include <cerrno>

#include "common/base/check.h"

namespace noroshi {

void StandBack() {
  constexpr int kNicer = 5;
  errno = 0;
  const int nice_value = ::nice(kNicer);          // On Linux it is a thread's own.
  NOROSHI_CHECK(nice_value != -1 || errno == 0);  // Anybody may be nicer.
}

}  // namespace noroshi
