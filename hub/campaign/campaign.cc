#include "hub/campaign/campaign.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "common/base/encoding.h"

namespace noroshi::campaign {
namespace {

constexpr size_t kRows = kSlots / kBands;

// Whole texts among so many slots.
size_t TextsOf(size_t slots) { return std::min(slots / kSlots, kTextsMax); }

constexpr uint32_t kStrengthMax = 100;  // What a person is told.

// Points of a tie by how many campaigns have it: one, two, three.
using Points = std::array<uint32_t, kTieCasesMax>;

// Ties of one group say the same thing twice: only the strongest counts.
enum class Group { kText, kFile, kPlace, kAddress, kSubject, kCount };

struct TieWorth {
  Group group;
  Points points;
};

TieWorth WorthOf(v1::TieKind kind) {
  switch (kind) {
    case v1::TIE_KIND_SAME_MAIL:
      return {Group::kText, {250, 250, 250}};
    case v1::TIE_KIND_SAME_TEXT:
      return {Group::kText, {240, 240, 240}};  // More than a sketch that agrees in all slots.
    case v1::TIE_KIND_ATTACHMENT:
      return {Group::kFile, {100, 60, 40}};
    case v1::TIE_KIND_ATTACHMENT_HEAD:
      return {Group::kFile, {90, 50, 30}};
    case v1::TIE_KIND_PAGE:
      return {Group::kPlace, {80, 50, 30}};
    case v1::TIE_KIND_HOST:
      return {Group::kPlace, {60, 40, 25}};
    case v1::TIE_KIND_DOMAIN:
      return {Group::kPlace, {40, 20, 10}};
    case v1::TIE_KIND_ADDRESS:
      return {Group::kAddress, {80, 50, 30}};
    case v1::TIE_KIND_SUBJECT:
      return {Group::kSubject, {40, 25, 15}};
    default:
      return {Group::kSubject, {0, 0, 0}};
  }
}

uint32_t PointsOfText(uint32_t agreeing) {
  if (agreeing < kSupportSlots) return 0;
  return (agreeing - kSupportSlots) * kJoinPoints / (kJoinSlots - kSupportSlots);
}

using Slots = std::span<const uint32_t>;

Slots SlotsOf(const v1::MailSketch& sketch) {
  return {sketch.minhash().data(), static_cast<size_t>(sketch.minhash_size())};
}

// Of the two texts that agree best. A mail is compared with dozens: the loop inside has
// no branch, so that it is compiled to vectors.
uint32_t Agreeing(Slots mine, Slots theirs) {
  uint32_t best = 0;
  for (size_t a = 0; a < TextsOf(mine.size()); ++a) {
    for (size_t b = 0; b < TextsOf(theirs.size()); ++b) {
      const Slots left = mine.subspan(a * kSlots, kSlots);
      const Slots right = theirs.subspan(b * kSlots, kSlots);
      uint32_t agreeing = 0;
      for (size_t slot = 0; slot < kSlots; ++slot) agreeing += left[slot] == right[slot] ? 1 : 0;
      best = std::max(best, agreeing);
    }
  }
  return best;
}

// What a mail has in common with one campaign.
struct Bond {
  std::array<v1::CampaignLink, static_cast<size_t>(Group::kCount)> links;
  std::array<uint32_t, static_cast<size_t>(Group::kCount)> points{};
  uint32_t agreeing = 0;  // With the nearest variant.
  uint64_t variant = 0;

  uint32_t total() const { return std::accumulate(points.begin(), points.end(), 0U); }
  void Add(Group group, v1::TieKind kind, uint32_t worth, std::string_view shown, uint64_t mail) {
    const auto at = static_cast<size_t>(group);
    if (worth <= points[at]) return;
    points[at] = worth;
    links[at].set_kind(kind);
    links[at].set_strength(std::min(worth, kStrengthMax));
    links[at].set_shown(std::string(shown));
    links[at].set_submission(mail);
  }
};

using Bonds = std::map<uint64_t, Bond>;

// The variants that share bands with the sketch, those that share most first.
Result<std::vector<uint64_t>> Nearby(const v1::MailSketch& sketch, const Index& index) {
  std::vector<uint64_t> met;  // Once for each band.
  for (const std::string& key : BandKeys(sketch)) {
    NOROSHI_ASSIGN_OR_RETURN(const auto variants, index.Band(key));
    met.insert(met.end(), variants.begin(), variants.end());
  }
  std::sort(met.begin(), met.end());
  std::vector<std::pair<uint32_t, uint64_t>> order;
  for (const uint64_t variant : met) {
    if (order.empty() || order.back().second != variant) order.emplace_back(0, variant);
    ++order.back().first;
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (order.size() > kComparedMax) order.resize(kComparedMax);
  std::vector<uint64_t> ids;
  ids.reserve(order.size());
  for (const auto& [bands, variant] : order) ids.push_back(variant);
  return ids;
}

// tied: mails that share something else; their texts may be like this one and share no band.
Result<void> CompareTexts(const v1::MailSketch& sketch, const std::set<uint64_t>& tied,
                          const Index& index, Bonds* bonds) {
  if (TextsOf(static_cast<size_t>(sketch.minhash_size())) == 0) return {};
  NOROSHI_ASSIGN_OR_RETURN(std::vector<uint64_t> nearby, Nearby(sketch, index));
  nearby.insert(nearby.end(), tied.begin(), tied.end());
  for (const uint64_t id : nearby) {
    NOROSHI_ASSIGN_OR_RETURN(const auto variant, index.FindVariant(id));
    if (!variant) continue;
    const uint32_t agreeing = Agreeing(SlotsOf(sketch), variant->minhash);
    const uint32_t points = PointsOfText(agreeing);
    if (points == 0) continue;
    Bond& bond = (*bonds)[variant->case_id];
    if (agreeing <= bond.agreeing) continue;
    bond.agreeing = agreeing;
    bond.variant = id;
    bond.Add(Group::kText, v1::TIE_KIND_TEXT, points,
             std::to_string(agreeing) + "/" + std::to_string(kSlots), id);
  }
  return {};
}

Result<void> CompareTies(const v1::MailSketch& sketch, const Index& index, Bonds* bonds,
                         std::set<uint64_t>* tied) {
  const int count = std::min(sketch.ties_size(), static_cast<int>(kTiesRead));
  for (int i = 0; i < count; ++i) {
    const v1::MailTie& tie = sketch.ties(i);
    NOROSHI_ASSIGN_OR_RETURN(const TieUse use, index.Tie(tie.key()));
    if (use.cases.empty() || use.cases.size() > kTieCasesMax) continue;
    const TieWorth worth = WorthOf(tie.kind());
    const uint32_t points = worth.points[use.cases.size() - 1];
    if (tied->size() < kTiedMax) tied->insert(use.mail);
    for (const uint64_t case_id : use.cases) {
      (*bonds)[case_id].Add(worth.group, tie.kind(), points, tie.shown(), use.mail);
    }
  }
  return {};
}

std::vector<v1::CampaignLink> LinksOf(const Bond& bond) {
  std::vector<v1::CampaignLink> links;
  for (const v1::CampaignLink& link : bond.links) {
    if (link.strength() > 0) links.push_back(link);
  }
  std::stable_sort(links.begin(), links.end(),
                   [](const auto& a, const auto& b) { return a.strength() > b.strength(); });
  return links;
}

}  // namespace

std::vector<std::string> BandKeys(const v1::MailSketch& sketch) {
  std::vector<uint64_t> bands;
  const size_t texts = TextsOf(static_cast<size_t>(sketch.minhash_size()));
  for (size_t at = 0; at < texts * kSlots; at += kRows) {
    // FNV-1a over the rows and which band it is.
    uint64_t hash = 0xcbf29ce484222325 ^ (at % kSlots);
    for (size_t row = 0; row < kRows; ++row) {
      hash = (hash ^ sketch.minhash(static_cast<int>(at + row))) * 0x100000001b3;
    }
    bands.push_back(hash);
  }
  std::sort(bands.begin(), bands.end());
  bands.erase(std::unique(bands.begin(), bands.end()), bands.end());
  std::vector<std::string> keys;
  keys.reserve(bands.size());
  for (const uint64_t band : bands) keys.push_back(BigEndian64(band));
  return keys;
}

Result<Decision> Decide(const v1::MailSketch& sketch, const Index& index) {
  Bonds bonds;
  // The ties first: of two that are worth the same, the same text says more than a similar one.
  std::set<uint64_t> tied;
  NOROSHI_RETURN_IF_ERROR(CompareTies(sketch, index, &bonds, &tied));
  NOROSHI_RETURN_IF_ERROR(CompareTexts(sketch, tied, index, &bonds));
  const Bond* best = nullptr;
  Decision decision;
  // Of equals the eldest campaign.
  for (const auto& [case_id, bond] : bonds) {
    if (bond.total() < kJoinPoints || (best != nullptr && bond.total() <= best->total())) continue;
    best = &bond;
    decision.case_id = case_id;
  }
  if (best == nullptr) return decision;
  if (best->agreeing >= kSameVariantSlots) decision.variant = best->variant;
  decision.links = LinksOf(*best);
  return decision;
}

Result<uint64_t> Record(const v1::MailSketch& sketch, uint64_t mail, uint64_t case_id,
                        uint64_t variant, bool may_add_variant, Index* index) {
  const int count = std::min(sketch.ties_size(), static_cast<int>(kTiesRead));
  for (int i = 0; i < count; ++i) {
    const std::string& key = sketch.ties(i).key();
    NOROSHI_ASSIGN_OR_RETURN(TieUse use, index->Tie(key));
    const bool known = std::find(use.cases.begin(), use.cases.end(), case_id) != use.cases.end();
    if (known || use.cases.size() > kTieCasesMax) continue;
    if (use.cases.empty()) use.mail = mail;
    use.cases.push_back(case_id);
    index->SetTie(key, use);
  }
  if (variant != 0 || !may_add_variant) return variant;
  const std::vector<std::string> keys = BandKeys(sketch);
  if (keys.empty()) return 0;
  index->SetVariant(
      {mail, case_id, sketch.weight(), {sketch.minhash().begin(), sketch.minhash().end()}});
  for (const std::string& key : keys) {
    NOROSHI_ASSIGN_OR_RETURN(std::vector<uint64_t> variants, index->Band(key));
    if (variants.size() >= kBandVariantsMax) variants.erase(variants.begin());
    variants.push_back(mail);
    index->SetBand(key, variants);
  }
  return mail;
}

}  // namespace noroshi::campaign
