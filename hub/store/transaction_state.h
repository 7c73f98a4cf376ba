// The open transaction's changes. For hub/store only.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hub/store/transaction.h"

namespace noroshi::store {

struct KeyHash {
  using is_transparent = void;
  size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};

// What becomes of a row: a new value, or none.
struct Change {
  std::optional<std::string> value;
  bool written_once = false;  // Removed, and only ever written by one earlier batch.
};

struct Transaction::State {
  rocksdb::DB* db = nullptr;
  bool bulk = false;
  std::atomic<bool>* open = nullptr;  // The Store's; cleared when the transaction goes.
  std::unordered_map<std::string, Change, KeyHash, std::equal_to<>> changes;
};

}  // namespace noroshi::store
