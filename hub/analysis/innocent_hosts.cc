#include "hub/analysis/innocent_hosts.h"

#include <algorithm>
#include <map>
#include <string>

namespace noroshi::analysis {

extern const std::string_view kInnocentHosts;

namespace {

using Uses = std::map<std::string_view, HostUse>;

Uses ReadList() {
  Uses uses;
  HostUse use = HostUse::kInnocent;
  for (std::string_view rest = kInnocentHosts; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '[') {
      use = line == "[shared]" ? HostUse::kShared : HostUse::kInnocent;
    } else {
      uses.emplace(line, use);
    }
  }
  return uses;
}

}  // namespace

HostUse UseOfHost(std::string_view host) {
  static const Uses* uses = new Uses(ReadList());  // As long as the process.
  for (std::string_view name = host; !name.empty();) {
    const auto found = uses->find(name);
    if (found != uses->end()) return found->second;
    const size_t dot = name.find('.');
    name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
  }
  return HostUse::kOwn;
}

}  // namespace noroshi::analysis
