#include "hub/admin/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <vector>

#include "common/base/encoding.h"
#include "common/base/terminal.h"

namespace noroshi::admin {
namespace {

namespace json = boost::json;

std::string Scalar(const json::value& value) {
  if (value.is_string()) return TerminalLine(value.as_string());
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::string text;
    for (const auto& item : value.as_array()) text += (text.empty() ? "" : ", ") + Scalar(item);
    return text.empty() ? "-" : text;
  }
  return TerminalLine(json::serialize(value));
}

std::string Field(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? "-" : Scalar(*value);
}

// A text with line breaks of its own: only these may break lines.
std::string Multiline(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr || !value->is_string() ? "" : TerminalText(value->as_string());
}

const json::array& Items(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? value->as_array() : none;
}

// Columns on a terminal: CJK and full-width characters take two.
size_t Width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c & 0xc0) == 0x80) continue;
    width += c >= 0xe2 ? 2 : 1;  // U+2000 and above: close enough for a table.
  }
  return width;
}

using Row = std::vector<std::string>;

std::string Table(const Row& head, const std::vector<Row>& rows) {
  std::vector<size_t> widths(head.size());
  const auto measure = [&](const Row& row) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  };
  measure(head);
  for (const auto& row : rows) measure(row);
  std::string text;
  const auto print = [&](const Row& row) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    text += '\n';
  };
  print(head);
  for (const auto& row : rows) print(row);
  return text;
}

bool IsWithheld(const json::object& object) {
  const auto* withheld = object.if_contains("withheld");
  return withheld != nullptr && withheld->is_bool() && withheld->as_bool();
}

constexpr std::string_view kWithheldTitle = "（開いて読む / open it to read）";

std::string Cell(const json::object& item, const std::string& key) {
  const bool is_title = key == "title" || key == "title_ja";
  return is_title && IsWithheld(item) ? std::string(kWithheldTitle) : Field(item, key);
}

// A table of an answer's array: one column for each (title, key).
std::string ListOf(const json::object& answer, std::string_view array,
                   const std::vector<std::pair<std::string, std::string>>& columns) {
  Row head;
  for (const auto& [title, key] : columns) head.push_back(title);
  std::vector<Row> rows;
  for (const auto& item : Items(answer, array)) {
    Row row;
    for (const auto& [title, key] : columns) row.push_back(Cell(item.as_object(), key));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "なし / none\n";
  return Table(head, rows);
}

std::string LabelText(const json::object& label) {
  const std::string id = Field(label, "id");
  if (id.empty() || id == "-") return "保留 / abstained";
  std::string text = fmt::format("{} ({}%)", id, Field(label, "confidence_percent"));
  for (const auto& item : Items(label, "evidence")) {
    const auto& evidence = item.as_object();
    text += fmt::format("\n      「{}」 {} {}", Field(evidence, "words"), Field(evidence, "rule"),
                        Field(evidence, "weight"));
  }
  return text;
}

std::string ClassificationText(const json::object& classification) {
  std::string text;
  const auto line = [&](const char* name, const json::value& label) {
    text += fmt::format("  {}: {}\n", name, LabelText(label.as_object()));
  };
  if (const auto* event = classification.if_contains("event_type"))
    line("事象の類型 event type", *event);
  for (const auto& cause : Items(classification, "causes")) line("原因 cause", cause);
  if (const auto* kind = classification.if_contains("gov_kind"))
    line("種別 government kind", *kind);
  return text;
}

std::string CaseText(const json::object& answer) {
  std::string text =
      fmt::format("事案 case {}  [{}]  {}\n  組織 organisations: {}\n  TLP: {}\n",
                  Field(answer, "case_id"), Field(answer, "kind"), Field(answer, "title"),
                  Field(answer, "organizations"), Field(answer, "tlp"));
  if (Field(answer, "exercise_id") != "") {
    text += fmt::format("  演習 exercise: {}\n", Field(answer, "exercise_id"));
  }
  if (const auto* classification = answer.if_contains("classification")) {
    text += ClassificationText(classification->as_object());
  }
  text += fmt::format("  発信 alerts: {}\n\n", Field(answer, "alerts"));
  return text + ListOf(answer, "submissions",
                       {{"SEQ", "sequence"},
                        {"KIND", "kind"},
                        {"ORGANISATION", "organization"},
                        {"RELATION", "relation"},
                        {"TITLE", "title"},
                        {"REASON", "joined_reason"}});
}

std::string AlertText(const json::object& answer) {
  std::string text = fmt::format(
      "発信 alert {}  [{}]  TLP:{}\n  {}\n  {}\n  発信 issued: {}  期限 acknowledge by: {}\n",
      Field(answer, "alert_id"), Field(answer, "kind"), Field(answer, "tlp"),
      Field(answer, "title_ja"), Field(answer, "title_en"), Field(answer, "issued_at"),
      Field(answer, "acknowledge_by"));
  text += fmt::format("\n{}\n\n{}\n\n", Multiline(answer, "text_ja"), Multiline(answer, "text_en"));
  for (const auto& item : Items(answer, "indicators")) {
    text += fmt::format("  {}: {}\n", Field(item.as_object(), "type"),
                        Field(item.as_object(), "value"));
  }
  text += '\n' + ListOf(answer, "recipients",
                        {{"ORGANISATION", "organization"},
                         {"WHY", "reason"},
                         {"STATE", "state"},
                         {"RECEIVED", "received_at"},
                         {"READ", "read_at"},
                         {"LATE", "late"}});
  if (!Items(answer, "excluded").empty()) {
    text += "\n除外 not sent to:\n" +
            ListOf(answer, "excluded", {{"ORGANISATION", "organization"}, {"WHY", "reason"}});
  }
  return text;
}

std::string ProposalText(const json::object& answer) {
  return fmt::format(
      "発議 {} （発議者 {}）\n  別の承認者が決定すると発信されます\n"
      "proposed by {}; it is sent when another person, an approver, decides so\n",
      Field(answer, "proposal_id"), Field(answer, "proposed_by"), Field(answer, "proposed_by"));
}

std::string TitleOf(const json::object& content) {
  for (const char* key : {"title", "title_ja", "name_ja", "name"}) {
    std::string title = Field(content, key);
    if (title != "-" && !title.empty()) return title;
  }
  return "-";
}

std::string SearchText(const json::object& answer) {
  std::vector<Row> rows;
  for (const auto& item : Items(answer, "hits")) {
    const auto& hit = item.as_object();
    const auto& content = hit.at(hit.at("type").as_string()).as_object();
    rows.push_back({Field(hit, "type"), Field(hit, "location"), Field(content, "tlp"),
                    IsWithheld(content) ? std::string(kWithheldTitle) : TitleOf(content)});
  }
  std::string text =
      rows.empty() ? "なし / none\n" : Table({"TYPE", "WHERE", "TLP", "TITLE"}, rows);
  if (!answer.at("complete").as_bool()) {
    text += "最新のものはまだ検索できません / what came in last is not found yet\n";
  }
  return text;
}

std::string Fields(const json::object& answer) {
  std::string text;
  for (const auto& [key, value] : answer) {
    if (value.is_object()) {
      for (const auto& [inner, number] : value.as_object()) {
        text += fmt::format("{}.{}: {}\n", std::string_view(key), std::string_view(inner),
                            Scalar(number));
      }
    } else {
      text += fmt::format("{}: {}\n", std::string_view(key), Scalar(value));
    }
  }
  return text;
}

std::string VerifyText(const json::object& answer) {
  std::string text;
  for (const auto& item : Items(answer, "findings")) {
    const auto& finding = item.as_object();
    text += fmt::format("{} {}: {}\n", Field(finding, "where"), Field(finding, "sequence"),
                        Field(finding, "what"));
  }
  if (Items(answer, "findings").empty()) {
    text += fmt::format("異常なし / intact: {} entries, state {}\n", Field(answer, "entries"),
                        Field(answer, "state"));
  }
  return text;
}

}  // namespace

std::string Render(const std::string& verb, const json::object& answer) {
  if (verb == "org.list") {
    return ListOf(answer, "organizations",
                  {{"ID", "id"},
                   {"KIND", "kind"},
                   {"SECTOR", "sector"},
                   {"名称", "name_ja"},
                   {"NAME", "name_en"},
                   {"DISABLED", "disabled"}});
  }
  if (verb == "agent.list") {
    return ListOf(answer, "agents",
                  {{"ORGANISATION", "organization"},
                   {"AGENT", "agent"},
                   {"REVOKED", "revoked"},
                   {"CERTIFICATE UNTIL", "not_after"},
                   {"CURSOR", "cursor"}});
  }
  if (verb == "agent.token") {
    const std::string out = Field(answer, "written_to");
    return out == "-" ? Field(answer, "token") + '\n' : "written to " + out + '\n';
  }
  if (verb == "case.list") {
    return ListOf(answer, "cases",
                  {{"CASE", "case_id"},
                   {"KIND", "kind"},
                   {"UPDATED", "updated_at"},
                   {"TLP", "tlp"},
                   {"N", "submission_count"},
                   {"ORGANISATIONS", "organizations"},
                   {"TITLE", "title"}});
  }
  if (verb == "alert.list") {
    return ListOf(answer, "alerts",
                  {{"ALERT", "alert_id"},
                   {"KIND", "kind"},
                   {"TLP", "tlp"},
                   {"ISSUED", "issued_at"},
                   {"RECIPIENTS", "recipient_count"},
                   {"READ", "read_count"},
                   {"TITLE", "title_ja"}});
  }
  if (verb == "case.history") {
    return ListOf(answer, "events",
                  {{"TIME", "time"}, {"WHO", "actor"}, {"WHAT", "what"}, {"TEXT", "text"}});
  }
  if (verb == "person.certificate") return Multiline(answer, "certificate") + '\n';
  if (verb == "person.list") {
    return ListOf(answer, "persons",
                  {{"ID", "id"},
                   {"ORGANISATION", "organization"},
                   {"ROLES", "roles"},
                   {"DISABLED", "disabled"},
                   {"LAST SIGN-IN", "last_sign_in_at"},
                   {"NAME", "name"}});
  }
  if (verb == "person.sessions") {
    return ListOf(answer, "sessions",
                  {{"OPENED", "opened_at"},
                   {"METHOD", "method"},
                   {"ADDRESS", "address"},
                   {"SOFTWARE", "software"}});
  }
  if (verb == "question.list") {
    return ListOf(answer, "questions",
                  {{"QUESTION", "question_id"},
                   {"STATE", "state"},
                   {"ORGANISATION", "organization"},
                   {"ANSWER BY", "answer_by"},
                   {"TEXT", "text"}});
  }
  if (verb == "audit") {
    return ListOf(answer, "entries",
                  {{"TIME", "time"},
                   {"WHO", "actor"},
                   {"WHAT", "what"},
                   {"OBJECT", "object"},
                   {"REFUSED", "refused"}});
  }
  if (verb == "search") return SearchText(answer);
  if (verb == "case.show") return CaseText(answer);
  if (verb == "alert.show") return AlertText(answer);
  if (verb == "alert.issue") return ProposalText(answer);
  if (verb == "alert.proposals") {
    return ListOf(answer, "proposals",
                  {{"PROPOSAL", "proposal_id"},
                   {"STATE", "state"},
                   {"BY", "proposed_by"},
                   {"AT", "proposed_at"},
                   {"KIND", "kind"},
                   {"TLP", "tlp"},
                   {"TITLE", "title_ja"}});
  }
  if (verb == "verify") return VerifyText(answer);
  return Fields(answer);
}

}  // namespace noroshi::admin
