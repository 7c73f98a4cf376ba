// Runner: keeps an agent connected to its hub, until SIGTERM or SIGINT, or (once)
// until spool and inbox are drained. One thread; blocks in Run().
//
// Wakes at once when something appears in the spool (inotify). Reconnects with
// Backoff; a new submission cuts a wait short, at most once in kHurryInterval.
// Renews the certificate when it is due. Writes what it does to DIR/run/status.json.
//
// Lifetime: everything in Parts outlives it. The caller holds the RunnerLock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/session/conversation.h"
#include "agent/session/enroll.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"

namespace noroshi::session {

inline constexpr std::chrono::milliseconds kPingInterval{60'000};
inline constexpr std::chrono::milliseconds kSilenceMax{150'000};  // Then the connection is dead.
inline constexpr std::chrono::milliseconds kWriteTimeout{60'000};
inline constexpr std::chrono::milliseconds kHurryInterval{1'000};

class Runner {
 public:
  struct Parts {
    Conversation::Parts conversation;
    FileSystem& files;
    Random& random;
  };
  struct Options {
    Route route;
    Pins pins;
    std::string folder;  // The agent's DIR.
    bool wants_deliveries = true;
    bool once = false;                      // End when drained.
    std::chrono::milliseconds patience{0};  // For once: end with kTimeout after this long.
    std::vector<std::string> until_gone;    // For once: end when these files are gone, instead.
    std::function<void()> delivered;        // New in the inbox.
  };

  Runner(const Parts& parts, Options options);
  ~Runner();

  // Ok: stopped by a signal, or drained. kTimeout: patience ended first; the
  // message says why it got no further. Other errors: it could not begin.
  Result<void> Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::session
