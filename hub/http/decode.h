// What a stranger wrote in a request's target and Host, decoded strictly: one
// spelling for one meaning, or kInvalid, whose message says what is wrong and is
// fit to be sent back (nothing of the input is in it).
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/http/message.h"

namespace noroshi::http {

struct Target {
  std::string path;
  Parameters query;
};

// Origin-form ("/path?query"). kInvalid: another form; a character that a URI has
// not; a bad %-escape; in the path an escaped slash, a backslash, a control, an
// empty segment but the last, "." or ".."; what is not UTF-8; too many parameters.
Result<Target> ParseTarget(std::string_view raw, size_t parameters_max);

// application/x-www-form-urlencoded, as in queries and forms: "+" is a space. Empty
// pairs are left out. kInvalid as above.
Result<Parameters> ParseParameters(std::string_view encoded, size_t parameters_max);

// "Hub.Example:8444" -> "hub.example", "[2001:db8::7]" -> "2001:db8::7". kInvalid:
// neither name nor address, or a bad port.
Result<std::string> ParseHost(std::string_view host);

// RFC 9110 token: methods and names of fields.
bool IsToken(std::string_view text);

}  // namespace noroshi::http
