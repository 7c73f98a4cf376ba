// AtomFinder: which of many short strings occur in a text, in one pass over it.
//
// Threads: immutable after construction, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

inline constexpr size_t kAtomBytesMin = 3;  // One Japanese character, or three of ASCII.

class AtomFinder {
 public:
  AtomFinder() = default;
  // REQUIRES: each has kAtomBytesMin bytes or more; fewer than 65,536 of them.
  explicit AtomFinder(std::vector<std::string> atoms);

  // The indices of the atoms that occur, each once, in no order.
  void Find(std::string_view text, std::vector<int>* found) const;

 private:
  static constexpr size_t kBuckets = 4096;
  static size_t BucketOf(const char* bytes);

  std::vector<std::string> atoms_;
  // Atoms by the hash of their first kAtomBytesMin bytes: bucket b is
  // order_[starts_[b]] to order_[starts_[b + 1]].
  std::array<uint16_t, kBuckets + 1> starts_{};
  std::vector<uint16_t> order_;
};

}  // namespace noroshi::analysis
