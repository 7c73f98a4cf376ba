#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "agent/sinks/sink.h"
#include "common/runtime/descriptor.h"

namespace noroshi::sinks {
namespace {

// A file in memory, so that a command that reads nothing blocks nobody.
Result<int> InputFile(std::string_view input) {
  const int fd = ::memfd_create("noroshi-item", MFD_CLOEXEC);
  if (fd < 0) return ErrnoError("memfd_create");
  while (!input.empty()) {
    const ssize_t written = ::write(fd, input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const Error error = ErrnoError("write to memory");
      ::close(fd);
      return error;
    }
    input.remove_prefix(static_cast<size_t>(written));
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

Result<pid_t> Spawn(const std::vector<std::string>& command, int input) {
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGTERM, SIGINT}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);  // So that its children die with it.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, command[0].c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return pid;
  errno = error;
  return ErrnoError("start " + command[0]);
}

enum class Ended { kItself, kTimeout, kStopped };

Ended WaitFor(int process, int stop_fd, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Ended::kTimeout;
    pollfd waits[] = {{process, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    if (::poll(waits, 2, static_cast<int>(left.count())) < 0) continue;  // EINTR
    if (waits[0].revents != 0) return Ended::kItself;
    if (waits[1].revents != 0) return Ended::kStopped;
  }
}

}  // namespace

Result<void> RunCommand(const std::vector<std::string>& command, std::string_view input,
                        std::chrono::milliseconds timeout, int stop_fd) {
  NOROSHI_ASSIGN_OR_RETURN(const int input_fd, InputFile(input));
  const Descriptor input_file(input_fd);
  NOROSHI_ASSIGN_OR_RETURN(const pid_t pid, Spawn(command, input_fd));
  // Through syscall: glibc 2.36 declares pidfd_open without C linkage.
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const Ended ended =
      process.get() < 0 ? Ended::kTimeout : WaitFor(process.get(), stop_fd, timeout);
  if (ended != Ended::kItself) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (ended == Ended::kStopped) return Error{ErrorCode::kClosed, "stopping"};
  if (ended == Ended::kTimeout)
    return Error{ErrorCode::kTimeout, command[0] + ": killed, for it took too long"};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{ErrorCode::kInvalid,
               WIFEXITED(status)
                   ? fmt::format("{}: ended with status {}", command[0], WEXITSTATUS(status))
                   : fmt::format("{}: ended by signal {}", command[0], WTERMSIG(status))};
}

}  // namespace noroshi::sinks
