// URLs in plain text.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

// http, https and ftp URLs as written (also "hxxp", which is undone), in order
// of appearance, at most max. Closing punctuation and brackets that the sentence
// owns are left out, Japanese ones included.
std::vector<std::string> FindUrls(std::string_view utf8, size_t max);

// The text without its URLs.
std::string WithoutUrls(std::string_view utf8);

// The host of an absolute URL as browsers read it: lower case, without
// credentials and port; empty if there is none.
std::string HostOf(std::string_view url);

}  // namespace noroshi::analysis
