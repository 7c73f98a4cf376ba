// audience(): who may have what, and why. Every exit of the hub asks here; no
// other place decides. Deny by default.
//
// An organisation receives something when at least one selector names it and no
// rule forbids it. The rules (docs of TLP: FIRST, version 2.0):
//
//   disabled      a disabled organisation gets nothing, ever.
//   RED           no content to agents. Organisations named by `org:` get a notice
//                 without content (Purpose::kNotice); persons sign in to read.
//   AMBER+STRICT  only organisations named by `org:`.
//   AMBER         organisations selected by anything narrower than `all`: need to
//                 know is a choice, and `all` is the absence of one.
//   GREEN, CLEAR  every organisation selected.
//   circle        only members of the circle, whatever the selector.
//   exercise      content of an exercise and real content are never one thing: a
//                 source of another realm than the content reaches nobody.
//   loosening     content derived from submissions is never marked looser than
//                 the strictest of them; if it is, it reaches nobody.
//   police        content derived from submissions reaches police organisations
//                 only with the reporters' consent, whatever selects them.
//   competence    content derived from submissions of a sector reaches a ministry
//                 of that sector through `sector:` or `org:` only with the
//                 reporters' consent: these select it because it is in charge, or
//                 by hand. Through `all`, `kind:`, `ceptoar:` or `circle:` it is
//                 one reader among many of an anonymous text, and may read it.
//
// An Update (経過) goes to the submitting organisation alone, whatever the
// marking: it is told about its own words.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "noroshi/v1/journal.pb.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::sharing {

inline constexpr size_t kSelectorsMax = 64;

// `all` (everybody but the centre itself), `kind:<organization kind>`, `sector:<id>`,
// `ceptoar:<id>`, `org:<id>`, `circle:<id>`. Kinds: ministry, incorporated_agency, operator,
// ceptoar, police, partner, centre.
struct Selector {
  enum class Type { kAll, kKind, kSector, kCeptoar, kOrganization, kCircle };
  Type type = Type::kAll;
  std::string id;                                                 // Empty for kAll.
  v1::OrganizationKind kind = v1::ORGANIZATION_KIND_UNSPECIFIED;  // For kKind.
};
// kInvalid for anything else, the empty text included.
Result<Selector> ParseSelector(std::string_view text);

// The word of an organisation kind ("ministry"); empty for an unknown one.
std::string_view KindWord(v1::OrganizationKind kind);
v1::OrganizationKind KindFromWord(std::string_view word);  // UNSPECIFIED if unknown.
// "RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"; empty for unspecified.
std::string_view TlpWord(v1::Tlp tlp);
v1::Tlp TlpFromWord(std::string_view word);  // UNSPECIFIED if unknown. Either case.

// What the submissions behind some content allow together: the strictest
// marking, and only the consent that all of them give.
struct Marking {
  v1::Tlp tlp = v1::TLP_RED;
  std::string circle;
  std::string exercise_id;
  bool conflict = false;  // Different circles, or realms that never mix: nothing leaves.
  bool may_share_name = false;
  bool may_tell_police = false;
  bool may_tell_competent_ministry = false;
  std::vector<std::string> sectors;  // Each once, in order of appearance.

  bool operator==(const Marking&) const = default;
};

// One submission's handling.
struct Source {
  const v1::Handling* handling = nullptr;
  std::string_view exercise_id;
  std::string_view sector = {};            // Empty: none.
  std::string_view submitter_sector = {};  // Of the submitting organisation. Empty: none.
};
// REQUIRES: at least one source. An unspecified TLP counts as RED.
Marking MarkingOf(std::span<const Source> sources);
// What both allow.
Marking Combine(const Marking& marking, const Marking& other);
// The marking after one more submission.
Marking Combine(const Marking& marking, const Source& source);

enum class Purpose {
  kAlert,   // An alert with its content, to organisations' agents.
  kNotice,  // That there is an alert, without content.
  kUpdate,  // What became of a submission, to its submitter.
};

// What is to leave.
struct Content {
  v1::Tlp tlp = v1::TLP_UNSPECIFIED;
  std::string circle;
  std::string exercise_id;
  std::optional<Marking> source;  // Set when derived from submissions.
  std::string submitter;          // For kUpdate: the submitting organisation.
};

struct Decided {
  std::string organization;
  std::string reason;  // Stable words: the selector, or the rule that forbids.
};
struct Audience {
  std::vector<Decided> recipients;  // In the order of the candidates.
  std::vector<Decided> excluded;    // Selected, but not permitted.
};

// Decides. kInvalid: no or an unknown selector, more than kSelectorsMax, or no
// TLP: then nobody receives anything. Selectors are not read for kUpdate.
Result<Audience> DecideAudience(Purpose purpose, const Content& content,
                                std::span<const std::string> selectors,
                                std::span<const v1::OrganizationSet* const> candidates);

// The content of an alert as it may leave for this purpose: for kNotice titles,
// texts, indicators and originator are withheld. Marking, circle and exercise are
// always kept; an exercise says so in its titles.
v1::Alert RenderAlert(const v1::Alert& original, Purpose purpose);

// Whether the reporter may be named in content derived from its submissions.
bool MayName(const Marking& source);

}  // namespace noroshi::sharing
