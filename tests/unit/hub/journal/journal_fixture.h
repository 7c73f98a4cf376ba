// What every journal test needs: a temporary folder, a clock, drafts, answers.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/database.h"
#include "hub/journal/rocks_journal.h"
#include "tests/unit/hub/journal/test_disk.h"

namespace noroshi::journal {

class ManualClock final : public Clock {
 public:
  int64_t NowMs() const override { return now_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(steady_ms_));
  }
  void Set(int64_t now_ms) { now_ms_ = now_ms; }
  void AdvanceSteady(int64_t ms) { steady_ms_ += ms; }

 private:
  std::atomic<int64_t> now_ms_{1'700'000'000'000};
  std::atomic<int64_t> steady_ms_{1000};
};

// Collects the answers to many drafts.
class Answers {
 public:
  AppendDone Next();
  // In the order of Next(). Waits for all.
  std::vector<Result<Acceptance>> Take();

 private:
  std::vector<std::future<Result<Acceptance>>> futures_;
};

class JournalFixture : public testing::Test {
 protected:
  JournalFixture();
  ~JournalFixture() override;

  std::string Path(const std::string& name) const { return (root_ / name).string(); }
  RocksJournalOptions Options();
  // Opens; fails the test on error.
  std::unique_ptr<Journal> MustOpen();
  std::unique_ptr<Journal> MustOpen(const RocksJournalOptions& options);
  // Opens the journal's RocksDB directly, to damage it.
  std::unique_ptr<Database> Raw();

  static Uuid Id(uint64_t number);
  static Draft Report(uint64_t number, std::string body);
  static Draft Command(std::string body);
  static Result<Acceptance> AppendNow(Journal* journal, Draft draft);
  // Appends `count` reports with bodies "body <number>", several in flight.
  static std::vector<Acceptance> Fill(Journal* journal, uint64_t first_number, uint64_t count);
  // The receipt with its head, verified.
  static Result<void> Check(const Acceptance& acceptance, const std::string& body,
                            const std::string& public_key);
  static std::vector<std::string> Findings(Journal* journal, size_t max = 100);

  std::filesystem::path root_;
  ManualClock clock_;
  std::shared_ptr<TestDisk> disk_ = std::make_shared<TestDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
};

}  // namespace noroshi::journal
