#include "hub/analysis/links.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/ascii.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kSchemeBytesMax = 8;

struct Scheme {
  std::string_view written;
  std::string_view meant;
  bool defanged;
};
// Longer ones before those that end alike. "ttp" is what Japanese boards write.
constexpr Scheme kSchemes[] = {
    {"https", "https", false}, {"http", "http", false},  {"ftp", "ftp", false},
    {"hxxps", "https", true},  {"hxxp", "http", true},   {"h**ps", "https", true},
    {"h**p", "http", true},    {"htxps", "https", true}, {"htxp", "http", true},
    {"ttps", "https", true},   {"ttp", "http", true},    {"fxp", "ftp", true}};

// How dots are written so that nobody clicks.
constexpr std::string_view kDots[] = {"[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}", "[。]"};
constexpr std::string_view kAts[] = {"[@]", "(@)", "{@}", "[at]", "(at)", "{at}", "＠"};

size_t MatchAny(std::string_view rest, const std::string_view* begin, const std::string_view* end) {
  for (const std::string_view* form = begin; form != end; ++form) {
    if (StartsWithNoCase(rest, *form)) return form->size();
  }
  return 0;
}

size_t DefangedDot(std::string_view rest) {
  const char c = rest.empty() ? '\0' : rest[0];
  if (c != '[' && c != '(' && c != '{') return 0;
  return MatchAny(rest, std::begin(kDots), std::end(kDots));
}

// The code point at the start of valid UTF-8, and its length.
struct CodePoint {
  char32_t c = 0;
  size_t size = 1;
};

CodePoint ReadCodePoint(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size == 1 || text.size() < size) return {lead, 1};
  char32_t c = lead & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) c = (c << 6) | (byte(i) & 0x3f);
  return {c, size};
}

bool IsZeroWidth(char32_t c) {
  return c == 0xad || (c >= 0x200b && c <= 0x200d) || c == 0x2060 || c == 0xfeff;
}

// White space, quotation marks, brackets and full stops beyond ASCII.
bool IsWidePunctuation(char32_t c) {
  return c == 0xa0 || c == 0xab || c == 0xbb || (c >= 0x2000 && c <= 0x206f) ||
         (c >= 0x3000 && c <= 0x303f && c != 0x3005 && c != 0x3007) ||
         (c >= 0xff00 && c <= 0xff0f) || (c >= 0xff1a && c <= 0xff20) ||
         (c >= 0xff3b && c <= 0xff40) || (c >= 0xff5b && c <= 0xff65) || c >= 0xffe0;
}

// Letters of Japanese, Chinese and Korean sentences, which go on behind a URL
// without a space.
bool IsEastAsianLetter(char32_t c) {
  return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xffef) || c >= 0x20000;
}

bool EndsUrl(char32_t c) {
  return c <= 0x20 || c == '"' || c == '<' || c == '>' || c == '`' || c == 0x7f || c == '\\' ||
         c == '^' || c == '{' || c == '|' || c == '}' || IsWidePunctuation(c);
}

bool IsHostEnd(char c) { return c == '/' || c == '?' || c == '#' || c == ':'; }

// Where a host ends that runs into a Japanese sentence: "a.example.jpを見て".
size_t CutSentence(std::string_view host) {
  const size_t dot = host.rfind('.');
  if (dot == std::string_view::npos) return host.size();
  size_t end = dot + 1;
  while (end < host.size() && (host[end] & 0x80) == 0) ++end;
  if (end == host.size() || end < dot + 3) return host.size();
  return IsPublicSuffix(LowerAscii(host.substr(dot + 1, end - dot - 1))) ? end : host.size();
}

// What a sentence puts after a URL.
size_t TrimmedEnd(std::string_view url) {
  while (!url.empty()) {
    const char last = url.back();
    if (std::string_view(".,;:!?'*").find(last) != std::string_view::npos) {
      url.remove_suffix(1);
      continue;
    }
    const char open = last == ')' ? '(' : last == ']' ? '[' : '\0';
    if (open == '\0' ||
        std::count(url.begin(), url.end(), open) >= std::count(url.begin(), url.end(), last)) {
      break;
    }
    url.remove_suffix(1);
  }
  return url.size();
}

// Copies host, path and query from the start of text into *out, de-fanged forms
// undone. Returns how much of the text it is.
size_t ReadRest(std::string_view text, bool bracketed, std::string* out, bool* defanged) {
  bool in_host = true;
  size_t at = 0;
  while (at < text.size() && at < kTextUrlBytesMax) {
    const size_t dot = DefangedDot(text.substr(at));
    if (dot > 0) {
      out->push_back('.');
      *defanged = true;
      at += dot;
      continue;
    }
    const CodePoint point = ReadCodePoint(text.substr(at));
    // "<https://…" is one URL up to ">", whatever line ends a gateway put in.
    if (bracketed && (point.c == '\n' || point.c == '\r')) {
      ++at;
      continue;
    }
    if (IsZeroWidth(point.c)) {
      at += point.size;
      continue;
    }
    if (EndsUrl(point.c) || (!in_host && IsEastAsianLetter(point.c))) break;
    if (in_host && IsHostEnd(text[at])) in_host = false;
    out->append(text.substr(at, point.size));
    at += point.size;
  }
  return at;
}

// Whether "<" at the start of text is closed soon, with line ends inside but no space.
bool IsBracketed(std::string_view text) {
  const size_t end = text.substr(0, kTextUrlBytesMax).find_first_of("<> \t");
  return end != std::string_view::npos && text[end] == '>' &&
         text.substr(0, end).find('\n') != std::string_view::npos;
}

// The mark between scheme and host, at a ":" or "[": its length, or 0.
size_t ReadMark(std::string_view text, bool* defanged) {
  if (text.starts_with("://")) return 3;
  for (const std::string_view form : {"[://]", "[:]//", "[:]\\\\", "(:)//", "[:/]/", "[:]/"}) {
    if (text.starts_with(form)) {
      *defanged = true;
      return form.size();
    }
  }
  return 0;
}

const Scheme* SchemeBefore(std::string_view text, size_t mark) {
  const size_t from = mark - std::min(mark, kSchemeBytesMax);
  const std::string before = LowerAscii(text.substr(from, mark - from));
  for (const Scheme& scheme : kSchemes) {
    if (before.ends_with(scheme.written)) return &scheme;
  }
  return nullptr;
}

// Host letters around a position, as far as a name can reach.
constexpr size_t kNameBytesMax = 320;

bool IsNameCharacter(char c) {
  return (c & 0x80) != 0 || IsAsciiLetter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_';
}

// The name at the start of text, de-fanged dots undone; ends before what is none.
struct Name {
  std::string text;
  size_t size = 0;
  bool defanged = false;
};

Name ReadName(std::string_view text) {
  Name name;
  while (name.size < text.size() && name.size < kNameBytesMax) {
    const size_t dot = DefangedDot(text.substr(name.size));
    if (dot > 0) {
      name.text.push_back('.');
      name.size += dot;
      name.defanged = true;
      continue;
    }
    const CodePoint point = ReadCodePoint(text.substr(name.size));
    if (point.size == 1 ? !IsNameCharacter(text[name.size])
                        : (IsWidePunctuation(point.c) || IsEastAsianLetter(point.c))) {
      break;
    }
    name.text.append(text.substr(name.size, point.size));
    name.size += point.size;
  }
  while (!name.text.empty() && (name.text.back() == '.' || name.text.back() == '-')) {
    name.text.pop_back();
  }
  return name;
}

// A name under a suffix that the list holds, or an IP; canonical, or empty.
std::string KnownHost(std::string_view name) {
  if (name.find('.') == std::string_view::npos) return {};
  const Host host = ParseHost(name);
  if (host.kind == HostKind::kIpv4 && !host.odd_ip) return host.text;
  if (host.kind != HostKind::kName) return {};
  const size_t dot = host.text.rfind('.');
  const bool known = IsPublicSuffix(host.text.substr(dot + 1)) && !RegistrableDomain(host).empty();
  return known ? host.text : std::string();
}

void AddOnce(std::string item, size_t max, std::vector<std::string>* list) {
  if (item.empty() || list->size() >= max) return;
  if (std::find(list->begin(), list->end(), item) == list->end()) list->push_back(std::move(item));
}

bool IsLocalPart(char c) {
  return IsAsciiLetter(c) || (c >= '0' && c <= '9') ||
         std::string_view(".!#$%&'*+/=?^_`{|}~-").find(c) != std::string_view::npos;
}

constexpr size_t kLocalPartBytesMax = 64;

// The address around "@", whose sign is utf8[at, at + sign).
std::string AddressAt(std::string_view utf8, size_t at, size_t sign) {
  size_t begin = at;
  while (begin > 0 && at - begin < kLocalPartBytesMax && IsLocalPart(utf8[begin - 1])) --begin;
  // Quotation marks and the like belong to the sentence.
  while (begin < at && std::string_view("'`*=/|{}.").find(utf8[begin]) != std::string_view::npos)
    ++begin;
  if (begin == at) return {};
  const Name name = ReadName(utf8.substr(at + sign));
  const Host host = ParseHost(name.text);
  if (host.kind != HostKind::kName || host.text.find('.') == std::string::npos) return {};
  return std::string(utf8.substr(begin, at - begin)) + "@" + host.text;
}

// Characters to look for. find_first_of of the standard library calls memchr for each one
// that it passes.
class Signs {
 public:
  constexpr explicit Signs(std::string_view characters) {
    for (const char c : characters) holds_[static_cast<unsigned char>(c)] = true;
  }
  size_t Find(std::string_view text, size_t from) const {
    for (size_t at = from; at < text.size(); ++at) {
      if (holds_[static_cast<unsigned char>(text[at])]) return at;
    }
    return text.npos;
  }

 private:
  std::array<bool, 256> holds_{};
};

constexpr Signs kBareHostSigns("wW[({");
constexpr Signs kAddressSigns("@[({\xef");

}  // namespace

bool UrlScanner::Next(TextUrl* found) {
  // Every mark has a slash behind it: "://", "[://]", "[:]//" …
  while (at_ < utf8_.size()) {
    const size_t colon = utf8_.find(':', at_);
    if (colon == std::string_view::npos) return false;
    at_ = colon + 1;
    const bool bracket = colon > 0 && (utf8_[colon - 1] == '[' || utf8_[colon - 1] == '(');
    if (ReadAt(bracket ? colon - 1 : colon, found)) return true;
  }
  return false;
}

bool UrlScanner::ReadAt(size_t mark, TextUrl* found) {
  bool defanged = false;
  const size_t length = ReadMark(utf8_.substr(mark), &defanged);
  if (length == 0 || mark < last_end_) return false;
  const Scheme* scheme = SchemeBefore(utf8_, mark);
  if (scheme == nullptr || mark - scheme->written.size() < last_end_) return false;
  found->begin = mark - scheme->written.size();
  const bool bracketed =
      found->begin > 0 && utf8_[found->begin - 1] == '<' && IsBracketed(utf8_.substr(found->begin));
  const size_t rest = mark + length;
  std::string url;
  const size_t read = ReadRest(utf8_.substr(rest), bracketed, &url, &defanged);
  at_ = last_end_ = rest + read;
  const size_t host_end = std::min(url.find_first_of("/?#:"), url.size());
  const size_t cut = CutSentence(std::string_view(url).substr(0, host_end));
  if (cut < host_end) {
    // No de-fanging inside the part that goes: a sentence.
    found->end = last_end_ - (url.size() - cut);
    at_ = last_end_ = found->end;
    url.resize(cut);
  } else {
    const size_t trimmed = TrimmedEnd(url);
    found->end = last_end_ - (url.size() - trimmed);
    url.resize(trimmed);
  }
  if (url.empty()) return false;
  found->url = std::string(scheme->meant) + "://" + url;
  found->defanged = defanged || scheme->defanged;
  return true;
}

std::vector<TextUrl> FindTextUrls(std::string_view utf8, size_t max) {
  std::vector<TextUrl> urls;
  UrlScanner scanner(utf8);
  for (TextUrl found; urls.size() < max && scanner.Next(&found); found = {}) {
    urls.push_back(std::move(found));
  }
  return urls;
}

std::vector<std::string> FindUrls(std::string_view utf8, size_t max) {
  std::vector<std::string> urls;
  for (TextUrl& found : FindTextUrls(utf8, max)) urls.push_back(std::move(found.url));
  return urls;
}

std::string WithoutUrls(std::string_view utf8) {
  std::string out;
  UrlScanner scanner(utf8);
  size_t copied = 0;
  for (TextUrl found; scanner.Next(&found);) {
    out.append(utf8.substr(copied, found.begin - copied));
    copied = found.end;
  }
  out.append(utf8.substr(copied));
  return out;
}

std::vector<std::string> FindBareHosts(std::string_view utf8, size_t max) {
  std::vector<std::string> hosts;
  // "www." and every de-fanged dot are where such a host can be.
  for (size_t at = kBareHostSigns.Find(utf8, 0);
       at != std::string_view::npos && hosts.size() < max;) {
    size_t begin = at;
    const bool defanged = DefangedDot(utf8.substr(at)) > 0;
    if (defanged) {
      while (begin > 0 && at - begin < kNameBytesMax && IsNameCharacter(utf8[begin - 1]) &&
             (utf8[begin - 1] & 0x80) == 0) {
        --begin;
      }
    } else if (!StartsWithNoCase(utf8.substr(at), "www.") ||
               (at > 0 && IsNameCharacter(utf8[at - 1]) && (utf8[at - 1] & 0x80) == 0)) {
      at = kBareHostSigns.Find(utf8, at + 1);
      continue;
    }
    const Name name = ReadName(utf8.substr(begin));
    const char before = begin == 0 ? ' ' : utf8[begin - 1];
    if (before != '@' && before != '/') AddOnce(KnownHost(name.text), max, &hosts);
    at = kBareHostSigns.Find(utf8, std::max(at + 1, begin + name.size));
  }
  return hosts;
}

std::vector<std::string> FindIps(std::string_view utf8, size_t max) {
  std::vector<std::string> ips;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t at = 0; at < utf8.size() && ips.size() < max;) {
    if (!is_digit(utf8[at])) {
      ++at;
      continue;
    }
    const Name name = ReadName(utf8.substr(at));
    const char before = at == 0 ? ' ' : utf8[at - 1];
    // Not inside a longer name or number ("v1.2.3.4", "1,2.3.4.5").
    const bool whole = !IsNameCharacter(before) && before != ',' && before != '@';
    if (whole) AddOnce(CanonicalIp(name.text), max, &ips);
    at += std::max<size_t>(name.size, 1);
  }
  return ips;
}

std::vector<std::string> FindAddresses(std::string_view utf8, size_t max) {
  std::vector<std::string> addresses;
  for (size_t at = 0; at < utf8.size() && addresses.size() < max; ++at) {
    at = kAddressSigns.Find(utf8, at);
    if (at == std::string_view::npos) break;
    const std::string_view rest = utf8.substr(at);
    const size_t sign =
        rest[0] == '@' ? 1 : MatchAny(rest.substr(0, 8), std::begin(kAts), std::end(kAts));
    if (sign > 0) AddOnce(AddressAt(utf8, at, sign), max, &addresses);
  }
  return addresses;
}

std::string ShownHost(std::string_view utf8) {
  const std::vector<TextUrl> urls = FindTextUrls(utf8, 1);
  if (!urls.empty()) return ReadUrl(urls[0].url).host.text;
  while (!utf8.empty() && static_cast<unsigned char>(utf8[0]) <= 0x20) utf8.remove_prefix(1);
  while (!utf8.empty() && static_cast<unsigned char>(utf8.back()) <= 0x20) utf8.remove_suffix(1);
  const Name name = ReadName(utf8);
  // Text that is a host, with a path perhaps, and nothing else.
  const std::string_view rest = utf8.substr(name.size);
  const bool alone = rest.empty() || (rest[0] == '/' && rest.find(' ') == std::string_view::npos);
  return alone ? KnownHost(name.text) : std::string();
}

}  // namespace noroshi::analysis
