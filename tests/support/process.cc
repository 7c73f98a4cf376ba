#include "tests/support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "common/base/check.h"

extern char** environ;

namespace noroshi::support {
namespace {

constexpr int kExecFailed = 127;

struct Redirections {
  int in = -1;
  int out = -1;
  int err = -1;
};

// Between fork and exec only async-signal-safe calls: other threads may hold locks.
[[noreturn]] void Become(char* const* argv, char* const* environment, const Redirections& to,
                         pid_t parent) {
  ::signal(SIGPIPE, SIG_DFL);  // The test itself may ignore it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExecFailed);  // The parent died before prctl.
  ::dup2(to.in, STDIN_FILENO);
  ::dup2(to.out, STDOUT_FILENO);
  ::dup2(to.err, STDERR_FILENO);
  ::execve(argv[0], argv, environment);
  ::_exit(kExecFailed);
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string pair = *item;
    if (added.count(pair.substr(0, pair.find('='))) == 0) all.push_back(pair);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

Result<std::pair<pid_t, int>> Spawn(std::vector<std::string> argv,
                                    const std::map<std::string, std::string>& environment,
                                    const Redirections& to) {
  std::vector<std::string> variables = Environment(environment);
  const std::vector<char*> argument_pointers = Pointers(argv);
  const std::vector<char*> variable_pointers = Pointers(variables);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) Become(argument_pointers.data(), variable_pointers.data(), to, parent);
  if (pid < 0) return ErrnoError("fork");
  // glibc 2.36 declares pidfd_open without C linkage.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  NOROSHI_CHECK(pidfd >= 0);
  return std::make_pair(pid, pidfd);
}

int OpenOrAbort(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  NOROSHI_CHECK(descriptor >= 0);
  return descriptor;
}

// A file in memory: unlike a pipe it never makes the child wait for us.
int MemoryFile(const std::string& content) {
  const int descriptor = ::memfd_create("output", MFD_CLOEXEC);
  NOROSHI_CHECK(descriptor >= 0);
  NOROSHI_CHECK(::write(descriptor, content.data(), content.size()) ==
                static_cast<ssize_t>(content.size()));
  ::lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

std::string TakeContent(int descriptor) {
  std::string content(static_cast<size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
  NOROSHI_CHECK(::pread(descriptor, content.data(), content.size(), 0) ==
                static_cast<ssize_t>(content.size()));
  return content;
}

}  // namespace

Result<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  NOROSHI_CHECK(!options.argv.empty());
  const Redirections to{OpenOrAbort(options.stdin_file, O_RDONLY),
                        OpenOrAbort(options.stdout_file, O_WRONLY | O_CREAT | O_APPEND),
                        OpenOrAbort(options.stderr_file, O_WRONLY | O_CREAT | O_APPEND)};
  auto spawned = Spawn(options.argv, options.environment, to);
  for (const int descriptor : {to.in, to.out, to.err}) ::close(descriptor);
  if (!spawned.ok()) return spawned.error();
  return std::unique_ptr<Process>(new Process(spawned->first, spawned->second));
}

Process::~Process() {
  if (status_ < 0) Kill();
  ::close(pidfd_);
}

bool Process::Running() const {
  if (status_ >= 0) return false;
  pollfd ended{pidfd_, POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

void Process::Signal(int signal) const {
  if (status_ < 0) ::kill(pid_, signal);
}

Result<int> Process::Wait(Milliseconds timeout) {
  if (status_ >= 0) return status_;
  const Deadline deadline(timeout);
  pollfd ended{pidfd_, POLLIN, 0};
  while (::poll(&ended, 1, static_cast<int>(deadline.Left().count())) <= 0) {
    if (deadline.Passed()) {
      return Error{ErrorCode::kTimeout,
                   fmt::format("process {} still runs after {} ms", pid_, timeout.count())};
    }
  }
  int status = 0;
  NOROSHI_CHECK(::waitpid(pid_, &status, 0) == pid_);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

Result<int> Process::Stop(Milliseconds timeout) {
  Signal(SIGTERM);
  return Wait(timeout);
}

void Process::Freeze() {
  Signal(SIGSTOP);
  siginfo_t stopped{};
  NOROSHI_CHECK(::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT) ==
                0);
}

void Process::Kill() {
  Signal(SIGKILL);
  NOROSHI_CHECK(Wait().ok());
}

Result<Output> RunCommand(const std::vector<std::string>& argv, const std::string& input,
                          Milliseconds timeout) {
  const Redirections to{MemoryFile(input), MemoryFile(""), MemoryFile("")};
  auto spawned = Spawn(argv, {}, to);
  NOROSHI_CHECK(spawned.ok());
  pollfd ended{spawned->second, POLLIN, 0};
  const bool in_time = ::poll(&ended, 1, static_cast<int>(timeout.count())) > 0;
  if (!in_time) ::kill(spawned->first, SIGKILL);
  int status = 0;
  NOROSHI_CHECK(::waitpid(spawned->first, &status, 0) == spawned->first);
  Output output{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                TakeContent(to.out), TakeContent(to.err)};
  for (const int descriptor : {to.in, to.out, to.err, spawned->second}) ::close(descriptor);
  if (!in_time) {
    return Error{ErrorCode::kTimeout,
                 fmt::format("{} did not end within {} ms: {}", fmt::join(argv, " "),
                             timeout.count(), output.err)};
  }
  return output;
}

}  // namespace noroshi::support
