// The open transaction's changes. For hub/store only.
#pragma once

#include <rocksdb/db.h>

#include <atomic>

#include "hub/store/bulk.h"
#include "hub/store/changes.h"
#include "hub/store/transaction.h"

namespace noroshi::store {

struct Transaction::State {
  rocksdb::DB* db = nullptr;
  std::atomic<bool>* open = nullptr;  // The Store's; cleared when the transaction goes.
  Bulk* bulk = nullptr;               // The Store's, if it has one: keeps the changes.
  Changes own;

  // Between the changes and the database; nullptr: nothing.
  const Changes* older() const { return bulk != nullptr ? &bulk->spilling() : nullptr; }
  Changes& changes() { return bulk != nullptr ? bulk->changes() : own; }
};

}  // namespace noroshi::store
