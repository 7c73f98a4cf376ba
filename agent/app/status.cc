#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "agent/app/commands.h"
#include "agent/app/parts.h"
#include "agent/app/rejection.h"
#include "agent/session/credentials.h"
#include "agent/sinks/render.h"
#include "common/base/encoding.h"
#include "common/base/terminal.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;
constexpr size_t kRejectionsShownMax = 10;

// The last restore of the hub that we noticed; null: none.
json::value LastRestore(const Environment& environment) {
  const auto text =
      environment.files.Read(environment.path("run/restored.json"), kRunnerStatusBytesMax);
  if (!text.ok()) return nullptr;
  json::error_code error;
  json::value value = json::parse(*text, error);
  return error ? json::value() : value;
}

json::object SpoolJson(const spool::Counts& counts) {
  return {{"waiting", counts.waiting},
          {"waiting_bytes", counts.waiting_bytes},
          {"waiting_incidents", counts.waiting_by_priority[0]},
          {"waiting_mails", counts.waiting_by_priority[1]},
          {"waiting_observations", counts.waiting_by_priority[2]},
          {"sent", counts.sent},
          {"rejected", counts.rejected},
          {"corrupt", counts.corrupt}};
}

Result<json::object> Gather(const Environment& environment) {
  NOROSHI_ASSIGN_OR_RETURN(auto parts, Parts::Open(environment));
  const int64_t now = environment.clock.NowMs();
  json::object status = {{"organization", parts.pins.organization}, {"agent", parts.pins.agent}};
  status["connection"] = Connection(environment);
  status["hub_restored"] = LastRestore(environment);
  NOROSHI_ASSIGN_OR_RETURN(const auto counts, parts.spool.Count(now));
  status["spool"] = SpoolJson(counts);
  NOROSHI_ASSIGN_OR_RETURN(const auto rejections,
                           parts.spool.NewestRejections(kRejectionsShownMax));
  json::array refused;
  for (const std::string& rejection : rejections) refused.push_back(RejectionValue(rejection));
  status["rejections"] = std::move(refused);
  NOROSHI_ASSIGN_OR_RETURN(const auto receipt, parts.spool.NewestReceiptHead(now));
  status["last_receipt_at"] = receipt ? FormatUtc(receipt->timestamp_ms()) : "";
  NOROSHI_ASSIGN_OR_RETURN(const auto head, parts.head.Load());
  status["head"] = head ? json::value{{"log_id", ToHex(head->log_id())},
                                      {"tree_size", head->tree_size()},
                                      {"root_hash", ToHex(head->root_hash())},
                                      {"signed_at", FormatUtc(head->timestamp_ms())}}
                        : json::value();
  NOROSHI_ASSIGN_OR_RETURN(const auto marks, parts.marks.Waiting());
  status["marks_waiting"] = marks.size();
  NOROSHI_ASSIGN_OR_RETURN(const auto answers, parts.questions.Waiting());
  status["answers_waiting"] = answers.size();
  NOROSHI_RETURN_IF_ERROR(parts.inbox.Recover());
  status["delivery_position"] = parts.inbox.position();
  const auto credentials =
      session::LoadCredentials(environment.files, environment.path("keys/agent.pem"));
  status["certificate_ends_at"] = credentials.ok() ? FormatUtc(credentials->not_after_ms) : "";
  return status;
}

std::string Text(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_string()) {
    const std::string_view text = value->get_string();
    return text.empty() ? "-" : TerminalLine(text);
  }
  return json::serialize(*value);
}

// What the hub refused, and what to do about it; empty: nothing.
std::string RejectionsText(const json::array& rejections) {
  if (rejections.empty()) return "";
  std::string text =
      "受理されなかった届出(新しい順)。直して届け出てください / rejected, newest first: correct "
      "and "
      "file again\n";
  for (const json::value& rejection : rejections)
    text += fmt::format("  {}  {}\n", Text(rejection.as_object(), "submission_id"),
                        RejectionLine(rejection));
  return text;
}

}  // namespace

int Status(const Environment& environment) {
  const auto gathered = Gather(environment);
  if (!gathered.ok()) return FailConfig(environment, gathered.error());
  const json::object& status = *gathered;
  if (environment.json) {
    std::puts(json::serialize(status).c_str());
    return kExitOk;
  }
  const auto& connection = status.at("connection").as_object();
  const auto& spool = status.at("spool").as_object();
  std::string text;
  text += fmt::format("機関 / agent        {}/{}\n", Text(status, "organization"),
                      Text(status, "agent"));
  text += fmt::format("接続 / connection   {} (hub {}, since {})\n", Text(connection, "state"),
                      Text(connection, "hub"), Text(connection, "since"));
  if (Text(connection, "error") != "-")
    text += fmt::format("                    {}\n", Text(connection, "error"));
  if (const auto& restored = status.at("hub_restored"); restored.is_object())
    text += fmt::format("ハブの復元 / hub restored from a backup: {}, {} 件を再送 / put back\n",
                        Text(restored.get_object(), "at"), Text(restored.get_object(), "put_back"));
  text += fmt::format("送信待ち / waiting  {} ({} bytes)\n", Text(spool, "waiting"),
                      Text(spool, "waiting_bytes"));
  text += fmt::format("送信済み / sent     {}   拒否 / rejected {}   破損 / corrupt {}\n",
                      Text(spool, "sent"), Text(spool, "rejected"), Text(spool, "corrupt"));
  text += fmt::format("最終受領 / receipt  {}\n", Text(status, "last_receipt_at"));
  text += fmt::format("証明書 / cert. ends {}\n", Text(status, "certificate_ends_at"));
  text += RejectionsText(status.at("rejections").as_array());
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace noroshi::agent
