// Internal to hub/journal: the class behind OpenRocksJournal.
//
// One thread, the committer, gives sequences, grows the tree and writes; callers
// of Append seal their bodies themselves, in parallel, before they queue.
//
// Locks: none is taken while another is held.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "common/crypto/crypto.h"
#include "hub/journal/database.h"
#include "hub/journal/format.h"
#include "hub/journal/rocks_journal.h"
#include "hub/journal/space.h"
#include "hub/journal/tile_cache.h"
#include "hub/journal/tree.h"

namespace noroshi::journal {

inline constexpr size_t kBatchEntriesMax = 256;
inline constexpr size_t kBatchFindingsMax = 32;  // Of these, what analysis found.
// So long findings wait for others, or for a report with which they are written.
inline constexpr std::chrono::milliseconds kFindingsLinger{4};
inline constexpr size_t kBatchBytesMax = 4 * 1024 * 1024;
// The newest entries, for engine and analysis: what comes in a burst is not read back.
inline constexpr size_t kCacheBytesMax = 64 * 1024 * 1024;
// Charged for each waiting draft beside its body.
inline constexpr size_t kDraftOverheadBytes = 512;
inline constexpr size_t kPrincipalBytesMax = 256;  // Organisation, agent.

class RocksJournal final : public Journal {
 public:
  // Opens, checks or creates; does not start the committer.
  static Result<std::unique_ptr<RocksJournal>> Open(const RocksJournalOptions& options);
  ~RocksJournal() override;

  void Start();
  // Before Start only.
  Result<void> BecomeRestored(const std::string& reason);

  void Append(Draft draft, AppendDone done) override;
  Result<std::vector<Entry>> Read(uint64_t from, size_t max_entries, size_t max_bytes) override;
  uint64_t size() const override;
  uint64_t WaitBeyond(uint64_t known, int64_t timeout_ms) override;
  std::string log_id() const override { return log_id_; }
  std::string log_public_key() const override { return signer_.public_key(); }
  v1::TreeHead Head() const override;
  std::vector<v1::Restored> Restores() const override { return restores_; }
  Result<v1::Receipt> Prove(uint64_t sequence) override;
  Result<std::string> ProveConsistency(uint64_t old_size, uint64_t new_size) override;
  Result<std::string> RootAt(uint64_t tree_size) override;
  Result<void> EraseBody(uint64_t sequence) override;
  Result<void> Health() const override;
  Result<uint64_t> Verify(const std::function<void(const Finding&)>& found,
                          size_t max_findings) override;
  Result<void> Backup(const std::string& folder) override;

 private:
  class StoredNodes;

  // A draft on its way to the disk.
  struct Waiting {
    Draft draft;
    SealedBody body;
    bool keep_body = false;  // draft.body is still there, for the cache.
    std::string id_key;      // Empty unless a submission.
    size_t charge = 0;
    AppendDone done;
  };
  // A second draft of an id that is in flight.
  struct Attached {
    bool same = false;  // The same content; else a conflict:
    Draft conflict;     // The entry that records it, lacking first_sequence.
    AppendDone done;
  };
  struct InFlight {
    std::string salt;
    std::string digest;
    std::vector<Attached> attached;
  };
  struct Committed {
    std::string header_bytes;
    v1::EntryHeader header;
    std::string leaf_hash;
  };

  explicit RocksJournal(const RocksJournalOptions& options, SigningKey signer);

  // recovery.cc
  Result<void> Initialise();
  Result<void> Recover();
  Result<void> ReadMeta();
  Result<void> ReadEntries();
  Result<uint64_t> CountEntries() const;
  Result<void> CheckHead();
  Result<void> SyncParentFolder();
  // Commits an entry of the journal's own, with what else is in `writes`.
  Result<void> CommitOwn(v1::EntryKind kind, std::string body, rocksdb::WriteBatch* writes);

  // maintenance.cc
  Result<void> CheckBackup(const std::string& folder, uint64_t known);

  // append.cc
  Result<void> Admit(const Draft& draft) const;
  Result<void> Reserve(size_t charge);  // REQUIRES: mutex_ held.
  // The sequence to which the index of ids leads; it may not be published yet.
  Result<std::optional<uint64_t>> FindId(const std::string& id_key) const;
  void AppendSubmission(Draft draft, AppendDone done);
  void AppendOther(Draft draft, AppendDone done);
  // True: done belongs to the draft in flight, or was refused.
  bool AttachToInFlight(const std::string& id_key, Draft* draft, AppendDone* done);
  void AnswerRepeat(uint64_t sequence, Draft draft, AppendDone done);
  void RecordConflict(Draft conflict, uint64_t first_sequence, AppendDone done);
  void Enqueue(Waiting waiting);
  void HandOver(AppendDone done, Result<Acceptance> answer);

  // commit.cc
  void Run();
  void WaitForWork(std::unique_lock<std::mutex>* lock);  // REQUIRES: mutex_ held.
  bool Idle() const { return queue_.empty() && findings_.empty() && answers_.empty(); }
  std::vector<Waiting> TakeBatch();  // REQUIRES: mutex_ held.
  Result<void> Commit(std::vector<Waiting>* batch, rocksdb::WriteBatch* writes);
  Committed AddEntry(const Waiting& waiting, uint64_t sequence, int64_t time_ms,
                     rocksdb::WriteBatch* writes);
  std::shared_ptr<const v1::TreeHead> SignHead(const RightEdge& edge, int64_t time_ms) const;
  Acceptance Accept(const Waiting& waiting, const Committed& committed,
                    const std::shared_ptr<const v1::TreeHead>& head, const RightEdge& edge);
  // The second drafts of each id, one element for each of the batch.
  std::vector<std::vector<Attached>> Publish(std::vector<Waiting>* batch,
                                             std::vector<Committed>* committed,
                                             std::shared_ptr<const v1::TreeHead> head);
  void AddToCache(Waiting* waiting, Committed* committed);  // REQUIRES: mutex_ held.
  void Answer(const Waiting& waiting, Acceptance acceptance, std::vector<Attached> attached);
  void FailAll(std::vector<Waiting> batch);
  void Latch(const std::string& why);
  Result<void> Latched() const;  // kUnavailable if it is.
  Error LatchedError() const;    // REQUIRES: mutex_ held.

  // rocks_journal.cc
  bool ReadCache(uint64_t from, size_t max_entries, size_t max_bytes,
                 std::vector<Entry>* entries) const;
  Result<OpenedEntry> ReadOne(uint64_t sequence, std::string* header_bytes) const;
  Result<v1::Receipt> MakeReceipt(uint64_t sequence, const std::string& header_bytes,
                                  const OpenedEntry& entry);
  std::shared_ptr<const v1::TreeHead> head() const;

  const RocksJournalOptions options_;
  const SigningKey signer_;
  mutable SpaceGuard space_;
  std::string log_id_;                  // Fixed once open.
  std::vector<v1::Restored> restores_;  // Likewise.
  std::unique_ptr<Database> database_;
  mutable TileCache tile_cache_;
  std::mutex maintenance_mutex_;  // One of Verify, EraseBody, Backup at a time.

  mutable std::mutex tree_mutex_;
  Tree tree_;                 // May be ahead of head_; guarded by tree_mutex_.
  int64_t last_time_ms_ = 0;  // Committer only.
  // Only the committer changes tree_ and so may read it without the lock.

  mutable std::mutex mutex_;      // Guards all below.
  std::condition_variable work_;  // For the committer.
  mutable std::condition_variable grown_;
  std::deque<Waiting> queue_;
  // What analysis found: nobody waits for it, so it does not make reports wait.
  std::deque<Waiting> findings_;
  std::vector<std::pair<AppendDone, Result<Acceptance>>> answers_;
  std::unordered_map<std::string, InFlight> in_flight_;  // By id key.
  size_t queued_bytes_ = 0;
  std::shared_ptr<const v1::TreeHead> head_;        // Of what is on disk.
  std::deque<std::shared_ptr<const Entry>> cache_;  // The newest entries, without gaps.
  size_t cache_bytes_ = 0;
  std::string latched_;  // Why; empty: not latched.
  bool stopping_ = false;

  std::thread committer_;
};

}  // namespace noroshi::journal
