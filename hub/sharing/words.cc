// The words of selectors, kinds and markings.
#include <array>
#include <string>
#include <utility>

#include "common/base/encoding.h"
#include "hub/sharing/audience.h"

namespace noroshi::sharing {
namespace {

constexpr std::array<std::pair<std::string_view, v1::OrganizationKind>, 7> kKinds = {{
    {"ministry", v1::ORGANIZATION_KIND_MINISTRY},
    {"incorporated_agency", v1::ORGANIZATION_KIND_INCORPORATED_AGENCY},
    {"operator", v1::ORGANIZATION_KIND_OPERATOR},
    {"ceptoar", v1::ORGANIZATION_KIND_CEPTOAR},
    {"police", v1::ORGANIZATION_KIND_POLICE},
    {"partner", v1::ORGANIZATION_KIND_PARTNER},
    {"centre", v1::ORGANIZATION_KIND_CENTRE},
}};

constexpr std::array<std::pair<std::string_view, v1::Tlp>, 5> kTlps = {{
    {"CLEAR", v1::TLP_CLEAR},
    {"GREEN", v1::TLP_GREEN},
    {"AMBER", v1::TLP_AMBER},
    {"AMBER+STRICT", v1::TLP_AMBER_STRICT},
    {"RED", v1::TLP_RED},
}};

constexpr std::array<std::pair<std::string_view, Selector::Type>, 4> kIdTypes = {{
    {"sector", Selector::Type::kSector},
    {"ceptoar", Selector::Type::kCeptoar},
    {"org", Selector::Type::kOrganization},
    {"circle", Selector::Type::kCircle},
}};

template <typename Table, typename Value>
std::string_view WordOf(const Table& table, Value value) {
  for (const auto& [word, entry] : table) {
    if (entry == value) return word;
  }
  return "";
}

Error BadSelector(std::string_view text) {
  return {ErrorCode::kInvalid, "unknown selector \"" + std::string(TruncateUtf8(text, 80)) +
                                   "\"; known are all, kind:K, sector:S, ceptoar:C, org:O, "
                                   "circle:C"};
}

}  // namespace

std::string_view KindWord(v1::OrganizationKind kind) { return WordOf(kKinds, kind); }

v1::OrganizationKind KindFromWord(std::string_view word) {
  for (const auto& [known, kind] : kKinds) {
    if (known == word) return kind;
  }
  return v1::ORGANIZATION_KIND_UNSPECIFIED;
}

std::string_view TlpWord(v1::Tlp tlp) { return WordOf(kTlps, tlp); }

v1::Tlp TlpFromWord(std::string_view word) {
  std::string upper(word);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const auto& [known, tlp] : kTlps) {
    if (known == upper) return tlp;
  }
  return v1::TLP_UNSPECIFIED;
}

Result<Selector> ParseSelector(std::string_view text) {
  if (text == "all") return Selector{};
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return BadSelector(text);
  const std::string_view type = text.substr(0, colon);
  const std::string_view id = text.substr(colon + 1);
  if (!IsIdentifier(id)) return BadSelector(text);
  if (type == "kind") {
    const v1::OrganizationKind kind = KindFromWord(id);
    if (kind == v1::ORGANIZATION_KIND_UNSPECIFIED) return BadSelector(text);
    return Selector{Selector::Type::kKind, std::string(id), kind};
  }
  for (const auto& [word, known] : kIdTypes) {
    if (word == type) {
      return Selector{known, std::string(id), v1::ORGANIZATION_KIND_UNSPECIFIED};
    }
  }
  return BadSelector(text);
}

}  // namespace noroshi::sharing
