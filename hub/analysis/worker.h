// The confined process that reads mails.
//
// It is the hub's own binary, started as `noroshi-hub analysis-worker`: main()
// calls AnalysisWorkerMain(kWorkerDescriptor) at once and returns its value.
//
// Conversation over the socket, both ways: 4-byte big-endian length and that
// many bytes. The child first says "ready" (one frame), then answers each frame (a
// mail's raw bytes) with one (a serialised AnalysisResult with the mail's facts). It
// ends when the socket closes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace noroshi::analysis {

inline constexpr int kWorkerDescriptor = 3;
inline constexpr std::string_view kWorkerArgument = "analysis-worker";
inline constexpr std::string_view kWorkerReady = "ready";
inline constexpr int kExitOutOfMemory = 71;  // The memory limit was reached.
inline constexpr int kExitNoSandbox = 72;    // The kernel refused the confinement.

// Warms up, closes the sandbox, and analyses what comes over fd until it
// closes. Returns the process's exit code.
int AnalysisWorkerMain(int fd);

// The same with another analysis: for tests of the confinement.
int RunWorker(int fd, const std::function<std::string(std::string_view)>& analyse);

}  // namespace noroshi::analysis
