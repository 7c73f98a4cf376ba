// sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET.
//
// Threads: any, as long as nothing changes the environment.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace noroshi {

// Tells the service manager, if there is one, e.g. "READY=1". kIo: it did not get it.
Result<void> NotifyServiceManager(std::string_view state);

}  // namespace noroshi
