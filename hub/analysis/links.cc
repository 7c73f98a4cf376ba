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

}  // namespace

std::vector<std::string> FindUrls(std::string_view utf8, size_t max) {
  std::vector<std::string> urls;
  for (size_t at = utf8.find("://"); at != std::string_view::npos && urls.size() < max;
       at = utf8.find("://", at + 3)) {
    const size_t from = at > 5 ? at - 5 : 0;
    const Scheme* found = nullptr;
    size_t begin = 0;
    for (size_t i = from; i < at && found == nullptr; ++i) {
      for (const Scheme& scheme : kSchemes) {
        if (i + scheme.written.size() == at + 3 &&
            StartsWithNoCase(utf8.substr(i), scheme.written)) {
          found = &scheme;
          begin = i;
        }
      }
    }
    if (found == nullptr) continue;
    size_t end = begin + found->written.size();
    while (end < utf8.size() && end - begin < kScanBytesMax && !EndsUrl(utf8.substr(end, 3))) ++end;
    std::string url = std::string(found->meant);
    url.append(utf8.substr(begin + found->written.size(), end - begin - found->written.size()));
    for (size_t dot = url.find("[.]"); dot != std::string::npos; dot = url.find("[.]", dot)) {
      url.replace(dot, 3, ".");
    }
    TrimEnd(&url);
    if (url.size() > found->meant.size()) urls.push_back(std::move(url));
    at = end > at + 3 ? end - 3 : at;
  }
  return urls;
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
