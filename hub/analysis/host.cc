#include "hub/analysis/host.h"

#include <libpsl.h>
#include <unicode/uidna.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/encoding.h"

namespace noroshi::analysis {
namespace {

const UIDNA* Idna() {
  static const UIDNA* const idna = [] {
    UErrorCode error = U_ZERO_ERROR;
    // Deviation characters (sharp s …) stay: "non-transitional", as browsers do.
    UIDNA* opened =
        uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                            UIDNA_NONTRANSITIONAL_TO_UNICODE,
                        &error);
    NOROSHI_CHECK(U_SUCCESS(error));
    return opened;
  }();
  return idna;
}

// The forbidden domain code points: C0, space, DEL and the delimiters, with "%".
bool IsForbidden(char c) {
  const auto u = static_cast<unsigned char>(c);
  if (u <= 0x20 || u == 0x7f) return true;
  const bool usual = IsAsciiLetter(c) || IsAsciiDigit(c) || c == '-' || c == '.';
  return !usual && std::string_view("#/:<>?@[\\]^|%").find(c) != std::string_view::npos;
}

bool IsPlainAscii(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; });
}

bool HasALabel(std::string_view lower) {
  return lower.starts_with("xn--") || lower.find(".xn--") != std::string_view::npos;
}

// "domain to ASCII" with beStrict false. nullopt: a browser refuses the name.
std::optional<std::string> ToAscii(std::string_view name) {
  std::string lower = LowerAscii(name);
  if (IsPlainAscii(lower)) return lower;  // Even with a broken A-label, as browsers do.
  if (!IsValidUtf8(name)) return std::nullopt;
  std::array<char, 2 * kHostInputBytesMax> out;
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  UErrorCode error = U_ZERO_ERROR;
  const int32_t size =
      uidna_nameToASCII_UTF8(Idna(), name.data(), static_cast<int32_t>(name.size()), out.data(),
                             static_cast<int32_t>(out.size()), &info, &error);
  // CheckHyphens and VerifyDnsLength are off in browsers.
  constexpr uint32_t kTolerated = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                                  UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                                  UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;
  if (U_FAILURE(error) || (info.errors & ~kTolerated) != 0) return std::nullopt;
  return LowerAscii(std::string_view(out.data(), static_cast<size_t>(size)));
}

std::vector<std::string_view> Split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(mark, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

struct Ipv4Number {
  bool valid = false;
  bool decimal = true;
  uint64_t value = 0;  // Saturates above 2^32.
};

Ipv4Number ReadIpv4Number(std::string_view text) {
  Ipv4Number number;
  if (text.empty()) return number;
  unsigned base = 10;
  if (text.size() >= 2 && text[0] == '0') {
    const bool hex = LowerAscii(text[1]) == 'x';
    text.remove_prefix(hex ? 2 : 1);
    base = hex ? 16 : 8;
    number.decimal = false;
  }
  for (const char c : text) {
    const int digit = HexDigit(c);
    if (digit < 0 || static_cast<unsigned>(digit) >= base) return number;
    number.value =
        std::min<uint64_t>(number.value * base + static_cast<unsigned>(digit), 1ull << 40);
  }
  number.valid = true;
  return number;
}

bool EndsInNumber(const std::vector<std::string_view>& parts) {
  const std::string_view last = parts.back();
  const bool digits = !last.empty() && std::all_of(last.begin(), last.end(), IsAsciiDigit);
  return digits || ReadIpv4Number(last).valid;
}

Host ReadIpv4(std::vector<std::string_view> parts) {
  Host host;
  if (parts.size() > 4) return host;
  uint64_t address = 0;
  bool odd = parts.size() != 4;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Ipv4Number number = ReadIpv4Number(parts[i]);
    const bool last = i + 1 == parts.size();
    const uint64_t max = last ? (1ull << (8 * (5 - parts.size()))) - 1 : 255;
    if (!number.valid || number.value > max) return host;
    odd = odd || !number.decimal;
    address += last ? number.value : number.value << (8 * (3 - i));
  }
  host.kind = HostKind::kIpv4;
  host.odd_ip = odd;
  for (int shift = 24; shift >= 0; shift -= 8) {
    host.text += std::to_string((address >> shift) & 255);
    if (shift > 0) host.text.push_back('.');
  }
  return host;
}

using Pieces = std::array<uint16_t, 8>;

// "1.2.3.4" at the end of an IPv6 address: strict decimal.
bool ReadEmbeddedIpv4(std::string_view text, Pieces* pieces, size_t at) {
  const std::vector<std::string_view> parts = Split(text, '.');
  if (parts.size() != 4 || at > 6) return false;
  for (size_t i = 0; i < 4; ++i) {
    const std::string_view part = parts[i];
    if (part.empty() || part.size() > 3 || (part.size() > 1 && part[0] == '0')) return false;
    if (!std::all_of(part.begin(), part.end(), IsAsciiDigit)) return false;
    const uint64_t value = ReadIpv4Number(part).value;
    if (value > 255) return false;
    uint16_t& piece = (*pieces)[at + i / 2];
    piece = static_cast<uint16_t>(piece * 256 + value);
  }
  return true;
}

// One side of "::". False: malformed.
bool ReadPieces(std::string_view text, Pieces* pieces, size_t* count) {
  if (text.empty()) return true;
  const std::vector<std::string_view> parts = Split(text, ':');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 == parts.size() && parts[i].find('.') != std::string_view::npos) {
      if (!ReadEmbeddedIpv4(parts[i], pieces, *count)) return false;
      *count += 2;
      return true;
    }
    if (*count >= 8 || parts[i].empty() || parts[i].size() > 4) return false;
    uint16_t value = 0;
    for (const char c : parts[i]) {
      if (HexDigit(c) < 0) return false;
      value = static_cast<uint16_t>(value * 16 + HexDigit(c));
    }
    (*pieces)[(*count)++] = value;
  }
  return true;
}

// RFC 5952: the longest run of zeros, of two at least, becomes "::".
std::string FormatIpv6(const Pieces& pieces) {
  size_t best = 8;
  size_t best_length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t length = 0;
    while (i + length < 8 && pieces[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out.push_back(':');
    char hex[5];
    const int size = snprintf(hex, sizeof(hex), "%x", pieces[i]);
    out.append(hex, static_cast<size_t>(size));
  }
  return out;
}

Host ReadIpv6(std::string_view text) {
  Host host;
  Pieces left{};
  Pieces right{};
  size_t left_count = 0;
  size_t right_count = 0;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!ReadPieces(text, &left, &left_count) || left_count != 8) return host;
  } else {
    const std::string_view before = text.substr(0, gap);
    if (before.find('.') != std::string_view::npos || !ReadPieces(before, &left, &left_count) ||
        !ReadPieces(text.substr(gap + 2), &right, &right_count) || left_count + right_count > 7) {
      return host;
    }
    std::copy(right.begin(), right.begin() + static_cast<ptrdiff_t>(right_count),
              left.end() - static_cast<ptrdiff_t>(right_count));
  }
  host.kind = HostKind::kIpv6;
  host.text = FormatIpv6(left);
  return host;
}

constexpr std::array<std::string_view, 5> kSpecialSchemes = {"http", "https", "ftp", "ws", "wss"};

bool IsSlash(char c) { return c == '/' || c == '\\'; }

// False: not the form "[:digits]", or too large.
bool IsPort(std::string_view text) {
  uint32_t port = 0;
  for (size_t i = 1; i < text.size() && port <= 65535; ++i) {
    if (!IsAsciiDigit(text[i])) return false;
    port = port * 10 + static_cast<uint32_t>(text[i] - '0');
  }
  return port <= 65535;
}

}  // namespace

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                        HexDigit(text[i + 2]) >= 0;
    out.push_back(escape ? static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]))
                         : text[i]);
    if (escape) i += 2;
  }
  return out;
}

Host ParseHost(std::string_view input) {
  Host host;
  if (input.empty() || input.size() > kHostInputBytesMax) return host;
  if (input.front() == '[') {
    return input.back() == ']' ? ReadIpv6(input.substr(1, input.size() - 2)) : host;
  }
  const bool encoded = input.find('%') != std::string_view::npos;
  const std::optional<std::string> name = ToAscii(encoded ? PercentDecode(input) : input);
  if (!name || name->empty() || std::any_of(name->begin(), name->end(), IsForbidden)) return host;
  std::vector<std::string_view> parts = Split(*name, '.');
  if (parts.back().empty() && parts.size() > 1) parts.pop_back();
  if (EndsInNumber(parts)) {
    host = ReadIpv4(std::move(parts));
  } else {
    host.kind = HostKind::kName;
    host.text = *name;
    host.idn = HasALabel(*name);
  }
  host.percent_encoded = encoded;
  return host;
}

UrlReading ReadUrl(std::string_view url) {
  UrlReading reading;
  const size_t colon = url.substr(0, 8).find(':');
  if (colon == std::string_view::npos) return reading;
  std::string scheme = LowerAscii(url.substr(0, colon));
  if (std::find(kSpecialSchemes.begin(), kSpecialSchemes.end(), scheme) == kSpecialSchemes.end()) {
    return reading;
  }
  reading.scheme = std::move(scheme);
  size_t begin = colon + 1;
  while (begin < url.size() && IsSlash(url[begin])) ++begin;
  reading.backslash = url.substr(colon + 1, begin - colon - 1) != "//";
  size_t end = std::min(url.find_first_of("/\\?#", begin), url.size());
  reading.backslash = reading.backslash || (end < url.size() && url[end] == '\\');
  const size_t at = url.substr(begin, end - begin).rfind('@');
  if (at != std::string_view::npos) {
    reading.credentials = at > 0;
    begin += at + 1;
  }
  size_t host_end = end;
  const size_t bracket = url.substr(begin, end - begin).rfind(']');
  const size_t port = url.find(':', bracket == std::string_view::npos ? begin : begin + bracket);
  if (port < end) host_end = port;
  reading.host_begin = begin;
  reading.host_end = host_end;
  if (IsPort(url.substr(host_end, end - host_end))) {
    reading.host = ParseHost(url.substr(begin, host_end - begin));
  }
  return reading;
}

std::string HostOf(std::string_view url) { return ReadUrl(url).host.text; }

std::string RegistrableDomain(const Host& host) {
  return host.kind == HostKind::kName ? RegistrableDomain(host.text) : std::string();
}

std::string RegistrableDomain(std::string_view name) {
  while (name.ends_with('.')) name.remove_suffix(1);
  // No name that resolves is longer; the library's work grows with the labels.
  if (name.size() > 253) return {};
  const std::string copy(name);
  const char* domain = psl_registrable_domain(psl_builtin(), copy.c_str());
  return domain == nullptr ? std::string() : std::string(domain);
}

bool IsPublicSuffix(std::string_view name) {
  const std::string copy(name.substr(0, 253));
  return psl_is_public_suffix2(psl_builtin(), copy.c_str(), PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) !=
         0;
}

std::string CanonicalIp(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return ReadIpv6(text).text;
  std::vector<std::string_view> parts = Split(text, '.');
  const bool plain = parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](auto part) {
                       return !part.empty() && part.size() <= 3 &&
                              std::all_of(part.begin(), part.end(), IsAsciiDigit);
                     });
  if (!plain) return {};
  // "010" is eight to a browser, but ten to those who write Received headers.
  Host host = ReadIpv4(std::move(parts));
  return host.odd_ip ? std::string() : host.text;
}

void WarmUpHosts() {
  ParseHost("\xe3\x81\x82.xn--l8je.example");
  RegistrableDomain("a.warm-up.example");
}

}  // namespace noroshi::analysis
