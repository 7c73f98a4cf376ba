// What the state knows of mails, for hub/campaign: the rows of one realm, inside the
// batch that is being applied. For hub/engine only.
//
// Make one for each mail: it keeps what it read, for the decision and the entry of
// the mail ask for the same rows.
//
// Threads: one thread. Lifetime: the transaction outlives it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/campaign/campaign.h"
#include "hub/store/store.h"

namespace noroshi::engine {

class CampaignIndex : public campaign::Index {
 public:
  CampaignIndex(store::Transaction* state, std::string_view realm)
      : state_(*state), realm_(realm) {}

  Result<std::vector<uint64_t>> Band(std::string_view key) const override;
  Result<std::optional<campaign::Variant>> FindVariant(uint64_t id) const override;
  Result<campaign::TieUse> Tie(std::string_view key) const override;
  void SetBand(std::string_view key, const std::vector<uint64_t>& variants) override;
  void SetVariant(const campaign::Variant& variant) override;
  void SetTie(std::string_view key, const campaign::TieUse& use) override;

 private:
  // The case that it has become part of; 0: the case is not there.
  Result<uint64_t> Live(uint64_t case_id) const;
  Result<campaign::TieUse> ReadTie(std::string_view key) const;

  store::Transaction& state_;
  const std::string realm_;
  mutable std::unordered_map<std::string, std::vector<uint64_t>> bands_;
  mutable std::unordered_map<std::string, campaign::TieUse> ties_;
};

}  // namespace noroshi::engine
