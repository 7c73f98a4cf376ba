#include "hub/api/handing_in.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/uuid.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {

std::string OwnerOf(const Call& call, const std::string& named) {
  return call.is_centre() ? named : call.actor().organization;
}

Result<void> CheckOwner(const Call& call, const std::string& named) {
  const auto wrong = [](const std::string& why) {
    return Error{ErrorCode::kInvalid, "organization: " + why};
  };
  if (!call.is_centre()) {
    if (named.empty() || named == call.actor().organization) return {};
    return wrong("only the centre names another one than its own");
  }
  if (named.empty()) return wrong("whose it is has to be said");
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Organization(named));
  if (!row) return wrong("there is no such organisation");
  if (row->organization().disabled()) return wrong("it is disabled");
  return {};
}

access::Object ObjectOf(const std::string& owner, const v1::Handling& handling) {
  access::Object object;
  object.owner = owner;
  object.tlp = handling.tlp();
  if (!handling.circle().empty()) object.circles.push_back(handling.circle());
  return object;
}

Result<v1::Tlp> ReadTlp(std::string_view word) {
  const v1::Tlp tlp = sharing::TlpFromWord(word);
  if (tlp != v1::TLP_UNSPECIFIED) return tlp;
  return Error{ErrorCode::kInvalid, "tlp: one of CLEAR, GREEN, AMBER, AMBER+STRICT, RED"};
}

Result<std::optional<bool>> QueryFlag(const Call& call, std::string_view name) {
  const std::string text = call.Query(name);
  if (text.empty()) return std::optional<bool>();
  if (text == "true") return std::optional<bool>(true);
  if (text == "false") return std::optional<bool>(false);
  return Error{ErrorCode::kInvalid, fmt::format("{}: true or false", name)};
}

Result<std::optional<uint64_t>> QueryNumber(const Call& call, std::string_view name, uint64_t max) {
  const std::string text = call.Query(name);
  if (text.empty()) return std::optional<uint64_t>();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number <= max) {
    return std::optional<uint64_t>(number);
  }
  return Error{ErrorCode::kInvalid, fmt::format("{}: a number from 0 to {}", name, max)};
}

Result<v1::Handling> QueryHandling(const Call& call) {
  v1::Handling handling;
  NOROSHI_ASSIGN_OR_RETURN(const v1::Tlp tlp, ReadTlp(call.Query("tlp")));
  handling.set_tlp(tlp);
  handling.set_circle(call.Query("circle"));
  handling.set_grade(call.Query("grade"));
  NOROSHI_ASSIGN_OR_RETURN(const auto name, QueryFlag(call, "may_share_name"));
  NOROSHI_ASSIGN_OR_RETURN(const auto police, QueryFlag(call, "may_tell_police"));
  NOROSHI_ASSIGN_OR_RETURN(const auto ministry, QueryFlag(call, "may_tell_competent_ministry"));
  handling.set_may_share_name(name.value_or(false));
  handling.set_may_tell_police(police.value_or(false));
  handling.set_may_tell_competent_ministry(ministry.value_or(false));
  return handling;
}

json::object HandlingJson(const v1::Handling& handling) {
  return {{"tlp", render::TlpLabel(handling.tlp())},
          {"grade", handling.grade()},
          {"may_share_name", handling.may_share_name()},
          {"may_tell_police", handling.may_tell_police()},
          {"may_tell_competent_ministry", handling.may_tell_competent_ministry()},
          {"circle", handling.circle()}};
}

Result<std::string> ActorShown(const Call& call, const std::string& actor) {
  constexpr std::string_view kPerson = "person:";
  constexpr char kCentre[] = "centre";
  if (call.is_centre()) return actor;
  if (actor.starts_with("admin:")) return std::string(kCentre);
  if (!actor.starts_with(kPerson)) return actor;  // An agent of its own, or nobody.
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Person(actor.substr(kPerson.size())));
  const bool is_own = row && row->person().organization() == call.actor().organization;
  return is_own ? actor : std::string(kCentre);
}

}  // namespace noroshi::api
