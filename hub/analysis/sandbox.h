// The walls around a process that reads hostile bytes.
//
// Afterwards the process can read and write its open descriptors, use memory up
// to a limit, and end. It cannot open a file, make a socket, start a process or
// thread, gain privileges, be traced or dump its memory. What libraries try on
// their own (a locale, a converter's file) fails with EACCES; every other system
// call kills the process with SIGSYS.
//
// Three layers, each enough for most: resource limits, Landlock (where the
// kernel has it), and a seccomp filter (required: without it the process must
// not go on).
//
// Threads: call once, while the process has one thread.
#pragma once

#include <cstddef>

#include "common/base/result.h"

namespace noroshi::analysis {

inline constexpr int kSandboxCpuSecondsMax = 900;  // Of a process's whole life.
inline constexpr int kSandboxDescriptorsMax = 8;

// memory_bytes: of address space. kUnavailable without seccomp.
Result<void> CloseSandbox(size_t memory_bytes);

}  // namespace noroshi::analysis
