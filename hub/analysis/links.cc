#include "hub/analysis/links.h"

#include <algorithm>
#include <array>

namespace noroshi::analysis {
namespace {

constexpr size_t kScanBytesMax = 4096;  // Of one URL; the rest is cut.

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool StartsWithNoCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return a == Lower(b); });
}

struct Scheme {
  std::string_view written;
  std::string_view meant;
};
constexpr std::array<Scheme, 5> kSchemes = {{{"https://", "https://"},
                                             {"http://", "http://"},
                                             {"hxxps://", "https://"},
                                             {"hxxp://", "http://"},
                                             {"ftp://", "ftp://"}}};

// Japanese punctuation and white space that cannot be part of a URL.
bool EndsUrl(std::string_view rest) {
  const auto c = static_cast<unsigned char>(rest[0]);
  if (c <= 0x20 || c == '"' || c == '<' || c == '>' || c == '`' || c == 0x7f) return true;
  for (const std::string_view mark : {"　", "、", "。", "「", "」", "『", "』", "（", "）", "【",
                                      "】", "”", "“", "》", "《", "＞", "＜", "\xc2\xa0"}) {
    if (rest.starts_with(mark)) return true;
  }
  return false;
}

// What a sentence puts after a URL.
void TrimEnd(std::string* url) {
  while (!url->empty()) {
    const char last = url->back();
    if (last == '.' || last == ',' || last == ';' || last == ':' || last == '!' || last == '?' ||
        last == '\'' || last == '*') {
      url->pop_back();
      continue;
    }
    const char open = last == ')' ? '(' : last == ']' ? '[' : last == '}' ? '{' : '\0';
    if (open == '\0' ||
        std::count(url->begin(), url->end(), open) >= std::count(url->begin(), url->end(), last)) {
      return;
    }
    url->pop_back();
  }
}

struct Found {
  size_t begin = 0;
  size_t end = 0;
  std::string url;
};

// The next URL at or after *at; moves *at behind it. False: there is none.
bool NextUrl(std::string_view utf8, size_t* at, Found* found) {
  for (size_t mark = utf8.find("://", *at); mark != std::string_view::npos;
       mark = utf8.find("://", mark + 3)) {
    const Scheme* scheme = nullptr;
    for (const Scheme& candidate : kSchemes) {
      const size_t length = candidate.written.size() - 3;
      if (mark >= *at + length && StartsWithNoCase(utf8.substr(mark - length), candidate.written)) {
        scheme = &candidate;
        break;  // The longest comes first: "https", "http", "hxxps" …
      }
    }
    if (scheme == nullptr) continue;
    found->begin = mark + 3 - scheme->written.size();
    size_t end = mark + 3;
    while (end < utf8.size() && end - found->begin < kScanBytesMax &&
           !EndsUrl(utf8.substr(end, 3))) {
      ++end;
    }
    std::string rest(utf8.substr(mark + 3, end - mark - 3));
    TrimEnd(&rest);
    *at = end;
    if (rest.empty()) continue;
    found->end = mark + 3 + rest.size();
    for (const std::string_view dot : {"[.]", "(.)"}) {
      for (size_t i = rest.find(dot); i != std::string::npos; i = rest.find(dot, i)) {
        rest.replace(i, 3, ".");
      }
    }
    found->url = std::string(scheme->meant) + rest;
    return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> FindUrls(std::string_view utf8, size_t max) {
  std::vector<std::string> urls;
  Found found;
  size_t at = 0;
  while (urls.size() < max && NextUrl(utf8, &at, &found)) urls.push_back(std::move(found.url));
  return urls;
}

std::string WithoutUrls(std::string_view utf8) {
  std::string out;
  Found found;
  size_t at = 0;
  size_t copied = 0;
  while (NextUrl(utf8, &at, &found)) {
    out.append(utf8.substr(copied, found.begin - copied));
    copied = found.end;
  }
  out.append(utf8.substr(copied));
  return out;
}

std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/\\?#"));
  const size_t credentials = rest.rfind('@');
  if (credentials != std::string_view::npos) rest.remove_prefix(credentials + 1);
  if (!rest.starts_with('[')) rest = rest.substr(0, rest.find(':'));
  std::string host(rest);
  std::transform(host.begin(), host.end(), host.begin(), Lower);
  return host;
}

}  // namespace noroshi::analysis
