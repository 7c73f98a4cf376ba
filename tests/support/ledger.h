// Ledger: what the submitters of a test know for certain, whatever crashed: what
// they sent, which receipts and deliveries they got. And the check of a hub's
// journal against it.
//
// Threads: thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "noroshi/v1/agent.pb.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/waiting.h"

namespace noroshi::support {

class Ledger {
 public:
  // A submission was sent for the first time.
  void Sent(const std::string& organization, const std::string& id, const std::string& bytes);
  // A verified receipt came. A second one for the same id must be the same.
  void Received(const v1::Receipt& receipt);
  // One item of an organisation's outbox came. The same position must hold the
  // same bytes for ever.
  void Delivered(const std::string& organization, const v1::Delivery& delivery);
  // Something broke a rule.
  void Found(const std::string& finding);

  size_t receipts() const;
  size_t submissions() const;
  // Waits until so many different submissions have receipts.
  bool WaitForReceipts(size_t count, Milliseconds timeout = kPatience) const;

  // What has been found so far.
  std::vector<std::string> findings() const;
  // The same, and what does not fit these entries: a receipt
  // without its entry is "lost", an id in two entries is "twice".
  std::vector<std::string> Check(const std::vector<JournaledSubmission>& journal) const;
  // Positions at which an organisation got this alert.
  std::vector<uint64_t> PositionsOf(const std::string& organization,
                                    const std::string& alert_id) const;

 private:
  struct Known {
    std::string organization;
    std::string bytes;
    bool receipted = false;
    uint64_t sequence = 0;
    std::string leaf_hash;
  };
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Known> submissions_;
  std::map<std::string, std::map<uint64_t, std::string>> deliveries_;
  std::vector<std::string> findings_;
  size_t receipts_ = 0;
};

}  // namespace noroshi::support
