#include "hub/analysis/unwrap.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/text/unicode.h"
#include "hub/analysis/links.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kHeaderLinesMax = 16;  // Of the block under a separator.

// Separators that say "forwarded", and those that replies use as well.
constexpr std::array<std::string_view, 9> kForwardWords = {
    "forwarded message",    "begin forwarded message", "forwarded by",   "転送メッセージ",
    "転送されたメッセージ", "転送元メッセージ",        "forwarded mail", "転送メール",
    "original mail"};
constexpr std::array<std::string_view, 5> kOriginalWords = {"original message", "元のメッセージ",
                                                            "original appointment", "元のメール",
                                                            "オリジナルメッセージ"};

struct HeaderName {
  std::string_view name;  // Normalised, with colon.
  char field;             // 'f'rom, 's'ubject, or any other.
};
constexpr HeaderName kHeaderNames[] = {
    {"from:", 'f'},       {"差出人:", 'f'},      {"送信者:", 'f'},       {"送信元:", 'f'},
    {"発信者:", 'f'},     {"subject:", 's'},     {"件名:", 's'},         {"題名:", 's'},
    {"表題:", 's'},       {"to:", 'o'},          {"cc:", 'o'},           {"bcc:", 'o'},
    {"date:", 'o'},       {"sent:", 'o'},        {"宛先:", 'o'},         {"日時:", 'o'},
    {"日付:", 'o'},       {"送信日時:", 'o'},    {"送信日:", 'o'},       {"受信日時:", 'o'},
    {"reply-to:", 'o'},   {"importance:", 'o'},  {"重要度:", 'o'},       {"返信先:", 'o'},
    {"message-id:", 'o'}, {"attachments:", 'o'}, {"添付ファイル:", 'o'}, {"添付:", 'o'}};

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// A line without "> " quoting, at most `levels` of it.
std::string_view Unquote(std::string_view line, int levels) {
  for (; levels > 0; --levels) {
    std::string_view rest = line;
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    if (rest.empty() || rest[0] != '>') return line;
    rest.remove_prefix(1);
    if (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    line = rest;
  }
  return line;
}

int QuoteDepth(std::string_view line) {
  int depth = 0;
  for (const char c : line) {
    if (c == '>') {
      ++depth;
    } else if (c != ' ') {
      break;
    }
  }
  return depth;
}

// Walks over lines; next() moves on.
struct Lines {
  std::string_view text;
  size_t begin = 0;
  size_t end = 0;  // Behind the line, before its newline.

  explicit Lines(std::string_view t, size_t at = 0) : text(t), begin(at) { Measure(); }
  bool done() const { return begin >= text.size(); }
  std::string_view line() const { return text.substr(begin, end - begin); }
  void next() {
    begin = end + 1;
    Measure();
  }

 private:
  void Measure() {
    end = begin >= text.size() ? begin : std::min(text.find('\n', begin), text.size());
  }
};

char HeaderField(std::string_view line, std::string_view* value) {
  const std::string_view bare = Trim(Unquote(line, 4));
  // Without a colon, as most lines are, no name of a header stands there.
  if (bare.size() > 998 || (bare.find(':') == bare.npos && bare.find("：") == bare.npos)) return 0;
  const std::string head = text::NormaliseForMatching(bare.substr(0, 48));
  for (const HeaderName& header : kHeaderNames) {
    // "差出人 : x", "*From:* x" and "From: x" are all written.
    std::string compact = head.substr(0, header.name.size() + 4);
    std::erase_if(compact, [](char c) { return c == ' ' || c == '*'; });
    if (!compact.starts_with(header.name)) continue;
    size_t colon = bare.find(':');
    const size_t wide = bare.find("：");
    size_t skip = 1;
    if (wide < colon) {
      colon = wide;
      skip = 3;
    }
    if (colon == std::string_view::npos) return 0;
    *value = bare.substr(colon + skip);
    while (!value->empty() && (value->front() == ' ' || value->front() == '*')) {
      value->remove_prefix(1);
    }
    return header.field;
  }
  return 0;
}

// A printing character of ASCII other than these. It stays what it is (or becomes a small
// letter) whatever stands around it: a line that ends in one need not be normalised to know
// that it does not end in one of `others`.
bool IsPlainExcept(char c, std::string_view others) {
  return c > ' ' && c < 0x7f && others.find(c) == others.npos;
}

enum class Separator { kNone, kForward, kOriginal };

// "-----Original Message-----", "---------- Forwarded message ---------" …
Separator ReadSeparator(std::string_view line) {
  const std::string_view bare = Trim(Unquote(line, 4));
  if (bare.size() < 8 || bare.size() > 200) return Separator::kNone;
  if (IsPlainExcept(bare.front(), "-=_") && IsPlainExcept(bare.back(), "-:")) {
    return Separator::kNone;
  }
  const std::string words = text::NormaliseForMatching(bare);
  const bool ruled = words.starts_with("--") || words.starts_with("==") ||
                     words.starts_with("__") || words.ends_with("--") || words.ends_with(":");
  if (!ruled) return Separator::kNone;
  std::string inner = words;
  std::erase_if(inner, [](char c) { return c == '-' || c == '=' || c == '_' || c == ':'; });
  const std::string_view core = Trim(inner);
  const auto is = [&](std::string_view word) {
    return core == word ||
           (core.starts_with(word) && core.size() < word.size() + 48 && words.starts_with("--"));
  };
  if (std::any_of(kForwardWords.begin(), kForwardWords.end(), is)) return Separator::kForward;
  if (std::any_of(kOriginalWords.begin(), kOriginalWords.end(), is)) return Separator::kOriginal;
  return Separator::kNone;
}

// The subject of a forward or of a report: "FW:", "転送:", 「【不審メール報告】…」.
bool SaysForward(std::string_view subject) {
  const std::string normal = text::NormaliseForMatching(subject.substr(0, 400));
  for (const std::string_view word :
       {"不審メール", "不審なメール", "迷惑メール報告", "suspicious mail", "suspicious e-mail",
        "suspicious email", "phishing report", "reported phishing"}) {
    if (normal.find(word) != std::string::npos) return true;
  }
  // Gateways and lists put tags before the mark.
  std::string_view rest = normal;
  while (!rest.empty() && (rest[0] == '[' || rest.starts_with("【"))) {
    const bool wide = rest[0] != '[';
    const size_t close = rest.find(wide ? "】" : "]");
    if (close == std::string_view::npos || rest.starts_with("[fwd:") ||
        rest.substr(0, close).find("転送") != std::string_view::npos) {
      break;
    }
    rest = Trim(rest.substr(close + (wide ? 3 : 1)));
  }
  for (const std::string_view mark : {"fw:", "fwd:", "転送:", "[fwd:", "tr:", "wg:", "fw ", "fwd ",
                                      "【転送】", "(転送)", "[転送]"}) {
    if (rest.starts_with(mark)) return true;
  }
  return false;
}

// What a reporter writes above a mail that is forwarded under any subject.
bool SaysReport(std::string_view cover) {
  const std::string words = text::NormaliseForMatching(cover);
  const auto has = [&](std::initializer_list<std::string_view> list) {
    return std::any_of(list.begin(), list.end(), [&](std::string_view word) {
      return words.find(word) != std::string::npos;
    });
  };
  return (has({"不審", "標的型", "迷惑メール", "なりすまし"}) &&
          has({"報告", "情報提供", "情報共有", "受信しま", "届きま", "転送", "送りします"})) ||
         (has({"suspicious", "phishing", "incident report"}) &&
          has({"received", "report", "forward"}));
}

// "X さんは書きました:", "On Monday, X wrote:".
bool IsAttribution(std::string_view line) {
  const std::string_view bare = Trim(line);
  if (bare.size() < 8 || bare.size() > 300 || IsPlainExcept(bare.back(), ":")) return false;
  const std::string words = text::NormaliseForMatching(bare);
  for (const std::string_view end :
       {"wrote:", "書きました:", "書きました。", "のメッセージ:", "writes:"}) {
    if (words.ends_with(end)) return true;
  }
  return false;
}

// Whether every line that says something is quoted.
bool AllQuoted(std::string_view text);

struct HeaderBlock {
  int fields = 0;
  bool has_from = false;
  size_t end = 0;  // Behind the block.
  std::string subject;
  std::string from;
};

// The block of "From: …" lines from `at` on; blank lines may come first.
HeaderBlock ReadHeaderBlock(std::string_view text, size_t at) {
  HeaderBlock block;
  size_t count = 0;
  Lines lines(text, at);
  for (; !lines.done() && count < kHeaderLinesMax; lines.next(), ++count) {
    std::string_view value;
    if (Trim(Unquote(lines.line(), 4)).empty()) {
      if (block.fields > 0) break;
      continue;
    }
    const char field = HeaderField(lines.line(), &value);
    if (field == 0) {
      if (block.fields == 0) break;
      // A long address list or subject goes on in the next line.
      const bool folded = lines.line().starts_with(' ') || lines.line().starts_with('\t');
      if (folded) continue;
      break;
    }
    ++block.fields;
    if (field == 'f') {
      block.has_from = true;
      block.from = value;
    }
    if (field == 's') block.subject = value;
  }
  block.end = std::min(lines.begin, text.size());
  return block;
}

// The inner text, without the quoting that all of its lines share.
std::string StripQuoting(std::string_view text) {
  int depth = 4;
  bool any = false;
  for (Lines lines(text); !lines.done(); lines.next()) {
    if (Trim(lines.line()).empty()) continue;
    any = true;
    depth = std::min(depth, QuoteDepth(lines.line()));
  }
  if (!any || depth == 0) return std::string(text);
  std::string out;
  for (Lines lines(text); !lines.done(); lines.next()) {
    out.append(Unquote(lines.line(), depth)).push_back('\n');
  }
  return out;
}

bool AllQuoted(std::string_view text) {
  bool any = false;
  for (Lines lines(text); !lines.done(); lines.next()) {
    if (Trim(lines.line()).empty()) continue;
    if (QuoteDepth(lines.line()) == 0) return false;
    any = true;
  }
  return any;
}

std::string DomainOf(std::string_view from) {
  const size_t at = from.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view rest = from.substr(at + 1);
  return LowerAscii(rest.substr(0, rest.find_first_of(" >\"\t,;)]")));
}

bool SameOrSubdomain(const std::string& a, const std::string& b) {
  const auto below = [](const std::string& child, const std::string& parent) {
    return child == parent || child.ends_with("." + parent);
  };
  return below(a, b) || (below(b, a) && std::count(a.begin(), a.end(), '.') >= 1);
}

}  // namespace

bool IsCoverNote(std::string_view text, std::string_view from) {
  if (text.size() > kCoverNoteBytesMax) return false;
  const std::string domain = DomainOf(from);
  for (const std::string& url : FindUrls(text, 64)) {
    if (domain.empty() || !SameOrSubdomain(HostOf(url), domain)) return false;
  }
  return true;
}

std::optional<InlineForward> FindInlineForward(std::string_view subject, std::string_view from,
                                               std::string_view text) {
  const bool named = SaysForward(subject);
  // Known only where a block begins: what stands above it is the cover.
  const auto is_forward = [&](size_t cover_end) {
    return named || SaysReport(text.substr(0, cover_end));
  };
  const auto forward_of = [&](size_t cover_end, HeaderBlock block) -> std::optional<InlineForward> {
    if (!IsCoverNote(text.substr(0, cover_end), from)) return std::nullopt;
    InlineForward forward;
    forward.subject = Trim(block.subject);
    forward.from = Trim(block.from);
    forward.offset = block.end;
    forward.text = StripQuoting(text.substr(block.end));
    if (Trim(forward.text).empty()) return std::nullopt;
    return forward;
  };
  // Only what is within reach of a cover note can be a forward: this bounds the work.
  for (Lines lines(text); !lines.done() && lines.begin <= kCoverNoteBytesMax; lines.next()) {
    if (IsAttribution(lines.line())) {
      HeaderBlock block;
      block.end = std::min(lines.end + 1, text.size());
      if (AllQuoted(text.substr(block.end)) && is_forward(lines.begin)) {
        return forward_of(lines.begin, std::move(block));
      }
      continue;
    }
    const Separator separator = ReadSeparator(lines.line());
    std::string_view value;
    const bool bare_block =
        separator == Separator::kNone && HeaderField(lines.line(), &value) == 'f';
    if (separator == Separator::kNone && !bare_block) continue;
    if (separator != Separator::kForward && !is_forward(lines.begin)) continue;
    HeaderBlock block = ReadHeaderBlock(text, bare_block ? lines.begin : lines.end + 1);
    const int needed = separator == Separator::kForward ? 1 : 2;
    const bool names_mail = block.has_from && !block.subject.empty();
    if (block.fields < needed || (bare_block && !names_mail)) continue;
    return forward_of(lines.begin, std::move(block));
  }
  return std::nullopt;
}

}  // namespace noroshi::analysis
