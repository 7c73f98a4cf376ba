// One confined child process and the conversation with it (worker.h).
// Threads: external; the thread that starts a child must outlive it (the kernel
// kills the child when that thread ends).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::analysis {

// Of all questions that wait in the socket: less than what it takes without waiting.
inline constexpr size_t kAheadBytesMax = 64 * 1024;

class Child {
 public:
  // Starts the command with its socket at kWorkerDescriptor, /dev/null at 0 to
  // 2, nothing else open, and an empty environment; waits until it is ready.
  static Result<std::unique_ptr<Child>> Start(const std::vector<std::string>& command,
                                              std::chrono::milliseconds start_deadline,
                                              int cancel_fd);
  ~Child();  // Kills it if it lives, and waits for it.
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // One question, one answer; answers come in the order of the questions. Questions of
  // kAheadBytesMax in all may be put before an answer is taken: they wait in the socket. The
  // deadline is for each call by itself; glance: as in channel.h. On an error the child is
  // dead, and the message says how: "deadline: …", "memory: …", "signal: …", "exit: …".
  // kClosed: cancel_fd became readable. Put does not tell of a child that has died: what it
  // answered before can still be taken, and Answer tells when there is no more.
  Result<void> Put(std::string_view question, std::chrono::milliseconds deadline, int cancel_fd);
  Result<std::string> Answer(std::chrono::milliseconds deadline, int cancel_fd,
                             std::chrono::milliseconds glance = std::chrono::milliseconds(0));

  int asked() const { return asked_; }
  std::chrono::steady_clock::duration age() const {
    return std::chrono::steady_clock::now() - started_;
  }
  pid_t pid() const { return pid_; }

 private:
  Child(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  Error Bury(const Error& error, std::chrono::milliseconds deadline);

  pid_t pid_;
  int fd_;
  int asked_ = 0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace noroshi::analysis
