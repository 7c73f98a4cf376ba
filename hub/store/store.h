// Store: the hub's state, in RocksDB. A pure function of the journal: it may be
// deleted at any time and is then rebuilt by replay. Readers: hub/store/view.h.
//
// One writer (the engine) commits batches of entries, each atomically together
// with MetaRow.applied, into an unsynced WAL: after a power cut the state is
// some earlier batch's, and the engine applies the rest again.
//
// A failed write (a full disk) stops all writing until the store is opened again;
// readers go on.
//
// Threads: Store is thread-safe; Snapshot may be taken anywhere; Begin and the
// Transaction belong to one thread, one transaction at a time.
// Lifetime: the Store outlives its Readers and Transactions.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "hub/store/transaction.h"
#include "hub/store/view.h"

namespace noroshi::store {

// Of rows and keys. A state of another format is kInvalid: rebuild.
inline constexpr uint32_t kFormat = 6;

struct StoreOptions {
  std::string folder;
  bool create_if_missing = true;  // Otherwise a missing state is kNotFound.
  bool read_only = false;
  // For a rebuild: commits stay in memory, up to a bound, and transactions alone see
  // them; readers see, and the disk keeps, what a Flush that succeeded has written. A
  // transaction that is dropped leaves its changes: give up the whole.
  bool bulk = false;
  // Of free space on the disk: what is held back from it must fit.
  uint64_t reserve_bytes = uint64_t{256} << 20;
};

// A consistent snapshot. Short-lived: it holds back compaction.
class Reader : public View {
 public:
  ~Reader() override;

 protected:
  Result<bool> Get(std::string_view key, std::string* value) const override;
  Result<void> Ascend(std::string_view prefix, std::string_view after,
                      const Visit& visit) const override;
  Result<void> Descend(std::string_view prefix, std::string_view before,
                       const Visit& visit) const override;

 private:
  friend class Store;
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Store {
 public:
  // kInvalid "rebuild" for another format, kCorruption, kIo, kUnavailable when
  // another process has it open.
  static Result<std::unique_ptr<Store>> Open(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The state as of now.
  std::unique_ptr<Reader> Snapshot() const;

  // The one open transaction. REQUIRES: the one before is gone.
  std::unique_ptr<Transaction> Begin();

  // Everything committed is on disk when this returns.
  Result<void> Flush();

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Removes the state in this folder, which nobody has open. Absent: ok.
Result<void> WipeStore(const std::string& folder);

// Puts a freshly rebuilt state in the place of `folder`; nobody has either open.
// If the machine stops in between, `folder` is missing or whole, never mixed.
Result<void> ReplaceStore(const std::string& rebuilt, const std::string& folder);

}  // namespace noroshi::store
