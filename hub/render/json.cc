#include "hub/render/json.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/runtime/clock.h"
#include "hub/render/mail.h"

namespace noroshi::render {
namespace {

namespace json = boost::json;

// "noroshi.v1.OrganizationKind" -> "ORGANIZATION_KIND_".
std::string PrefixOf(const google::protobuf::EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (c >= 'A' && c <= 'Z' && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return prefix + '_';
}

json::array Strings(const google::protobuf::RepeatedPtrField<std::string>& values) {
  json::array array;
  for (const auto& value : values) array.emplace_back(value);
  return array;
}

json::object ToJson(const v1::Label& label) {
  json::array evidence;
  for (const auto& item : label.evidence()) {
    evidence.emplace_back(
        json::object{{"rule", item.rule()}, {"words", item.words()}, {"weight", item.weight()}});
  }
  return {{"id", label.id()},
          {"confidence_percent", label.confidence_percent()},
          {"evidence", std::move(evidence)}};
}

json::array Attachments(const v1::MailFacts& mail) {
  json::array array;
  for (const auto& attachment : mail.attachments()) {
    array.emplace_back(json::object{{"name", attachment.name()},
                                    {"type", attachment.declared_type()},
                                    {"size", attachment.size()},
                                    {"sha256", ToHex(attachment.sha256())}});
  }
  return array;
}

json::object Campaign(const store::v1::CampaignFacts& facts) {
  return {{"first_seen", TimeJson(facts.first_seen_ms())},
          {"last_seen", TimeJson(facts.last_seen_ms())},
          {"variants", facts.variants()},
          {"attachment_markers", Strings(facts.attachment_markers())}};
}

}  // namespace

std::string EnumWord(const google::protobuf::EnumDescriptor& type, int value) {
  const auto* found = type.FindValueByNumber(value);
  if (found == nullptr) return std::to_string(value);
  const std::string prefix = PrefixOf(type);
  std::string word = found->name();
  if (word.rfind(prefix, 0) == 0) word.erase(0, prefix.size());
  return LowerAscii(word);
}

Result<int> EnumValue(const google::protobuf::EnumDescriptor& type, std::string_view word) {
  std::string wanted;
  for (const char c : word) {
    wanted.push_back(c == '-' || c == '+' ? '_' : LowerAscii(c));
  }
  std::string words;
  for (int i = 0; i < type.value_count(); ++i) {
    const int number = type.value(i)->number();
    if (number == 0) continue;  // The unspecified value is nobody's choice.
    const std::string candidate = EnumWord(type, number);
    if (candidate == wanted) return number;
    words += (words.empty() ? "" : ", ") + candidate;
  }
  return Error{ErrorCode::kInvalid, "'" + std::string(word) + "' is none of: " + words};
}

std::string UuidText(const std::string& bytes) {
  const auto uuid = Uuid::FromBytes(bytes);
  return uuid.ok() ? uuid->ToString() : ToHex(bytes);
}

std::string TlpLabel(v1::Tlp tlp) {
  if (tlp == v1::TLP_AMBER_STRICT) return "AMBER+STRICT";
  std::string label = Word(tlp);
  std::transform(label.begin(), label.end(), label.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return label;
}

json::value TimeJson(int64_t time_ms) {
  if (time_ms == 0) return nullptr;
  return json::string(FormatUtc(time_ms));
}

json::object ToJson(const v1::OrganizationSet& organization) {
  return {{"id", organization.id()},
          {"name_ja", organization.name_ja()},
          {"name_en", organization.name_en()},
          {"kind", Word(organization.kind())},
          {"sector", organization.sector()},
          {"ceptoar", organization.ceptoar()},
          {"circles", Strings(organization.circles())},
          {"disabled", organization.disabled()}};
}

json::object ToJson(const store::v1::AgentRow& agent, uint64_t cursor) {
  return {{"organization", agent.organization()},
          {"agent", agent.agent()},
          {"revoked", agent.revoked()},
          {"revoked_reason", agent.revoked_reason()},
          {"serial", ToHex(agent.serial())},
          {"certified_at", TimeJson(agent.certified_at_ms())},
          {"not_after", TimeJson(agent.not_after_ms())},
          {"cursor", cursor}};
}

json::object ToJson(const v1::Classification& classification) {
  json::array causes;
  for (const auto& cause : classification.causes()) causes.emplace_back(ToJson(cause));
  return {{"event_type", ToJson(classification.event_type())},
          {"causes", std::move(causes)},
          {"gov_kind", ToJson(classification.gov_kind())}};
}

json::object ToJson(const store::v1::SubmissionRow& submission) {
  json::object object{{"sequence", submission.sequence()},
                      {"submission_id", UuidText(submission.submission_id())},
                      {"kind", Word(submission.kind())},
                      {"organization", submission.organization()},
                      {"agent", submission.agent()},
                      {"accepted_at", TimeJson(submission.accepted_at_ms())},
                      {"tlp", TlpLabel(submission.handling().tlp())},
                      {"exercise_id", submission.exercise_id()},
                      {"case_id", submission.case_id()},
                      {"relation", Word(submission.relation())},
                      {"joined_reason", submission.joined_reason()},
                      {"title", submission.title()},
                      {"analysed", submission.analysed()},
                      {"outcome", Word(submission.outcome())},
                      {"analysis_error", submission.analysis_error()},
                      {"classification", ToJson(submission.classification())},
                      {"erased", submission.erased()}};
  if (submission.stage() != v1::REPORT_STAGE_UNSPECIFIED) {
    object["stage"] = Word(submission.stage());
  }
  if (submission.has_mail()) {
    object["mail"] = {{"subject", submission.mail().subject()},
                      {"from", submission.mail().from()},
                      {"urls", Strings(submission.mail().urls())},
                      {"attachments", Attachments(submission.mail())}};
    json::array links;
    for (const v1::CampaignLink& link : submission.links()) {
      links.emplace_back(ToJson(link)).as_object()["submission"] = link.submission();
    }
    object["links"] = std::move(links);
  }
  return object;
}

json::object ToJson(const store::v1::CaseRow& row) {
  json::array alerts;
  for (const auto& alert : row.alerts()) {
    const auto id = Uuid::FromBytes(alert);
    alerts.emplace_back(id.ok() ? id->ToString() : ToHex(alert));
  }
  json::value campaign;
  if (row.kind() == store::v1::CASE_KIND_CAMPAIGN) campaign = Campaign(row.campaign());
  return {{"case_id", row.case_id()},
          {"kind", Word(row.kind())},
          {"title", row.title()},
          {"exercise_id", row.exercise_id()},
          {"opened_at", TimeJson(row.opened_at_ms())},
          {"updated_at", TimeJson(row.updated_at_ms())},
          {"organization_count", row.organizations()},
          {"submission_count", row.submissions()},
          {"tlp", TlpLabel(row.tlp())},
          {"circle", row.circle()},
          {"classification", ToJson(row.classification())},
          {"fired_rules", Strings(row.fired_rules())},
          {"notes", Strings(row.notes())},
          {"alerts", std::move(alerts)},
          {"campaign", std::move(campaign)}};
}

json::object ToJson(const store::v1::AlertRow& row) {
  const v1::Alert& alert = row.original();
  json::array indicators;
  for (const auto& indicator : alert.indicators()) {
    indicators.emplace_back(json::object{{"type", indicator.type()}, {"value", indicator.value()}});
  }
  return {{"alert_id", ToHex(row.alert_id())},
          {"kind", Word(alert.kind())},
          {"tlp", TlpLabel(alert.tlp())},
          {"title_ja", alert.title_ja()},
          {"title_en", alert.title_en()},
          {"text_ja", alert.text_ja()},
          {"text_en", alert.text_en()},
          {"indicators", std::move(indicators)},
          {"issued_at", TimeJson(alert.issued_at_ms())},
          {"acknowledge_by", TimeJson(alert.acknowledge_by_ms())},
          {"exercise_id", alert.exercise_id()},
          {"circle", alert.circle()},
          {"case_id", row.case_id()},
          {"rule", row.rule()},
          {"issued_by", row.issued_by()},
          {"audience", Strings(row.audience())},
          {"recipient_count", row.recipient_count()}};
}

json::object ToJson(const store::v1::DeliveryRow& row) {
  return {{"organization", row.organization()},
          {"state", Word(row.state())},
          {"position", row.position()},
          {"queued_at", TimeJson(row.queued_at_ms())},
          {"received_at", TimeJson(row.received_at_ms())},
          {"read_at", TimeJson(row.read_at_ms())},
          {"closed_at", TimeJson(row.closed_at_ms())},
          {"person", row.person()},
          {"note", row.note()},
          {"late", row.late()}};
}

}  // namespace noroshi::render
