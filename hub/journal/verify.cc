// Verify: everything against everything, on one snapshot.
#include <unordered_set>

#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {
namespace {

class Verifier {
 public:
  Verifier(const Database& database, const std::string& master_key, const std::string& public_key,
           const std::function<void(const Finding&)>& found, size_t max_findings)
      : database_(database),
        snapshot_(database.Snapshot()),
        master_key_(master_key),
        public_key_(public_key),
        found_(found),
        findings_left_(max_findings) {}

  uint64_t Run() {
    CheckMeta();
    const uint64_t stored = CountEntries();
    if (head_.tree_size() != stored) {
      Found(stored, "head covers " + std::to_string(head_.tree_size()) + " entries, but " +
                        std::to_string(stored) + " are there");
    }
    uint64_t checked = 0;
    for (; checked < stored && findings_left_ > 0; ++checked) CheckEntry(checked);
    if (findings_left_ == 0) return checked;
    CheckRoot(stored);
    CheckTiles(stored);
    CheckIds();
    CheckStrays(Family::kKeys, "key", stored);
    CheckStrays(Family::kBodies, "body", stored);
    for (const uint64_t sequence : without_key_) {
      if (!erased_.contains(sequence)) {
        Found(sequence, "body's key is missing, but no entry says that it was erased");
      }
    }
    return checked;
  }

 private:
  void Found(uint64_t sequence, std::string what) {
    if (findings_left_ == 0) return;
    --findings_left_;
    found_({sequence, std::move(what)});
  }

  // The stored value; absent and unreadable values are findings.
  std::optional<std::string> Need(Family family, std::string_view key, uint64_t sequence,
                                  const std::string& what) {
    auto value = database_.Get(family, key, snapshot_.get());
    if (!value.ok()) {
      Found(sequence, what + " is unreadable: " + value.error().message);
      return std::nullopt;
    }
    if (!*value) Found(sequence, what + " is missing");
    return *std::move(value);
  }

  std::unique_ptr<rocksdb::Iterator> Iterate(Family family) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_.get();
    return database_.Iterate(family, options);
  }

  // One more than the last sequence.
  uint64_t CountEntries() {
    const auto entries = Iterate(Family::kEntries);
    entries->SeekToLast();
    if (!entries->Valid()) return 0;
    const auto last = ParseSequence({entries->key().data(), entries->key().size()});
    if (last.ok()) return *last + 1;
    Found(0, "an entry has a malformed key");
    return 0;
  }

  void CheckMeta() {
    log_id_ = Need(Family::kMeta, kLogIdKey, 0, "log id").value_or("");
    const auto key = Need(Family::kMeta, kPublicKeyKey, 0, "log's public key");
    if (key && *key != public_key_) Found(0, "log's public key is not this hub's");
    const auto stored = Need(Family::kMeta, kHeadKey, 0, "tree head");
    if (!stored) return;
    if (!head_.ParseFromString(*stored)) Found(0, "tree head is unreadable");
    const auto verified = merkle::VerifyTreeHead(head_, public_key_);
    if (!verified.ok()) Found(head_.tree_size(), "tree head: " + verified.error().message);
    if (head_.log_id() != log_id_) Found(head_.tree_size(), "tree head belongs to another log");
    CheckRestores();
  }

  // Each statement is signed for the log that came after it.
  void CheckRestores() {
    std::vector<v1::Restored> restores;
    const auto rows = Iterate(Family::kMeta);
    for (rows->Seek(ToSlice(kRestoredPrefix));
         rows->Valid() && rows->key().starts_with(ToSlice(kRestoredPrefix)); rows->Next()) {
      v1::Restored restored;
      if (!restored.ParseFromString(rows->value().ToString())) {
        return Found(0, "restore statement is unreadable");
      }
      restores.push_back(std::move(restored));
    }
    first_log_id_ = restores.empty() ? log_id_ : restores.front().old_log_id();
    for (size_t i = 0; i < restores.size(); ++i) {
      const std::string& next = i + 1 < restores.size() ? restores[i + 1].old_log_id() : log_id_;
      const auto verified = merkle::VerifyRestored(next, restores[i], public_key_);
      if (!verified.ok()) Found(restores[i].old_tree_size(), verified.error().message);
      restored_.emplace(restores[i].old_tree_size(), std::make_pair(next, restores[i]));
    }
  }

  void CheckEntry(uint64_t sequence) {
    const std::string key = BigEndian64(sequence);
    const auto header_bytes = Need(Family::kEntries, key, sequence, "entry");
    AddLeaf(header_bytes ? merkle::LeafHash(*header_bytes) : std::string(merkle::kHashBytes, '\0'));
    const auto sealed = Need(Family::kBodies, key, sequence, "body");
    if (!header_bytes) return;
    const auto header = ParseHeader(sequence, *header_bytes);
    if (!header.ok()) return Found(sequence, header.error().message);
    if (header->time_ms() < last_time_ms_) Found(sequence, "time goes backwards");
    last_time_ms_ = header->time_ms();
    CheckId(sequence, *header);
    const auto wrapped = database_.Get(Family::kKeys, key, snapshot_.get());
    if (!wrapped.ok()) return Found(sequence, "key is unreadable: " + wrapped.error().message);
    if (!*wrapped) without_key_.push_back(sequence);
    if (!sealed || !*wrapped) return;
    const auto entry = OpenEntry(sequence, *header_bytes, *sealed, **wrapped, master_key_);
    if (!entry.ok()) return Found(sequence, entry.error().message);
    CheckContent(sequence, *entry);
  }

  void CheckId(uint64_t sequence, const v1::EntryHeader& header) {
    if (IsSubmission(header.kind()) != !header.submission_id().empty()) {
      Found(sequence, "submission id and kind do not go together");
    }
    if (header.submission_id().empty()) return;
    ++submissions_;
    const std::string key = IdKey(header.organization(), header.submission_id());
    const auto indexed = Need(Family::kIds, key, sequence, "entry in the index of ids");
    if (indexed && *indexed != BigEndian64(sequence)) {
      Found(sequence, "index of ids leads to another entry");
    }
  }

  // What the journal itself wrote must agree with the rest.
  void CheckContent(uint64_t sequence, const OpenedEntry& entry) {
    const v1::EntryKind kind = entry.header.kind();
    if (kind == v1::ENTRY_KIND_BODY_ERASED) {
      v1::BodyErased erased;
      if (!erased.ParseFromString(entry.body)) return Found(sequence, "BodyErased is unreadable");
      erased_.insert(erased.sequence());
    }
    v1::LogStarted started;
    if ((kind == v1::ENTRY_KIND_LOG_STARTED) != (sequence == 0)) {
      Found(sequence, "a log starts with LogStarted, once");
    } else if (sequence == 0 &&
               (!started.ParseFromString(entry.body) || started.log_id() != first_log_id_ ||
                started.log_public_key() != public_key_)) {
      Found(sequence, "LogStarted names another log");
    }
    CheckLogRestored(sequence, entry);
  }

  void CheckLogRestored(uint64_t sequence, const OpenedEntry& entry) {
    const auto statement = restored_.find(sequence);
    if ((entry.header.kind() == v1::ENTRY_KIND_LOG_RESTORED) != (statement != restored_.end())) {
      return Found(sequence, "LogRestored and restore statement do not go together");
    }
    if (statement == restored_.end()) return;
    const auto& [log_id, restored] = statement->second;
    v1::LogRestored body;
    if (!body.ParseFromString(entry.body) || body.log_id() != log_id ||
        body.old_log_id() != restored.old_log_id() ||
        body.old_root_hash() != restored.old_root_hash()) {
      Found(sequence, "LogRestored differs from the restore statement");
    }
  }

  void AddLeaf(const std::string& hash) {
    tree_.Append(hash);
    for (const Tree::FullTile& full : tree_.unsettled()) {
      const uint64_t first = full.id.index << (kTileHeight * (full.id.level + 1U));
      const std::string name =
          "tile " + std::to_string(full.id.level) + "/" + std::to_string(full.id.index);
      const auto stored = Need(Family::kTiles, TileKey(full.id), first, name);
      if (stored && *stored != full.tile.hashes()) Found(first, name + " does not fit its entries");
    }
    expected_tiles_ += tree_.unsettled().size();
    tree_.Settle();
  }

  void CheckRoot(uint64_t size) {
    class Nodes final : public NodeReader {
     public:
      explicit Nodes(const Tree& tree) : tree_(tree) {}
      Result<void> AppendNode(unsigned height, uint64_t index, std::string* out) override {
        *out += tree_.Find(height, index);
        return {};
      }

     private:
      const Tree& tree_;
    } nodes(tree_);
    if (RootOf(ReadRightEdge(size, &nodes).value()) != head_.root_hash()) {
      Found(size, "entries do not lead to the head's root");
    }
  }

  void CheckTiles(uint64_t stored) {
    uint64_t count = 0;
    const auto tiles = Iterate(Family::kTiles);
    for (tiles->SeekToFirst(); tiles->Valid(); tiles->Next()) {
      ++count;
      const auto id = ParseTileKey({tiles->key().data(), tiles->key().size()});
      const bool expected =
          id.ok() && id->level < 7 && id->index < stored >> (kTileHeight * (id->level + 1U));
      if (!expected) Found(stored, "a tile lies beyond the tree");
    }
    if (!tiles->status().ok()) Found(0, "tiles are unreadable: " + tiles->status().ToString());
    if (count < expected_tiles_) Found(stored, "tiles are missing");
  }

  void CheckIds() {
    uint64_t count = 0;
    const auto ids = Iterate(Family::kIds);
    for (ids->SeekToFirst(); ids->Valid(); ids->Next()) ++count;
    if (!ids->status().ok()) Found(0, "index of ids is unreadable: " + ids->status().ToString());
    if (count > submissions_) Found(0, "index of ids names submissions that are not there");
  }

  void CheckStrays(Family family, const std::string& what, uint64_t stored) {
    const auto rows = Iterate(family);
    rows->Seek(BigEndian64(stored));
    if (rows->Valid()) Found(stored, "a " + what + " lies beyond the last entry");
  }

  const Database& database_;
  const std::shared_ptr<const rocksdb::Snapshot> snapshot_;
  const std::string& master_key_;
  const std::string& public_key_;
  const std::function<void(const Finding&)>& found_;
  size_t findings_left_;

  v1::TreeHead head_;
  std::string log_id_;
  std::string first_log_id_;
  std::map<uint64_t, std::pair<std::string, v1::Restored>> restored_;  // By LogRestored's sequence.
  Tree tree_;
  int64_t last_time_ms_ = INT64_MIN;
  uint64_t submissions_ = 0;
  uint64_t expected_tiles_ = 0;
  std::vector<uint64_t> without_key_;
  std::unordered_set<uint64_t> erased_;
};

}  // namespace

Result<uint64_t> RocksJournal::Verify(const std::function<void(const Finding&)>& found,
                                      size_t max_findings) {
  const std::lock_guard maintenance(maintenance_mutex_);
  return Verifier(*database_, options_.master_key, signer_.public_key(), found, max_findings).Run();
}

}  // namespace noroshi::journal
