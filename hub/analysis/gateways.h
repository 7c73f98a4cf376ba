// What gateways and redirectors wrap: the same lure reaches two organisations
// under two URLs when their gateways rewrite links.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <string>
#include <string_view>

namespace noroshi::analysis {

// The URL that a rewriting gateway (Safe Links, URL Defense …) or an open
// redirector wraps in this one; empty: none.
std::string WrappedUrl(std::string_view url);

}  // namespace noroshi::analysis
