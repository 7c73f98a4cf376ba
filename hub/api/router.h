// Finding the route of a request. For hub/api only. Threads: pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "hub/api/call.h"

namespace noroshi::api {

inline constexpr std::string_view kPrefix = "/api/v1";

struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string, std::less<>> params;
  std::string allowed;  // Without a route: the methods that this path knows, "GET, PUT".
};

Match FindRoute(std::string_view method, std::string_view path);

}  // namespace noroshi::api
