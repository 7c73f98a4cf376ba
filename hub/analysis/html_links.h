// Where a tag leads: every attribute that a browser or mail program follows,
// loads or sends to.
// Threads: thread-safe. Deterministic; linear in the tag.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hub/analysis/html_tags.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

using OnLink = std::function<void(v1::LinkPlace place, std::string url)>;

// Calls on_link for each, character references decoded, in order. Fragments of
// the mail itself ("#top") come too.
void FindTagLinks(const HtmlTag& tag, const OnLink& on_link);

// An attribute's value as a URL: character references decoded, control
// characters and the white space around it removed.
std::string CleanUrl(std::string_view value);

// A relative URL made absolute; without a base, what mail programs make of it:
// "//host" and "www.host" become http. Others are returned as they are.
std::string ResolveUrl(std::string_view base, std::string url);

}  // namespace noroshi::analysis
