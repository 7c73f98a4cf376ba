// Hosts of URLs, as browsers read them (WHATWG URL, sections 3.5 and 4.4).
//
// What a URL shows and where it leads differ in ways that attackers use:
// credentials before "@", backslashes for slashes, percent-encoding, full-width
// letters, IPv4 addresses in octal, hexadecimal or as one number. ICU maps names
// (UTS #46, non-transitional); the rest is ours. Only the special schemes (http,
// https, ftp, ws, wss) have hosts in this sense.
//
// Nothing fails: what a browser would refuse has HostKind::kNone. Linear in the
// input. Threads: thread-safe after WarmUpHosts(). Deterministic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace noroshi::analysis {

inline constexpr size_t kHostInputBytesMax = 2048;  // A longer host is none.

enum class HostKind { kNone, kName, kIpv4, kIpv6 };

struct Host {
  HostKind kind = HostKind::kNone;
  std::string text;     // A-labels in lower case; IPs in canonical form, IPv6 without brackets.
  bool odd_ip = false;  // An IPv4 address not written as four decimal numbers.
  bool idn = false;     // Holds a label with "xn--".
  bool percent_encoded = false;
};

// The host between "//" (and credentials) and port, path or query.
Host ParseHost(std::string_view input);

struct UrlReading {
  std::string scheme;  // Lower case; empty: no special scheme.
  Host host;
  bool credentials = false;  // Something stands before "@".
  bool backslash = false;    // Slashes are written as backslashes, or too few or many of them.
  // Where the host as written stands in the input (port and credentials left out).
  size_t host_begin = 0;
  size_t host_end = 0;
};

// An absolute URL. Tabs and line ends count as absent only around the URL:
// callers remove them first.
UrlReading ReadUrl(std::string_view url);

// The host of an absolute URL; empty if there is none.
std::string HostOf(std::string_view url);

// What somebody registered: "b.co.jp" for "x.a.b.co.jp" (public suffix list,
// private section included: "x.github.io" is a registration). Empty for IPs, for
// a bare suffix and for a name under no known suffix without a dot.
std::string RegistrableDomain(const Host& host);
// Of a name in A-labels, lower case.
std::string RegistrableDomain(std::string_view name);
// Whether it is a suffix that stands in the list itself (not by the rule "*").
bool IsPublicSuffix(std::string_view name);

// IPv4 dotted quad or IPv6 (as in "[…]", without brackets), canonical; empty: neither.
std::string CanonicalIp(std::string_view text);

// "%41" and the like decoded.
std::string PercentDecode(std::string_view text);

// Loads what ICU and the suffix list need, so that no file is opened later.
void WarmUpHosts();

}  // namespace noroshi::analysis
