// The durable parts of one agent, opened together; and waiting for the runner,
// or doing its work when there is none.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "agent/app/environment.h"
#include "agent/session/runner.h"
#include "agent/spool/inbox.h"
#include "agent/spool/marks.h"
#include "agent/spool/questions.h"
#include "agent/spool/spool.h"

namespace noroshi::agent {

struct Parts {
  Settings settings;
  session::Pins pins;
  spool::Spool spool;
  spool::Inbox inbox;
  spool::Marks marks;
  spool::Questions questions;
  spool::HeadFile head;

  static Result<Parts> Open(const Environment& environment);
};

struct RunnerOptions {
  bool once = false;
  bool wants_deliveries = true;
  std::chrono::milliseconds patience{0};
  std::vector<std::string> until_gone;
  std::function<void()> delivered;
};
// Runs the session; the caller holds the RunnerLock.
Result<void> RunSession(const Environment& environment, Parts& parts, RunnerOptions options);

// Blocks until none of these files of `folder` is left: by the process that holds
// the runner's lock, or, if there is none, by a session of our own. kTimeout.
Result<void> WaitUntilGone(const Environment& environment, Parts& parts, const std::string& folder,
                           const std::vector<std::string>& paths,
                           std::chrono::milliseconds patience);

std::string LockPath(const Environment& environment);

// What the runner last wrote to run/status.json; state "not_running" when no process holds
// the lock.
inline constexpr size_t kRunnerStatusBytesMax = 16 * 1024;
boost::json::object Connection(const Environment& environment);

}  // namespace noroshi::agent
