#include <boost/json.hpp>
#include <cstdio>

#include "agent/app/commands.h"
#include "agent/app/parts.h"
#include "agent/sinks/render.h"
#include "common/base/encoding.h"
#include "common/base/terminal.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;

constexpr size_t kPersonBytesMax = 128;
constexpr size_t kNoteBytesMax = 1024;

Result<v1::MarkAlert> MakeMark(const AckOptions& options) {
  v1::MarkAlert mark;
  const auto id = FromHex(options.alert_id);
  if (!id.ok() || id->size() != Uuid::kBytes)
    return Error{
        ErrorCode::kInvalid,
        "ALERT_ID: 発信の ID は `noroshi-agent alerts` に出る 32 桁の 16 進数です / an alert's "
        "id is 32 hexadecimal digits, as `noroshi-agent alerts` shows it"};
  mark.set_alert_id(*id);
  const auto word = spool::MarkFromWord(options.mark);
  if (!word) return Error{ErrorCode::kInvalid, "--mark: read, acted, not-applicable"};
  mark.set_mark(*word);
  if (options.person.size() > kPersonBytesMax || !IsValidUtf8(options.person))
    return Error{ErrorCode::kInvalid, "--person: 最大 128 バイト / at most 128 bytes of UTF-8"};
  if (options.note.size() > kNoteBytesMax || !IsValidUtf8(options.note))
    return Error{ErrorCode::kInvalid, "--note: 最大 1024 バイト / at most 1024 bytes of UTF-8"};
  mark.set_person(options.person);
  mark.set_note(options.note);
  return mark;
}

}  // namespace

int Alerts(const Environment& environment, const AlertsOptions& options) {
  if (const auto pins = environment.LoadPins(); !pins.ok())
    return FailConfig(environment, pins.error());
  auto inbox = spool::Inbox::Open(environment.files, environment.path("inbox"));
  if (!inbox.ok()) return environment.Fail(inbox.error());
  const auto items = inbox->NewestAlerts(std::min(options.limit, kAlertsShownMax));
  if (!items.ok()) return environment.Fail(items.error());
  if (environment.json) {
    json::array alerts;
    for (const auto& item : *items) alerts.push_back(sinks::ToJson(item));
    std::puts(json::serialize(json::object{{"alerts", std::move(alerts)}}).c_str());
    return kExitOk;
  }
  if (items->empty()) std::puts("発信はまだ届いていません / no alerts yet");
  for (const auto& item : *items) std::puts(sinks::ToText(item).c_str());
  return kExitOk;
}

int Ack(const Environment& environment, const AckOptions& options) {
  const auto mark = MakeMark(options);
  if (!mark.ok()) return environment.Fail(kExitUsage, mark.error().message);
  auto parts = Parts::Open(environment);
  if (!parts.ok()) return FailConfig(environment, parts.error());
  const Uuid id = environment.random.UuidV7(environment.clock.NowMs());
  if (auto added = parts->marks.Add(id, *mark); !added.ok()) return environment.Fail(added.error());
  const auto waited = WaitUntilGone(environment, *parts, parts->marks.folder(),
                                    {parts->marks.folder() + "/" + id.ToString()},
                                    std::chrono::seconds(options.wait_seconds));
  // The mark is kept, whatever went wrong.
  if (!waited.ok() && waited.error().code != ErrorCode::kTimeout)
    environment.Fail(kExitOk, waited.error().message);
  const auto text = parts->marks.FindAnswer(id);
  if (!text.ok()) {
    // It is on disk, in order, and goes as soon as the hub can be reached.
    std::puts(
        environment.json
            ? json::serialize(json::object{{"mark_id", id.ToString()}, {"state", "queued"}}).c_str()
            : "保存しました。届き次第送ります / queued; it will be sent");
    return kExitOk;
  }
  json::error_code error;
  const json::value answer = json::parse(*text, error);
  const auto* accepted =
      error || !answer.is_object() ? nullptr : answer.get_object().if_contains("accepted");
  const bool taken = accepted != nullptr && accepted->is_bool() && accepted->get_bool();
  if (environment.json) {
    std::fputs(text->c_str(), stdout);
  } else {
    const auto* reason =
        error || !answer.is_object() ? nullptr : answer.get_object().if_contains("reason");
    const std::string why =
        reason != nullptr && reason->is_string() ? std::string(reason->get_string()) : *text;
    std::puts(taken ? "受け付けられました / accepted"
                    : ("拒否されました / refused: " + TerminalLine(why)).c_str());
  }
  return taken ? kExitOk : kExitDataError;
}

}  // namespace noroshi::agent
