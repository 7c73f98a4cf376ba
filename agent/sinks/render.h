// What an agent shows of a delivery: one JSON object, the same for every sink
// and for `alerts --json` (fields: docs/agent.md).
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "agent/spool/inbox.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::sinks {

std::string_view KindWord(v1::AlertKind kind);  // "early_warning"; "" for none.
std::string_view KindText(v1::AlertKind kind);  // "早期警戒情報 / Early warning"
std::string_view TlpWord(v1::Tlp tlp);          // "AMBER+STRICT"; "" for none.
// Accepts "AMBER", "TLP:AMBER", either case; TLP_UNSPECIFIED for anything else.
v1::Tlp TlpFromWord(std::string_view word);

// type "question", with its fields.
boost::json::object QuestionJson(const v1::Question& question);
// Its text and what belongs to it, each line indented, safe for a terminal.
std::string QuestionText(const v1::Question& question);
// Each line of a text with this in front of it; ends with a line break.
std::string Indented(std::string_view margin, std::string_view text);

// type "alert", "update" or "question". An alert that cannot be read becomes type "unreadable".
boost::json::object ToJson(const spool::InboxItem& item);
// For people, several lines, Japanese and English. Control characters are shown as '?'.
std::string ToText(const spool::InboxItem& item);

}  // namespace noroshi::sinks
