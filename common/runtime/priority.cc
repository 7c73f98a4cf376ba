#include "common/runtime/priority.h"

#include <sys/resource.h>
#include <unistd.h>

#include "common/base/check.h"

namespace noroshi {

void StandBack() {
  constexpr int kNice = 5;
  // On Linux the nice value is a thread's own. To raise it is always allowed.
  NOROSHI_CHECK(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice) == 0);
}

}  // namespace noroshi
