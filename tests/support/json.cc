#include "tests/support/json.h"

namespace noroshi::support {

Result<json::value> ParseJson(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error) {
    return Error{ErrorCode::kInvalid, "not JSON (" + error.message() + "): " + std::string(text)};
  }
  return value;
}

json::value At(const json::value& value, std::string_view pointer) {
  json::error_code error;
  const json::value* found = value.find_pointer({pointer.data(), pointer.size()}, error);
  return found == nullptr ? json::value() : *found;
}

std::string TextAt(const json::value& value, std::string_view pointer) {
  const json::value found = At(value, pointer);
  return found.is_string() ? std::string(found.get_string()) : "";
}

int64_t NumberAt(const json::value& value, std::string_view pointer) {
  const json::value found = At(value, pointer);
  json::error_code error;
  return found.is_number() ? found.to_number<int64_t>(error) : 0;
}

json::array ArrayAt(const json::value& value, std::string_view pointer) {
  const json::value found = At(value, pointer);
  return found.is_array() ? found.get_array() : json::array();
}

}  // namespace noroshi::support
