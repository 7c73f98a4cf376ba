#include "agent/sinks/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "common/base/encoding.h"
#include "common/base/terminal.h"
#include "common/base/uuid.h"
#include "common/runtime/clock.h"

namespace noroshi::sinks {
namespace {

namespace json = boost::json;

struct Kind {
  v1::AlertKind kind;
  std::string_view word;
  std::string_view text;
};
constexpr Kind kKinds[] = {
    {v1::ALERT_KIND_WARNING, "warning", "注意喚起 / Warning"},
    {v1::ALERT_KIND_NOTIFICATION, "notification", "通報 / Notification"},
    {v1::ALERT_KIND_VULNERABILITY, "vulnerability", "脆弱性情報 / Vulnerability"},
    {v1::ALERT_KIND_PROVISION, "provision", "情報提供 / Information"},
    {v1::ALERT_KIND_EARLY_WARNING, "early_warning", "早期警戒情報 / Early warning"},
    {v1::ALERT_KIND_DRILL, "drill", "訓練 / Drill"}};

constexpr std::pair<v1::Tlp, std::string_view> kTlps[] = {{v1::TLP_CLEAR, "CLEAR"},
                                                          {v1::TLP_GREEN, "GREEN"},
                                                          {v1::TLP_AMBER, "AMBER"},
                                                          {v1::TLP_AMBER_STRICT, "AMBER+STRICT"},
                                                          {v1::TLP_RED, "RED"}};

// Empty when not given.
std::string Time(int64_t time_ms) { return time_ms == 0 ? "" : FormatUtc(time_ms); }

std::string UuidText(const std::string& bytes) {
  const auto id = Uuid::FromBytes(bytes);
  return id.ok() ? id->ToString() : ToHex(bytes);
}

std::string_view RelationWord(v1::Relation relation) {
  switch (relation) {
    case v1::RELATION_NEW_CASE:
      return "new_case";
    case v1::RELATION_FOLLOW_UP:
      return "follow_up";
    case v1::RELATION_KNOWN_CASE:
      return "known_case";
    default:
      return "";
  }
}

json::object LabelJson(const v1::Label& label) {
  json::array evidence;
  for (const auto& piece : label.evidence()) {
    evidence.push_back(
        json::object{{"rule", piece.rule()}, {"words", piece.words()}, {"weight", piece.weight()}});
  }
  return {{"id", label.id()},
          {"confidence_percent", label.confidence_percent()},
          {"evidence", std::move(evidence)}};
}

json::object AlertJson(const v1::Alert& alert) {
  json::array indicators;
  for (const auto& indicator : alert.indicators())
    indicators.push_back(json::object{{"type", indicator.type()}, {"value", indicator.value()}});
  return {{"type", "alert"},
          {"alert_id", ToHex(alert.alert_id())},
          {"kind", KindWord(alert.kind())},
          {"tlp", TlpWord(alert.tlp())},
          {"title_ja", alert.title_ja()},
          {"title_en", alert.title_en()},
          {"text_ja", alert.text_ja()},
          {"text_en", alert.text_en()},
          {"indicators", std::move(indicators)},
          {"issued_at", Time(alert.issued_at_ms())},
          {"acknowledge_by", Time(alert.acknowledge_by_ms())},
          {"exercise_id", alert.exercise_id()},
          {"circle", alert.circle()},
          {"content_withheld", alert.content_withheld()},
          {"originator", alert.originator()}};
}

json::object UpdateJson(const v1::Update& update) {
  json::array causes;
  for (const auto& cause : update.classification().causes()) causes.push_back(LabelJson(cause));
  return {
      {"type", "update"},
      {"submission_id", UuidText(update.submission_id())},
      {"sequence", update.sequence()},
      {"case_reference", update.case_reference().empty() ? "" : UuidText(update.case_reference())},
      {"relation", RelationWord(update.relation())},
      {"classification",
       json::object{{"event_type", LabelJson(update.classification().event_type())},
                    {"causes", std::move(causes)},
                    {"gov_kind", LabelJson(update.classification().gov_kind())}}},
      {"analysis_error", update.analysis_error()},
      {"exercise_id", update.exercise_id()}};
}

}  // namespace

std::string_view KindWord(v1::AlertKind kind) {
  for (const Kind& known : kKinds) {
    if (known.kind == kind) return known.word;
  }
  return "";
}

std::string_view KindText(v1::AlertKind kind) {
  for (const Kind& known : kKinds) {
    if (known.kind == kind) return known.text;
  }
  return "発信 / Alert";
}

std::string_view TlpWord(v1::Tlp tlp) {
  for (const auto& [value, word] : kTlps) {
    if (value == tlp) return word;
  }
  return "";
}

v1::Tlp TlpFromWord(std::string_view word) {
  std::string upper(word);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (upper.starts_with("TLP:")) upper.erase(0, 4);
  for (const auto& [value, known] : kTlps) {
    if (known == upper) return value;
  }
  return v1::TLP_UNSPECIFIED;
}

std::string Indented(std::string_view margin, std::string_view text) {
  std::string indented;
  while (true) {
    const size_t end = text.find('\n');
    indented.append(margin).append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) return indented;
    text.remove_prefix(end + 1);
  }
}

json::object QuestionJson(const v1::Question& question) {
  return {{"type", "question"},
          {"question_id", UuidText(question.question_id())},
          {"case_reference", UuidText(question.case_reference())},
          {"text", question.text()},
          {"asked_at", Time(question.asked_at_ms())},
          {"answer_by", Time(question.answer_by_ms())},
          {"withdrawn", question.withdrawn()},
          {"answered", question.answered()},
          {"exercise_id", question.exercise_id()}};
}

std::string QuestionText(const v1::Question& question) {
  std::string text;
  if (!question.exercise_id().empty())
    text += fmt::format("  【演習 / EXERCISE {}】\n", TerminalLine(question.exercise_id()));
  text += fmt::format("  照会 / asked {}", Time(question.asked_at_ms()));
  if (question.answer_by_ms() != 0)
    text += fmt::format("   回答期限 / answer by {}", Time(question.answer_by_ms()));
  text += fmt::format("\n  件 / about {}\n", UuidText(question.case_reference()));
  return text + Indented("    ", TerminalText(question.text()));
}

json::object ToJson(const spool::InboxItem& item) {
  json::object object;
  if (item.delivery.has_update()) {
    object = UpdateJson(item.delivery.update());
  } else if (item.delivery.has_question()) {
    object = QuestionJson(item.delivery.question());
  } else if (v1::Alert alert; alert.ParseFromString(item.delivery.alert())) {
    object = AlertJson(alert);
  } else {
    object = {{"type", "unreadable"}};
  }
  object["reason"] = item.delivery.reason();
  object["position"] = item.delivery.position();
  object["index"] = item.index;
  return object;
}

std::string ToText(const spool::InboxItem& item) {
  v1::Alert alert;
  if (!alert.ParseFromString(item.delivery.alert())) return "(unreadable)\n";
  std::string text =
      fmt::format("{}  TLP:{}  {}  {}\n", ToHex(alert.alert_id()), TlpWord(alert.tlp()),
                  Time(alert.issued_at_ms()), KindText(alert.kind()));
  if (!alert.exercise_id().empty())
    text += fmt::format("  【演習 / EXERCISE {}】\n", TerminalLine(alert.exercise_id()));
  text +=
      fmt::format("  {}\n  {}\n", TerminalLine(alert.title_ja()), TerminalLine(alert.title_en()));
  if (alert.content_withheld())
    text += "  内容は利用者としてサインインして確認 / Sign in to read the content\n";
  for (const std::string* body : {&alert.text_ja(), &alert.text_en()}) {
    if (!body->empty()) text += Indented("  ", TerminalText(*body));
  }
  for (const auto& indicator : alert.indicators())
    text += fmt::format("  - {}: {}\n", TerminalLine(indicator.type()),
                        TerminalLine(indicator.value()));
  if (alert.acknowledge_by_ms() != 0)
    text += fmt::format("  確認期限 / Acknowledge by {}\n", Time(alert.acknowledge_by_ms()));
  return text;
}

}  // namespace noroshi::sinks
