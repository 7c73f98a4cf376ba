#include "hub/analysis/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "common/base/encoding.h"

namespace noroshi::analysis {
namespace {

using Deadline = std::chrono::steady_clock::time_point;
// Waits until the socket is ready for events.
using Wait = std::function<Result<void>(short events)>;

Wait WaitUntil(int fd, Deadline deadline, int cancel_fd) {
  return [=](short events) -> Result<void> {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return Error{ErrorCode::kTimeout, "deadline"};
      std::array<pollfd, 2> fds = {{{fd, events, 0}, {cancel_fd, POLLIN, 0}}};
      const int ready = poll(fds.data(), fds.size(), static_cast<int>(left.count()) + 1);
      if (ready < 0 && errno != EINTR) return ErrnoError("poll");
      if (fds[1].revents != 0) return Error{ErrorCode::kClosed, "cancelled"};
      if (ready > 0 && fds[0].revents != 0) return {};
    }
  };
}

// Waits a moment without being woken by the socket; then one may try again.
Wait Glance(Deadline deadline, int cancel_fd, std::chrono::milliseconds glance) {
  return [=](short) -> Result<void> {
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error{ErrorCode::kTimeout, "deadline"};
    }
    pollfd cancel = {cancel_fd, POLLIN, 0};
    const int ready = poll(&cancel, 1, static_cast<int>(glance.count()));
    if (ready < 0 && errno != EINTR) return ErrnoError("poll");
    if (ready > 0) return Error{ErrorCode::kClosed, "cancelled"};
    return {};
  };
}

Result<void> SendAll(int fd, std::string_view bytes, int flags, const Wait& wait) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && wait) {
      NOROSHI_RETURN_IF_ERROR(wait(POLLOUT));
    } else if (n < 0 && errno != EINTR) {
      return Error{ErrorCode::kClosed, ErrnoError("send").message};
    }
  }
  return {};
}

Result<std::string> ReceiveAll(int fd, size_t size, int flags, const Wait& wait) {
  std::string bytes;
  std::array<char, 64 * 1024> buffer;  // Memory follows what came, not what was announced.
  while (bytes.size() < size) {
    const size_t wanted = std::min(buffer.size(), size - bytes.size());
    const ssize_t n = recv(fd, buffer.data(), wanted, flags);
    if (n > 0) {
      bytes.append(buffer.data(), static_cast<size_t>(n));
    } else if (n == 0) {
      return Error{ErrorCode::kClosed, "the other side closed"};
    } else if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait) {
      NOROSHI_RETURN_IF_ERROR(wait(POLLIN));
    } else if (errno != EINTR) {
      return Error{ErrorCode::kClosed, ErrnoError("recv").message};
    }
  }
  return bytes;
}

Result<void> Send(int fd, std::string_view frame, int flags, const Wait& wait) {
  if (frame.size() > kFrameBytesMax) return Error{ErrorCode::kInvalid, "kFrameBytesMax"};
  std::string length;
  AppendBigEndian32(static_cast<uint32_t>(frame.size()), &length);
  NOROSHI_RETURN_IF_ERROR(SendAll(fd, length, flags, wait));
  return SendAll(fd, frame, flags, wait);
}

Result<std::string> Receive(int fd, size_t max, int flags, const Wait& wait) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string length, ReceiveAll(fd, 4, flags, wait));
  const uint32_t size = ReadBigEndian32(length);
  if (size > max) return Error{ErrorCode::kInvalid, "a frame beyond the maximum"};
  return ReceiveAll(fd, size, flags, wait);
}

}  // namespace

Result<void> SendFrame(int fd, std::string_view frame, Deadline deadline, int cancel_fd) {
  return Send(fd, frame, MSG_DONTWAIT, WaitUntil(fd, deadline, cancel_fd));
}

Result<std::string> ReceiveFrame(int fd, size_t max, Deadline deadline, int cancel_fd,
                                 std::chrono::milliseconds glance) {
  const Wait wait =
      glance.count() > 0 ? Glance(deadline, cancel_fd, glance) : WaitUntil(fd, deadline, cancel_fd);
  return Receive(fd, max, MSG_DONTWAIT, wait);
}

Result<void> SendFrameBlocking(int fd, std::string_view frame) {
  return Send(fd, frame, 0, nullptr);
}

Result<std::string> ReceiveFrameBlocking(int fd, size_t max) {
  return Receive(fd, max, 0, nullptr);
}

}  // namespace noroshi::analysis
