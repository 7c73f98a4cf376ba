#include "hub/store/bulk.h"

#include <rocksdb/sst_file_writer.h>

#include "hub/store/rocks.h"

namespace noroshi::store {
namespace {

Result<void> WriteFile(const rocksdb::Options& options, const Changes& changes,
                       const std::string& file) {
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  rocksdb::Status status = writer.Open(file);
  for (const Changes::Row* row : changes.Sorted()) {
    if (!status.ok()) break;
    const rocksdb::Slice key = ToSlice(row->first);
    const auto& value = row->second.value;
    status = value ? writer.Put(key, ToSlice(*value)) : writer.Delete(key);
  }
  if (status.ok()) status = writer.Finish();
  if (!status.ok()) return FromStatus(status, "state: writing " + file);
  return {};
}

}  // namespace

Bulk::Bulk(rocksdb::Options options, std::string folder)
    : options_(std::move(options)), file_(std::move(folder) + "/rows.sst") {}

Result<void> Bulk::SpillIfFull(rocksdb::DB* db) {
  return changes_.bytes() > kBulkBytesMax ? Begin(db) : Result<void>();
}

Result<void> Bulk::Flush(rocksdb::DB* db) {
  NOROSHI_RETURN_IF_ERROR(Begin(db));
  return Finish(db);
}

Result<void> Bulk::Begin(rocksdb::DB* db) {
  NOROSHI_RETURN_IF_ERROR(Finish(db));
  if (changes_.bytes() == 0) return {};
  std::swap(changes_, spilling_);
  written_ =
      std::async(std::launch::async, [this] { return WriteFile(options_, spilling_, file_); });
  return {};
}

// Takes the file in that is being written, if there is one.
Result<void> Bulk::Finish(rocksdb::DB* db) {
  if (!written_.valid()) return {};
  NOROSHI_RETURN_IF_ERROR(written_.get());
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  const rocksdb::Status status = db->IngestExternalFile({file_}, ingest);
  if (!status.ok()) return FromStatus(status, "state: taking in " + file_);
  spilling_.Clear();
  return {};
}

}  // namespace noroshi::store
