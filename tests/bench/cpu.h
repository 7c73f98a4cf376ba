// CPU time as the kernel counts it, from /proc.
//
// Threads: functions are thread-safe.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <map>
#include <string>

#include "common/base/result.h"

namespace noroshi::bench {

// A process with its children, ended ones included. A thread's figure disappears
// with the thread; the process's total keeps it.
struct ServerCpu {
  double seconds = 0;
  // By thread name. Threads of children carry their process's name before it:
  // "noroshi-hub/analysis".
  std::map<std::string, double> threads;
};
Result<ServerCpu> ReadServerCpu(pid_t pid);
// What was used between two readings; together at least a tick, which is all that /proc tells.
ServerCpu Difference(const ServerCpu& before, const ServerCpu& after);

// Of one thread of this process; the caller's if not said.
double ThreadCpuSeconds(pthread_t thread = ::pthread_self());

// Waits, at most 10 s, until the process and its children hardly use the CPU:
// flushes and compactions that one contender started are its own cost.
Result<void> WaitQuiet(pid_t pid);

struct MachineLoad {
  double capacity_seconds = 0;  // All processors, busy or not.
  double busy_seconds = 0;
  double ours_seconds = 0;  // This process and its children, ended ones included.
};
MachineLoad ReadMachineLoad();
// Share of the machine that was used by anybody but us.
double OthersShare(const MachineLoad& before, const MachineLoad& after);

}  // namespace noroshi::bench
