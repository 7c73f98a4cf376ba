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

struct FieldError {
  std::string pointer;  // RFC 6901, e.g. "/causes/2"; "" is the whole.
  std::string detail;
};

// Empty: it fits. REQUIRES: the schema exists.
std::vector<FieldError> CheckAgainst(std::string_view schema, const boost::json::value& value);

// {"components": {"schemas": …, "parameters": …}} as it stands in the file.
const boost::json::object& Components();

}  // namespace noroshi::api
