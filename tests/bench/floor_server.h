// The floor: the least that a server of this kind must do. One epoll thread with
// TLS 1.3 and client certificates, and a committer that appends what has come
// and syncs it once for all that waits. It neither parses nor checks anything.
//
// Frames are those of the hub's protocol. A frame of one byte is answered with
// its four-byte length at once, any other when it is on disk.
//
// Threads: FloorServer: the main thread. ServeFloor has two of its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "tests/bench/pki.h"
#include "tests/bench/swarm.h"
#include "tests/support/process.h"

namespace noroshi::bench {

// The process. Its certificates, address and records are files in its folder.
class FloorServer {
 public:
  static Result<std::unique_ptr<FloorServer>> Start(const std::string& folder);
  pid_t pid() const { return process_->pid(); }
  SwarmOptions ClientOptions() const;

 private:
  FloorServer() = default;
  Pki pki_;
  std::string address_;
  std::unique_ptr<support::Process> process_;
};

// A frame that it answers at once.
inline constexpr std::string_view kFloorEcho{"\0\0\0\1.", 5};

// What that process does; returns only with an error, which it has printed.
int ServeFloor(const std::string& folder);

}  // namespace noroshi::bench
