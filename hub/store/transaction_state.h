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

struct Transaction::State {
  rocksdb::DB* db = nullptr;
  bool bulk = false;
  std::atomic<bool>* open = nullptr;  // The Store's; cleared when the transaction goes.
  // New values by key; nullopt: removed.
  std::unordered_map<std::string, std::optional<std::string>, KeyHash, std::equal_to<>> changes;
};

}  // namespace noroshi::store
