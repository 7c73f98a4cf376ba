// What Store, Reader and Transaction share about RocksDB. For hub/store only.
#pragma once

#include <rocksdb/db.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/store/store.h"

namespace noroshi::store {

Error FromStatus(const rocksdb::Status& status, std::string_view what);

inline rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

using RowVisit = std::function<bool(std::string_view key, std::string_view value)>;

// As View::Get, View::Ascend and View::Descend, of the database itself.
Result<bool> GetRow(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, std::string_view key,
                    std::string* value);
Result<void> AscendRows(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, std::string_view prefix,
                        std::string_view after, const RowVisit& visit);
Result<void> DescendRows(rocksdb::DB* db, const rocksdb::Snapshot* snapshot,
                         std::string_view prefix, std::string_view before, const RowVisit& visit);

struct Reader::State {
  rocksdb::DB* db = nullptr;
  const rocksdb::Snapshot* snapshot = nullptr;
};

}  // namespace noroshi::store
