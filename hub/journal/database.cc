#include "hub/journal/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include "common/log/log.h"
#include "hub/rocks/rocks.h"

namespace noroshi::journal {
namespace {

constexpr size_t kBlockCacheBytes = 32 * 1024 * 1024;
constexpr int kOpenFilesMax = 1024;

// Without hard links a checkpoint copies every file, so that damage to one copy
// cannot reach the other.
class CopyingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "noroshi.CopyingFileSystem"; }
  rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("copied instead");
  }
};

rocksdb::ColumnFamilyOptions FamilyOptions(Family family, const rocks::Sizes& sizes,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.paranoid_file_checks = true;  // Reads every new table once, before it is relied on.
  rocks::Apply(sizes,
               family == Family::kBodies ? sizes.large_buffer_bytes : sizes.small_buffer_bytes,
               &options);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  if (family == Family::kIds) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (family == Family::kBodies) {
    options.enable_blob_files = true;
    options.min_blob_size = 0;
    options.blob_compression_type = rocksdb::kNoCompression;
  }
  return options;
}

rocksdb::DBOptions DatabaseWideOptions(const DatabaseOptions& options, const rocks::Sizes& sizes,
                                       rocksdb::Env* env) {
  rocksdb::DBOptions db;
  rocks::Prepare("journal_rocksdb", options.background_error, &db);
  db.env = env;
  db.create_if_missing = options.create_if_missing;
  db.create_missing_column_families = options.create_if_missing;
  db.paranoid_checks = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.recycle_log_file_num = 0;
  db.max_total_wal_size = sizes.wal_bytes_max;
  db.max_open_files = kOpenFilesMax;
  return db;
}

constexpr std::array<const char*, kFamilyCount> kFamilyNames = {"default", "entries", "bodies",
                                                                "keys",    "ids",     "tiles"};

}  // namespace

Error FromStatus(const rocksdb::Status& status, std::string_view context) {
  ErrorCode code = ErrorCode::kInternal;
  if (status.IsCorruption()) {
    code = ErrorCode::kCorruption;
  } else if (status.IsNoSpace()) {
    code = ErrorCode::kNoSpace;
  } else if (status.IsNotFound() || status.IsPathNotFound()) {
    code = ErrorCode::kNotFound;
  } else if (status.IsIOError()) {
    code = ErrorCode::kIo;
  } else if (status.IsInvalidArgument()) {
    code = ErrorCode::kInvalid;
  }
  return Error{code, std::string(context) + ": " + status.ToString()};
}

Result<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options) {
  rocksdb::Env* base = options.env != nullptr ? options.env : rocksdb::Env::Default();
  if (!options.create_if_missing && !base->FileExists(options.folder + "/CURRENT").ok()) {
    return Error{ErrorCode::kNotFound, "no journal in " + options.folder};
  }
  // RocksDB would make the folder itself, but warn that it finds none.
  if (options.create_if_missing) {
    const rocksdb::Status made = base->CreateDirIfMissing(options.folder);
    if (!made.ok()) return FromStatus(made, "make folder " + options.folder);
  }
  std::unique_ptr<Database> database(new Database);
  database->env_ =
      rocksdb::NewCompositeEnv(std::make_shared<CopyingFileSystem>(base->GetFileSystem()));
  const rocks::Sizes sizes = rocks::SizesFor(options.reserve_bytes);
  const rocksdb::DBOptions db_options = DatabaseWideOptions(options, sizes, database->env_.get());
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    families.emplace_back(kFamilyNames[i], FamilyOptions(static_cast<Family>(i), sizes, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, options.folder, families, &handles, &db)
          : rocksdb::DB::Open(db_options, options.folder, families, &handles, &db);
  if (!status.ok()) return FromStatus(status, "open journal in " + options.folder);
  database->db_.reset(db);
  std::copy(handles.begin(), handles.end(), database->handles_.begin());
  return database;
}

Database::~Database() {
  if (!db_) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  const rocksdb::Status status = db_->Close();
  if (!status.ok()) Log(Level::kWarning, "journal_close", {{"error", status.ToString()}});
}

Result<std::optional<std::string>> Database::Get(Family family, std::string_view key,
                                                 const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status status = db_->Get(options, handle(family), ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return FromStatus(status, "read journal");
  return std::optional(std::move(value));
}

std::unique_ptr<rocksdb::Iterator> Database::Iterate(Family family,
                                                     const rocksdb::ReadOptions& options) const {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, handle(family)));
}

void Database::Put(rocksdb::WriteBatch* batch, Family family, std::string_view key,
                   std::string_view value) const {
  const rocksdb::Status status = batch->Put(handle(family), ToSlice(key), ToSlice(value));
  NOROSHI_CHECK(status.ok());  // A batch in memory cannot fail.
}

Result<void> Database::Write(rocksdb::WriteBatch* batch, bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status = db_->Write(options, batch);
  if (!status.ok()) return FromStatus(status, "write journal");
  return {};
}

Result<void> Database::DeletePhysically(Family family, std::string_view key) {
  rocksdb::WriteOptions write;
  write.sync = true;
  rocksdb::Status status = db_->Delete(write, handle(family), ToSlice(key));
  if (!status.ok()) return FromStatus(status, "delete from journal");
  // A write-ahead log is removed when no family needs it any longer: flush all.
  const std::vector<rocksdb::ColumnFamilyHandle*> all(handles_.begin(), handles_.end());
  status = db_->Flush(rocksdb::FlushOptions(), all);
  if (!status.ok()) return FromStatus(status, "flush journal");
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Slice slice = ToSlice(key);
  status = db_->CompactRange(compact, handle(family), &slice, &slice);
  if (!status.ok()) return FromStatus(status, "compact journal");
  return {};
}

Result<void> Database::CopyTo(const std::string& folder) {
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(folder);
  if (!status.ok()) return FromStatus(status, "copy journal to " + folder);
  return {};
}

std::shared_ptr<const rocksdb::Snapshot> Database::Snapshot() const {
  return {db_->GetSnapshot(),
          [db = db_.get()](const rocksdb::Snapshot* snapshot) { db->ReleaseSnapshot(snapshot); }};
}

}  // namespace noroshi::journal
