// Pool: runs analyses off the hub's threads.
//
// Incident reports go before mails, mails before observations. Incident reports
// and observations are analysed on the pool's threads; mails are hostile and are
// parsed in child processes (worker.h, sandbox.h), one for each mail worker,
// without network, files, keys or environment. A child that dies, hangs or grows
// costs its own mail only: that result says FAILED with the signal or the limit,
// and a new child is started; one that keeps dying is started less often. In a backlog
// the next few mails are put before a child while it reads one, so that neither side is
// woken for each; should the child die, the next one gets them.
//
// One more thread than `workers` never takes a mail, so that an incident report
// does not wait behind mails that hang.
//
// Threads: thread-safe. `done` runs on a thread of the pool, once for each
// accepted Work, unless the pool is destroyed first.
// Lifetime: the destructor drops what waits and what a child is at work on, ends
// the children and joins; dropped work gets no `done`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::analysis {

inline constexpr size_t kQueueItemsMax = 1024;
inline constexpr size_t kQueueBytesMax = 128 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kMailDeadline{10'000};
inline constexpr std::chrono::milliseconds kStartDeadline{
    30'000};  // Of a child, until it is ready.
// After so many mails, or so long, a fresh child reads: nothing that a mail did lasts.
inline constexpr int kMailsPerChild = 4'096;
inline constexpr std::chrono::minutes kChildAgeMax{15};
inline constexpr size_t kAheadMailsMax = 16;  // Put before one child beside the one that it reads.
inline constexpr size_t kMailMemoryBytesMax = 512ull * 1024 * 1024;  // Address space of a child.

enum class WorkKind { kIncident, kMail, kObservation };  // In order of precedence.

struct Work {
  uint64_t sequence = 0;   // The submission's entry in the journal.
  std::string submission;  // Serialised v1::Submission, as in the journal's body.
  WorkKind kind = WorkKind::kMail;
};

struct PoolOptions {
  int workers = 2;  // Processes that read mails. At least 1.
  // How a child is started; it finds its socket at descriptor kWorkerDescriptor.
  std::vector<std::string> worker_command = {"/proc/self/exe", "analysis-worker"};
  std::chrono::milliseconds mail_deadline = kMailDeadline;
  std::chrono::milliseconds child_age_max = kChildAgeMax;
  std::chrono::milliseconds back_off_first{100};  // After a child died; doubles.
  std::chrono::milliseconds back_off_max{10'000};
};

class Pool {
 public:
  // Called with a serialised v1::AnalysisResult, subject_sequence set.
  using Done = std::function<void(uint64_t sequence, std::string result)>;

  static Result<std::unique_ptr<Pool>> Start(PoolOptions options);
  virtual ~Pool() = default;

  // kOverloaded when the queue is full: try again after a done.
  virtual Result<void> Submit(Work work, Done done) = 0;

  virtual size_t waiting() const = 0;             // Not yet begun.
  virtual uint64_t children_started() const = 0;  // Since the start, for metrics.
};

}  // namespace noroshi::analysis
