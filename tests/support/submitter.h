// Submitter: an organisation's agent under load, in a thread of this process. It
// submits, keeps what has no receipt, reconnects whenever the hub is there again,
// checks every receipt, tree head and delivery, and writes down in the Ledger
// what it knows.
//
// Threads: one thread calls; the submitter's own thread works.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "noroshi/v1/agent.pb.h"
#include "tests/support/ledger.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {

// Submissions that wait for their receipts at any time.
inline constexpr size_t kInFlight = 24;
// Every so many submissions one is a mail; the others are incident reports.
inline constexpr uint64_t kMailEvery = 8;

class Submitter {
 public:
  Submitter(Credentials credentials, Ledger& ledger, uint64_t seed);
  ~Submitter();  // Stops.
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  // The hub accepts connections here, and may be sent so many further submissions.
  void HubIsUp(const std::string& address, size_t more);
  // Nothing new; waits until everything that was sent has its receipt.
  bool Drain(Milliseconds timeout = kPatience);
  // Waits until everything up to this delivery position has come.
  bool WaitForPosition(uint64_t position, Milliseconds timeout = kPatience);
  void Stop();
  // Why the last connection ended.
  std::string last_error();

  const std::string& organization() const { return credentials_.organization; }

 private:
  void Work();
  Result<void> Converse(const std::string& address);
  Result<void> Greet(WireClient& client);
  Result<void> SendWaiting(WireClient& client);
  Result<void> SendNew(WireClient& client);
  Result<void> Handle(WireClient& client, const v1::HubFrame& frame);
  void AdvanceHead(const v1::Receipts& receipts);
  void HandleReceipt(v1::Receipt receipt, const v1::TreeHead& head);
  Result<void> HandleDeliveries(WireClient& client, const v1::Deliveries& deliveries);
  std::string NewSubmission();

  const Credentials credentials_;
  Ledger& ledger_;
  std::mt19937_64 random_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string address_;
  size_t allowed_ = 0;  // Further new submissions.
  bool stopped_ = false;
  bool idle_ = true;       // Nothing waits for a receipt.
  uint64_t position_ = 0;  // Last delivery of this connection; 0: none yet.
  std::string last_error_;
  uint64_t acknowledged_ = 0;  // Last delivery that we acknowledged on any.

  // Only the submitter's thread:
  std::map<std::string, std::string> waiting_;  // Without receipt: id to bytes.
  std::map<std::string, std::string> sample_;   // With receipt: sent again after a crash.
  v1::TreeHead head_;
  std::string delivery_log_id_;
  uint64_t number_ = 0;

  std::thread thread_;
};

}  // namespace noroshi::support
