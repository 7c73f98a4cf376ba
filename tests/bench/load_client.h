// LoadClient: many agents in one thread, for measuring a hub from outside. Each
// has a connection of its own over mutual TLS, keeps a number of submissions
// without receipt under way, takes deliveries and acknowledges them.
//
// Receipts are matched with what was sent, not verified: checking signatures
// would cost the machine more than the hub does. `noroshi-hub verify` reads the
// journal afterwards.
//
// Threads: one caller; the connections have a thread "load" of their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/bench/payload.h"
#include "tests/support/wire_client.h"

namespace noroshi::bench {

// A round's receipts must have come this long after its end, at the latest.
inline constexpr std::chrono::seconds kLastReceiptTimeout{60};

struct LoadOptions {
  std::string address;                       // "127.0.0.1:PORT"
  std::vector<support::Credentials> agents;  // One connection each.
  size_t in_flight = 16;                     // For each connection.
  SubmissionSource* source = nullptr;        // Used by the client's thread during Run.
};

struct LoadResult {
  uint64_t acknowledged = 0;
  uint64_t postponed = 0;            // Refused with a time to retry; not among the others.
  double seconds = 0;                // From the first submission to the last receipt.
  double client_cpu_seconds = 0;     // Of the client's thread.
  std::vector<double> latencies_ms;  // One for each receipt.
};

class LoadClient {
 public:
  // Connects all, greets, and returns when the hub has answered every greeting.
  static Result<std::unique_ptr<LoadClient>> Connect(const LoadOptions& options);
  ~LoadClient();  // Closes.

  // Submits for this long, then waits for the receipts under way. Any other
  // answer than a receipt or a postponement is an error.
  Result<LoadResult> Run(std::chrono::milliseconds duration);

  // Items received since Connect. Connections go on taking them between runs.
  uint64_t deliveries() const;
  // The first submission of which the hub says that its analysis is incomplete:
  // why. Empty: none. A hub that fails fast must not look fast.
  std::string analysis_error() const;

 private:
  struct Impl;
  explicit LoadClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::bench
