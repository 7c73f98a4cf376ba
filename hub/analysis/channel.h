// Frames over a local socket: 4-byte big-endian length and that many bytes.
// Threads: external.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::analysis {

inline constexpr size_t kFrameBytesMax = 32 * 1024 * 1024;

// Both end with kTimeout at the deadline, kClosed when the other side is gone or
// when cancel_fd becomes readable (-1: none), kInvalid for a frame beyond max.
// glance: 0: whoever waits for a frame is woken by it; else he looks so often.
Result<void> SendFrame(int fd, std::string_view frame,
                       std::chrono::steady_clock::time_point deadline, int cancel_fd);
Result<std::string> ReceiveFrame(int fd, size_t max, std::chrono::steady_clock::time_point deadline,
                                 int cancel_fd,
                                 std::chrono::milliseconds glance = std::chrono::milliseconds(0));

// Without deadline and poll: for the confined side, which may not call poll.
Result<void> SendFrameBlocking(int fd, std::string_view frame);
Result<std::string> ReceiveFrameBlocking(int fd, size_t max);

}  // namespace noroshi::analysis
