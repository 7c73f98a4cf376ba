#include "hub/campaign/memory_index.h"

namespace noroshi::campaign {
namespace {

template <typename Map, typename Key>
typename Map::mapped_type ValueOr(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

}  // namespace

Result<std::vector<uint64_t>> MemoryIndex::Band(std::string_view key) const {
  return ValueOr(bands_, std::string(key));
}

Result<std::optional<Variant>> MemoryIndex::FindVariant(uint64_t id) const {
  const auto found = variants_.find(id);
  return found == variants_.end() ? std::nullopt : std::optional(found->second);
}

Result<TieUse> MemoryIndex::Tie(std::string_view key) const {
  return ValueOr(ties_, std::string(key));
}

void MemoryIndex::SetBand(std::string_view key, const std::vector<uint64_t>& variants) {
  bands_[std::string(key)] = variants;
}

void MemoryIndex::SetVariant(const Variant& variant) { variants_[variant.id] = variant; }

void MemoryIndex::SetTie(std::string_view key, const TieUse& use) { ties_[std::string(key)] = use; }

}  // namespace noroshi::campaign
