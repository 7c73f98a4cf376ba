// Reading JSON that others wrote. Internal to hub/identity. Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::identity {

// kInvalid: "<what> is no JSON object". Nested 32 deep at most (Boost.JSON's limit);
// callers bound the size.
inline Result<boost::json::object> ParseObject(std::string_view text, std::string_view what) {
  boost::json::error_code error;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) {
    return Error{ErrorCode::kInvalid, std::string(what) + " is no JSON object"};
  }
  return std::move(value.get_object());
}

// Empty if it is absent or no string.
inline std::string StringOf(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

// The array's strings; nullopt if it is absent or anything else.
inline std::optional<std::vector<std::string>> StringsOf(const boost::json::object& object,
                                                         std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::string> strings;
  for (const auto& item : value->get_array()) {
    if (!item.is_string()) return std::nullopt;
    strings.emplace_back(item.get_string());
  }
  return strings;
}

}  // namespace noroshi::identity
