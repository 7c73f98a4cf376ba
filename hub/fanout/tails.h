// The newest deliveries of each organisation, read and serialised once however
// many of its agents want them, and where each outbox ends. For hub/fanout only.
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

namespace noroshi::fanout {

class Tails {
 public:
  // items_max: of one organisation; bytes_max: of all, beyond it all are forgotten.
  Tails(size_t items_max, size_t bytes_max) : items_max_(items_max), bytes_max_(bytes_max) {}

  // Reads the serialised delivery at a position; nullopt: the outbox ends before it.
  using Read = std::function<Result<std::optional<std::string>>(uint64_t position)>;
  // The delivery at this position, from memory or read.
  Result<std::optional<std::string>> Get(const std::string& organization, uint64_t position,
                                         const Read& read);
  // There may be more in its outbox.
  void Grown(const std::string& organization);
  // Nobody of it is connected.
  void Forget(const std::string& organization);

  size_t bytes() const { return bytes_; }

 private:
  struct Tail {
    uint64_t first = 0;  // Position of the first item.
    std::deque<std::string> items;
    bool ends = false;  // Nothing follows the last item.
  };
  void Keep(Tail* tail, uint64_t position, const std::string& delivery);

  const size_t items_max_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, Tail> tails_;
};

}  // namespace noroshi::fanout
