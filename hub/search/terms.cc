#include "hub/search/terms.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <xapian.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/unicode.h"

namespace noroshi::search {
namespace {

constexpr size_t kLabelBytesMax = 63;

bool IsLowerLetter(char c) { return c >= 'a' && c <= 'z'; }
bool IsWordByte(char c) { return IsAsciiDigit(c) || IsLowerLetter(c); }

// ---- de-fanged forms ----

struct Form {
  std::string_view written;
  std::string_view meant;
};
// In the lower case of NormaliseForMatching. The longer of two that begin alike first.
constexpr std::array<Form, 12> kForms = {{{"[.]", "."},
                                          {"(.)", "."},
                                          {"{.}", "."},
                                          {"[dot]", "."},
                                          {"(dot)", "."},
                                          {"[:]", ":"},
                                          {"[://]", "://"},
                                          {"[/]", "/"},
                                          {"[@]", "@"},
                                          {"[at]", "@"},
                                          {"(at)", "@"},
                                          {"hxxp", "http"}}};

std::string Refanged(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    const Form* form = nullptr;
    if (c == '[' || c == '(' || c == '{' || c == 'h') {
      const auto* found = std::find_if(kForms.begin(), kForms.end(), [&](const Form& each) {
        return text.starts_with(each.written);
      });
      form = found == kForms.end() ? nullptr : found;
    }
    out.append(form != nullptr ? form->meant : text.substr(0, 1));
    text.remove_prefix(form != nullptr ? form->written.size() : 1);
  }
  return out;
}

// ---- indicators ----

// What separates indicators: blanks, quotes, brackets, and every character beyond ASCII.
bool Separates(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte >= 0x7f ||
         std::string_view("\"'`<>()[]{}|,;\\").find(c) != std::string_view::npos;
}

// Without what a sentence puts around it.
std::string_view Trimmed(std::string_view token) {
  constexpr std::string_view kAround = ".:!?*_-=&#/";
  const size_t begin = token.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return {};
  return token.substr(begin, token.find_last_not_of(kAround) - begin + 1);
}

// Labels of letters, digits, '-' and '_', at least two, the last one not of digits alone.
bool IsHost(std::string_view host) {
  size_t labels = 0;
  std::string_view label;
  while (!host.empty()) {
    const size_t end = std::min(host.find('.'), host.size());
    label = host.substr(0, end);
    const bool fits = !label.empty() && label.size() <= kLabelBytesMax &&
                      std::all_of(label.begin(), label.end(),
                                  [](char c) { return IsWordByte(c) || c == '-' || c == '_'; });
    if (!fits) return false;
    ++labels;
    if (end == host.size()) break;
    host.remove_prefix(end + 1);
    if (host.empty()) return false;
  }
  return labels >= 2 && label.size() >= 2 && std::any_of(label.begin(), label.end(), IsLowerLetter);
}

// The address in its canonical text; empty: it is none.
std::string CanonicalIp(std::string_view text) {
  const std::string address(text);
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, address.c_str(), bytes.data()) != 1) continue;
    if (::inet_ntop(family, bytes.data(), canonical.data(), canonical.size()) == nullptr) continue;
    return canonical.data();
  }
  return {};
}

bool IsHash(std::string_view token) {
  return (token.size() == 32 || token.size() == 40 || token.size() == 64) &&
         std::all_of(token.begin(), token.end(),
                     [](char c) { return IsAsciiDigit(c) || (c >= 'a' && c <= 'f'); });
}

// One indicator, and what else it is found by.
struct Indicator {
  std::string term;
  std::vector<std::string> others;
};

void AddDomains(std::string_view host, std::vector<std::string>* terms) {
  std::vector<size_t> begins = {0};
  for (size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    begins.push_back(dot + 1);
  }
  begins.pop_back();  // A domain has two labels at least.
  const size_t levels = std::min(begins.size(), kDomainLevelsMax);
  for (size_t i = begins.size() - levels; i < begins.size(); ++i) {
    terms->push_back(MarkedTerm(Mark::kHost, host.substr(begins[i])));
  }
}

// A host or an IP, with a port or without. False: neither.
bool ReadHost(std::string_view host, Indicator* indicator) {
  std::string ip = CanonicalIp(host);
  const size_t colon = host.rfind(':');
  if (ip.empty() && colon != std::string_view::npos) {
    host = host.substr(0, colon);
    ip = CanonicalIp(host);
  }
  if (!ip.empty()) {
    indicator->term = MarkedTerm(Mark::kIp, ip);
    return true;
  }
  if (!IsHost(host)) return false;
  indicator->term = MarkedTerm(Mark::kHost, host);
  AddDomains(host, &indicator->others);
  return true;
}

// A URL with or without its scheme. False: none.
bool ReadUrl(std::string_view token, Indicator* indicator) {
  const size_t scheme = token.find("://");
  if (scheme != std::string_view::npos) token.remove_prefix(scheme + 3);
  token = token.substr(0, token.find('#'));
  while (token.ends_with('/')) token.remove_suffix(1);
  const size_t end = std::min(token.find_first_of("/?"), token.size());
  std::string_view host = token.substr(0, end);
  const size_t credentials = host.rfind('@');
  if (credentials != std::string_view::npos) host.remove_prefix(credentials + 1);
  if (!ReadHost(host, indicator)) return false;
  if (end == token.size()) return true;  // A host is all that it says.
  indicator->others.push_back(std::exchange(indicator->term, MarkedTerm(Mark::kUrl, token)));
  return true;
}

bool ReadAddress(std::string_view token, Indicator* indicator) {
  if (token.starts_with("mailto:")) token.remove_prefix(sizeof("mailto:") - 1);
  const size_t at = token.rfind('@');
  if (at == 0 || at == std::string_view::npos || !IsHost(token.substr(at + 1))) return false;
  indicator->term = MarkedTerm(Mark::kAddress, token);
  AddDomains(token.substr(at + 1), &indicator->others);
  return true;
}

bool ReadIndicator(std::string_view token, Indicator* indicator) {
  if (token.size() < 3 || token.size() > kIndicatorBytesMax) return false;
  if (IsHash(token)) {
    indicator->term = MarkedTerm(Mark::kHash, token);
    return true;
  }
  const bool is_url = token.find("://") != std::string_view::npos;
  if (!is_url && token.find('@') != std::string_view::npos) return ReadAddress(token, indicator);
  // A dot, or the colons of an IPv6 address, or it is an ordinary word.
  if (token.find('.') == std::string_view::npos && token.find(':') == std::string_view::npos) {
    return false;
  }
  return ReadUrl(token, indicator);
}

void AddIndicators(std::string_view normal, TermList* list) {
  const std::string text = Refanged(normal);
  size_t found = 0;
  size_t begin = 0;
  while (begin < text.size() && found < kIndicatorsMax) {
    size_t end = begin;
    while (end < text.size() && !Separates(text[end])) ++end;
    Indicator indicator;
    const auto token = Trimmed(std::string_view(text).substr(begin, end - begin));
    if (ReadIndicator(token, &indicator)) {
      ++found;
      list->AddTerm(std::move(indicator.term));
      for (std::string& other : indicator.others) list->AddTerm(std::move(other));
    }
    begin = end + 1;
  }
}

// ---- words ----

constexpr size_t kWordBytesMax = 64;  // What is longer is cut, in texts and queries alike.

enum class Letter { kNone, kWord, kPaired };

struct Character {
  std::string_view bytes;
  Letter letter = Letter::kNone;
};

Letter LetterOf(uint32_t c) {
  const auto within = [c](uint32_t first, uint32_t last) { return c >= first && c <= last; };
  if (c < 0x80) return IsWordByte(static_cast<char>(c)) ? Letter::kWord : Letter::kNone;
  if (within(0x3005, 0x3007)) return Letter::kPaired;  // 々〆〇
  if (c < 0xc0 || within(0x2000, 0x2bff) || within(0x3000, 0x303f) || c == 0x30fb ||
      within(0xfff0, 0xffff)) {
    return Letter::kNone;  // Signs, and the dot between foreign names.
  }
  const bool is_paired = within(0x3040, 0x30ff) || within(0x3400, 0x9fff) ||
                         within(0xac00, 0xd7af) || within(0xf900, 0xfaff) ||
                         within(0x20000, 0x3ffff);
  return is_paired ? Letter::kPaired : Letter::kWord;
}

// The first character. REQUIRES: valid UTF-8, not empty.
Character FirstOf(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t c = size == 1 ? lead : lead & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  return {text.substr(0, size), LetterOf(c)};
}

void AddWord(std::string_view word, const Xapian::Stem& stem, TermList* list) {
  const std::string_view cut = TruncateUtf8(word, kWordBytesMax);
  const bool is_english = std::all_of(cut.begin(), cut.end(), IsLowerLetter);
  list->AddTerm(is_english ? stem(std::string(cut)) : std::string(cut));
}

void AddWords(std::string_view normal, TermList* list) {
  const Xapian::Stem stem("en");
  size_t word = 0;       // Bytes of the word that ends here.
  std::string_view one;  // The paired character before this one.
  for (size_t at = 0; at < normal.size();) {
    const Character next = FirstOf(normal.substr(at));
    if (next.letter != Letter::kWord && word > 0) {
      AddWord(normal.substr(at - word, word), stem, list);
      word = 0;
    }
    if (next.letter == Letter::kWord) word += next.bytes.size();
    const bool is_paired = next.letter == Letter::kPaired;
    if (is_paired && !one.empty()) {
      list->AddTerm(std::string(normal.substr(at - one.size(), one.size() + next.bytes.size())));
    }
    one = is_paired ? next.bytes : std::string_view();
    at += next.bytes.size();
  }
  if (word > 0) AddWord(normal.substr(normal.size() - word), stem, list);
}

Error Unreadable(const std::string& why) { return {ErrorCode::kInvalid, "q: " + why}; }

}  // namespace

std::string MarkedTerm(Mark mark, std::string_view text) {
  std::string term(1, static_cast<char>(mark));
  if (text.size() < kTermBytesMax) return term.append(text);
  return term.append("#").append(ToHex(Sha256Of(text)));
}

TermList::TermList() = default;
TermList::~TermList() = default;

void TermList::AddText(std::string_view utf8) {
  const std::string normal = text::NormaliseForMatching(utf8);
  AddWords(normal, this);
  AddIndicators(normal, this);
}

Result<std::vector<std::string>> ReadQuery(std::string_view utf8) {
  if (utf8.size() > kQueryBytesMax) {
    return Unreadable(fmt::format("{} bytes; at most {}", utf8.size(), kQueryBytesMax));
  }
  const std::string normal = text::NormaliseForMatching(utf8);
  TermList list;
  std::string words;
  size_t begin = 0;
  while (begin < normal.size()) {
    const size_t end = std::min(normal.find(' ', begin), normal.size());
    const std::string word = normal.substr(begin, end - begin);
    begin = end + 1;
    const std::string refanged = Refanged(word);
    std::string_view token = refanged;
    // Message ids stand in angle brackets.
    if (token.starts_with('<') && token.ends_with('>')) token = token.substr(1, token.size() - 2);
    Indicator indicator;
    const bool is_whole = std::none_of(token.begin(), token.end(), Separates);
    if (is_whole && ReadIndicator(Trimmed(token), &indicator)) {
      list.AddTerm(std::move(indicator.term));
    } else {
      words += word + ' ';
    }
  }
  AddWords(words, &list);
  const std::set<std::string> terms(list.terms().begin(), list.terms().end());
  if (terms.size() > kQueryTermsMax) {
    return Unreadable(fmt::format("{} words; at most {}", terms.size(), kQueryTermsMax));
  }
  if (terms.empty()) return Unreadable("say at least one word, or two characters of Japanese");
  return std::vector<std::string>(terms.begin(), terms.end());
}

}  // namespace noroshi::search
