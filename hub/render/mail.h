// What was read out of a mail, as JSON: for `noroshi-hub analyze mail` and the API.
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "noroshi/v1/journal.pb.h"

namespace noroshi::render {

// "url_type", "attachment_type", "reply_type", "none"; empty: not decided.
std::string_view MailKindWord(v1::MailKind kind);

// "kind", "kind_reason", "language", "subject", "from", "urls", "domains", "ips",
// "addresses", "attachments", "auth", "warnings" and the like, without the text.
boost::json::object ToJson(const v1::MailFacts& mail);

// Why a mail belongs to its campaign: "kind", "strength", "shown".
boost::json::object ToJson(const v1::CampaignLink& link);

}  // namespace noroshi::render
