#include "hub/store/rocks.h"

#include "hub/store/keys.h"

namespace noroshi::store {
namespace {

std::unique_ptr<rocksdb::Iterator> NewIterator(rocksdb::DB* db, const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options));
}

Result<void> EndOf(const rocksdb::Iterator& iterator) {
  if (!iterator.status().ok()) return FromStatus(iterator.status(), "state: reading rows");
  return {};
}

}  // namespace

Error FromStatus(const rocksdb::Status& status, std::string_view what) {
  ErrorCode code = ErrorCode::kInternal;
  if (status.IsCorruption()) code = ErrorCode::kCorruption;
  if (status.IsIOError()) code = ErrorCode::kIo;
  if (status.IsNoSpace()) code = ErrorCode::kNoSpace;
  if (status.IsBusy() || status.IsShutdownInProgress()) code = ErrorCode::kUnavailable;
  if (status.IsNotFound()) code = ErrorCode::kNotFound;
  return {code, std::string(what) + ": " + status.ToString()};
}

Result<bool> GetRow(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, std::string_view key,
                    std::string* value) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  const rocksdb::Status status = db->Get(options, ToSlice(key), value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return FromStatus(status, "state: reading " + keys::Printable(key));
  return true;
}

Result<void> AscendRows(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, std::string_view prefix,
                        std::string_view after, const RowVisit& visit) {
  const auto rows = NewIterator(db, snapshot);
  rows->Seek(ToSlice(after.empty() ? prefix : after));
  if (!after.empty() && rows->Valid() && ToView(rows->key()) == after) rows->Next();
  for (; rows->Valid() && rows->key().starts_with(ToSlice(prefix)); rows->Next()) {
    if (!visit(ToView(rows->key()), ToView(rows->value()))) return {};
  }
  return EndOf(*rows);
}

Result<void> DescendRows(rocksdb::DB* db, const rocksdb::Snapshot* snapshot,
                         std::string_view prefix, std::string_view before, const RowVisit& visit) {
  const auto rows = NewIterator(db, snapshot);
  const std::string end = before.empty() ? keys::After(prefix) : std::string(before);
  rows->SeekForPrev(ToSlice(end));
  if (rows->Valid() && ToView(rows->key()) == end) rows->Prev();
  for (; rows->Valid() && rows->key().starts_with(ToSlice(prefix)); rows->Prev()) {
    if (!visit(ToView(rows->key()), ToView(rows->value()))) return {};
  }
  return EndOf(*rows);
}

}  // namespace noroshi::store
