// Hosts that link nothing: so many use them that sharing one says nothing.
// The list is data/innocent_hosts.txt; what a hub sees teaches it more (hub/campaign).
//
// Threads: thread-safe.
#pragma once

#include <string_view>

namespace noroshi::analysis {

enum class HostUse {
  kOwn,       // Not on the list: its owner's own.
  kShared,    // Serves many customers under one name: a page on it may be a tie.
  kInnocent,  // Linked to by everybody: neither it nor its pages are.
};

// host: lower case, A-labels. Subdomains count as what they are below.
HostUse UseOfHost(std::string_view host);

}  // namespace noroshi::analysis
