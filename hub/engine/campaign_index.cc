#include "hub/engine/campaign_index.h"

#include <algorithm>

#include "hub/engine/issuing.h"

namespace noroshi::engine {

Result<uint64_t> CampaignIndex::Live(uint64_t case_id) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, LiveCase(state_, case_id));
  return row ? row->case_id() : 0;
}

Result<std::vector<uint64_t>> CampaignIndex::Band(std::string_view key) const {
  const auto known = bands_.find(std::string(key));
  if (known != bands_.end()) return known->second;
  NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Band(realm_, key));
  std::vector<uint64_t>& variants = bands_[std::string(key)];
  if (row) variants.assign(row->variants().begin(), row->variants().end());
  return variants;
}

Result<std::optional<campaign::Variant>> CampaignIndex::FindVariant(uint64_t id) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Variant(id));
  if (!row) return std::optional<campaign::Variant>();
  campaign::Variant variant;
  variant.id = id;
  NOROSHI_ASSIGN_OR_RETURN(variant.case_id, Live(row->case_id()));
  if (variant.case_id == 0) return std::optional<campaign::Variant>();
  variant.weight = row->weight();
  variant.minhash.assign(row->minhash().begin(), row->minhash().end());
  return std::optional(std::move(variant));
}

Result<campaign::TieUse> CampaignIndex::Tie(std::string_view key) const {
  const auto known = ties_.find(std::string(key));
  if (known != ties_.end()) return known->second;
  NOROSHI_ASSIGN_OR_RETURN(campaign::TieUse use, ReadTie(key));
  ties_[std::string(key)] = use;
  return use;
}

Result<campaign::TieUse> CampaignIndex::ReadTie(std::string_view key) const {
  campaign::TieUse use;
  NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Tie(realm_, key));
  if (!row) return use;
  use.mail = row->submission();
  for (const uint64_t case_id : row->cases()) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t live, Live(case_id));
    const bool known = std::find(use.cases.begin(), use.cases.end(), live) != use.cases.end();
    if (live != 0 && !known) use.cases.push_back(live);
  }
  return use;
}

void CampaignIndex::SetBand(std::string_view key, const std::vector<uint64_t>& variants) {
  store::BandRow row;
  row.mutable_variants()->Assign(variants.begin(), variants.end());
  state_.SetBand(realm_, key, row);
  bands_[std::string(key)] = variants;
}

void CampaignIndex::SetVariant(const campaign::Variant& variant) {
  store::VariantRow row;
  row.set_case_id(variant.case_id);
  row.set_weight(variant.weight);
  row.mutable_minhash()->Assign(variant.minhash.begin(), variant.minhash.end());
  state_.SetVariant(variant.id, row);
}

void CampaignIndex::SetTie(std::string_view key, const campaign::TieUse& use) {
  store::TieRow row;
  row.mutable_cases()->Assign(use.cases.begin(), use.cases.end());
  row.set_submission(use.mail);
  state_.SetTie(realm_, key, row);
  ties_[std::string(key)] = use;
}

}  // namespace noroshi::engine
