// Reading the JSON that the commands print.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::support {

namespace json = boost::json;

// kInvalid names the command's text in its message.
Result<json::value> ParseJson(std::string_view text);

// The value at a JSON pointer ("/classification/event_type/id"); null if absent.
json::value At(const json::value& value, std::string_view pointer);
// Empty text (0, an empty array) if absent or of another type.
std::string TextAt(const json::value& value, std::string_view pointer);
int64_t NumberAt(const json::value& value, std::string_view pointer);
json::array ArrayAt(const json::value& value, std::string_view pointer);

}  // namespace noroshi::support
