#include "hub/analysis/atoms.h"

#include <algorithm>
#include <map>

#include "common/base/check.h"

namespace noroshi::analysis {
namespace {

struct Branch {
  std::map<char, Branch> branches;
  int32_t atom = -1;
};

}  // namespace

AtomFinder::AtomFinder(const std::vector<std::string>& atoms) {
  Branch root;
  for (size_t i = 0; i < atoms.size(); ++i) {
    NOROSHI_CHECK(!atoms[i].empty());
    Branch* branch = &root;
    for (const char byte : atoms[i]) branch = &branch->branches[byte];
    branch->atom = static_cast<int32_t>(i);
  }
  roots_.fill(kNone);
  // Breadth first: the edges of a node lie side by side.
  std::vector<const Branch*> order;
  for (const auto& [byte, branch] : root.branches) {
    roots_[static_cast<unsigned char>(byte)] = static_cast<int32_t>(order.size());
    order.push_back(&branch);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const Branch& branch = *order[i];
    nodes_.push_back({static_cast<uint32_t>(bytes_.size()),
                      static_cast<uint32_t>(branch.branches.size()), branch.atom});
    for (const auto& [byte, next] : branch.branches) {
      bytes_.push_back(byte);
      targets_.push_back(static_cast<uint32_t>(order.size()));
      order.push_back(&next);
    }
  }
}

const AtomFinder::Node* AtomFinder::Follow(const Node& node, char byte) const {
  // Nearly every node has one edge or two: too few for a search that must be called.
  for (size_t edge = node.first_edge; edge < node.first_edge + node.edges; ++edge) {
    if (bytes_[edge] == byte) return &nodes_[targets_[edge]];
  }
  return nullptr;
}

void AtomFinder::Find(std::string_view text, std::vector<int>* found) const {
  found->clear();
  for (size_t start = 0; start < text.size(); ++start) {
    const int32_t root = roots_[static_cast<unsigned char>(text[start])];
    const Node* node = root == kNone ? nullptr : &nodes_[static_cast<size_t>(root)];
    for (size_t at = start + 1; node != nullptr; ++at) {
      if (node->atom != kNone) found->push_back(node->atom);
      node = at < text.size() ? Follow(*node, text[at]) : nullptr;
    }
  }
  std::sort(found->begin(), found->end());
  found->erase(std::unique(found->begin(), found->end()), found->end());
}

}  // namespace noroshi::analysis
