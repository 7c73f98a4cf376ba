#include "agent/app/parts.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>

#include "common/base/terminal.h"

namespace noroshi::agent {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// How often to look whether the runner that we wait for is gone.
constexpr milliseconds kLockLook{500};

// Wakes when a file leaves a folder.
class DepartureWatch {
 public:
  explicit DepartureWatch(const std::string& folder)
      : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    // Without it Wait only takes longer.
    if (fd_ >= 0) ::inotify_add_watch(fd_, folder.c_str(), IN_MOVED_FROM | IN_DELETE);
  }
  ~DepartureWatch() {
    if (fd_ >= 0) ::close(fd_);
  }
  DepartureWatch(const DepartureWatch&) = delete;
  DepartureWatch& operator=(const DepartureWatch&) = delete;

  void Wait(milliseconds time) {
    pollfd wait{fd_, POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(time.count()));
    char buffer[4096];
    while (fd_ >= 0 && ::read(fd_, buffer, sizeof buffer) > 0) {
    }
  }

 private:
  int fd_;
};

// What is known of the runner, for who waited in vain: "backing_off: refused".
std::string ConnectionText(const Environment& environment) {
  const boost::json::object connection = Connection(environment);
  std::string text;
  for (const char* key : {"state", "error"}) {
    const auto* value = connection.if_contains(key);
    if (value == nullptr || !value->is_string() || value->get_string().empty()) continue;
    text += (text.empty() ? "" : ": ") + TerminalLine(value->get_string());
  }
  return text;
}

}  // namespace

std::string LockPath(const Environment& environment) { return environment.path("runner.lock"); }

boost::json::object Connection(const Environment& environment) {
  boost::json::object connection = {{"state", "not_running"}};
  const auto text =
      environment.files.Read(environment.path("run/status.json"), kRunnerStatusBytesMax);
  if (text.ok()) {
    boost::json::error_code error;
    boost::json::value value = boost::json::parse(*text, error);
    if (!error && value.is_object()) connection = std::move(value.get_object());
  }
  if (spool::RunnerLock::Take(LockPath(environment)).ok()) connection["state"] = "not_running";
  return connection;
}

Result<Parts> Parts::Open(const Environment& environment) {
  NOROSHI_ASSIGN_OR_RETURN(auto pins, environment.LoadPins());
  NOROSHI_ASSIGN_OR_RETURN(auto settings, environment.LoadSettings());
  NOROSHI_ASSIGN_OR_RETURN(auto spool, environment.OpenSpool(settings));
  NOROSHI_ASSIGN_OR_RETURN(auto inbox,
                           spool::Inbox::Open(environment.files, environment.path("inbox")));
  NOROSHI_ASSIGN_OR_RETURN(auto marks,
                           spool::Marks::Open(environment.files, environment.path("marks")));
  NOROSHI_ASSIGN_OR_RETURN(
      auto questions, spool::Questions::Open(environment.files, environment.path("questions")));
  NOROSHI_RETURN_IF_ERROR(environment.files.MakeFolder(environment.path("state"), 0700));
  return Parts{std::move(settings),
               std::move(pins),
               std::move(spool),
               std::move(inbox),
               std::move(marks),
               std::move(questions),
               spool::HeadFile(environment.files, environment.path("state/head"))};
}

Result<void> RunSession(const Environment& environment, Parts& parts, RunnerOptions options) {
  NOROSHI_RETURN_IF_ERROR(parts.inbox.Recover());
  session::Runner::Options runner;
  runner.route = parts.settings.route;
  runner.pins = parts.pins;
  runner.folder = environment.folder;
  runner.wants_deliveries = options.wants_deliveries;
  runner.once = options.once;
  runner.patience = options.patience;
  runner.until_gone = std::move(options.until_gone);
  runner.delivered = std::move(options.delivered);
  session::Runner session(
      {{parts.spool, parts.inbox, parts.marks, parts.questions, parts.head, environment.clock},
       environment.files,
       environment.random},
      std::move(runner));
  return session.Run();
}

Result<void> WaitUntilGone(const Environment& environment, Parts& parts, const std::string& folder,
                           const std::vector<std::string>& paths, milliseconds patience) {
  const SteadyTime deadline = environment.clock.Steady() + patience;
  DepartureWatch watch(folder);
  size_t gone = 0;  // Of paths, from the front.
  while (true) {
    while (gone < paths.size() && !environment.files.Exists(paths[gone])) ++gone;
    if (gone == paths.size()) return {};
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - environment.clock.Steady());
    if (left.count() <= 0)
      return Error{ErrorCode::kTimeout, "時間内に回答がありません / no answer in time; run: " +
                                            ConnectionText(environment)};
    auto lock = spool::RunnerLock::Take(LockPath(environment));
    if (lock.ok()) {
      RunnerOptions options;
      options.once = true;
      options.wants_deliveries = false;
      options.patience = left;
      options.until_gone = paths;
      return RunSession(environment, parts, std::move(options));
    }
    if (lock.error().code != ErrorCode::kConflict) return lock.error();
    watch.Wait(std::min(left, kLockLook));
  }
}

}  // namespace noroshi::agent
