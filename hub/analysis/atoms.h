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

class AtomFinder {
 public:
  AtomFinder() : AtomFinder(std::vector<std::string>()) {}
  // REQUIRES: none is empty.
  explicit AtomFinder(const std::vector<std::string>& atoms);

  // The indices of the atoms that occur, each once, in ascending order.
  void Find(std::string_view text, std::vector<int>* found) const;

 private:
  static constexpr int32_t kNone = -1;

  // A trie. The root's edges are a table by byte; those of the others lie side by side:
  // the edge labelled bytes_[i] leads to nodes_[targets_[i]].
  struct Node {
    uint32_t first_edge = 0;
    uint32_t edges = 0;
    int32_t atom = kNone;  // That ends here.
  };
  const Node* Follow(const Node& node, char byte) const;

  std::array<int32_t, 256> roots_{};
  std::vector<Node> nodes_;
  std::string bytes_;
  std::vector<uint32_t> targets_;
};

}  // namespace noroshi::analysis
