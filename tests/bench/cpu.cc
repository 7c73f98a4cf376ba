#include "tests/bench/cpu.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

constexpr std::chrono::milliseconds kQuietFor{200};
constexpr double kQuietShare = 0.05;
constexpr int kQuietLooksMax = 50;

double Ticks() {
  static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return ticks;
}

struct Stat {
  std::string name;
  double seconds = 0;
  double ended_children_seconds = 0;
};

// User and system time of a process or thread: fields 14 and 15 of its stat
// file; 16 and 17 are those of children that it has waited for. The name stands
// in parentheses and may itself hold some.
std::optional<Stat> ReadStat(const std::string& folder) {
  const std::string text = support::ReadFile(folder + "/stat");
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  double children_user = 0;
  double children_system = 0;
  if (!(fields >> user >> system >> children_user >> children_system)) return std::nullopt;
  return Stat{text.substr(open + 1, close - open - 1), (user + system) / Ticks(),
              (children_user + children_system) / Ticks()};
}

std::vector<pid_t> ChildrenOf(const std::string& task_folder) {
  std::istringstream list(support::ReadFile(task_folder + "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

// A process may end while it is read: what is gone is left out.
void Add(pid_t pid, bool child, ServerCpu* cpu) {
  const std::string folder = fmt::format("/proc/{}", pid);
  const auto process = ReadStat(folder);
  if (!process) return;
  cpu->seconds += process->seconds + process->ended_children_seconds;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", gone)) {
    if (const auto thread = ReadStat(task.path().string())) {
      cpu->threads[child ? process->name + "/" + thread->name : thread->name] += thread->seconds;
    }
    for (const pid_t next : ChildrenOf(task.path().string())) Add(next, true, cpu);
  }
}

}  // namespace

Result<ServerCpu> ReadServerCpu(pid_t pid) {
  ServerCpu cpu;
  Add(pid, false, &cpu);
  if (cpu.threads.empty()) {
    return Error{ErrorCode::kNotFound, fmt::format("process {} is gone", pid)};
  }
  return cpu;
}

ServerCpu Difference(const ServerCpu& before, const ServerCpu& after) {
  ServerCpu used;
  // /proc counts in ticks: less than one is told as one, for others divide by it.
  used.seconds = std::max(after.seconds - before.seconds, 1.0 / Ticks());
  for (const auto& [name, seconds] : after.threads) {
    const auto earlier = before.threads.find(name);
    used.threads[name] = seconds - (earlier == before.threads.end() ? 0 : earlier->second);
  }
  return used;
}

double ThreadCpuSeconds(pthread_t thread) {
  clockid_t clock{};
  timespec time{};
  NOROSHI_CHECK(::pthread_getcpuclockid(thread, &clock) == 0);
  NOROSHI_CHECK(::clock_gettime(clock, &time) == 0);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

Result<void> WaitQuiet(pid_t pid) {
  for (int look = 0; look < kQuietLooksMax; ++look) {
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(pid));
    std::this_thread::sleep_for(kQuietFor);
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(pid));
    const double used = after.seconds - before.seconds;
    if (used <= kQuietShare * std::chrono::duration<double>(kQuietFor).count()) return {};
  }
  return {};
}

MachineLoad ReadMachineLoad() {
  // user nice system idle iowait irq softirq steal; guest time is within user.
  std::istringstream line(support::ReadFile("/proc/stat"));
  std::string name;
  line >> name;
  MachineLoad load;
  for (int field = 0; field < 8; ++field) {
    double ticks = 0;
    line >> ticks;
    load.capacity_seconds += ticks / Ticks();
    const bool idle = field == 3 || field == 4;
    if (!idle) load.busy_seconds += ticks / Ticks();
  }
  if (const auto ours = ReadServerCpu(::getpid()); ours.ok()) load.ours_seconds = ours->seconds;
  return load;
}

double OthersShare(const MachineLoad& before, const MachineLoad& after) {
  const double busy = after.busy_seconds - before.busy_seconds;
  const double ours = after.ours_seconds - before.ours_seconds;
  const double capacity = after.capacity_seconds - before.capacity_seconds;
  return capacity <= 0 ? 0 : std::max(0.0, (busy - ours) / capacity);
}

}  // namespace noroshi::bench
