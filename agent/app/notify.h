// sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET.
#pragma once

#include <string_view>

namespace noroshi::agent {

// E.g. "READY=1". Does nothing without $NOTIFY_SOCKET.
void NotifySystemd(std::string_view state);

}  // namespace noroshi::agent
