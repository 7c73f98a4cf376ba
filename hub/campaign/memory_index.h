// An Index in memory: for `analyze mail`, which has no hub, and for tests.
// Threads: one thread.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "hub/campaign/campaign.h"

namespace noroshi::campaign {

class MemoryIndex : public Index {
 public:
  Result<std::vector<uint64_t>> Band(std::string_view key) const override;
  Result<std::optional<Variant>> FindVariant(uint64_t id) const override;
  Result<TieUse> Tie(std::string_view key) const override;
  void SetBand(std::string_view key, const std::vector<uint64_t>& variants) override;
  void SetVariant(const Variant& variant) override;
  void SetTie(std::string_view key, const TieUse& use) override;

 private:
  std::unordered_map<std::string, std::vector<uint64_t>> bands_;
  std::unordered_map<uint64_t, Variant> variants_;
  std::unordered_map<std::string, TieUse> ties_;
};

}  // namespace noroshi::campaign
