// What the agent's tests share: a temporary folder, a clock that stands still,
// repeatable randomness, and a log that signs like a hub's.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "agent/spool/spool.h"
#include "common/crypto/crypto.h"
#include "common/merkle/merkle.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "noroshi/v1/agent.pb.h"
#include "noroshi/v1/journal.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi {

class TempFolder {
 public:
  TempFolder() {
    std::string name = testing::TempDir() + "/agent-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class FakeClock final : public Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::chrono::steady_clock::time_point Steady() const override { return steady; }
  void Advance(std::chrono::milliseconds time) {
    now_ms += time.count();
    steady += time;
  }

  int64_t now_ms = 1'795'000'000'000;  // 2026-11-18.
  std::chrono::steady_clock::time_point steady{std::chrono::hours(1)};
};

class FakeRandom final : public Random {
 public:
  explicit FakeRandom(uint32_t seed = 1) : engine_(seed) {}
  void Fill(void* data, size_t size) override {
    for (size_t i = 0; i < size; ++i) static_cast<uint8_t*>(data)[i] = engine_() & 0xff;
  }

 private:
  std::mt19937 engine_;
};

// A submission of this size (about), and its place in the spool.
struct Sample {
  spool::Item item;
  std::string bytes;
};
inline Sample MakeIncident(Random& random, int64_t now_ms, const std::string& text = "停電",
                           const std::string& thread = "") {
  v1::Submission submission;
  const Uuid id = random.UuidV7(now_ms);
  submission.set_id(id.bytes());
  submission.set_created_at_ms(now_ms);
  submission.mutable_handling()->set_tlp(v1::TLP_AMBER);
  auto& incident = *submission.mutable_incident();
  incident.set_stage(thread.empty() ? v1::REPORT_STAGE_FIRST : v1::REPORT_STAGE_FOLLOW_UP);
  incident.set_thread_id(thread);
  incident.set_what_happened(text);
  Sample sample{{spool::Priority::kIncident, id, 0}, submission.SerializeAsString()};
  sample.item.bytes = sample.bytes.size();
  return sample;
}
inline Sample MakeMail(Random& random, int64_t now_ms, size_t size = 100) {
  v1::Submission submission;
  const Uuid id = random.UuidV7(now_ms);
  submission.set_id(id.bytes());
  submission.set_created_at_ms(now_ms);
  submission.mutable_handling()->set_tlp(v1::TLP_GREEN);
  submission.mutable_mail()->set_raw(std::string(size, 'm'));
  Sample sample{{spool::Priority::kMail, id, 0}, submission.SerializeAsString()};
  sample.item.bytes = sample.bytes.size();
  return sample;
}

// A log as a hub keeps it, with proofs built the slow way (RFC 6962 2.1).
class TestLog {
 public:
  explicit TestLog(const std::string& log_id = std::string(16, 'L')) : log_id_(log_id) {
    leaves_.push_back(merkle::LeafHash("log started"));
  }

  const std::string& log_id() const { return log_id_; }
  std::string public_key() const { return Key().public_key(); }
  size_t size() const { return leaves_.size(); }

  v1::TreeHead Head() const { return HeadAt(leaves_.size()); }
  v1::TreeHead HeadAt(size_t size) const {
    v1::TreeHead head;
    head.set_log_id(log_id_);
    head.set_tree_size(size);
    head.set_root_hash(Root(0, size));
    head.set_timestamp_ms(1'795'000'000'000);
    head.set_signature(Key().Sign(merkle::TreeHeadSignedBytes(head)));
    return head;
  }

  // Appends a submission; its receipt is for the tree at the next Seal().
  void Append(const std::string& organization, const std::string& submission) {
    v1::Submission parsed;
    NOROSHI_CHECK(parsed.ParseFromString(submission));
    v1::Receipt receipt;
    receipt.set_submission_id(parsed.id());
    receipt.set_sequence(leaves_.size());
    receipt.set_salt(std::string(16, 's'));
    v1::EntryHeader header;
    header.set_sequence(leaves_.size());
    header.set_time_ms(1'795'000'000'000);
    header.set_kind(v1::ENTRY_KIND_INCIDENT_REPORT);
    header.set_organization(organization);
    header.set_agent("agent");
    header.set_submission_id(parsed.id());
    header.set_body_digest(Sha256Of(receipt.salt() + submission));
    header.set_body_size(submission.size());
    receipt.set_header(header.SerializeAsString());
    receipt.set_leaf_hash(merkle::LeafHash(receipt.header()));
    leaves_.push_back(receipt.leaf_hash());
    unsealed_.push_back(receipt);
  }
  // Receipts for everything appended since, against the present head.
  v1::Receipts Seal() {
    v1::Receipts receipts;
    *receipts.mutable_head() = Head();
    for (v1::Receipt& receipt : unsealed_) {
      receipt.set_inclusion_proof(Inclusion(receipt.sequence(), 0, leaves_.size()));
      *receipts.add_receipts() = receipt;
    }
    unsealed_.clear();
    return receipts;
  }

  std::string Consistency(size_t old_size, size_t new_size) const {
    if (old_size == 0 || old_size == new_size) return "";
    return SubProof(old_size, 0, new_size, true);
  }

  // A new log that keeps the first `size` entries of this one.
  TestLog RestoredAt(size_t size, const std::string& new_log_id, v1::Restored* statement) const {
    TestLog log(new_log_id);
    log.leaves_.assign(leaves_.begin(), leaves_.begin() + static_cast<long>(size));
    statement->set_old_log_id(log_id_);
    statement->set_old_tree_size(size);
    statement->set_old_root_hash(Root(0, size));
    statement->set_signature(Key().Sign(merkle::RestoredSignedBytes(new_log_id, *statement)));
    log.leaves_.push_back(merkle::LeafHash("log restored"));
    return log;
  }

 private:
  static SigningKey Key() { return SigningKey::FromSeed(std::string(32, 'k')).value(); }
  static size_t Split(size_t size) {
    size_t split = 1;
    while (split * 2 < size) split *= 2;
    return split;
  }
  std::string Root(size_t begin, size_t end) const {
    if (begin == end) return merkle::EmptyRoot();
    if (end - begin == 1) return leaves_[begin];
    const size_t middle = begin + Split(end - begin);
    return merkle::NodeHash(Root(begin, middle), Root(middle, end));
  }
  std::string Inclusion(size_t index, size_t begin, size_t end) const {
    if (end - begin <= 1) return "";
    const size_t middle = begin + Split(end - begin);
    if (index < middle) return Inclusion(index, begin, middle) + Root(middle, end);
    return Inclusion(index, middle, end) + Root(begin, middle);
  }
  std::string SubProof(size_t old_size, size_t begin, size_t end, bool whole) const {
    if (old_size == end - begin) return whole ? "" : Root(begin, end);
    const size_t split = Split(end - begin);
    if (old_size <= split)
      return SubProof(old_size, begin, begin + split, whole) + Root(begin + split, end);
    return SubProof(old_size - split, begin + split, end, false) + Root(begin, begin + split);
  }

  std::string log_id_;
  std::vector<std::string> leaves_;
  std::vector<v1::Receipt> unsealed_;
};

}  // namespace noroshi
