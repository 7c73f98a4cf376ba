#include "common/runtime/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace noroshi {
namespace {

Error NotTold() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe.
  return {ErrorCode::kIo, std::string("notify the service manager: ") + std::strerror(errno)};
}

}  // namespace

Result<void> NotifyServiceManager(std::string_view state) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment.
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // An abstract socket.
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return NotTold();
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  Result<void> told;
  if (::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    told = NotTold();
  }
  ::close(socket);
  return told;
}

}  // namespace noroshi
