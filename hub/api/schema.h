// Schemas: the shapes of requests and answers, as JSON Schema in
// hub/api/data/schemas.json; requests are checked against them before a handler
// sees them.
//
// Threads: immutable after the first use, which is thread-safe.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::api {

inline constexpr size_t kFieldErrorsMax = 20;
// Characters of a string whose schema has a pattern and no maxLength.
inline constexpr size_t kPatternTextMax = 256;

struct FieldError {
  std::string pointer;  // RFC 6901, e.g. "/causes/2"; "" is the whole.
  std::string detail;
};

// Empty: it fits. Takes time and memory in proportion to the value, whatever it is; what
// is too large is all that is said of a value with anything too large in it.
// REQUIRES: the schema exists, and each of its arrays and strings that hostile values
// reach has a maximum.
std::vector<FieldError> CheckAgainst(std::string_view schema, const boost::json::value& value);

// {"components": {"schemas": …, "parameters": …}} as it stands in the file.
const boost::json::object& Components();
// The schemas in it, by name.
const boost::json::object& NamedSchemas();

}  // namespace noroshi::api
