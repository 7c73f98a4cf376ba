#include "hub/analysis/sandbox.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace noroshi::analysis {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "The sandbox knows the system calls of x86-64 and arm64 only."
#endif

// Sanitizers reserve terabytes of addresses and probe memory through a pipe.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NOROSHI_SANITIZED 1
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// What an allocator, a mutex and the conversation need.
constexpr int kAllowed[] = {
    SYS_read,           SYS_write,       SYS_readv,        SYS_writev,
    SYS_recvfrom,       SYS_sendto,      SYS_close,        SYS_munmap,
    SYS_mremap,         SYS_madvise,     SYS_brk,          SYS_futex,
    SYS_exit,           SYS_exit_group,  SYS_rt_sigreturn, SYS_getrandom,
    SYS_clock_gettime,  SYS_sched_yield, SYS_gettimeofday, SYS_restart_syscall,
    SYS_rt_sigprocmask, SYS_getpid,      SYS_gettid,       SYS_sigaltstack,
#if defined(NOROSHI_SANITIZED)
    SYS_pipe2,
#endif
};

// What libraries try on their own, and survive.
constexpr int kRefused[] = {
    SYS_openat, SYS_newfstatat, SYS_faccessat, SYS_readlinkat, SYS_statx,    SYS_getcwd,
    SYS_fstat,  SYS_lseek,      SYS_ioctl,     SYS_uname,      SYS_fcntl,    SYS_sysinfo,
#if defined(__x86_64__)
    SYS_open,   SYS_stat,       SYS_lstat,     SYS_access,     SYS_readlink,
#endif
};

constexpr uint32_t kOffsetNumber = offsetof(seccomp_data, nr);
constexpr uint32_t kOffsetArch = offsetof(seccomp_data, arch);

// The low half of an argument (both architectures are little-endian).
constexpr uint32_t OffsetOfArgument(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * static_cast<size_t>(index));
}

sock_filter Statement(int code, uint32_t k) { return BPF_STMT(static_cast<uint16_t>(code), k); }
sock_filter Jump(int code, uint32_t k, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(code), k, if_true, if_false);
}

constexpr int kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr int kReturn = BPF_RET | BPF_K;
constexpr int kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr int kAnyBit = BPF_JMP | BPF_JSET | BPF_K;

std::vector<sock_filter> BuildFilter() {
  std::vector<sock_filter> program;
  const auto on = [&](int number, uint32_t action) {
    program.push_back(Jump(kEqual, static_cast<uint32_t>(number), 0, 1));
    program.push_back(Statement(kReturn, action));
  };
  program.push_back(Statement(kLoad, kOffsetArch));
  program.push_back(Jump(kEqual, kArchitecture, 1, 0));
  program.push_back(Statement(kReturn, SECCOMP_RET_KILL_PROCESS));
  program.push_back(Statement(kLoad, kOffsetNumber));  // x32 numbers match nothing below.
  for (const int number : kAllowed) on(number, SECCOMP_RET_ALLOW);
  for (const int number : kRefused) on(number, SECCOMP_RET_ERRNO | EACCES);
  // mmap: anonymous and not executable.
  program.push_back(Jump(kEqual, SYS_mmap, 0, 7));
  program.push_back(Statement(kLoad, OffsetOfArgument(2)));
  program.push_back(Jump(kAnyBit, PROT_EXEC, 0, 1));
  program.push_back(Statement(kReturn, SECCOMP_RET_KILL_PROCESS));
  program.push_back(Statement(kLoad, OffsetOfArgument(3)));
  program.push_back(Jump(kAnyBit, MAP_ANONYMOUS, 0, 1));
  program.push_back(Statement(kReturn, SECCOMP_RET_ALLOW));
  program.push_back(Statement(kReturn, SECCOMP_RET_ERRNO | EACCES));
  // mprotect: not executable.
  program.push_back(Jump(kEqual, SYS_mprotect, 0, 4));
  program.push_back(Statement(kLoad, OffsetOfArgument(2)));
  program.push_back(Jump(kAnyBit, PROT_EXEC, 1, 0));
  program.push_back(Statement(kReturn, SECCOMP_RET_ALLOW));
  program.push_back(Statement(kReturn, SECCOMP_RET_KILL_PROCESS));
  program.push_back(Statement(kReturn, SECCOMP_RET_KILL_PROCESS));
  return program;
}

Result<void> Limit(int resource, rlim_t value) {
  const rlimit limit{value, value};
  // The C library declares an enumeration here, the kernel an int.
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) {
    return ErrnoError("setrlimit");
  }
  return {};
}

Result<void> SetLimits(size_t memory_bytes) {
  if (!kSanitized) NOROSHI_RETURN_IF_ERROR(Limit(RLIMIT_AS, memory_bytes));
  NOROSHI_RETURN_IF_ERROR(Limit(RLIMIT_CPU, kSandboxCpuSecondsMax));
  NOROSHI_RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, kSandboxDescriptorsMax));
  NOROSHI_RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, 0));
  NOROSHI_RETURN_IF_ERROR(Limit(RLIMIT_NPROC, 0));
  return Limit(RLIMIT_CORE, 0);
}

// Every access that this kernel's Landlock can deny, with no exception. Kernels
// without it answer ENOSYS or EOPNOTSUPP: then the filter alone stands.
Result<void> CloseFileSystem() {
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return {};
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // All of version 1.
  const long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
  if (ruleset < 0) return ErrnoError("landlock_create_ruleset");
  const long done = syscall(SYS_landlock_restrict_self, ruleset, 0);
  const Result<void> result = done == 0 ? Result<void>() : ErrnoError("landlock_restrict_self");
  close(static_cast<int>(ruleset));
  return result;
}

}  // namespace

Result<void> CloseSandbox(size_t memory_bytes) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoError("prctl");
  }
  NOROSHI_RETURN_IF_ERROR(CloseFileSystem());
  NOROSHI_RETURN_IF_ERROR(SetLimits(memory_bytes));
  std::vector<sock_filter> filter = BuildFilter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return Error{ErrorCode::kUnavailable, ErrnoError("seccomp").message};
  }
  return {};
}

}  // namespace noroshi::analysis
