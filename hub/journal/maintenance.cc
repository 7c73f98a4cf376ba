// Rare work: erasing, copying, restoring.
#include <filesystem>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {

Result<void> RocksJournal::EraseBody(uint64_t sequence) {
  // Verify holds a snapshot, which would keep the key alive.
  const std::lock_guard maintenance(maintenance_mutex_);
  if (options_.read_only) return Error{ErrorCode::kDenied, "the journal is open for reading only"};
  if (sequence >= size()) {
    return Error{ErrorCode::kNotFound, "no entry " + std::to_string(sequence)};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto header_bytes,
                           database_->Get(Family::kEntries, BigEndian64(sequence)));
  if (!header_bytes) return Error{ErrorCode::kCorruption, "the entry is missing"};
  NOROSHI_ASSIGN_OR_RETURN(const auto header, ParseHeader(sequence, *header_bytes));
  if (header.kind() == v1::ENTRY_KIND_LOG_STARTED || header.kind() == v1::ENTRY_KIND_LOG_RESTORED ||
      header.kind() == v1::ENTRY_KIND_BODY_ERASED) {
    return Error{ErrorCode::kDenied, "this kind of entry is needed to verify the journal"};
  }
  NOROSHI_RETURN_IF_ERROR(Latched());
  {
    const std::lock_guard lock(mutex_);
    cache_.clear();
    cache_bytes_ = 0;
  }
  const auto deleted = database_->DeletePhysically(Family::kKeys, BigEndian64(sequence));
  if (!deleted.ok()) {
    Latch(deleted.error().message);
    return deleted;
  }
  Log(Level::kInfo, "journal_body_erased", {{"sequence", sequence}});
  return {};
}

Result<void> RocksJournal::Backup(const std::string& folder) {
  const std::lock_guard maintenance(maintenance_mutex_);
  std::error_code error;
  if (std::filesystem::exists(folder, error) || error) {
    return Error{ErrorCode::kConflict, folder + " exists already: name a new folder"};
  }
  const uint64_t known = size();
  NOROSHI_RETURN_IF_ERROR(database_->CopyTo(folder));
  const auto checked = CheckBackup(folder, known);
  if (!checked.ok()) {
    std::filesystem::remove_all(folder, error);
    return checked.error().Prefixed("the backup does not fit and was removed");
  }
  return {};
}

Result<void> RocksJournal::CheckBackup(const std::string& folder, uint64_t known) {
  RocksJournalOptions options = options_;
  options.folder = folder;
  options.read_only = true;
  options.create_if_missing = false;
  NOROSHI_ASSIGN_OR_RETURN(const auto copy, RocksJournal::Open(options));
  const v1::TreeHead head = copy->Head();
  if (head.tree_size() < known) return Error{ErrorCode::kCorruption, "entries are missing"};
  NOROSHI_ASSIGN_OR_RETURN(const std::string root, RootAt(head.tree_size()));
  if (head.log_id() != log_id_ || head.root_hash() != root) {
    return Error{ErrorCode::kCorruption, "its head is not one of this log"};
  }
  return {};
}

Result<void> RocksJournal::BecomeRestored(const std::string& reason) {
  const v1::TreeHead old = Head();
  v1::Restored restored;
  restored.set_old_log_id(old.log_id());
  restored.set_old_tree_size(old.tree_size());
  restored.set_old_root_hash(old.root_hash());
  log_id_ = options_.random->Bytes(merkle::kLogIdBytes);
  restored.set_signature(signer_.Sign(merkle::RestoredSignedBytes(log_id_, restored)));

  v1::LogRestored entry;
  entry.set_log_id(log_id_);
  entry.set_old_log_id(old.log_id());
  entry.set_old_tree_size(old.tree_size());
  entry.set_old_root_hash(old.root_hash());
  entry.set_reason(reason);

  rocksdb::WriteBatch writes;
  database_->Put(&writes, Family::kMeta, kLogIdKey, log_id_);
  database_->Put(&writes, Family::kMeta,
                 std::string(kRestoredPrefix) + BigEndian64(restores_.size()),
                 restored.SerializeAsString());
  NOROSHI_RETURN_IF_ERROR(
      CommitOwn(v1::ENTRY_KIND_LOG_RESTORED, entry.SerializeAsString(), &writes));
  restores_.push_back(std::move(restored));
  Log(Level::kWarning, "journal_restored",
      {{"log_id", ToHex(log_id_)},
       {"old_log_id", ToHex(old.log_id())},
       {"old_tree_size", old.tree_size()},
       {"reason", reason}});
  return {};
}

Result<void> MarkRestored(const RocksJournalOptions& options, const std::string& reason) {
  RocksJournalOptions present = options;
  present.create_if_missing = false;
  present.read_only = false;
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, RocksJournal::Open(present));
  return journal->BecomeRestored(reason);
}

}  // namespace noroshi::journal
