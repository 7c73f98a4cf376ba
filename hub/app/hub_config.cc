#include "hub/app/hub_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/base/encoding.h"
#include "common/config/config.h"
#include "common/tls/address.h"
#include "hub/app/reserve.h"
#include "hub/render/json.h"

namespace noroshi::app {

extern const std::string_view kHubToml;  // data/hub.toml.in

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kGiB = 1024 * kMiB;
// With less the databases could not even write down what they hold in memory.
constexpr uint64_t kReserveBytesMin = 8 * kMiB;

// An address as configured, or an error at the key's place.
void CheckHostPort(config::Table& table, std::string_view key, const std::string& text) {
  const auto parsed = tls::ParseHostPort(text);
  if (!parsed.ok()) table.Fail(key, parsed.error().message);
}

v1::AlertRule ReadAlertRule(config::Table& table) {
  v1::AlertRule rule;
  rule.set_id(table.String("id"));
  if (!IsIdentifier(rule.id())) table.Fail("id", "not an identifier ([a-z0-9._-], at most 64)");
  rule.set_case_kind(table.Word("case_kind", {"incident", "campaign"}));
  rule.set_organizations_at_least(
      static_cast<uint32_t>(table.Integer("organizations_at_least", {1, 1000}, 1)));
  rule.set_submissions_at_least(
      static_cast<uint32_t>(table.Integer("submissions_at_least", {1, 1'000'000}, 1)));
  rule.set_within_ms(
      table.Duration("within", {milliseconds(0), hours(24 * 366)}, milliseconds(0)).count());
  for (auto& id : table.Strings("event_types", 8)) rule.add_event_types(id);
  for (auto& marker : table.Strings("attachment_markers", 16)) {
    rule.add_attachment_markers(marker);
  }
  rule.set_confidence_at_least(
      static_cast<uint32_t>(table.Integer("confidence_at_least", {0, 100}, 0)));
  const auto kind = render::FromWord<v1::AlertKind>(table.String("alert_kind"));
  if (kind.ok()) {
    rule.set_alert_kind(*kind);
  } else {
    table.Fail("alert_kind", kind.error().message);
  }
  for (auto& selector : table.Strings("audience", 100)) rule.add_audience(selector);
  if (rule.audience().empty())
    table.Fail("audience", "nobody is named: the rule would send nothing");
  rule.set_acknowledge_within_ms(
      table.Duration("acknowledge_within", {milliseconds(0), hours(24 * 90)}, milliseconds(0))
          .count());
  rule.set_title_ja(table.String("title_ja"));
  rule.set_title_en(table.String("title_en"));
  rule.set_text_ja(table.String("text_ja"));
  rule.set_text_en(table.String("text_en"));
  return rule;
}

void ReadAlertRules(config::Table& root, v1::AlertRulesSet* rules) {
  std::set<std::string> seen;
  for (config::Table table : root.Tables("alert_rule", kAlertRulesMax)) {
    v1::AlertRule rule = ReadAlertRule(table);
    if (!seen.insert(rule.id()).second) table.Fail("id", "two rules have this id");
    *rules->add_rules() = std::move(rule);
  }
}

void ReadWeb(config::Table& root, HubConfig* hub) {
  config::Table web = root.Sub("web");
  hub->web_listen = web.String("listen", "");
  if (!hub->web_listen.empty()) CheckHostPort(web, "listen", hub->web_listen);
  hub->web_public_address = web.String("public_address", "");
  if (!hub->web_public_address.empty()) {
    CheckHostPort(web, "public_address", hub->web_public_address);
  }
  hub->web_metrics_from = web.Strings("metrics_from", 100);
  config::Table oidc = root.Sub("openid_connect");
  hub->oidc_issuer = oidc.String("issuer", "");
  hub->oidc_client_id = oidc.String("client_id", "");
  hub->oidc_client_secret_file = oidc.String("client_secret_file", "");
  hub->oidc_acr = oidc.String("acr", "");
  hub->oidc_ca_file = oidc.String("ca_file", "");
  if (!hub->oidc_issuer.empty() && hub->oidc_client_id.empty()) {
    oidc.Fail("client_id", "an issuer needs a client_id");
  }
}

void ReplaceAll(std::string_view from, const std::string& to, std::string* text) {
  for (size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

// A TOML basic string.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + '"';
}

}  // namespace

Layout::Layout(std::string data_folder)
    : data(std::move(data_folder)),
      config(data + "/hub.toml"),
      journal(data + "/journal"),
      state(data + "/state"),
      search(data + "/search"),
      keys(data + "/keys"),
      ca(data + "/ca"),
      run(data + "/run"),
      master_key(keys + "/master.key"),
      log_key(keys + "/log.key"),
      address(run + "/address"),
      web_address(run + "/web_address"),
      admin_socket(run + "/admin.sock"),
      lock(data + "/lock") {}

Result<HubConfig> LoadHubConfig(FileSystem& files, const std::string& path) {
  NOROSHI_ASSIGN_OR_RETURN(auto document, config::Document::Load(files, path));
  config::Table root = document.root();
  HubConfig hub;
  hub.name = root.String("name", std::nullopt, 256);
  hub.listen = root.String("listen");
  CheckHostPort(root, "listen", hub.listen);
  hub.host_names = root.Strings("host_names", 100);
  if (hub.host_names.empty()) root.Fail("host_names", "at least one name or address is needed");
  hub.public_address = root.String("public_address", "");
  if (!hub.public_address.empty()) CheckHostPort(root, "public_address", hub.public_address);
  hub.admin_group = root.Sub("admin").String("group", "");
  ReadWeb(root, &hub);
  hub.free_space_reserve_bytes = root.Sub("journal").Size(
      "free_space_reserve", {kReserveBytesMin, 1024 * kGiB}, kReserveDefault);
  hub.analysis_workers = static_cast<int>(root.Sub("analysis").Integer("workers", {1, 64}, 2));
  config::Table limits = root.Sub("limits");
  hub.memory_budget_bytes = limits.Size("memory_budget", {32 * kMiB, 64 * kGiB}, 512 * kMiB);
  hub.connections_max = static_cast<int>(limits.Integer("connections", {1, 1'000'000}, 20'000));
  hub.connections_per_organization_max =
      static_cast<int>(limits.Integer("connections_per_organization", {1, 100'000}, 64));
  hub.rate_bytes_per_organization =
      limits.Size("rate_per_organization", {kMiB, 64 * kGiB}, 32 * kMiB);
  hub.rate_submissions_per_organization =
      static_cast<uint64_t>(limits.Integer("submissions_per_organization", {1, 10'000'000}, 2'000));
  ReadAlertRules(root, &hub.alert_rules);
  NOROSHI_RETURN_IF_ERROR(document.Finish());
  return hub;
}

namespace {

// The configured names, and the hosts of these addresses, each once.
std::vector<std::string> NamesOf(const HubConfig& config,
                                 std::initializer_list<std::string> addresses) {
  std::vector<std::string> names = config.host_names;
  for (const std::string& address : addresses) {
    const auto parsed = tls::ParseHostPort(address);
    if (!parsed.ok() || parsed->host == "0.0.0.0" || parsed->host == "::") continue;
    if (std::find(names.begin(), names.end(), parsed->host) == names.end()) {
      names.push_back(parsed->host);
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> ServerNames(const HubConfig& config) {
  return NamesOf(
      config, {config.listen, config.public_address, config.web_listen, config.web_public_address});
}

std::vector<std::string> WebNames(const HubConfig& config) {
  return NamesOf(config, {config.web_listen, config.web_public_address});
}

std::string NewHubConfigText(const std::string& name, const std::string& listen,
                             const std::string& web_listen,
                             const std::vector<std::string>& host_names) {
  std::string names;
  for (const auto& host : host_names) names += (names.empty() ? "" : ", ") + Quoted(host);
  std::string text(kHubToml);
  ReplaceAll("\"@NAME@\"", Quoted(name), &text);
  ReplaceAll("\"@LISTEN@\"", Quoted(listen), &text);
  ReplaceAll("\"@WEB_LISTEN@\"", Quoted(web_listen), &text);
  ReplaceAll("@HOST_NAMES@", names, &text);
  return text;
}

}  // namespace noroshi::app
