#include "hub/api/drafts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/config/config.h"
#include "hub/api/problem.h"
#include "hub/api/schema.h"
#include "hub/engine/engine.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {
namespace {

namespace json = boost::json;

// What the engine adds to an alert: id and times.
constexpr size_t kAddedBytesMax = 64;

std::string Text(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

Result<void> ReadAudience(const json::object& body, v1::AlertIssued* issued) {
  for (const auto& item : body.at("to").as_array()) {
    const std::string selector(item.as_string());
    const auto parsed = sharing::ParseSelector(selector);
    if (!parsed.ok()) return parsed.error().Prefixed("to");
    issued->add_audience(selector);
  }
  if (const auto* case_id = body.if_contains("case_id")) {
    issued->set_case_id(case_id->to_number<uint64_t>());
  }
  issued->mutable_alert()->set_tlp(sharing::TlpFromWord(Text(body, "tlp")));
  issued->mutable_alert()->set_circle(Text(body, "circle"));
  issued->mutable_alert()->set_exercise_id(Text(body, "exercise_id"));
  return {};
}

// What every reader's screen, log and mail can show as it was meant: one line, or lines.
Result<void> CheckText(std::string_view name, std::string_view text, bool one_line) {
  const bool control = std::ranges::any_of(text, [one_line](char c) {
    const auto byte = static_cast<unsigned char>(c);
    const bool breaks = c == '\n' || c == '\r' || c == '\t';
    return byte == 0x7f || (byte < 0x20 && (one_line || !breaks));
  });
  if (control) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: holds a control character{}", name,
                             one_line ? " or a line break; write one line" : "")};
  }
  const bool blank = text.find_first_not_of(" \r\n\t") == std::string_view::npos;
  if (blank && !text.empty()) {
    return Error{ErrorCode::kInvalid, fmt::format("{}: nothing but spaces", name)};
  }
  return {};
}

Result<void> ReadContent(const json::object& body, v1::Alert* alert) {
  for (const char* name : {"title_ja", "title_en", "text_ja", "text_en"}) {
    const bool is_title = std::string_view(name).starts_with("title");
    NOROSHI_RETURN_IF_ERROR(CheckText(name, Text(body, name), is_title));
  }
  const auto kind = render::FromWord<v1::AlertKind>(Text(body, "kind"));
  if (!kind.ok()) return kind.error().Prefixed("kind");
  alert->set_kind(*kind);
  alert->set_title_ja(Text(body, "title_ja"));
  alert->set_title_en(Text(body, "title_en"));
  alert->set_text_ja(Text(body, "text_ja"));
  alert->set_text_en(Text(body, "text_en"));
  if (const auto* indicators = body.if_contains("indicators")) {
    for (const auto& item : indicators->as_array()) {
      v1::Indicator& indicator = *alert->add_indicators();
      indicator.set_type(Text(item.as_object(), "type"));
      indicator.set_value(Text(item.as_object(), "value"));
      NOROSHI_RETURN_IF_ERROR(CheckText("indicators", indicator.value(), /*one_line=*/true));
    }
  }
  if (alert->ByteSizeLong() + kAddedBytesMax > engine::kAlertBytesMax) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("titles, texts and indicators have {} bytes; at most {} can be sent",
                             alert->ByteSizeLong(), engine::kAlertBytesMax - kAddedBytesMax)};
  }
  return {};
}

}  // namespace

Result<AlertDraft> ReadAlertDraft(const json::object& body) {
  AlertDraft draft;
  NOROSHI_RETURN_IF_ERROR(ReadAudience(body, &draft.issued));
  if (!body.contains("kind")) return draft;
  NOROSHI_RETURN_IF_ERROR(ReadContent(body, draft.issued.mutable_alert()));
  if (!body.contains("acknowledge_within")) return draft;
  const auto within = config::ParseDuration(Text(body, "acknowledge_within"));
  if (!within.ok()) return within.error().Prefixed("acknowledge_within");
  if (within->count() > kAcknowledgeWithinMaxMs) {
    return Error{ErrorCode::kInvalid, "acknowledge_within: at most 366d"};
  }
  draft.acknowledge_within_ms = within->count();
  return draft;
}

}  // namespace noroshi::api
