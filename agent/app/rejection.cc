#include "agent/app/rejection.h"

#include <boost/json.hpp>

#include "common/base/terminal.h"

namespace noroshi::agent {

namespace json = boost::json;

json::value RejectionValue(const std::string& text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return json::object{{"reason", "unreadable: " + text}};
  return value;
}

std::string RejectionLine(const json::value& rejection) {
  const auto part = [&](const char* key) -> std::string {
    const auto* value = rejection.get_object().if_contains(key);
    return value != nullptr && value->is_string() ? TerminalLine(value->get_string()) : "";
  };
  const std::string field = part("field");
  const std::string rule = part("rule");
  return (field.empty() ? "" : field + ": ") + part("reason") +
         (rule.empty() ? "" : " (" + rule + ")");
}

}  // namespace noroshi::agent
