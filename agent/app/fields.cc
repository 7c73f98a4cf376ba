#include "agent/app/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <set>

#include "agent/sinks/render.h"
#include "common/base/encoding.h"
#include "common/base/terminal.h"
#include "common/base/uuid.h"
#include "common/submission/validate.h"

namespace noroshi::agent {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using P = FieldPart;
using K = FieldKind;

constexpr size_t kWrongValueShownMax = 64;  // Bytes.
constexpr int kYearMin = 1970;
constexpr int kYearMax = 9999;

Error Wrong(const Entry& entry, std::string_view ja, std::string_view en) {
  return {ErrorCode::kInvalid, fmt::format("{}: {}: {} / {}", entry.place, entry.key, ja, en)};
}

Message* PartOf(FieldPart part, v1::Submission* submission) {
  switch (part) {
    case P::kSubmission:
      return submission;
    case P::kHandling:
      return submission->mutable_handling();
    case P::kIncident:
      return submission->mutable_incident();
    case P::kFigures:
      return submission->mutable_incident()->mutable_figures();
    case P::kMail:
      return submission->mutable_mail();
    case P::kTreatment:
      return submission->mutable_mail()->mutable_treatment();
  }
  return submission;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "yes" || text == "はい") return true;
  if (text == "false" || text == "no" || text == "いいえ") return false;
  return std::nullopt;
}

v1::ReportStage ParseStage(std::string_view text) {
  if (text == "first" || text == "第一報") return v1::REPORT_STAGE_FIRST;
  if (text == "follow-up" || text == "follow_up" || text == "続報")
    return v1::REPORT_STAGE_FOLLOW_UP;
  if (text == "final" || text == "最終報") return v1::REPORT_STAGE_FINAL;
  return v1::REPORT_STAGE_UNSPECIFIED;
}

Result<void> SetText(const Entry& entry, const Field& field, Message* part,
                     const FieldDescriptor* proto) {
  const std::string& value = entry.values[0];
  if (!IsValidUtf8(value)) return Wrong(entry, "UTF-8 ではありません", "not UTF-8");
  if (value.size() > field.max)
    return Wrong(entry, fmt::format("最大 {} バイト({} バイトあります)", field.max, value.size()),
                 fmt::format("at most {} bytes ({} given)", field.max, value.size()));
  part->GetReflection()->SetString(part, proto, value);
  return {};
}

// The word of these that was most likely meant; empty: none is near. Shares most
// letters, in order, from both ends: enough for a mistyped word.
std::string Nearest(std::string_view mistyped, const std::vector<std::string_view>& words) {
  std::string nearest;
  size_t best = 0;
  for (const std::string_view word : words) {
    size_t head = 0;
    while (head < word.size() && head < mistyped.size() && word[head] == mistyped[head]) ++head;
    size_t tail = 0;
    while (head + tail < std::min(word.size(), mistyped.size()) &&
           word[word.size() - 1 - tail] == mistyped[mistyped.size() - 1 - tail])
      ++tail;
    const size_t shared = head + tail;
    if (shared > best && shared + 2 >= std::max(word.size(), mistyped.size())) {
      best = shared;
      nearest = word;
    }
  }
  return nearest;
}

// The taxonomy's ids for this field; null: any identifier will do.
const std::set<std::string, std::less<>>* IdsFor(const Field& field) {
  const submission::Vocabulary& vocabulary = submission::TaxonomyVocabulary();
  if (field.key == "event_type") return &vocabulary.event_types;
  if (field.key == "causes") return &vocabulary.causes;
  if (field.key == "sector") return &vocabulary.sectors;
  return nullptr;
}

Result<void> CheckId(const Entry& entry, const Field& field, const std::string& value) {
  const auto* ids = IdsFor(field);
  if (ids == nullptr && !IsIdentifier(value))
    return Wrong(entry, "識別子ではありません(a-z 0-9 . _ -)", "not an identifier (a-z 0-9 . _ -)");
  if (ids == nullptr || ids->contains(value)) return {};
  const std::string shown = TerminalLine(TruncateUtf8(value, kWrongValueShownMax));
  const std::string nearest = Nearest(value, {ids->begin(), ids->end()});
  return Wrong(entry, fmt::format("「{}」は分類の ID ではありません", shown),
               fmt::format("'{}' is not one of {}{}", shown, fmt::join(*ids, ", "),
                           nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

Result<void> SetIdentifiers(const Entry& entry, const Field& field, Message* part,
                            const FieldDescriptor* proto) {
  if (entry.values.size() > field.max)
    return Wrong(entry, fmt::format("最大 {} 個", field.max),
                 fmt::format("at most {} of them", field.max));
  std::set<std::string> seen;
  part->GetReflection()->ClearField(part, proto);
  for (const std::string& value : entry.values) {
    NOROSHI_RETURN_IF_ERROR(CheckId(entry, field, value));
    if (!seen.insert(value).second) return Wrong(entry, "重複しています", "given twice");
    part->GetReflection()->AddString(part, proto, value);
  }
  return {};
}

Result<void> SetNumber(const Entry& entry, Message* part, const FieldDescriptor* proto) {
  const std::string& value = entry.values[0];
  uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  const bool narrow = proto->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  if (parsed.ec != std::errc{} || parsed.ptr != end || (narrow && number > UINT32_MAX))
    return Wrong(entry, "0 以上の整数で書いてください", "must be a whole number, 0 or more");
  if (narrow) {
    part->GetReflection()->SetUInt32(part, proto, static_cast<uint32_t>(number));
  } else {
    part->GetReflection()->SetUInt64(part, proto, number);
  }
  return {};
}

Result<void> SetOther(const Entry& entry, const Field& field, Message* part,
                      const FieldDescriptor* proto) {
  const std::string& value = entry.values[0];
  const auto* reflection = part->GetReflection();
  if (field.kind == K::kBool) {
    const auto flag = ParseBool(value);
    if (!flag) return Wrong(entry, "true か false で書いてください", "must be true or false");
    reflection->SetBool(part, proto, *flag);
  } else if (field.kind == K::kTime) {
    const auto time = ParseTime(value);
    if (!time.ok())
      return Wrong(entry, "日時は 2026-11-21T14:03+09:00 のように書いてください",
                   time.error().message);
    if (*time < submission::kTimeMinMs)
      return Wrong(entry, "1990年より前の日時です", "is before 1990");
    reflection->SetInt64(part, proto, *time);
  } else if (field.kind == K::kTlp) {
    const v1::Tlp tlp = sinks::TlpFromWord(value);
    if (tlp == v1::TLP_UNSPECIFIED)
      return Wrong(entry, "CLEAR, GREEN, AMBER, AMBER+STRICT, RED のいずれか",
                   "must be CLEAR, GREEN, AMBER, AMBER+STRICT or RED");
    reflection->SetEnumValue(part, proto, tlp);
  } else if (field.kind == K::kStage) {
    const v1::ReportStage stage = ParseStage(value);
    if (stage == v1::REPORT_STAGE_UNSPECIFIED)
      return Wrong(entry, "first, follow-up, final のいずれか",
                   "must be first, follow-up or final");
    reflection->SetEnumValue(part, proto, stage);
  } else {
    const auto id = Uuid::Parse(value);
    if (!id.ok() || !id->IsV7())
      return Wrong(entry, "届出の ID(UUID)ではありません", "not a submission id");
    reflection->SetString(part, proto, id->bytes());
  }
  return {};
}

bool SameKey(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x == '-' ? '_' : x) == (y == '-' ? '_' : y); });
}

}  // namespace

const std::vector<Field>& Fields() {
  static const std::vector<Field> fields = {
      {"stage", "", P::kIncident, "stage", K::kStage, 0,
       "第一報 first / 続報 follow-up / 最終報 final", "first, follow-up or final"},
      {"thread_id", "thread", P::kIncident, "thread_id", K::kUuid, 0,
       "続報・最終報: 第一報の届出 ID", "follow-up and final: id of the first report"},
      {"title", "", P::kIncident, "title", K::kText, submission::kTitleBytesMax, "件名(一行)",
       "one line"},
      {"what_happened", "what", P::kIncident, "what_happened", K::kText, submission::kTextBytesMax,
       "事象の概要", "what happened"},
      {"impact", "", P::kIncident, "impact", K::kText, submission::kTextBytesMax, "影響", "impact"},
      {"response", "", P::kIncident, "response", K::kText, submission::kTextBytesMax, "対応状況",
       "response so far"},
      {"expected_recovery", "recovery", P::kIncident, "expected_recovery", K::kText,
       submission::kRecoveryBytesMax, "復旧見込み", "expected recovery"},
      {"occurred_at", "occurred", P::kIncident, "occurred_at_ms", K::kTime, 0, "発生日時",
       "when it began, e.g. 2026-11-21T14:03+09:00"},
      {"detected_at", "detected", P::kIncident, "detected_at_ms", K::kTime, 0, "認知日時",
       "when it was noticed"},
      {"event_type", "", P::kIncident, "event_type", K::kIdentifier, kIdentifierBytesMax,
       "事象の種類(分類 ID)", "event type, an id of the taxonomy"},
      {"causes", "cause", P::kIncident, "causes", K::kIdentifiers, submission::kCausesMax,
       "原因(分類 ID)", "causes, ids of the taxonomy"},
      {"affected_service", "service", P::kIncident, "affected_service", K::kText,
       submission::kServiceBytesMax, "影響を受けたサービス", "affected service"},
      {"sector", "", P::kIncident, "sector", K::kIdentifier, kIdentifierBytesMax, "分野",
       "critical-infrastructure sector"},
      {"users", "", P::kFigures, "users", K::kNumber, 0, "影響を受けた利用者数", "users affected"},
      {"duration_minutes", "", P::kFigures, "duration_minutes", K::kNumber, 0, "継続時間(分)",
       "length of the disturbance, minutes"},
      {"supply_loss_kw", "", P::kFigures, "supply_loss_kw", K::kNumber, 0, "供給支障電力(kW)",
       "supply loss, kW"},
      {"households", "", P::kFigures, "households", K::kNumber, 0, "供給停止戸数",
       "households cut off"},
      {"flights", "", P::kFigures, "flights", K::kNumber, 0, "欠航便数", "flights cancelled"},
      {"trains", "", P::kFigures, "trains", K::kNumber, 0, "運休本数", "trains suspended"},
      {"records_leaked", "", P::kFigures, "records_leaked", K::kNumber, 0, "漏えい件数",
       "records that reached others"},
      {"devices", "", P::kFigures, "devices", K::kNumber, 0, "影響を受けた機器数",
       "devices affected"},
      {"on_behalf_of", "", P::kIncident, "on_behalf_of", K::kText, submission::kOnBehalfOfBytesMax,
       "委託元の機関", "the organisation for which a contractor reports"},
      {"support_requested", "support", P::kIncident, "support_requested", K::kBool, 0,
       "支援を求める", "ask the centre for help"},
      {"tlp", "", P::kHandling, "tlp", K::kTlp, 0, "共有範囲(必須)",
       "CLEAR, GREEN, AMBER, AMBER+STRICT or RED (required)"},
      {"grade", "", P::kHandling, "grade", K::kText, submission::kGradeBytesMax,
       "格付け(機密性2 など)", "the submitter's own grade"},
      {"may_share_name", "share_name", P::kHandling, "may_share_name", K::kBool, 0,
       "機関名を共有してよい", "the name may be shown to others"},
      {"may_tell_police", "police_ok", P::kHandling, "may_tell_police", K::kBool, 0,
       "警察に伝えてよい", "the police may be told"},
      {"may_tell_competent_ministry", "ministry_ok", P::kHandling, "may_tell_competent_ministry",
       K::kBool, 0, "所管省庁に伝えてよい", "the competent ministry may be told"},
      {"circle", "", P::kHandling, "circle", K::kIdentifier, kIdentifierBytesMax, "共有サークル",
       "closed group"},
      {"exercise_id", "exercise", P::kSubmission, "exercise_id", K::kIdentifier,
       kIdentifierBytesMax, "演習の ID(演習のときだけ)", "exercise id, only in an exercise"},
      {"opened", "", P::kTreatment, "opened", K::kBool, 0, "メールを開いた", "the mail was opened"},
      {"clicked", "", P::kTreatment, "link_clicked", K::kBool, 0, "リンクを開いた",
       "a link was followed"},
      {"ran", "", P::kTreatment, "attachment_run", K::kBool, 0, "添付を実行した",
       "an attachment was opened or run"},
      {"replied", "", P::kTreatment, "replied", K::kBool, 0, "返信した", "somebody replied"},
      {"recipients", "", P::kMail, "recipients", K::kNumber, 0, "受信したメールボックスの数",
       "mailboxes that received it"},
      {"note", "", P::kMail, "note", K::kText, submission::kMailNoteBytesMax, "補足", "note"},
  };
  return fields;
}

const Field* FindField(std::string_view key) {
  for (const Field& field : Fields()) {
    if (SameKey(field.key, key) || (!field.alias.empty() && SameKey(field.alias, key)))
      return &field;
  }
  return nullptr;
}

std::string NearestField(std::string_view key) {
  std::vector<std::string_view> names;
  for (const Field& field : Fields()) names.insert(names.end(), {field.key, field.alias});
  return Nearest(key, names);
}

Result<void> ApplyEntry(const Entry& entry, v1::Submission* submission) {
  const Field* field = FindField(entry.key);
  NOROSHI_CHECK(field != nullptr);
  Message* part = PartOf(field->part, submission);
  const auto* proto = part->GetDescriptor()->FindFieldByName(std::string(field->proto));
  NOROSHI_CHECK(proto != nullptr);
  if (field->kind == K::kIdentifiers) return SetIdentifiers(entry, *field, part, proto);
  if (entry.values.size() != 1)
    return Wrong(entry, "値を一つだけ書いてください", "must be one value");
  switch (field->kind) {
    case K::kText:
      return SetText(entry, *field, part, proto);
    case K::kIdentifier:
      if (!entry.values[0].empty())
        NOROSHI_RETURN_IF_ERROR(CheckId(entry, *field, entry.values[0]));
      return SetText(entry, *field, part, proto);
    case K::kNumber:
      return SetNumber(entry, part, proto);
    default:
      return SetOther(entry, *field, part, proto);
  }
}

namespace {

// "report.yaml:3: title", or only "title" when no entry set it.
std::string Named(std::string_view key, const std::vector<Entry>& given) {
  for (auto entry = given.rbegin(); entry != given.rend(); ++entry) {
    if (const Field* field = FindField(entry->key); field != nullptr && field->key == key)
      return fmt::format("{}: {}", entry->place, key);
  }
  return std::string(key);
}

// The key of a field that the hub's rules name: "incident.causes[2]" is "causes".
std::string KeyOf(std::string_view path) {
  path = path.substr(0, path.find('['));
  path.remove_prefix(path.rfind('.') + 1);
  for (const Field& field : Fields()) {
    if (field.proto == path) return std::string(field.key);
  }
  return std::string(path.empty() ? "submission" : path);
}

bool IsOneLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Result<std::string> CheckSubmission(const v1::Submission& filed, const std::vector<Entry>& given,
                                    int64_t now_ms) {
  std::string wrong;
  const auto note = [&](std::string_view key, std::string_view ja, std::string_view en) {
    wrong += fmt::format("{}{}: {} / {}", wrong.empty() ? "" : "\n", Named(key, given), ja, en);
  };
  if (filed.handling().tlp() == v1::TLP_UNSPECIFIED)
    note("tlp", "共有範囲は必須です", "required: the sharing of a report is its sender's decision");
  if (filed.has_incident()) {
    const auto& incident = filed.incident();
    const bool first = incident.stage() == v1::REPORT_STAGE_FIRST;
    if (incident.stage() == v1::REPORT_STAGE_UNSPECIFIED)
      note("stage", "必須です", "required");
    else if (first != incident.thread_id().empty())
      note(
          "thread_id", first ? "第一報には書けません" : "続報・最終報には第一報の ID が必要です",
          first ? "not in a first report" : "a follow-up or final report needs the first one's id");
    if (incident.what_happened().empty() && incident.impact().empty() &&
        incident.response().empty() && incident.title().empty() &&
        incident.expected_recovery().empty())
      note("what_happened", "件名・概要・影響・対応・復旧見込みのどれか一つは必要です",
           "one of title, what_happened, impact, response, expected_recovery is required");
    for (const auto& [field, time] : {std::pair("occurred_at", incident.occurred_at_ms()),
                                      std::pair("detected_at", incident.detected_at_ms())}) {
      if (time > now_ms + submission::kFutureMaxMs)
        note(field, "未来の日時です", "is in the future");
    }
    if (!IsOneLine(incident.title())) note("title", "一行で書いてください", "must be one line");
  }
  if (filed.has_mail()) {
    const size_t size = filed.mail().raw().size();
    if (size == 0) note("mail", "空のメールです", "the mail is empty");
    if (size > submission::kMailBytesMax)
      note("mail", fmt::format("最大 {} バイト", submission::kMailBytesMax),
           fmt::format("at most {} bytes ({} given)", submission::kMailBytesMax, size));
  }
  if (!wrong.empty()) return Error{ErrorCode::kInvalid, wrong};
  // Whatever was not foreseen above.
  std::string bytes = filed.SerializeAsString();
  const auto& words = submission::TaxonomyVocabulary();
  const auto validated = submission::ValidateSubmission(bytes, words, now_ms);
  if (!validated.rejection) return bytes;
  note(KeyOf(validated.rejection->field()), "ハブの規則に合いません",
       fmt::format("{}: {}", validated.rejection->reason(), validated.rejection->rule()));
  return Error{ErrorCode::kInvalid, wrong};
}

namespace {

// Reads digits at the front of text; absent when there are not exactly so many.
std::optional<int> Digits(std::string_view* text, size_t count) {
  if (text->size() < count) return std::nullopt;
  int value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + count, value);
  if (parsed.ec != std::errc{} || parsed.ptr != text->data() + count || (*text)[0] == '-')
    return std::nullopt;
  text->remove_prefix(count);
  return value;
}

bool Skip(std::string_view* text, std::string_view any_of) {
  if (text->empty() || any_of.find(text->front()) == std::string_view::npos) return false;
  text->remove_prefix(1);
  return true;
}

// Seconds east of UTC at the end of text; absent: no zone (local time).
Result<std::optional<int>> ParseZone(std::string_view text) {
  const Error wrong{ErrorCode::kInvalid, "the zone must be Z or ±HH:MM"};
  if (text.empty()) return std::optional<int>();
  if (text == "Z" || text == "z") return std::optional<int>(0);
  const int sign = text[0] == '-' ? -1 : 1;
  if (!Skip(&text, "+-")) return wrong;
  const auto hours = Digits(&text, 2);
  Skip(&text, ":");
  const auto minutes = Digits(&text, 2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59 || !text.empty()) return wrong;
  return std::optional<int>(sign * (*hours * 3600 + *minutes * 60));
}

}  // namespace

Result<int64_t> ParseTime(std::string_view text) {
  const Error wrong{ErrorCode::kInvalid, "a time is written 2026-11-21T14:03+09:00"};
  const auto year = Digits(&text, 4);
  if (!year || !Skip(&text, "-")) return wrong;
  const auto month = Digits(&text, 2);
  if (!month || !Skip(&text, "-")) return wrong;
  const auto day = Digits(&text, 2);
  if (!day || !Skip(&text, "T t")) return wrong;
  const auto hour = Digits(&text, 2);
  if (!hour || !Skip(&text, ":")) return wrong;
  const auto minute = Digits(&text, 2);
  if (!minute) return wrong;
  std::optional<int> second = 0;
  if (Skip(&text, ":")) second = Digits(&text, 2);
  if (!second) return wrong;
  if (Skip(&text, ".")) {
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto zone, ParseZone(text));
  if (*year < kYearMin || *year > kYearMax || *hour > 23 || *minute > 59 || *second > 59)
    return wrong;
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  parts.tm_isdst = -1;
  std::tm normal = parts;
  const std::time_t seconds = zone ? timegm(&normal) - *zone : std::mktime(&normal);
  // 31 November would silently become 1 December.
  if (normal.tm_mon != parts.tm_mon || normal.tm_mday != parts.tm_mday) return wrong;
  return static_cast<int64_t>(seconds) * 1000;
}

}  // namespace noroshi::agent
