#include "hub/admin/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/log/log.h"
#include "hub/api/api.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::admin {
namespace {

namespace json = boost::json;
using render::FromWord;
using render::ToJson;

constexpr size_t kNameBytesMax = 512;

Error Invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

// A text field of the request; absent is empty. kInvalid says which field.
Result<std::string> Text(const json::object& request, std::string_view key, size_t max) {
  const auto* value = request.if_contains(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return Invalid(fmt::format("{}: a text is expected", key));
  std::string text(value->as_string());
  if (text.size() > max)
    return Invalid(fmt::format("{}: {} bytes; at most {}", key, text.size(), max));
  if (!IsValidUtf8(text)) return Invalid(fmt::format("{}: not valid UTF-8", key));
  return text;
}

Result<std::string> RequiredText(const json::object& request, std::string_view key, size_t max) {
  NOROSHI_ASSIGN_OR_RETURN(std::string text, Text(request, key, max));
  if (text.empty()) return Invalid(fmt::format("{}: must not be empty", key));
  return text;
}

Result<std::string> Identifier(const json::object& request, std::string_view key, bool required) {
  NOROSHI_ASSIGN_OR_RETURN(std::string text, Text(request, key, kIdentifierBytesMax));
  if (text.empty() && !required) return text;
  if (!IsIdentifier(text)) {
    return Invalid(
        fmt::format("{}: '{}' is not an identifier: 1 to 64 of [a-z0-9._-], "
                    "beginning with a letter or digit",
                    key, text));
  }
  return text;
}

Result<uint64_t> Number(const json::object& request, std::string_view key, uint64_t fallback,
                        uint64_t max) {
  const auto* value = request.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  boost::system::error_code error;
  const auto number = value->to_number<uint64_t>(error);
  if (error || number > max)
    return Invalid(fmt::format("{}: a number from 0 to {} is expected", key, max));
  return number;
}

// "org/agent".
Result<std::pair<std::string, std::string>> AgentName(const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, RequiredText(request, "id", 256));
  const size_t slash = text.find('/');
  const std::string organization = text.substr(0, slash);
  const std::string agent = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (!IsIdentifier(organization) || !IsIdentifier(agent)) {
    return Invalid("'" + text + "' is not ORG/AGENT (identifiers of [a-z0-9._-])");
  }
  return std::pair(organization, agent);
}

std::string AgentPath(const std::pair<std::string, std::string>& name) {
  return "/organizations/" + name.first + "/agents/" + name.second;
}

Result<Uuid> AlertId(const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, RequiredText(request, "id", 64));
  if (auto id = Uuid::Parse(text); id.ok()) return id;  // As the API writes it.
  const auto bytes = FromHex(text);
  if (!bytes.ok() || bytes->size() != 16)
    return Invalid("'" + text + "' is not an alert id (32 hexadecimal digits)");
  return Uuid::FromBytes(*bytes);
}

// These fields of the request, as far as it has them.
json::object Pick(const json::object& request, std::initializer_list<std::string_view> keys) {
  json::object body;
  for (const std::string_view key : keys) {
    if (const auto* value = request.if_contains(key)) body[key] = *value;
  }
  return body;
}

// The largest page of the API that is of use.
std::string PageOf(size_t limit) {
  return std::to_string(std::clamp<size_t>(limit, 1, api::kPageMax));
}

// Here an alert's id has no hyphens.
void UseHexId(json::object* object) {
  std::string id(object->at("alert_id").as_string());
  std::erase(id, '-');
  (*object)["alert_id"] = id;
}

// Of which a large case shows the first.
Result<json::array> OrganizationsOf(const store::View& view, uint64_t case_id) {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, view.OrganizationsOfCase(case_id, "", kListLimitMax));
  return json::array(names.begin(), names.end());
}

}  // namespace

Service::Service(Parts parts) : parts_(std::move(parts)) {}

const std::map<std::string, Service::Verb, std::less<>>& Service::Verbs() {
  static const std::map<std::string, Verb, std::less<>> verbs = {
      {"org.add", &Service::OrgAdd},         {"org.list", &Service::OrgList},
      {"org.show", &Service::OrgShow},       {"org.disable", &Service::OrgDisable},
      {"org.enable", &Service::OrgEnable},   {"agent.token", &Service::AgentToken},
      {"agent.list", &Service::AgentList},   {"agent.revoke", &Service::AgentRevoke},
      {"case.list", &Service::CaseList},     {"case.show", &Service::CaseShow},
      {"alert.issue", &Service::AlertIssue}, {"alert.list", &Service::AlertList},
      {"alert.show", &Service::AlertShow},   {"call", &Service::Call},
      {"status", &Service::Status},          {"verify", &Service::Verify},
      {"backup", &Service::Backup},          {"person.set", &Service::PersonSet},
  };
  return verbs;
}

Result<json::object> Service::Handle(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string verb, RequiredText(request, "verb", 64));
  const auto found = Verbs().find(verb);
  if (found == Verbs().end()) return Invalid("unknown verb '" + verb + "'");
  Log(Level::kInfo, "admin_call", {{"verb", verb}, {"login", caller.login}});
  return (this->*found->second)(caller, request);
}

Result<store::OrganizationRow> Service::FindOrganization(const std::string& id) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, parts_.store->Snapshot()->Organization(id));
  if (!row.has_value()) return Error{ErrorCode::kNotFound, "no organisation '" + id + "'"};
  return std::move(*row);
}

// ---- organisations ----

Service::Answer Service::ShowOrganization(const std::string& id) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindOrganization(id));
  json::object answer = ToJson(row.organization());
  json::array agents;
  const auto snapshot = parts_.store->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, snapshot->AgentsOf(id, kListLimitMax));
  for (const auto& agent : rows) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t cursor, snapshot->CursorOf(agent));
    agents.emplace_back(ToJson(agent, cursor));
  }
  answer["agents"] = std::move(agents);
  return answer;
}

Service::Answer Service::PutOrganization(const Caller& caller,
                                         const v1::OrganizationSet& organization, json::object body,
                                         uint64_t version) {
  body["disabled"] = organization.disabled();
  json::object call{{"method", "PUT"},
                    {"path", "/organizations/" + organization.id()},
                    {"body", std::move(body)}};
  if (version != 0) call["if_match"] = fmt::format("\"v{}\"", version);
  NOROSHI_RETURN_IF_ERROR(parts_.api(caller.login, call));
  return ShowOrganization(organization.id());
}

Service::Answer Service::OrgAdd(const Caller& caller, const json::object& request) {
  v1::OrganizationSet organization;
  NOROSHI_ASSIGN_OR_RETURN(*organization.mutable_id(), Identifier(request, "id", true));
  NOROSHI_ASSIGN_OR_RETURN(const auto present,
                           parts_.store->Snapshot()->Organization(organization.id()));
  organization.set_disabled(present && present->organization().disabled());
  return PutOrganization(
      caller, organization,
      Pick(request, {"kind", "name_ja", "name_en", "sector", "ceptoar", "circles"}),
      present ? present->version() : 0);
}

Service::Answer Service::OrgList(const Caller&, const json::object&) {
  json::array list;
  std::string after;
  const auto snapshot = parts_.store->Snapshot();
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, snapshot->Organizations(after, kListLimitMax));
    for (const auto& row : rows) list.emplace_back(ToJson(row.organization()));
    if (rows.size() < kListLimitMax) return json::object{{"organizations", std::move(list)}};
    after = rows.back().organization().id();
  }
}

Service::Answer Service::OrgShow(const Caller&, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, Identifier(request, "id", true));
  return ShowOrganization(id);
}

Service::Answer Service::SetDisabled(const Caller& caller, const json::object& request,
                                     bool disabled) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, Identifier(request, "id", true));
  NOROSHI_ASSIGN_OR_RETURN(auto row, FindOrganization(id));
  row.mutable_organization()->set_disabled(disabled);
  const json::object record = ToJson(row.organization());
  return PutOrganization(
      caller, row.organization(),
      Pick(record, {"kind", "name_ja", "name_en", "sector", "ceptoar", "circles"}), row.version());
}

Service::Answer Service::OrgDisable(const Caller& caller, const json::object& request) {
  return SetDisabled(caller, request, true);
}

Service::Answer Service::OrgEnable(const Caller& caller, const json::object& request) {
  return SetDisabled(caller, request, false);
}

// ---- agents ----

Service::Answer Service::AgentToken(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const auto name, AgentName(request));
  return parts_.api(caller.login, {{"method", "POST"}, {"path", AgentPath(name) + "/tokens"}});
}

Service::Answer Service::AgentList(const Caller&, const json::object&) {
  json::array list;
  std::string organization;
  std::string agent;
  const auto snapshot = parts_.store->Snapshot();
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, snapshot->Agents(organization, agent, kListLimitMax));
    for (const auto& row : rows) {
      NOROSHI_ASSIGN_OR_RETURN(const uint64_t cursor, snapshot->CursorOf(row));
      list.emplace_back(ToJson(row, cursor));
    }
    if (rows.size() < kListLimitMax) return json::object{{"agents", std::move(list)}};
    organization = rows.back().organization();
    agent = rows.back().agent();
  }
}

Service::Answer Service::AgentRevoke(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const auto name, AgentName(request));
  return parts_.api(caller.login, {{"method", "POST"},
                                   {"path", AgentPath(name) + "/revocation"},
                                   {"body", Pick(request, {"reason"})}});
}

// ---- persons ----

// What is not given stays as it is: forgetting an option must neither enable a person nor
// take its clearances.
Service::Answer Service::PersonSet(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, Identifier(request, "person", true));
  const auto* change = request.if_contains("change");
  if (change == nullptr || !change->is_object()) return Invalid("change: an object is expected");
  const std::string path = "/persons/" + id;
  json::object call{{"method", "PUT"}, {"path", path}};
  json::object body;
  const auto present = Get(caller, path, json::object());
  if (present.ok()) {
    body = Pick(*present, {"organization", "name", "roles", "circles", "disabled", "language",
                           "local_login"});
    call["if_match"] = fmt::format("\"v{}\"", present->at("version").to_number<uint64_t>());
  } else if (present.error().code != ErrorCode::kNotFound) {
    return present.error();
  }
  for (const auto& [key, value] : change->as_object()) body[key] = value;
  call["body"] = std::move(body);
  return parts_.api(caller.login, call);
}

// ---- reading through the API ----

Service::Answer Service::Get(const Caller& caller, const std::string& path, json::object query) {
  auto answer =
      parts_.api(caller.login, {{"method", "GET"}, {"path", path}, {"query", std::move(query)}});
  if (!answer.ok()) return answer.error().Prefixed(path);
  return answer;
}

Result<json::array> Service::Collect(const Caller& caller, const std::string& path,
                                     std::string_view list, json::object query, size_t limit) {
  json::array items;
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(json::object page, Get(caller, path, query));
    for (json::value& item : page.at(list).as_array()) {
      items.push_back(std::move(item));
      if (items.size() == limit) return items;
    }
    if (page.at("next").is_null()) return items;
    query["cursor"] = page.at("next");
  }
}

// ---- cases ----

Service::Answer Service::CaseList(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t limit, Number(request, "limit", 50, kListLimitMax));
  json::object query = Pick(request, {"exercise_id"});
  query["limit"] = PageOf(limit);
  NOROSHI_ASSIGN_OR_RETURN(json::array list,
                           Collect(caller, "/cases", "cases", std::move(query), limit));
  const auto snapshot = parts_.store->Snapshot();
  for (json::value& item : list) {
    if (item.at("withheld").as_bool()) continue;
    NOROSHI_ASSIGN_OR_RETURN(item.as_object()["organizations"],
                             OrganizationsOf(*snapshot, item.at("case_id").to_number<uint64_t>()));
  }
  return json::object{{"cases", std::move(list)}};
}

Service::Answer Service::CaseShow(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t id, Number(request, "case_id", 0, UINT64_MAX));
  const std::string path = fmt::format("/cases/{}", id);
  NOROSHI_ASSIGN_OR_RETURN(json::object answer, Get(caller, path, json::object()));
  NOROSHI_ASSIGN_OR_RETURN(answer["submissions"], Collect(caller, path + "/reports", "reports",
                                                          json::object(), kListLimitMax));
  return answer;
}

// ---- alerts ----

// One of two persons: it is proposed.
Service::Answer Service::AlertIssue(const Caller& caller, const json::object& request) {
  json::object body = Pick(request, {"title_ja", "title_en", "text_ja", "text_en", "to"});
  // Words in either case; what is empty or 0 is not said.
  NOROSHI_ASSIGN_OR_RETURN(const std::string kind, RequiredText(request, "kind", 64));
  NOROSHI_ASSIGN_OR_RETURN(const auto kind_value, FromWord<v1::AlertKind>(kind));
  body["kind"] = render::Word(kind_value);
  NOROSHI_ASSIGN_OR_RETURN(const std::string tlp, RequiredText(request, "tlp", 64));
  const v1::Tlp marking = sharing::TlpFromWord(tlp);
  body["tlp"] = marking == v1::TLP_UNSPECIFIED ? tlp : std::string(sharing::TlpWord(marking));
  for (const auto& [key, name] : {std::pair("exercise", "exercise_id"),
                                  {"circle", "circle"},
                                  {"acknowledge_within", "acknowledge_within"}}) {
    NOROSHI_ASSIGN_OR_RETURN(const std::string text, Text(request, key, kNameBytesMax));
    if (!text.empty()) body[name] = text;
  }
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t case_id, Number(request, "case_id", 0, UINT64_MAX));
  if (case_id != 0) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, parts_.store->Snapshot()->Case(case_id));
    if (!row.has_value()) return Error{ErrorCode::kNotFound, fmt::format("no case {}", case_id)};
    body["case_id"] = case_id;
  }
  return parts_.api(caller.login,
                    {{"method", "POST"}, {"path", "/alerts/proposals"}, {"body", std::move(body)}});
}

Service::Answer Service::AlertShow(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const Uuid id, AlertId(request));
  const std::string path = "/alerts/" + id.ToString();
  NOROSHI_ASSIGN_OR_RETURN(json::object answer, Get(caller, path, json::object()));
  NOROSHI_ASSIGN_OR_RETURN(
      json::array deliveries,
      Collect(caller, path + "/deliveries", "deliveries", {{"limit", PageOf(SIZE_MAX)}}, SIZE_MAX));
  for (json::value& delivery : deliveries) UseHexId(&delivery.as_object());
  UseHexId(&answer);
  // All have a delivery: the API names each with why.
  answer["recipients"] = std::move(deliveries);
  return answer;
}

Service::Answer Service::AlertList(const Caller& caller, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t limit, Number(request, "limit", 50, kListLimitMax));
  NOROSHI_ASSIGN_OR_RETURN(json::array list,
                           Collect(caller, "/alerts", "alerts", {{"limit", PageOf(limit)}}, limit));
  const auto snapshot = parts_.store->Snapshot();
  for (json::value& item : list) {
    json::object& alert = item.as_object();
    UseHexId(&alert);
    NOROSHI_ASSIGN_OR_RETURN(const std::string id, FromHex(alert.at("alert_id").as_string()));
    NOROSHI_ASSIGN_OR_RETURN(alert["read_count"], snapshot->ReadsOf(id));
  }
  return json::object{{"alerts", std::move(list)}};
}

// ---- the hub itself ----

Service::Answer Service::Call(const Caller& caller, const json::object& request) {
  return parts_.api(caller.login, request);
}

Service::Answer Service::Status(const Caller&, const json::object& request) {
  const auto snapshot = parts_.store->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const auto meta, snapshot->Meta());
  const v1::TreeHead head = parts_.journal->Head();
  const auto journal_health = parts_.journal->Health();
  const auto engine_health = parts_.runner->Health();
  json::object answer{{"log_id", ToHex(head.log_id())},
                      {"tree_size", head.tree_size()},
                      {"root_hash", ToHex(head.root_hash())},
                      {"applied", meta.applied()},
                      {"organizations", meta.organizations()},
                      {"submissions", meta.submissions()},
                      {"exercise_submissions", meta.exercise_submissions()},
                      {"cases", meta.cases()},
                      {"alerts", meta.alerts()},
                      {"analysis_pending", meta.analysis_pending()}};
  const auto* digest = request.if_contains("digest");
  if (digest != nullptr && digest->is_bool() && digest->as_bool()) {
    NOROSHI_ASSIGN_OR_RETURN(const std::string bytes, snapshot->Digest());
    answer["state_digest"] = ToHex(bytes);
  }
  std::string health;
  if (!journal_health.ok()) health = "journal: " + journal_health.error().message;
  if (!engine_health.ok()) {
    health += (health.empty() ? "" : "; ") + ("engine: " + engine_health.error().message);
  }
  answer["health"] = health.empty() ? "ok" : health;
  parts_.add_status(&answer);
  return answer;
}

Service::Answer Service::Verify(const Caller&, const json::object&) { return parts_.verify(); }

Service::Answer Service::Backup(const Caller&, const json::object& request) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string folder, RequiredText(request, "folder", 4096));
  if (folder.front() != '/') return Invalid("folder: '" + folder + "' is not an absolute path");
  return parts_.backup(folder);
}

}  // namespace noroshi::admin
