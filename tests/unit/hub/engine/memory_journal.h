// A journal in memory, for tests of what follows a journal. Entries are numbered
// from 0 and taken at once; time is set by the test.
//
// Threads: thread-safe; `done` runs on the caller's thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hub/journal/journal.h"

namespace noroshi::engine {

class MemoryJournal : public journal::Journal {
 public:
  explicit MemoryJournal(std::string log_id = std::string(16, 'L')) : log_id_(std::move(log_id)) {}

  void set_time_ms(int64_t time_ms) { time_ms_ = time_ms; }
  int64_t time_ms() const { return time_ms_; }
  // While set, Append answers with this error.
  void set_refusal(std::optional<Error> refusal) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
  }
  void add_restore(const std::string& old_log_id, uint64_t old_tree_size) {
    restores_.emplace_back().set_old_log_id(old_log_id);
    restores_.back().set_old_tree_size(old_tree_size);
  }
  // As if the body had been destroyed.
  void Erase(uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    entries_[sequence].body.clear();
    entries_[sequence].erased = true;
  }
  std::vector<journal::Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

  void Append(journal::Draft draft, journal::AppendDone done) override {
    journal::Acceptance acceptance;
    {
      const std::lock_guard lock(mutex_);
      if (!refusal_) {
        journal::Entry entry;
        entry.sequence = entries_.size();
        entry.header.set_sequence(entry.sequence);
        entry.header.set_time_ms(time_ms_);
        entry.header.set_kind(draft.kind);
        entry.header.set_organization(draft.organization);
        entry.header.set_agent(draft.agent);
        if (draft.submission_id) entry.header.set_submission_id(draft.submission_id->bytes());
        entry.body = std::move(draft.body);
        acceptance.sequence = entry.sequence;
        entries_.push_back(std::move(entry));
      }
    }
    grown_.notify_all();
    const auto refusal = refused();
    if (refusal) return done(*refusal);
    done(acceptance);
  }

  Result<std::vector<journal::Entry>> Read(uint64_t from, size_t max_entries,
                                           size_t max_bytes) override {
    const std::lock_guard lock(mutex_);
    std::vector<journal::Entry> out;
    size_t bytes = 0;
    for (; from < entries_.size() && out.size() < max_entries && bytes <= max_bytes; ++from) {
      bytes += entries_[from].body.size();
      out.push_back(entries_[from]);
    }
    return out;
  }

  uint64_t size() const override {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }
  uint64_t WaitBeyond(uint64_t known, int64_t timeout_ms) override {
    std::unique_lock lock(mutex_);
    grown_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [&] { return entries_.size() > known; });
    return entries_.size();
  }

  std::string log_id() const override { return log_id_; }
  std::string log_public_key() const override { return std::string(32, 'K'); }
  v1::TreeHead Head() const override { return {}; }
  std::vector<v1::Restored> Restores() const override { return restores_; }
  Result<v1::Receipt> Prove(uint64_t) override { return Unsupported(); }
  Result<std::string> ProveConsistency(uint64_t, uint64_t) override { return Unsupported(); }
  Result<std::string> RootAt(uint64_t) override { return Unsupported(); }
  Result<void> EraseBody(uint64_t sequence) override { return Erase(sequence), Result<void>(); }
  Result<void> Health() const override { return {}; }
  Result<uint64_t> Verify(const std::function<void(const journal::Finding&)>&, size_t) override {
    return Unsupported();
  }
  Result<void> Backup(const std::string&) override { return Unsupported(); }

 private:
  static Error Unsupported() { return {ErrorCode::kInternal, "not of a journal in memory"}; }
  std::optional<Error> refused() const {
    const std::lock_guard lock(mutex_);
    return refusal_;
  }

  const std::string log_id_;
  mutable std::mutex mutex_;
  std::condition_variable grown_;
  std::vector<journal::Entry> entries_;
  std::optional<Error> refusal_;
  std::vector<v1::Restored> restores_;
  int64_t time_ms_ = 1'700'000'000'000;
};

}  // namespace noroshi::engine
