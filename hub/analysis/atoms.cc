#include "hub/analysis/atoms.h"

#include "common/base/check.h"

namespace noroshi::analysis {

size_t AtomFinder::BucketOf(const char* bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < kAtomBytesMin; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  constexpr uint32_t kSpread = 2'654'435'769U;  // 2^32 over the golden ratio.
  return (value * kSpread) >> (32 - 12);        // kBuckets is 2^12.
}

AtomFinder::AtomFinder(std::vector<std::string> atoms) : atoms_(std::move(atoms)) {
  NOROSHI_CHECK(atoms_.size() < UINT16_MAX);
  std::vector<std::vector<uint16_t>> buckets(kBuckets);
  for (size_t i = 0; i < atoms_.size(); ++i) {
    NOROSHI_CHECK(atoms_[i].size() >= kAtomBytesMin);
    buckets[BucketOf(atoms_[i].data())].push_back(static_cast<uint16_t>(i));
  }
  for (size_t b = 0; b < kBuckets; ++b) {
    order_.insert(order_.end(), buckets[b].begin(), buckets[b].end());
    starts_[b + 1] = static_cast<uint16_t>(order_.size());
  }
}

void AtomFinder::Find(std::string_view text, std::vector<int>* found) const {
  found->clear();
  std::vector<bool> seen(atoms_.size());
  for (size_t at = 0; at + kAtomBytesMin <= text.size(); ++at) {
    const size_t bucket = BucketOf(text.data() + at);
    for (size_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
      const uint16_t atom = order_[i];
      if (seen[atom] || !text.substr(at).starts_with(atoms_[atom])) continue;
      seen[atom] = true;
      found->push_back(atom);
    }
  }
}

}  // namespace noroshi::analysis
