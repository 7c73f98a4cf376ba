#include "hub/sharing/audience.h"

#include <algorithm>

namespace noroshi::sharing {
namespace {

using Type = Selector::Type;

bool IsMember(const v1::OrganizationSet& organization, std::string_view circle) {
  const auto& circles = organization.circles();
  return std::find(circles.begin(), circles.end(), circle) != circles.end();
}

bool Selects(const Selector& selector, const v1::OrganizationSet& organization) {
  switch (selector.type) {
    case Type::kAll:
      // The centre is who sends.
      return organization.kind() != v1::ORGANIZATION_KIND_CENTRE;
    case Type::kKind:
      return organization.kind() == selector.kind;
    case Type::kSector:
      return organization.sector() == selector.id;
    case Type::kCeptoar:
      return organization.ceptoar() == selector.id;
    case Type::kOrganization:
      return organization.id() == selector.id;
    case Type::kCircle:
      return IsMember(organization, selector.id);
  }
  return false;
}

// Whether the organisation is a ministry in charge of what the content is about.
bool IsCompetent(const v1::OrganizationSet& organization, const Marking& source) {
  const auto& sectors = source.sectors;
  return organization.kind() == v1::ORGANIZATION_KIND_MINISTRY && !organization.sector().empty() &&
         std::find(sectors.begin(), sectors.end(), organization.sector()) != sectors.end();
}

// Why nobody at all may have the content; empty: nothing of the kind.
std::string_view ForbidsAll(Purpose purpose, const Content& content) {
  if (purpose == Purpose::kAlert && content.tlp == v1::TLP_RED) return "tlp_red";
  if (!content.source) return "";
  if (content.source->conflict) return "source_conflict";
  if (content.source->exercise_id != content.exercise_id) return "exercise";
  if (content.tlp < content.source->tlp) return "marking_loosened";
  return "";
}

// Why this organisation may not have it, whatever selects it; empty: it may.
std::string_view Forbids(const Content& content, const v1::OrganizationSet& organization) {
  if (organization.disabled()) return "disabled";
  if (!content.circle.empty() && !IsMember(organization, content.circle)) return "circle";
  if (!content.source) return "";
  const Marking& source = *content.source;
  if (!source.circle.empty() && !IsMember(organization, source.circle)) return "circle";
  if (organization.kind() == v1::ORGANIZATION_KIND_POLICE && !source.may_tell_police) {
    return "consent_police";
  }
  return "";
}

// Why being selected in this way is not enough; empty: it is.
std::string_view ForbidsSelection(const Selector& selector, const Content& content,
                                  const v1::OrganizationSet& organization) {
  const bool named = selector.type == Type::kOrganization;
  if (content.tlp == v1::TLP_RED && !named) return "tlp_red";
  if (content.tlp == v1::TLP_AMBER_STRICT && !named) return "tlp_amber_strict";
  if (content.tlp == v1::TLP_AMBER && selector.type == Type::kAll) return "tlp_amber";
  const bool for_competence = named || selector.type == Type::kSector;
  if (for_competence && content.source && !content.source->may_tell_competent_ministry &&
      IsCompetent(organization, *content.source)) {
    return "consent_competent_ministry";
  }
  return "";
}

// Sorts one candidate into the audience.
void Place(Purpose purpose, const Content& content, std::span<const std::string> texts,
           std::span<const Selector> selectors, const v1::OrganizationSet& organization,
           Audience* audience) {
  std::string_view denied = ForbidsAll(purpose, content);
  if (denied.empty()) denied = Forbids(content, organization);
  std::string_view first_refusal;
  bool selected = false;
  for (size_t i = 0; i < selectors.size(); ++i) {
    if (!Selects(selectors[i], organization)) continue;
    selected = true;
    if (!denied.empty()) break;
    const std::string_view refusal = ForbidsSelection(selectors[i], content, organization);
    if (refusal.empty()) {
      audience->recipients.push_back({organization.id(), texts[i]});
      return;
    }
    if (first_refusal.empty()) first_refusal = refusal;
  }
  if (!selected) return;
  audience->excluded.push_back(
      {organization.id(), std::string(denied.empty() ? first_refusal : denied)});
}

Audience DecideUpdate(const Content& content,
                      std::span<const v1::OrganizationSet* const> candidates) {
  Audience audience;
  for (const v1::OrganizationSet* organization : candidates) {
    if (content.submitter.empty() || organization->id() != content.submitter) continue;
    if (organization->disabled()) {
      audience.excluded.push_back({organization->id(), "disabled"});
    } else {
      audience.recipients.push_back({organization->id(), "submitter"});
    }
  }
  return audience;
}

bool IsTlp(v1::Tlp tlp) { return tlp >= v1::TLP_CLEAR && tlp <= v1::TLP_RED; }

void AddSector(std::string_view sector, Marking* marking) {
  auto& sectors = marking->sectors;
  if (sector.empty() || std::find(sectors.begin(), sectors.end(), sector) != sectors.end()) return;
  sectors.emplace_back(sector);
}

v1::Tlp Stricter(v1::Tlp a, v1::Tlp b) { return std::max(a, b); }

}  // namespace

Result<Audience> DecideAudience(Purpose purpose, const Content& content,
                                std::span<const std::string> selectors,
                                std::span<const v1::OrganizationSet* const> candidates) {
  if (purpose == Purpose::kUpdate) return DecideUpdate(content, candidates);
  if (!IsTlp(content.tlp)) return Error{ErrorCode::kInvalid, "the content has no TLP marking"};
  if (selectors.empty()) return Error{ErrorCode::kInvalid, "no selector: nobody is addressed"};
  if (selectors.size() > kSelectorsMax) {
    return Error{ErrorCode::kInvalid, "more than " + std::to_string(kSelectorsMax) + " selectors"};
  }
  std::vector<Selector> parsed;
  for (const std::string& text : selectors) {
    NOROSHI_ASSIGN_OR_RETURN(Selector selector, ParseSelector(text));
    parsed.push_back(std::move(selector));
  }
  Audience audience;
  for (const v1::OrganizationSet* organization : candidates) {
    Place(purpose, content, selectors, parsed, *organization, &audience);
  }
  return audience;
}

Marking MarkingOf(std::span<const Source> sources) {
  NOROSHI_CHECK(!sources.empty());
  const Source& first = sources.front();
  Marking marking;
  marking.tlp = IsTlp(first.handling->tlp()) ? first.handling->tlp() : v1::TLP_RED;
  marking.circle = first.handling->circle();
  marking.exercise_id = first.exercise_id;
  marking.may_share_name = first.handling->may_share_name();
  marking.may_tell_police = first.handling->may_tell_police();
  marking.may_tell_competent_ministry = first.handling->may_tell_competent_ministry();
  AddSector(first.sector, &marking);
  AddSector(first.submitter_sector, &marking);
  for (const Source& source : sources.subspan(1)) marking = Combine(marking, source);
  return marking;
}

Marking Combine(const Marking& marking, const Marking& other) {
  Marking out = marking;
  out.tlp = Stricter(marking.tlp, other.tlp);
  if (out.circle.empty()) {
    out.circle = other.circle;
  } else if (!other.circle.empty() && other.circle != out.circle) {
    out.conflict = true;
  }
  out.conflict = out.conflict || other.conflict || other.exercise_id != out.exercise_id;
  out.may_share_name = out.may_share_name && other.may_share_name;
  out.may_tell_police = out.may_tell_police && other.may_tell_police;
  out.may_tell_competent_ministry =
      out.may_tell_competent_ministry && other.may_tell_competent_ministry;
  for (const std::string& sector : other.sectors) AddSector(sector, &out);
  return out;
}

Marking Combine(const Marking& marking, const Source& source) {
  return Combine(marking, MarkingOf({&source, 1}));
}

v1::Alert RenderAlert(const v1::Alert& original, Purpose purpose) {
  v1::Alert alert = original;
  if (purpose != Purpose::kAlert) {
    alert.set_title_ja("内容を伏せた発信があります");
    alert.set_title_en("There is an alert whose content is withheld");
    alert.clear_text_ja();
    alert.clear_text_en();
    alert.clear_indicators();
    alert.clear_originator();
    alert.set_content_withheld(true);
  }
  if (!alert.exercise_id().empty()) {
    alert.set_title_ja("【演習】" + alert.title_ja());
    alert.set_title_en("[EXERCISE] " + alert.title_en());
  }
  return alert;
}

bool MayName(const Marking& source) { return source.may_share_name && !source.conflict; }

}  // namespace noroshi::sharing
