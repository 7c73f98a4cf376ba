// Process: a child process that a test started, ended by its own process id.
//
// The child dies with the thread that started it, so that no test, however it
// ends, leaves one behind: start long-lived processes on the main thread.
//
// Threads: one thread.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/waiting.h"

namespace noroshi::support {

struct ProcessOptions {
  std::vector<std::string> argv;                   // argv[0] is a path.
  std::map<std::string, std::string> environment;  // Added to ours.
  std::string stdin_file = "/dev/null";
  std::string stdout_file = "/dev/null";  // Appended to.
  std::string stderr_file = "/dev/null";  // Appended to; may be the same.
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  // SIGKILL if it still runs, and reaps it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // Readable when the process has ended.
  int pidfd() const { return pidfd_; }
  bool Running() const;

  void Signal(int signal) const;
  // Exit status, or 128 + signal. kTimeout: it still runs.
  Result<int> Wait(Milliseconds timeout = kPatience);
  // SIGTERM and Wait.
  Result<int> Stop(Milliseconds timeout = kPatience);
  // SIGSTOP, and waits until every thread has stopped (a call into the kernel ends first).
  void Freeze();
  // SIGKILL and Wait: a crash.
  void Kill();

 private:
  Process(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  pid_t pid_;
  int pidfd_;
  int status_ = -1;  // Exit status once reaped.
};

struct Output {
  int status = 0;
  std::string out;
  std::string err;
};

// Runs to the end. kTimeout: it was killed.
Result<Output> RunCommand(const std::vector<std::string>& argv, const std::string& input = "",
                          Milliseconds timeout = kPatience);

}  // namespace noroshi::support
