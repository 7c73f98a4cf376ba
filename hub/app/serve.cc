#include "hub/app/serve.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/log/log.h"
#include "hub/app/hub.h"

namespace noroshi::app {
namespace {

constexpr int kTendIntervalMs = 3'600'000;

// sd_notify(3) in a few lines: the service manager, if there is one, learns that
// we are ready. The protocol is one datagram to $NOTIFY_SOCKET.
void NotifyServiceManager(std::string_view message) {
  const char* path = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): main's thread
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe.
    Log(Level::kWarning, "notify_failed", {{"reason", std::strerror(errno)}});
  }
  ::close(socket);
}

}  // namespace

Result<void> Serve(const ServeOptions& options) {
  // Blocked before any thread starts, so that all of them inherit it and the
  // signals arrive here only.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return ErrnoError("block signals");
  ::signal(SIGPIPE, SIG_IGN);
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC);
  if (descriptor < 0) return ErrnoError("signalfd");
  auto hub = Hub::Start(options);
  if (!hub.ok()) {
    ::close(descriptor);
    return hub.error();
  }
  NotifyServiceManager("READY=1");
  pollfd item{descriptor, POLLIN, 0};
  while (true) {
    const int ready = ::poll(&item, 1, kTendIntervalMs);
    if (ready > 0) break;
    if (ready == 0) (*hub)->Tend();
  }
  NotifyServiceManager("STOPPING=1");
  Log(Level::kInfo, "hub_stopping");
  (*hub).reset();
  ::close(descriptor);
  Log(Level::kInfo, "hub_stopped");
  return {};
}

}  // namespace noroshi::app
