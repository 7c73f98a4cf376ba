#include "tests/support/ledger.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/encoding.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::support {

void Ledger::Sent(const std::string& organization, const std::string& id,
                  const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  submissions_[id] = {organization, bytes, false, 0, ""};
}

void Ledger::Received(const v1::Receipt& receipt) {
  const std::lock_guard lock(mutex_);
  const auto known = submissions_.find(receipt.submission_id());
  if (known == submissions_.end()) {
    findings_.push_back("receipt for what was never sent: " + ToHex(receipt.submission_id()));
    return;
  }
  Known& submission = known->second;
  if (!submission.receipted) {
    submission.receipted = true;
    submission.sequence = receipt.sequence();
    submission.leaf_hash = receipt.leaf_hash();
    ++receipts_;
    changed_.notify_all();
  } else if (submission.sequence != receipt.sequence() ||
             submission.leaf_hash != receipt.leaf_hash()) {
    findings_.push_back(fmt::format("lost: {} had sequence {}, a retry got {}",
                                    ToHex(receipt.submission_id()), submission.sequence,
                                    receipt.sequence()));
  }
}

void Ledger::Delivered(const std::string& organization, const v1::Delivery& delivery) {
  const std::string bytes = delivery.SerializeAsString();
  const std::lock_guard lock(mutex_);
  const auto [known, added] = deliveries_[organization].try_emplace(delivery.position(), bytes);
  if (!added && known->second != bytes) {
    findings_.push_back(fmt::format("delivery {} of {} came with other content",
                                    delivery.position(), organization));
  }
}

void Ledger::Found(const std::string& finding) {
  const std::lock_guard lock(mutex_);
  findings_.push_back(finding);
}

size_t Ledger::receipts() const {
  const std::lock_guard lock(mutex_);
  return receipts_;
}

size_t Ledger::submissions() const {
  const std::lock_guard lock(mutex_);
  return submissions_.size();
}

bool Ledger::WaitForReceipts(size_t count, Milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return receipts_ >= count; });
}

std::vector<std::string> Ledger::findings() const {
  const std::lock_guard lock(mutex_);
  return findings_;
}

std::vector<std::string> Ledger::Check(const std::vector<JournaledSubmission>& journal) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> findings = findings_;
  std::map<std::string, uint64_t> sequences;
  for (const JournaledSubmission& entry : journal) {
    const auto [first, added] = sequences.try_emplace(entry.id, entry.sequence);
    if (!added) {
      findings.push_back(fmt::format("twice: {} has sequences {} and {}", ToHex(entry.id),
                                     first->second, entry.sequence));
    }
    const auto known = submissions_.find(entry.id);
    if (known == submissions_.end() || known->second.organization != entry.organization ||
        known->second.bytes != entry.body) {
      findings.push_back(fmt::format("entry {} is not what was sent", entry.sequence));
    }
  }
  for (const auto& [id, submission] : submissions_) {
    if (!submission.receipted) continue;
    const auto entry = sequences.find(id);
    if (entry == sequences.end() || entry->second != submission.sequence) {
      findings.push_back(
          fmt::format("lost: {} has a receipt for sequence {}", ToHex(id), submission.sequence));
    }
  }
  return findings;
}

std::vector<uint64_t> Ledger::PositionsOf(const std::string& organization,
                                          const std::string& alert_id) const {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> positions;
  const auto deliveries = deliveries_.find(organization);
  if (deliveries == deliveries_.end()) return positions;
  for (const auto& [position, bytes] : deliveries->second) {
    v1::Delivery delivery;
    v1::Alert alert;
    if (delivery.ParseFromString(bytes) && alert.ParseFromString(delivery.alert()) &&
        alert.alert_id() == alert_id) {
      positions.push_back(position);
    }
  }
  return positions;
}

}  // namespace noroshi::support
