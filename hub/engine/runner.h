// Runner: the thread "engine". It follows the journal from MetaRow.applied,
// applies in batches and tells a listener. At the first error it stops and says
// so in Health; readers of the state go on.
//
// Threads: thread-safe. Lifetime: journal and store outlive the Runner; the
// destructor stops and joins. The listener runs on the engine's thread, in
// order, must be short, and may not call the Runner.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/result.h"
#include "hub/engine/engine.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::engine {

struct RunnerOptions {
  size_t batch_entries_max = 256;
  size_t batch_bytes_max = 32 * 1024 * 1024;
  // While this says so, nothing is applied: a disk without space would stop the
  // state for good. Asked before each batch, on the engine's thread. May be empty.
  std::function<bool()> hold = nullptr;
};

class Runner {
 public:
  using Listener = std::function<void(const Applied&)>;

  // Checks that state and journal belong together, then starts the thread.
  // kInvalid "rebuild": the state is ahead of the journal or of another log.
  static Result<std::unique_ptr<Runner>> Start(journal::Journal* journal, store::Store* store,
                                               const RunnerOptions& options, Listener listener);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // The next sequence to apply.
  uint64_t applied() const;

  // Blocks until the entry `sequence` is applied. kTimeout; kUnavailable when the
  // engine has stopped.
  Result<void> WaitApplied(uint64_t sequence, int64_t timeout_ms) const;

  // Not ok: the engine has stopped, and why.
  Result<void> Health() const;

  // Stops after the present batch. Idempotent.
  void Stop();

 private:
  struct State;
  explicit Runner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace noroshi::engine
