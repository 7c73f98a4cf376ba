#include <memory>
#include <thread>
#include <vector>

#include "agent/app/commands.h"
#include "agent/app/parts.h"
#include "agent/sinks/sink.h"
#include "common/log/log.h"
#include "common/runtime/notify.h"

namespace noroshi::agent {
namespace {

// After the hub is drained, sinks may take this long for what came.
constexpr std::chrono::milliseconds kSinksPatience{60'000};

// `status` holds the lock for an instant, `report --wait` for as long as it sends.
constexpr std::chrono::milliseconds kLockRetry{100};
constexpr int kLockTries = 50;

Result<spool::RunnerLock> TakeLock(const Environment& environment) {
  for (int i = 1;; ++i) {
    auto lock = spool::RunnerLock::Take(LockPath(environment));
    if (lock.ok() || lock.error().code != ErrorCode::kConflict || i == kLockTries) return lock;
    std::this_thread::sleep_for(kLockRetry);
  }
}

void TellServiceManager(std::string_view state) {
  const auto told = NotifyServiceManager(state);
  if (!told.ok()) Log(Level::kWarning, "notify_failed", {{"reason", told.error().message}});
}

}  // namespace

int Run(const Environment& environment, const RunOptions& options) {
  auto parts = Parts::Open(environment);
  if (!parts.ok()) return FailConfig(environment, parts.error());
  const auto lock = TakeLock(environment);
  if (!lock.ok()) return environment.Fail(lock.error());

  std::vector<std::unique_ptr<sinks::Sink>> sinks;
  for (const auto& sink_options : parts->settings.sinks) {
    auto sink = sinks::Sink::Start(environment.files, environment.path("inbox"), sink_options);
    if (!sink.ok()) return environment.Fail(sink.error().Prefixed("sink " + sink_options.name));
    sinks.push_back(*std::move(sink));
  }
  Log(Level::kInfo, "agent_started",
      {{"organization", parts->pins.organization}, {"agent", parts->pins.agent}});
  TellServiceManager("READY=1");
  RunnerOptions runner;
  runner.once = options.once;
  runner.patience = kOncePatience;
  runner.delivered = [&sinks] {
    for (auto& sink : sinks) sink->Wake();
  };
  const auto ended = RunSession(environment, *parts, std::move(runner));
  TellServiceManager("STOPPING=1");
  if (!ended.ok()) return environment.Fail(ended.error());
  bool done = true;
  if (options.once) {
    for (auto& sink : sinks) done = sink->WaitUntilDone(kSinksPatience) && done;
  }
  return done ? kExitOk : environment.Fail(kExitTempFail, "a sink did not take everything");
}

}  // namespace noroshi::agent
