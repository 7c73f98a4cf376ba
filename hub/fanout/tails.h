// The newest items of each outbox, as the engine told of them or as they were read, and
// where the outbox ends: most deliveries need no look at the state. For hub/fanout only.
//
// Threads: one at a time; its owner locks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/result.h"
#include "hub/store/view.h"

namespace noroshi::fanout {

class Tails {
 public:
  // items_max: of one organisation; bytes_max: of all, beyond it all are forgotten.
  Tails(size_t items_max, size_t bytes_max) : items_max_(items_max), bytes_max_(bytes_max) {}

  // Reads the item at a position; nullopt: the outbox ends before it.
  using Read = std::function<Result<std::optional<store::OutboxRow>>(uint64_t position)>;
  // The item at this position, from memory or read; nullptr: none. Valid until the next call.
  Result<const store::OutboxRow*> Get(const std::string& organization, uint64_t position,
                                      const Read& read);
  // The outbox ends with this now. Kept for organisations that somebody asked for.
  void Add(const store::OutboxItem& item);
  // Nobody of it is connected.
  void Forget(const std::string& organization);

  size_t bytes() const { return bytes_; }

 private:
  struct Tail {
    uint64_t first = 0;  // Position of the first item.
    std::deque<store::OutboxRow> items;
    bool ends = false;  // Nothing follows the last item.
    uint64_t next() const { return first + items.size(); }
  };
  static size_t BytesOf(const store::OutboxRow& item);
  void Push(Tail* tail, uint64_t position, store::OutboxRow item);
  void Clear(Tail* tail);

  const size_t items_max_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, Tail> tails_;
  store::OutboxRow passing_;  // Read, and not kept.
};

}  // namespace noroshi::fanout
