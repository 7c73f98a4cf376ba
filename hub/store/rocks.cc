#include "hub/store/rocks.h"

#include "hub/store/keys.h"

namespace noroshi::store {
namespace {

// A scan of the rows whose keys begin with a prefix. The bounds keep RocksDB from looking
// for the next row beyond it: among rows that were removed it would look for long.
class Scan {
 public:
  Scan(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, std::string_view prefix)
      : begin_(prefix), end_(keys::After(prefix)), lower_(begin_), upper_(end_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.iterate_lower_bound = &lower_;
    if (!end_.empty()) options.iterate_upper_bound = &upper_;
    rows_.reset(db->NewIterator(options));
  }

  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  rocksdb::Iterator* operator->() const { return rows_.get(); }
  const std::string& end() const { return end_; }

  Result<void> Status() const {
    if (!rows_->status().ok()) return FromStatus(rows_->status(), "state: reading rows");
    return {};
  }

 private:
  const std::string begin_;
  const std::string end_;  // Empty: no key lies behind all with the prefix.
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

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
  const Scan rows(db, snapshot, prefix);
  rows->Seek(ToSlice(after.empty() ? prefix : after));
  if (!after.empty() && rows->Valid() && ToView(rows->key()) == after) rows->Next();
  for (; rows->Valid() && rows->key().starts_with(ToSlice(prefix)); rows->Next()) {
    if (!visit(ToView(rows->key()), ToView(rows->value()))) return {};
  }
  return rows.Status();
}

Result<void> DescendRows(rocksdb::DB* db, const rocksdb::Snapshot* snapshot,
                         std::string_view prefix, std::string_view before, const RowVisit& visit) {
  const Scan rows(db, snapshot, prefix);
  const std::string end = before.empty() ? rows.end() : std::string(before);
  rows->SeekForPrev(ToSlice(end));
  if (rows->Valid() && ToView(rows->key()) == end) rows->Prev();
  for (; rows->Valid() && rows->key().starts_with(ToSlice(prefix)); rows->Prev()) {
    if (!visit(ToView(rows->key()), ToView(rows->value()))) return {};
  }
  return rows.Status();
}

}  // namespace noroshi::store
