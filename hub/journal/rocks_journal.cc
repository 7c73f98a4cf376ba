// Reading and proving. Appending: append.cc, commit.cc.
#include "hub/journal/rocks_journal.h"

#include <chrono>

#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {

// Nodes from memory or from stored tiles.
class RocksJournal::StoredNodes final : public NodeReader {
 public:
  explicit StoredNodes(const RocksJournal& journal) : journal_(journal) {}

  Result<void> AppendNode(unsigned height, uint64_t index, std::string* out) override {
    {
      const std::lock_guard lock(journal_.tree_mutex_);
      const std::string_view node = journal_.tree_.Find(height, index);
      *out += node;
      if (!node.empty()) return {};
    }
    const NodePlace place = PlaceOf(height, index);
    NOROSHI_ASSIGN_OR_RETURN(const auto tile, ReadTile(place.tile));
    *out += tile->Node(place.row, place.index);
    return {};
  }

 private:
  Result<std::shared_ptr<const Tile>> ReadTile(const TileId& id) const {
    const std::string key = TileKey(id);
    if (auto cached = journal_.tile_cache_.Find(key)) return cached;
    NOROSHI_ASSIGN_OR_RETURN(const auto stored, journal_.database_->Get(Family::kTiles, key));
    if (!stored) {
      return Error{ErrorCode::kCorruption, "tile " + std::to_string(id.level) + "/" +
                                               std::to_string(id.index) + " is missing"};
    }
    NOROSHI_ASSIGN_OR_RETURN(Tile read, Tile::FromHashes(*stored));
    auto tile = std::make_shared<const Tile>(std::move(read));
    journal_.tile_cache_.Insert(key, tile);
    return tile;
  }

  const RocksJournal& journal_;
};

namespace {

Error OfEntry(uint64_t sequence, const Error& error) {
  return error.Prefixed("entry " + std::to_string(sequence));
}

Error Missing(uint64_t sequence, const char* what) {
  return OfEntry(sequence, {ErrorCode::kCorruption, std::string(what) + " is missing"});
}

// Walks one column family along the sequences.
class Walker {
 public:
  Walker(std::unique_ptr<rocksdb::Iterator> iterator, const std::string& first)
      : iterator_(std::move(iterator)) {
    iterator_->Seek(first);
  }
  // The value of this key, if it is there; then goes to the next.
  Result<std::optional<std::string>> Take(const std::string& key) {
    if (!taken_.empty() && iterator_->Valid() && iterator_->key() == taken_) iterator_->Next();
    if (!iterator_->status().ok()) return FromStatus(iterator_->status(), "read journal");
    if (!iterator_->Valid() || iterator_->key() != key) return std::optional<std::string>();
    taken_ = key;
    return std::optional(iterator_->value().ToString());
  }

 private:
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::string taken_;
};

Entry ToEntry(uint64_t sequence, OpenedEntry opened) {
  Entry entry;
  entry.sequence = sequence;
  entry.header = std::move(opened.header);
  entry.body = std::move(opened.body);
  entry.erased = opened.erased;
  return entry;
}

}  // namespace

RocksJournal::RocksJournal(const RocksJournalOptions& options, SigningKey signer)
    : options_(options),
      signer_(std::move(signer)),
      space_(options.env != nullptr ? options.env : rocksdb::Env::Default(), *options.clock,
             options.folder, options.free_space_reserve_bytes),
      head_(std::make_shared<const v1::TreeHead>()) {}

RocksJournal::~RocksJournal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  grown_.notify_all();
  if (committer_.joinable()) committer_.join();
  database_.reset();  // Its threads may still latch: while everything else stands.
}

std::shared_ptr<const v1::TreeHead> RocksJournal::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

uint64_t RocksJournal::size() const { return head()->tree_size(); }

v1::TreeHead RocksJournal::Head() const { return *head(); }

uint64_t RocksJournal::WaitBeyond(uint64_t known, int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  grown_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                  [&] { return stopping_ || head_->tree_size() > known; });
  return head_->tree_size();
}

Result<void> RocksJournal::Health() const {
  NOROSHI_RETURN_IF_ERROR(Latched());
  if (options_.read_only) return {};
  return space_.Check(0);
}

bool RocksJournal::ReadCache(uint64_t from, size_t max_entries, size_t max_bytes,
                             std::vector<Entry>* entries) const {
  std::vector<std::shared_ptr<const Entry>> taken;
  {
    const std::lock_guard lock(mutex_);
    if (cache_.empty() || from < cache_.front()->sequence) return false;
    size_t bytes = 0;
    for (size_t i = from - cache_.front()->sequence; i < cache_.size(); ++i) {
      if (taken.size() == max_entries || (!taken.empty() && bytes >= max_bytes)) break;
      bytes += cache_[i]->body.size();
      taken.push_back(cache_[i]);
    }
  }
  entries->reserve(taken.size());
  for (const auto& entry : taken) entries->push_back(*entry);
  return true;
}

Result<std::vector<Entry>> RocksJournal::Read(uint64_t from, size_t max_entries, size_t max_bytes) {
  std::vector<Entry> entries;
  const uint64_t end = size();
  if (from >= end || ReadCache(from, max_entries, max_bytes, &entries)) return entries;
  const std::string first = BigEndian64(from);
  rocksdb::ReadOptions options;
  options.auto_prefix_mode = false;
  Walker headers(database_->Iterate(Family::kEntries, options), first);
  Walker bodies(database_->Iterate(Family::kBodies, options), first);
  Walker keys(database_->Iterate(Family::kKeys, options), first);
  size_t bytes = 0;
  for (uint64_t sequence = from; sequence < end && entries.size() < max_entries; ++sequence) {
    if (!entries.empty() && bytes >= max_bytes) break;
    const std::string key = BigEndian64(sequence);
    NOROSHI_ASSIGN_OR_RETURN(const auto header, headers.Take(key));
    if (!header) return Missing(sequence, "header");
    NOROSHI_ASSIGN_OR_RETURN(const auto body, bodies.Take(key));
    if (!body) return Missing(sequence, "body");
    NOROSHI_ASSIGN_OR_RETURN(const auto wrapped, keys.Take(key));
    auto opened = OpenEntry(sequence, *header, *body, wrapped, options_.master_key);
    if (!opened.ok()) return OfEntry(sequence, opened.error());
    entries.push_back(ToEntry(sequence, *std::move(opened)));
    bytes += entries.back().body.size();
  }
  return entries;
}

Result<OpenedEntry> RocksJournal::ReadOne(uint64_t sequence, std::string* header_bytes) const {
  const std::string key = BigEndian64(sequence);
  NOROSHI_ASSIGN_OR_RETURN(auto header, database_->Get(Family::kEntries, key));
  if (!header) return Missing(sequence, "header");
  NOROSHI_ASSIGN_OR_RETURN(const auto body, database_->Get(Family::kBodies, key));
  if (!body) return Missing(sequence, "body");
  NOROSHI_ASSIGN_OR_RETURN(const auto wrapped, database_->Get(Family::kKeys, key));
  auto opened = OpenEntry(sequence, *header, *body, wrapped, options_.master_key);
  if (!opened.ok()) return OfEntry(sequence, opened.error());
  *header_bytes = *std::move(header);
  return opened;
}

Result<v1::Receipt> RocksJournal::Prove(uint64_t sequence) {
  if (sequence >= size()) {
    return Error{ErrorCode::kNotFound, "no entry " + std::to_string(sequence)};
  }
  std::string header_bytes;
  NOROSHI_ASSIGN_OR_RETURN(const OpenedEntry entry, ReadOne(sequence, &header_bytes));
  if (!IsSubmission(entry.header.kind())) {
    return OfEntry(sequence, {ErrorCode::kInvalid, "receipts are for submissions"});
  }
  if (entry.erased) return OfEntry(sequence, {ErrorCode::kNotFound, "the body has been erased"});
  return MakeReceipt(sequence, header_bytes, entry);
}

Result<v1::Receipt> RocksJournal::MakeReceipt(uint64_t sequence, const std::string& header_bytes,
                                              const OpenedEntry& entry) {
  const auto present = head();
  StoredNodes nodes(*this);
  v1::Receipt receipt;
  receipt.set_submission_id(entry.header.submission_id());
  receipt.set_sequence(sequence);
  receipt.set_header(header_bytes);
  receipt.set_salt(entry.salt);
  receipt.set_leaf_hash(merkle::LeafHash(header_bytes));
  *receipt.mutable_head() = *present;
  NOROSHI_ASSIGN_OR_RETURN(const RightEdge edge, ReadRightEdge(present->tree_size(), &nodes));
  NOROSHI_RETURN_IF_ERROR(AppendInclusionProof(sequence, present->tree_size(), edge, &nodes,
                                               receipt.mutable_inclusion_proof()));
  return receipt;
}

Result<std::string> RocksJournal::ProveConsistency(uint64_t old_size, uint64_t new_size) {
  if (old_size > new_size || new_size > size()) {
    return Error{ErrorCode::kInvalid, "tree sizes must not decrease nor exceed the journal's"};
  }
  StoredNodes nodes(*this);
  return ConsistencyProof(old_size, new_size, &nodes);
}

Result<std::string> RocksJournal::RootAt(uint64_t tree_size) {
  if (tree_size > size()) return Error{ErrorCode::kInvalid, "the journal is not that long yet"};
  StoredNodes nodes(*this);
  NOROSHI_ASSIGN_OR_RETURN(const RightEdge edge, ReadRightEdge(tree_size, &nodes));
  return RootOf(edge);
}

}  // namespace noroshi::journal
