// A hub that breaks its promise on purpose, composed like the real one, so that
// the power-cut test can prove that it would notice:
//
//   faulty_hub no-sync --data DIR serve [--listen ADDRESS]   never syncs the journal
//   faulty_hub eager   --data DIR serve [--listen ADDRESS]   sends the receipt first, syncs then
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "hub/analysis/worker.h"
#include "hub/app/serve.h"

namespace noroshi {
namespace {

// Answers when the entry is in the page cache, and commits it to the disk after.
class EagerJournal final : public journal::Journal {
 public:
  EagerJournal(std::unique_ptr<journal::Journal> inner, const std::string& folder)
      : inner_(std::move(inner)),
        folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        committer_([this] { CommitLate(); }) {}

  ~EagerJournal() override {
    inner_.reset();  // It still answers what waits.
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
    }
    committer_.join();
    ::close(folder_);
  }

  void Append(journal::Draft draft, journal::AppendDone done) override {
    inner_->Append(std::move(draft), [this, done](Result<journal::Acceptance> accepted) {
      done(std::move(accepted));
      const std::lock_guard lock(mutex_);
      dirty_ = true;
      changed_.notify_all();
    });
  }

  Result<std::vector<journal::Entry>> Read(uint64_t from, size_t max_entries,
                                           size_t max_bytes) override {
    return inner_->Read(from, max_entries, max_bytes);
  }
  uint64_t size() const override { return inner_->size(); }
  uint64_t WaitBeyond(uint64_t known, int64_t timeout_ms) override {
    return inner_->WaitBeyond(known, timeout_ms);
  }
  std::string log_id() const override { return inner_->log_id(); }
  std::string log_public_key() const override { return inner_->log_public_key(); }
  v1::TreeHead Head() const override { return inner_->Head(); }
  std::vector<v1::Restored> Restores() const override { return inner_->Restores(); }
  Result<v1::Receipt> Prove(uint64_t sequence) override { return inner_->Prove(sequence); }
  Result<std::string> ProveConsistency(uint64_t old_size, uint64_t new_size) override {
    return inner_->ProveConsistency(old_size, new_size);
  }
  Result<std::string> RootAt(uint64_t tree_size) override { return inner_->RootAt(tree_size); }
  Result<void> EraseBody(uint64_t sequence) override { return inner_->EraseBody(sequence); }
  Result<void> Health() const override { return inner_->Health(); }
  Result<uint64_t> Verify(const std::function<void(const journal::Finding&)>& found,
                          size_t max_findings) override {
    return inner_->Verify(found, max_findings);
  }
  Result<void> Backup(const std::string& folder) override { return inner_->Backup(folder); }

 private:
  void CommitLate() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return dirty_ || stopped_; });
      if (stopped_) return;
      // The commit comes this much after the receipt: part of the fault.
      changed_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stopped_; });
      dirty_ = false;
      lock.unlock();
      ::syncfs(folder_);
      lock.lock();
    }
  }

  std::unique_ptr<journal::Journal> inner_;
  const int folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool dirty_ = false;
  bool stopped_ = false;
  std::thread committer_;
};

Result<std::unique_ptr<journal::Journal>> OpenFaulty(const std::string& fault,
                                                     journal::RocksJournalOptions options) {
  options.unsafe_no_sync_for_tests = true;
  NOROSHI_ASSIGN_OR_RETURN(auto journal, journal::OpenRocksJournal(options));
  if (fault != "eager") return journal;
  return std::unique_ptr<journal::Journal>(
      std::make_unique<EagerJournal>(std::move(journal), options.folder));
}

int Main(int argc, char** argv) {
  if (argc == 2 && argv[1] == analysis::kWorkerArgument) {
    return analysis::AnalysisWorkerMain(analysis::kWorkerDescriptor);
  }
  const std::string fault = argc > 1 ? argv[1] : "";
  app::ServeOptions options;
  for (int i = 2; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--data") == 0) options.data = argv[i + 1];
    if (std::strcmp(argv[i], "--listen") == 0) options.listen = argv[i + 1];
  }
  if ((fault != "no-sync" && fault != "eager") || options.data.empty()) {
    std::fprintf(stderr, "usage: faulty_hub no-sync|eager --data DIR serve [--listen ADDRESS]\n");
    return 64;
  }
  options.open_journal = [fault](const journal::RocksJournalOptions& journal_options) {
    return OpenFaulty(fault, journal_options);
  };
  const auto served = app::Serve(options);
  if (served.ok()) return 0;
  std::fprintf(stderr, "faulty_hub: %s\n", served.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace noroshi

int main(int argc, char** argv) { return noroshi::Main(argc, argv); }
