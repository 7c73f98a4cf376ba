// Waiting for what other processes do, without sleeping blindly: a wait ends at
// the change of a file or folder, at the end of a process, or at its deadline.
//
// Threads: one thread for each object.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::support {

using Milliseconds = std::chrono::milliseconds;

// Bound for anything that a healthy machine does within a second. Generous: it
// is reached only by failures, also under sanitizers on a loaded machine.
inline constexpr Milliseconds kPatience{30'000};

// For conditions that only a command can tell: how often it is asked.
inline constexpr Milliseconds kAskEvery{50};

class Deadline {
 public:
  explicit Deadline(Milliseconds timeout) : end_(std::chrono::steady_clock::now() + timeout) {}
  // At least 0.
  Milliseconds Left() const;
  bool Passed() const { return Left().count() == 0; }

 private:
  std::chrono::steady_clock::time_point end_;
};

// Readable whenever something changed in one of the files or folders (inotify).
class FileWatch {
 public:
  // Paths that do not exist are left out.
  explicit FileWatch(const std::vector<std::string>& paths);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  int descriptor() const { return descriptor_; }
  void Drain();

 private:
  int descriptor_;
};

struct Wake {
  std::vector<std::string> paths;  // Files and folders whose change may fulfil the condition.
  int process = -1;                // A pidfd: its end ends the wait.
  bool ask = false;                // Also ask every kAskEvery.
  Milliseconds timeout = kPatience;
};

// Waits until `ready` holds. kTimeout names `what`; kClosed: the process ended first.
Result<void> WaitUntil(std::string_view what, const Wake& wake, const std::function<bool()>& ready);

// The whole file; empty if it does not exist.
std::string ReadFile(const std::string& path);
// Aborts if that fails.
void WriteFile(const std::string& path, std::string_view content);

}  // namespace noroshi::support
