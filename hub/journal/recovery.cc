// Opening: a new log is started, an existing one is checked against its head.
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <filesystem>
#include <limits>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rehash.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {
namespace {

Error Corrupt(std::string message) { return Error{ErrorCode::kCorruption, std::move(message)}; }

Error CorruptEntry(uint64_t sequence, const std::string& message) {
  return Corrupt("entry " + std::to_string(sequence) + ": " + message);
}

// The stored statements, oldest first.
Result<std::vector<v1::Restored>> ReadRestores(const Database& database) {
  std::vector<v1::Restored> restores;
  for (uint64_t number = 0;; ++number) {
    const std::string key = std::string(kRestoredPrefix) + BigEndian64(number);
    NOROSHI_ASSIGN_OR_RETURN(const auto stored, database.Get(Family::kMeta, key));
    if (!stored) return restores;
    v1::Restored restored;
    if (!restored.ParseFromString(*stored)) return Corrupt("a restore statement is unreadable");
    restores.push_back(std::move(restored));
  }
}

}  // namespace

Result<std::unique_ptr<RocksJournal>> RocksJournal::Open(const RocksJournalOptions& options) {
  NOROSHI_CHECK(options.clock != nullptr && options.random != nullptr);
  if (options.master_key.size() != kAesKeyBytes) {
    return Error{ErrorCode::kInvalid, "the journal's master key must have 32 bytes"};
  }
  NOROSHI_ASSIGN_OR_RETURN(SigningKey signer, SigningKey::FromSeed(options.signing_seed));
  std::unique_ptr<RocksJournal> journal(new RocksJournal(options, std::move(signer)));
  DatabaseOptions database_options;
  database_options.folder = options.folder;
  database_options.env = options.env;
  database_options.create_if_missing = options.create_if_missing && !options.read_only;
  database_options.read_only = options.read_only;
  // RocksDB's threads end before the journal does: see the destructor.
  database_options.reserve_bytes = options.free_space_reserve_bytes;
  database_options.background_error = [raw = journal.get()](const std::string& what) {
    raw->Latch(what);
  };
  NOROSHI_ASSIGN_OR_RETURN(journal->database_, Database::Open(database_options));
  NOROSHI_ASSIGN_OR_RETURN(const auto format, journal->database_->Get(Family::kMeta, kFormatKey));
  if (!format && database_options.create_if_missing) {
    NOROSHI_RETURN_IF_ERROR(journal->Initialise());
    return journal;
  }
  if (!format) return Corrupt("the journal in " + options.folder + " has no format mark");
  if (*format != kFormat) {
    return Error{ErrorCode::kInvalid, "the journal has format " + *format + ", not " +
                                          std::string(kFormat) + ": use the matching release"};
  }
  NOROSHI_RETURN_IF_ERROR(journal->Recover());
  return journal;
}

Result<void> RocksJournal::Initialise() {
  auto entries = database_->Iterate(Family::kEntries, rocksdb::ReadOptions());
  entries->SeekToFirst();
  if (entries->Valid()) return Corrupt("entries without a format mark");
  NOROSHI_RETURN_IF_ERROR(SyncParentFolder());
  log_id_ = options_.random->Bytes(merkle::kLogIdBytes);
  v1::LogStarted started;
  started.set_log_id(log_id_);
  started.set_hub_name(options_.hub_name);
  started.set_log_public_key(signer_.public_key());
  rocksdb::WriteBatch writes;
  database_->Put(&writes, Family::kMeta, kFormatKey, kFormat);
  database_->Put(&writes, Family::kMeta, kLogIdKey, log_id_);
  database_->Put(&writes, Family::kMeta, kPublicKeyKey, signer_.public_key());
  database_->Put(&writes, Family::kMeta, kHubNameKey, options_.hub_name);
  NOROSHI_RETURN_IF_ERROR(
      CommitOwn(v1::ENTRY_KIND_LOG_STARTED, started.SerializeAsString(), &writes));
  Log(Level::kInfo, "journal_started", {{"log_id", ToHex(log_id_)}});
  return {};
}

Result<void> RocksJournal::CommitOwn(v1::EntryKind kind, std::string body,
                                     rocksdb::WriteBatch* writes) {
  Waiting waiting;
  waiting.draft.kind = kind;
  waiting.draft.body = std::move(body);
  Secrets secrets(options_.random);
  std::string digest = BodyDigest(secrets.salt, waiting.draft.body);
  waiting.body = Seal(waiting.draft, std::move(secrets), std::move(digest), options_.master_key);
  std::vector<Waiting> batch;
  batch.push_back(std::move(waiting));
  return Commit(&batch, writes);
}

// RocksDB syncs the names within its folder, but not the folder's own name.
Result<void> RocksJournal::SyncParentFolder() {
  rocksdb::Env* env = options_.env != nullptr ? options_.env : rocksdb::Env::Default();
  std::error_code error;
  const std::string parent =
      std::filesystem::absolute(options_.folder, error).parent_path().string();
  if (error) return Error{ErrorCode::kIo, options_.folder + ": " + error.message()};
  std::unique_ptr<rocksdb::FSDirectory> folder;
  rocksdb::Status status =
      env->GetFileSystem()->NewDirectory(parent, rocksdb::IOOptions(), &folder, nullptr);
  if (status.ok()) status = folder->Fsync(rocksdb::IOOptions(), nullptr);
  if (!status.ok()) return FromStatus(status, "sync " + parent);
  return {};
}

Result<void> RocksJournal::Recover() {
  NOROSHI_RETURN_IF_ERROR(ReadMeta());
  Result<void> checked = ReadEntries();
  if (checked.ok()) checked = CheckHead();
  if (!checked.ok()) {
    if (!options_.read_only || !options_.open_damaged) return checked;
    Log(Level::kWarning, "journal_damaged", {{"reason", checked.error().message}});
    return {};
  }
  Log(Level::kInfo, "journal_opened",
      {{"log_id", ToHex(log_id_)}, {"tree_size", head_->tree_size()}});
  return {};
}

Result<void> RocksJournal::ReadMeta() {
  NOROSHI_ASSIGN_OR_RETURN(const auto log_id, database_->Get(Family::kMeta, kLogIdKey));
  NOROSHI_ASSIGN_OR_RETURN(const auto key, database_->Get(Family::kMeta, kPublicKeyKey));
  NOROSHI_ASSIGN_OR_RETURN(const auto stored_head, database_->Get(Family::kMeta, kHeadKey));
  if (!log_id || log_id->size() != merkle::kLogIdBytes) return Corrupt("the log id is missing");
  if (!key || *key != signer_.public_key()) {
    return Corrupt("the journal was signed with another key than this hub's");
  }
  v1::TreeHead head;
  if (!stored_head || !head.ParseFromString(*stored_head)) {
    return Corrupt("the tree head is missing or unreadable");
  }
  log_id_ = *log_id;
  NOROSHI_ASSIGN_OR_RETURN(restores_, ReadRestores(*database_));
  head_ = std::make_shared<const v1::TreeHead>(std::move(head));
  return {};
}

Result<void> RocksJournal::ReadEntries() {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t size, CountEntries());
  const uint64_t tiles = size / kTileWidth;
  NOROSHI_ASSIGN_OR_RETURN(const auto roots, RehashTiles(*database_, tiles));
  for (const std::string& root : roots) {
    tree_.AppendTile(root);
    for (const Tree::FullTile& full : tree_.unsettled()) {
      NOROSHI_RETURN_IF_ERROR(CheckTile(*database_, full.id, full.tile.hashes()));
    }
    tree_.Settle();
  }
  HeaderScan headers(*database_, tree_.size());
  while (tree_.size() < size) {
    NOROSHI_ASSIGN_OR_RETURN(const std::string_view header, headers.Take(tree_.size()));
    tree_.Append(merkle::LeafHash(header));
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto last,
                           database_->Get(Family::kEntries, BigEndian64(size - 1)));
  const auto header = ParseHeader(size - 1, last.value_or(""));
  if (!header.ok()) return CorruptEntry(size - 1, header.error().message);
  last_time_ms_ = header->time_ms();
  return {};
}

// As many as the last one says: that there are no gaps is still to be seen.
Result<uint64_t> RocksJournal::CountEntries() const {
  const auto entries = database_->Iterate(Family::kEntries, rocksdb::ReadOptions());
  entries->SeekToLast();
  if (!entries->status().ok()) return FromStatus(entries->status(), "read journal");
  if (!entries->Valid()) return CorruptEntry(0, "is missing");
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t last, ParseSequence(entries->key().ToStringView()));
  if (last == std::numeric_limits<uint64_t>::max()) return CorruptEntry(last, "is impossible");
  return last + 1;
}

Result<void> RocksJournal::CheckHead() {
  if (head_->tree_size() != tree_.size()) {
    return Corrupt("the tree head covers " + std::to_string(head_->tree_size()) +
                   " entries, but there are " + std::to_string(tree_.size()));
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string root, RootAt(tree_.size()));
  if (root != head_->root_hash()) return Corrupt("the entries do not lead to the stored root");
  if (head_->log_id() != log_id_) return Corrupt("the tree head belongs to another log");
  const auto verified = merkle::VerifyTreeHead(*head_, signer_.public_key());
  if (!verified.ok()) return verified;
  std::string header_bytes;
  const auto first = ReadOne(0, &header_bytes);
  if (!first.ok()) return first.error().Prefixed("the master key does not fit, or damage");
  v1::LogStarted started;
  const std::string& first_id = restores_.empty() ? log_id_ : restores_.front().old_log_id();
  if (first->header.kind() != v1::ENTRY_KIND_LOG_STARTED || !started.ParseFromString(first->body) ||
      started.log_id() != first_id) {
    return CorruptEntry(0, "is not the start of this log");
  }
  return {};
}

Result<std::unique_ptr<Journal>> OpenRocksJournal(const RocksJournalOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(std::unique_ptr<RocksJournal> journal, RocksJournal::Open(options));
  if (!options.read_only) journal->Start();
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace noroshi::journal
