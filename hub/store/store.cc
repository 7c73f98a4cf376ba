#include "hub/store/store.h"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "common/base/check.h"
#include "hub/rocks/rocks.h"
#include "hub/store/rocks.h"
#include "hub/store/transaction_state.h"

namespace noroshi::store {
namespace {

constexpr size_t kBlockCacheBytes = 64 * 1024 * 1024;
constexpr int kOpenFilesMax = 512;
constexpr size_t kPlainLevels = 2;
// Merging what a rebuild writes is left to the hub that serves it, unless it is a lot.
constexpr int kBulkFilesUnmerged = 16;

// A key up to its first '/': its table. The memtable remembers where each table's last
// row went; the next one is mostly its neighbour.
class TablePrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "noroshi.table"; }
  bool InDomain(const rocksdb::Slice& key) const override { return Length(key) > 0; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), Length(key)};
  }

 private:
  static size_t Length(const rocksdb::Slice& key) { return ToView(key).find('/') + 1; }
};

rocksdb::Options RocksOptions(const StoreOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options rocks;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocks.create_if_missing = options.create_if_missing;
  rocks.paranoid_checks = true;
  rocks.max_open_files = kOpenFilesMax;
  const rocks::Sizes sizes = rocks::SizesFor(options.reserve_bytes);
  rocks::Apply(sizes, sizes.small_buffer_bytes, &rocks);
  // What is written first is soon written again: only what lies deeper is compressed.
  rocks.compression_per_level.assign(static_cast<size_t>(rocks.num_levels),
                                     rocksdb::kSnappyCompression);
  std::fill_n(rocks.compression_per_level.begin(), kPlainLevels, rocksdb::kNoCompression);
  // Most look-ups of a replay ask for what is not there yet.
  rocks.memtable_whole_key_filtering = true;
  rocks.memtable_prefix_bloom_size_ratio = 0.1;
  rocks.memtable_insert_with_hint_prefix_extractor = std::make_shared<TablePrefix>();
  rocks.allow_concurrent_memtable_write = false;  // One writer; the hints need it.
  rocks::Prepare("state_rocksdb", nullptr, &rocks);
  if (options.bulk) rocks.level0_file_num_compaction_trigger = kBulkFilesUnmerged;
  return rocks;
}

bool Exists(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder + "/CURRENT", ignored);
}

Result<void> Remove(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return Error{ErrorCode::kIo, "state: removing " + folder + ": " + error.message()};
  return {};
}

Result<void> Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) return Error{ErrorCode::kIo, "state: renaming " + from + ": " + error.message()};
  return {};
}

}  // namespace

struct Store::State {
  std::unique_ptr<rocksdb::DB> db;
  std::unique_ptr<Bulk> bulk;
  std::atomic<bool> transaction_open{false};
};

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}

Reader::~Reader() { state_->db->ReleaseSnapshot(state_->snapshot); }

Result<bool> Reader::Get(std::string_view key, std::string* value) const {
  return GetRow(state_->db, state_->snapshot, key, value);
}

Result<void> Reader::Ascend(std::string_view prefix, std::string_view after,
                            const Visit& visit) const {
  return AscendRows(state_->db, state_->snapshot, prefix, after, visit);
}

Result<void> Reader::Descend(std::string_view prefix, std::string_view before,
                             const Visit& visit) const {
  return DescendRows(state_->db, state_->snapshot, prefix, before, visit);
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() {
  NOROSHI_CHECK(!state_->transaction_open);
  (void)state_->db->Close();  // The state may be lost at any time: nothing depends on it.
}

Result<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  if (!options.create_if_missing && !Exists(options.folder)) {
    return Error{ErrorCode::kNotFound, "state: there is none in " + options.folder};
  }
  if (options.create_if_missing) {  // RocksDB would do it, but warn that it finds none.
    std::error_code error;
    std::filesystem::create_directory(options.folder, error);
    if (error) return Error{ErrorCode::kIo, "state: " + options.folder + ": " + error.message()};
  }
  auto state = std::make_unique<State>();
  rocksdb::DB* db = nullptr;
  const rocksdb::Options rocks = RocksOptions(options);
  if (options.bulk) state->bulk = std::make_unique<Bulk>(rocks, options.folder);
  const rocksdb::Status status = options.read_only
                                     ? rocksdb::DB::OpenForReadOnly(rocks, options.folder, &db)
                                     : rocksdb::DB::Open(rocks, options.folder, &db);
  state->db.reset(db);
  if (!status.ok()) {
    Error error = FromStatus(status, "state: opening " + options.folder);
    // RocksDB has no code of its own for a lock that somebody else holds.
    if (error.message.find("lock") != std::string::npos) error.code = ErrorCode::kUnavailable;
    return error;
  }
  std::unique_ptr<Store> store(new Store(std::move(state)));
  NOROSHI_ASSIGN_OR_RETURN(const MetaRow meta, store->Snapshot()->Meta());
  if (meta.format() != kFormat && meta.format() != 0) {
    return Error{ErrorCode::kInvalid, "state: of format " + std::to_string(meta.format()) +
                                          ", this hub has " + std::to_string(kFormat) +
                                          ": rebuild the state"};
  }
  return store;
}

std::unique_ptr<Reader> Store::Snapshot() const {
  auto state = std::make_unique<Reader::State>();
  state->db = state_->db.get();
  state->snapshot = state_->db->GetSnapshot();
  return std::unique_ptr<Reader>(new Reader(std::move(state)));
}

std::unique_ptr<Transaction> Store::Begin() {
  NOROSHI_CHECK(!state_->transaction_open.exchange(true));
  auto state = std::make_unique<Transaction::State>();
  state->db = state_->db.get();
  state->bulk = state_->bulk.get();
  state->open = &state_->transaction_open;
  return std::unique_ptr<Transaction>(new Transaction(std::move(state)));
}

Result<void> Store::Flush() {
  if (state_->bulk != nullptr) return state_->bulk->Flush(state_->db.get());
  rocksdb::Status status = state_->db->Flush(rocksdb::FlushOptions());
  if (status.ok()) status = state_->db->SyncWAL();
  if (!status.ok()) return FromStatus(status, "state: flushing");
  return {};
}

Result<void> WipeStore(const std::string& folder) { return Remove(folder); }

Result<void> ReplaceStore(const std::string& rebuilt, const std::string& folder) {
  const std::string old = folder + ".old";
  NOROSHI_RETURN_IF_ERROR(Remove(old));
  if (std::filesystem::exists(folder)) NOROSHI_RETURN_IF_ERROR(Rename(folder, old));
  NOROSHI_RETURN_IF_ERROR(Rename(rebuilt, folder));
  return Remove(old);
}

}  // namespace noroshi::store
