#include "hub/analysis/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "hub/analysis/analysis.h"
#include "hub/analysis/channel.h"
#include "hub/analysis/worker.h"

namespace noroshi::analysis {
namespace {

// posix_spawn's two objects, freed together.
struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

// Not fork: the hub has threads and much memory.
Result<pid_t> Spawn(const std::vector<std::string>& command, int fd) {
  SpawnSettings settings;
  for (int standard = 0; standard <= 2; ++standard) {
    posix_spawn_file_actions_addopen(&settings.actions, standard, "/dev/null", O_RDWR, 0);
  }
  posix_spawn_file_actions_adddup2(&settings.actions, fd, kWorkerDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, kWorkerDescriptor + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, argv[0], &settings.actions, &settings.attributes, argv.data(), environment);
  if (error != 0) {
    errno = error;
    return ErrnoError("start " + command[0]);
  }
  return pid;
}

// Whether a child closed its socket, as one does that dies.
bool HasLeft(const Error& error) {
  return error.code == ErrorCode::kClosed && error.message != "cancelled";
}

std::string Describe(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = sigabbrev_np(signal);
    return "signal: the process was killed by " +
           (name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name));
  }
  const int code = WEXITSTATUS(status);
  if (code == kExitOutOfMemory) return "memory: the process needed more than its limit";
  if (code == kExitNoSandbox) return "sandbox: the kernel refused the confinement";
  return "exit: the process ended with code " + std::to_string(code);
}

}  // namespace

Result<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& command,
                                            std::chrono::milliseconds start_deadline,
                                            int cancel_fd) {
  NOROSHI_CHECK(!command.empty());
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return ErrnoError("socketpair");
  const Result<pid_t> pid = Spawn(command, pair[1]);
  close(pair[1]);
  if (!pid.ok()) {
    close(pair[0]);
    return pid.error();
  }
  std::unique_ptr<Child> child(new Child(*pid, pair[0]));
  const auto deadline = std::chrono::steady_clock::now() + start_deadline;
  const Result<std::string> ready = ReceiveFrame(child->fd_, 64, deadline, cancel_fd);
  if (!ready.ok()) return child->Bury(ready.error(), start_deadline);
  if (*ready != kWorkerReady) return Error{ErrorCode::kInternal, "the child said something else"};
  return child;
}

Child::~Child() {
  if (fd_ >= 0) close(fd_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

Result<void> Child::Put(std::string_view question, std::chrono::milliseconds deadline,
                        int cancel_fd) {
  ++asked_;
  const auto until = std::chrono::steady_clock::now() + deadline;
  const Result<void> sent = SendFrame(fd_, question, until, cancel_fd);
  if (!sent.ok() && !HasLeft(sent.error())) return Bury(sent.error(), deadline);
  return {};
}

Result<std::string> Child::Answer(std::chrono::milliseconds deadline, int cancel_fd,
                                  std::chrono::milliseconds glance) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  Result<std::string> answer = ReceiveFrame(fd_, kResultBytesMax, until, cancel_fd, glance);
  if (!answer.ok()) return Bury(answer.error(), deadline);
  return answer;
}

Error Child::Bury(const Error& error, std::chrono::milliseconds deadline) {
  const bool dying = HasLeft(error);  // Its own status says why.
  if (!dying) kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (error.code == ErrorCode::kClosed && !dying) return error;  // Cancelled.
  if (error.code == ErrorCode::kTimeout) {
    return {ErrorCode::kTimeout,
            "deadline: no answer within " + std::to_string(deadline.count()) + " ms"};
  }
  if (!dying) return {ErrorCode::kInternal, "answer: " + error.message};
  return {ErrorCode::kUnavailable, Describe(status)};
}

}  // namespace noroshi::analysis
