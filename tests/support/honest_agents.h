// HonestAgents: the agents that must not feel what others do. Each reports at a
// steady rate, whatever else happens, checks every receipt (digest, leaf,
// inclusion, signature) and notes how long it took.
//
// The time of a report runs from when it was due, not from when it could be
// sent: a hub that stalls delays all that falls due meanwhile, and all of it counts.
//
// Threads: one caller; each agent has a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/result.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {

inline constexpr Milliseconds kReportEvery{50};
inline constexpr Milliseconds kWindow{1'000};

class HonestAgents {
 public:
  HonestAgents(const std::string& address, const std::vector<Credentials>& agents);
  ~HonestAgents();

  // Lets them report for so many windows of kWindow; their p99 each, in milliseconds.
  std::vector<double> Measure(size_t windows);
  // Waits for the receipts under way and ends. Whatever was wrong: a connection
  // lost, a report refused, a receipt that did not verify or never came.
  std::vector<std::string> Finish();
  // Receipts that verified.
  size_t receipts() const { return receipts_; }
  size_t sent() const { return sent_; }

 private:
  struct Agent;
  // first: from now to the first report.
  void Work(Milliseconds first, const std::string& address, const Credentials& credentials);
  Result<void> Report(Agent& agent);
  Result<void> Handle(Agent& agent, const v1::HubFrame& frame);

  std::atomic<bool> stopping_{false};
  std::atomic<size_t> sent_{0};
  std::atomic<size_t> receipts_{0};
  std::mutex mutex_;  // Guards what follows.
  std::vector<double> times_ms_;
  std::vector<std::string> findings_;
  std::vector<std::thread> threads_;
};

// The value below which this share of the values lies; 0 of none.
double Quantile(std::vector<double> values, double share);

}  // namespace noroshi::support
