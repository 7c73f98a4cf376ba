// hub/api/data/schemas.json, compiled in. Threads: a constant.
#pragma once

#include <string_view>

namespace noroshi::api {
extern const std::string_view kSchemasJson;
}  // namespace noroshi::api
