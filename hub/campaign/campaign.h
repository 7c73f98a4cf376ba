// Campaigns: which suspicious mails are the same matter.
//
// A new mail joins the campaign that it has most in common with, if that is
// enough: a lure whose text is nearly the same, or indicators that hardly anybody
// else has (a file, a landing page, an address to answer to). Each thing in common
// gives points, kJoinPoints are needed, and all that counted are its links.
//
// To join two campaigns is worse than to miss a link. So: what several campaigns
// have (a brand's host, a kit's file, a subject that everybody writes) counts less
// with each of them, and beyond kTieCasesMax not at all: rarity is learned. A mail
// is compared with mails, never with a campaign as a whole, and joins one campaign;
// it never joins two campaigns to each other. That is for persons.
//
// Pure decisions on integers. They depend on the sketches and their order alone,
// and look at a bounded number of rows, however many mails are known.
//
// Threads: as the Index. Lifetime: nothing is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "noroshi/v1/mail_sketch.pb.h"

namespace noroshi::campaign {

inline constexpr size_t kSlots = 128;          // Of the sketch of a text.
inline constexpr size_t kTextsMax = 2;         // Of a mail: what it shows, and another alternative.
inline constexpr size_t kBands = 32;           // Of a text. Two texts meet if a whole band agrees.
inline constexpr size_t kBandVariantsMax = 8;  // Kept of one band, the newest.
inline constexpr size_t kComparedMax = 24;     // Variants that one mail is compared with.
inline constexpr size_t kTiedMax = 8;          // And with so many that share something else.
inline constexpr size_t kTieCasesMax = 3;      // More campaigns: the tie is frequent.
inline constexpr size_t kTiesRead = 48;        // Of a sketch.
inline constexpr size_t kLinksMax = 8;         // Recorded, strongest first.
inline constexpr size_t kVariantsMax = 256;    // Of one campaign.

inline constexpr uint32_t kJoinPoints = 100;
// Agreeing slots from which two texts are one variant, and from which text alone
// makes them one campaign: a Jaccard likeness of one half.
inline constexpr uint32_t kSameVariantSlots = 118;
inline constexpr uint32_t kJoinSlots = 64;
inline constexpr uint32_t kSupportSlots = 16;  // Below, the likeness is chance.

// A text that a campaign was seen with: the mail that first had it stands for it.
struct Variant {
  uint64_t id = 0;  // The mail.
  uint64_t case_id = 0;
  uint32_t weight = 0;
  std::vector<uint32_t> minhash;
};

struct TieUse {
  std::vector<uint64_t> cases;  // Oldest first, at most kTieCasesMax + 1.
  uint64_t mail = 0;            // The first one that had it.
};

// What is known of the mails so far. Case ids that it gives are those of live
// campaigns: what persons joined counts as one.
class Index {
 public:
  virtual ~Index() = default;
  virtual Result<std::vector<uint64_t>> Band(std::string_view key) const = 0;
  virtual Result<std::optional<Variant>> FindVariant(uint64_t id) const = 0;
  virtual Result<TieUse> Tie(std::string_view key) const = 0;
  virtual void SetBand(std::string_view key, const std::vector<uint64_t>& variants) = 0;
  virtual void SetVariant(const Variant& variant) = 0;
  virtual void SetTie(std::string_view key, const TieUse& use) = 0;
};

struct Decision {
  uint64_t case_id = 0;                 // 0: a new campaign.
  uint64_t variant = 0;                 // That the mail's text is; 0: none of the known.
  std::vector<v1::CampaignLink> links;  // Why, strongest first.
};

Result<Decision> Decide(const v1::MailSketch& sketch, const Index& index);

// Enters a mail of case_id, so that later ones find it. variant: as decided; the
// mail's own is made if there is none and `may_add_variant`. The variant it has
// then; 0: none.
Result<uint64_t> Record(const v1::MailSketch& sketch, uint64_t mail, uint64_t case_id,
                        uint64_t variant, bool may_add_variant, Index* index);

// The keys of a sketch's bands; none if it has no text.
std::vector<std::string> BandKeys(const v1::MailSketch& sketch);

}  // namespace noroshi::campaign
