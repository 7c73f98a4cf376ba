// Any bytes as the body of a call. The first line names the schema that the rest meets.
// The answer is bounded, and made in a bounded time.
#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "hub/api/schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::api;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view schema = input.substr(0, line);
  if (!NamedSchemas().contains(schema)) return 0;
  boost::system::error_code error;
  const auto body = boost::json::parse(input.substr(line + 1), error);
  if (error) return 0;
  const auto errors = CheckAgainst(schema, body);
  NOROSHI_CHECK(errors.size() <= kFieldErrorsMax);
  for (const auto& field : errors) {
    NOROSHI_CHECK(field.pointer.empty() || field.pointer.front() == '/');
  }
  return 0;
}
