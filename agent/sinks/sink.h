// Sinks: where an agent passes on what it received: JSON lines on standard
// output or in a file, or a command for each item. Each sink has a thread and a
// durable cursor of its own: a slow one delays no other, and none loses anything.
//
// A sink gets each item at least once; after a crash between passing on and
// noting it, an item may come again, with the same "index". A file is asked for
// its last index first, so it never holds an item twice.
//
// A failing sink is retried with growing waits and logged. A command that fails
// kCommandTries times for one item is logged as sink_gave_up, and the next item
// has its turn.
//
// Threads: Wake() and WaitUntilDone() from any. Lifetime: files outlives it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/file.h"

namespace noroshi::sinks {

inline constexpr size_t kSinksMax = 8;
inline constexpr int kCommandTries = 10;
inline constexpr size_t kArgumentsMax = 64;
inline constexpr size_t kItemsPerStep = 256;
inline constexpr std::chrono::milliseconds kRetryInitial{1'000};
inline constexpr std::chrono::milliseconds kRetryLongest{60'000};

enum class SinkKind { kStdout, kFile, kCommand };

struct SinkOptions {
  std::string name;  // Identifier; names the cursor.
  SinkKind kind = SinkKind::kStdout;
  std::string path;                           // kFile: absolute.
  std::vector<std::string> command;           // kCommand: absolute path and arguments; no shell.
  std::chrono::milliseconds timeout{30'000};  // kCommand: then it is killed and has failed.
  bool updates = true;                        // Updates too, not only alerts.
};

class Sink {
 public:
  // Reads the cursor and starts the thread. inbox_folder: see agent/spool/inbox.h.
  static Result<std::unique_ptr<Sink>> Start(FileSystem& files, const std::string& inbox_folder,
                                             SinkOptions options);
  // Stops the thread; a command under way is killed, and run again at the next start.
  ~Sink();

  // There may be something new in the inbox.
  void Wake();
  // Blocks until everything in the inbox has been passed on, or the time is up (false).
  bool WaitUntilDone(std::chrono::milliseconds time);

 private:
  struct Impl;
  explicit Sink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Runs a command with this standard input: kInvalid with its status when it
// fails, kTimeout when killed for taking too long, kClosed when stop_fd became
// readable. Its standard output goes to our standard error.
Result<void> RunCommand(const std::vector<std::string>& command, std::string_view input,
                        std::chrono::milliseconds timeout, int stop_fd);

// The "index" in the last line of a file of JSON lines; 0: none. A last line
// without its end (a crash) is cut off.
Result<uint64_t> LastIndexInFile(const std::string& path);

}  // namespace noroshi::sinks
