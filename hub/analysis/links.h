// URLs, hosts and mail addresses in plain text, written as people and mail
// programs write them, de-fanged ones undone.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hub/analysis/host.h"

namespace noroshi::analysis {

inline constexpr size_t kTextUrlBytesMax = 4096;  // Of one URL; the rest is cut.

struct TextUrl {
  std::string url;   // Made usable: "hxxp", "[.]" and the like undone, a broken line joined.
  size_t begin = 0;  // Where it stands in the text.
  size_t end = 0;
  bool defanged = false;
};

// http, https and ftp URLs in order of appearance, at most max. Closing
// punctuation and brackets that the sentence owns are left out, Japanese ones
// included; Japanese text ends a URL, except for the letters of its host.
std::vector<TextUrl> FindTextUrls(std::string_view utf8, size_t max);

// Only the URLs of FindTextUrls.
std::vector<std::string> FindUrls(std::string_view utf8, size_t max);

// The text without its URLs.
std::string WithoutUrls(std::string_view utf8);

// Hosts without a scheme: "www.a.example" and de-fanged ones, "evil[.]example/x",
// whose suffix is a public one; IPs. As ParseHost gives them, each once, at most max.
std::vector<std::string> FindBareHosts(std::string_view utf8, size_t max);

// IPv4 addresses as four decimal numbers, canonical, each once, at most max.
std::vector<std::string> FindIps(std::string_view utf8, size_t max);

// Mail addresses, de-fanged ones too ("a[at]b[.]example"); domain in lower case,
// A-labels. Each once, at most max.
std::vector<std::string> FindAddresses(std::string_view utf8, size_t max);

// The host that a link's text shows ("https://bank.example", "www.bank.example",
// "bank.example/login"), as ParseHost gives it; empty: it shows none.
std::string ShownHost(std::string_view utf8);

}  // namespace noroshi::analysis
