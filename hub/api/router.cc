#include "hub/api/router.h"

namespace noroshi::api {
namespace {

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // The slash.
    const size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool IsParameter(std::string_view segment) { return segment.starts_with('{'); }

bool Fits(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (IsParameter(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

size_t FixedSegments(const std::vector<std::string_view>& pattern) {
  size_t fixed = 0;
  for (const std::string_view segment : pattern) fixed += IsParameter(segment) ? 0 : 1;
  return fixed;
}

// With the segments of its pattern.
struct Known {
  const Route* route;
  std::vector<std::string_view> segments;
};

const std::vector<Known>& KnownRoutes() {
  static const std::vector<Known> known = [] {
    std::vector<Known> routes;
    for (const Route& route : Routes()) routes.push_back({&route, Segments(route.pattern)});
    return routes;
  }();
  return known;
}

}  // namespace

const std::vector<Route>& Routes() {
  static const std::vector<Route> routes = [] {
    std::vector<Route> all;
    AddSignInRoutes(&all);
    AddCredentialRoutes(&all);
    AddPersonRoutes(&all);
    AddOrganizationRoutes(&all);
    AddCaseRoutes(&all);
    AddCaseChangeRoutes(&all);
    AddReportRoutes(&all);
    AddSampleRoutes(&all);
    AddAlertRoutes(&all);
    AddProposalRoutes(&all);
    AddQuestionRoutes(&all);
    AddSearchRoutes(&all);
    AddAuditRoutes(&all);
    AddEventRoutes(&all);
    AddOpenApiRoutes(&all);
    return all;
  }();
  return routes;
}

Match FindRoute(std::string_view method, std::string_view path) {
  Match match;
  if (!path.starts_with(kPrefix) || (path.size() > kPrefix.size() && path[kPrefix.size()] != '/')) {
    return match;
  }
  const auto segments = Segments(path.substr(kPrefix.size()));
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  const Known* best = nullptr;
  for (const Known& known : KnownRoutes()) {
    if (!Fits(known.segments, segments)) continue;
    match.allowed += (match.allowed.empty() ? "" : ", ") + known.route->method;
    if (known.route->method != wanted) continue;
    // "/alerts/audience" before "/alerts/{alert_id}".
    if (best == nullptr || FixedSegments(known.segments) > FixedSegments(best->segments)) {
      best = &known;
    }
  }
  if (best == nullptr) return match;
  match.route = best->route;
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string_view name = best->segments[i];
    if (IsParameter(name)) match.params[std::string(name.substr(1, name.size() - 2))] = segments[i];
  }
  return match;
}

}  // namespace noroshi::api
