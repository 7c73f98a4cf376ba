#include "hub/analysis/html.h"

#include <algorithm>
#include <array>
#include <optional>

namespace noroshi::analysis {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsAlpha(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), Lower);
  return out;
}

struct Named {
  std::string_view name;
  char32_t c;
};
// The ones that mails use; in the order of their names.
constexpr Named kNamed[] = {
    {"Aacute", 0xc1},   {"Agrave", 0xc0},  {"Auml", 0xc4},    {"Ccedil", 0xc7},  {"Eacute", 0xc9},
    {"Egrave", 0xc8},   {"Ntilde", 0xd1},  {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"aacute", 0xe1},
    {"acirc", 0xe2},    {"agrave", 0xe0},  {"amp", '&'},      {"apos", '\''},    {"auml", 0xe4},
    {"bull", 0x2022},   {"ccedil", 0xe7},  {"cent", 0xa2},    {"copy", 0xa9},    {"deg", 0xb0},
    {"divide", 0xf7},   {"eacute", 0xe9},  {"ecirc", 0xea},   {"egrave", 0xe8},  {"emsp", 0x2003},
    {"ensp", 0x2002},   {"euro", 0x20ac},  {"frac12", 0xbd},  {"gt", '>'},       {"hellip", 0x2026},
    {"iacute", 0xed},   {"laquo", 0xab},   {"ldquo", 0x201c}, {"lsquo", 0x2018}, {"lt", '<'},
    {"mdash", 0x2014},  {"middot", 0xb7},  {"nbsp", 0xa0},    {"ndash", 0x2013}, {"ntilde", 0xf1},
    {"oacute", 0xf3},   {"ocirc", 0xf4},   {"ouml", 0xf6},    {"para", 0xb6},    {"plusmn", 0xb1},
    {"pound", 0xa3},    {"quot", '"'},     {"raquo", 0xbb},   {"rarr", 0x2192},  {"rdquo", 0x201d},
    {"reg", 0xae},      {"rsquo", 0x2019}, {"sect", 0xa7},    {"shy", 0xad},     {"szlig", 0xdf},
    {"thinsp", 0x2009}, {"times", 0xd7},   {"trade", 0x2122}, {"uacute", 0xfa},  {"uuml", 0xfc},
    {"yen", 0xa5},      {"zwj", 0x200d},   {"zwnj", 0x200c}};

void AppendUtf8(char32_t c, std::string* out) {
  if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
    return;
  }
  const int following = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  const unsigned lead = following == 1 ? 0xc0 : following == 2 ? 0xe0 : 0xf0;
  out->push_back(static_cast<char>(lead | (c >> (6 * following))));
  for (int i = following - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3f)));
  }
}

// The reference at the start of text ("&..."); its length, or 0.
size_t ReadReference(std::string_view text, std::string* out) {
  if (text.size() < 3) return 0;
  if (text[1] == '#') {
    const bool hex = Lower(text[2]) == 'x';
    size_t at = hex ? 3 : 2;
    const size_t begin = at;
    char32_t c = 0;
    for (; at < text.size() && at < begin + 10; ++at) {
      const char digit = Lower(text[at]);
      const bool decimal = digit >= '0' && digit <= '9';
      if (!decimal && !(hex && digit >= 'a' && digit <= 'f')) break;
      c = c * (hex ? 16 : 10) + static_cast<char32_t>(decimal ? digit - '0' : digit - 'a' + 10);
      if (c > 0x10ffff) c = 0x110000;
    }
    if (at == begin) return 0;
    AppendUtf8(c, out);
    return at < text.size() && text[at] == ';' ? at + 1 : at;
  }
  size_t end = 1;
  while (end < text.size() && end < 10 &&
         (IsAlpha(text[end]) || (text[end] >= '0' && text[end] <= '9'))) {
    ++end;
  }
  const std::string_view name = text.substr(1, end - 1);
  const auto* found =
      std::lower_bound(std::begin(kNamed), std::end(kNamed), name,
                       [](const Named& a, std::string_view b) { return a.name < b; });
  if (found == std::end(kNamed) || found->name != name) return 0;
  AppendUtf8(found->c, out);
  return end < text.size() && text[end] == ';' ? end + 1 : end;
}

struct Tag {
  std::string name;
  bool closing = false;
  bool self_closing = false;
  std::vector<std::pair<std::string, std::string>> attributes;

  std::string_view Find(std::string_view key) const {
    for (const auto& [attribute, value] : attributes) {
      if (attribute == key) return value;
    }
    return {};
  }
  bool Has(std::string_view key) const {
    return std::any_of(attributes.begin(), attributes.end(),
                       [&](const auto& attribute) { return attribute.first == key; });
  }
};

constexpr std::array<std::string_view, 37> kBlocks = {
    "address", "article", "aside",    "blockquote", "br",      "center", "dd",    "div",
    "dl",      "dt",      "fieldset", "figure",     "footer",  "form",   "h1",    "h2",
    "h3",      "h4",      "h5",       "h6",         "header",  "hr",     "li",    "main",
    "nav",     "ol",      "p",        "pre",        "section", "table",  "tbody", "td",
    "th",      "tr",      "ul",       "title",      "body"};
constexpr std::array<std::string_view, 14> kVoid = {"area",  "base",   "br",    "col",  "embed",
                                                    "hr",    "img",    "input", "link", "meta",
                                                    "param", "source", "track", "wbr"};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// A style without its white space, to be searched for what hides an element.
bool IsHidden(const Tag& tag) {
  if (tag.Has("hidden")) return true;
  std::string style = LowerAscii(tag.Find("style"));
  std::erase_if(style, IsSpace);
  if (style.empty()) return false;
  if (style.find("display:none") != std::string::npos ||
      style.find("visibility:hidden") != std::string::npos) {
    return true;
  }
  const size_t size = style.find("font-size:0");
  if (size == std::string::npos) return false;
  const std::string_view rest = std::string_view(style).substr(size + 11);
  return rest.empty() || rest[0] == ';' || rest.starts_with("px") || rest.starts_with("pt") ||
         rest.starts_with("!");
}

std::string CleanUrl(std::string_view value) {
  std::string url = DecodeCharacterReferences(value);
  std::erase_if(url, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  while (!url.empty() && url.front() == ' ') url.erase(0, 1);
  while (!url.empty() && url.back() == ' ') url.pop_back();
  return url;
}

class Reader {
 public:
  explicit Reader(std::string_view html) : html_(html) {}

  HtmlContent Read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<' && ReadMarkup()) continue;
      ReadCharacter();
    }
    return std::move(content_);
  }

 private:
  // Comment, declaration or tag at "<". False: it is only a character.
  bool ReadMarkup() {
    const std::string_view rest = html_.substr(at_);
    if (rest.starts_with("<!--")) {
      SkipComment(rest);
      return true;
    }
    if (rest.size() > 1 && (rest[1] == '!' || rest[1] == '?')) {
      const size_t end = rest.find('>');
      at_ = end == std::string_view::npos ? html_.size() : at_ + end + 1;
      return true;
    }
    const size_t name = rest.size() > 1 && rest[1] == '/' ? 2 : 1;
    if (name >= rest.size() || !IsAlpha(rest[name])) return false;
    OnTag(ReadTag());
    return true;
  }

  // Outlook's conditional comments hide content from browsers, not from mail
  // programs; "<!--[if !mso]><!-->" shows it to both. Only the comment proper goes.
  void SkipComment(std::string_view rest) {
    if (rest.starts_with("<!-->") || rest.starts_with("<!--->")) {
      at_ += rest[4] == '>' ? 5 : 6;
      return;
    }
    if (no_comment_end_) {  // Known from an earlier search: keeps the work linear.
      at_ = html_.size();
      return;
    }
    const size_t end = rest.find("-->", 4);
    no_comment_end_ = end == std::string_view::npos;
    at_ = no_comment_end_ ? html_.size() : at_ + end + 3;
  }

  Tag ReadTag() {
    Tag tag;
    ++at_;
    tag.closing = html_[at_] == '/';
    if (tag.closing) ++at_;
    const size_t begin = at_;
    while (at_ < html_.size() && !IsSpace(html_[at_]) && html_[at_] != '/' && html_[at_] != '>') {
      ++at_;
    }
    tag.name = LowerAscii(html_.substr(begin, std::min<size_t>(at_ - begin, 32)));
    while (at_ < html_.size() && html_[at_] != '>') {
      if (html_[at_] == '/') {
        tag.self_closing = at_ + 1 < html_.size() && html_[at_ + 1] == '>';
        ++at_;
      } else if (IsSpace(html_[at_])) {
        ++at_;
      } else {
        ReadAttribute(&tag);
      }
    }
    if (at_ < html_.size()) ++at_;
    return tag;
  }

  void ReadAttribute(Tag* tag) {
    const size_t begin = at_++;  // A name may begin with "=".
    while (at_ < html_.size() && !IsSpace(html_[at_]) && html_[at_] != '/' && html_[at_] != '>' &&
           html_[at_] != '=') {
      ++at_;
    }
    const std::string_view name = html_.substr(begin, std::min<size_t>(at_ - begin, 32));
    while (at_ < html_.size() && IsSpace(html_[at_])) ++at_;
    std::string_view value;
    if (at_ < html_.size() && html_[at_] == '=') {
      ++at_;
      while (at_ < html_.size() && IsSpace(html_[at_])) ++at_;
      value = ReadAttributeValue();
    }
    if (value.size() > kHtmlAttributeBytesMax || tag->attributes.size() >= kHtmlAttributesMax) {
      content_.cut = true;
    }
    if (tag->attributes.size() < kHtmlAttributesMax) {
      tag->attributes.emplace_back(LowerAscii(name), value.substr(0, kHtmlAttributeBytesMax));
    }
  }

  std::string_view ReadAttributeValue() {
    if (at_ >= html_.size()) return {};
    const char quote = html_[at_];
    if (quote == '"' || quote == '\'') {
      const size_t begin = ++at_;
      const size_t end = std::min(html_.find(quote, begin), html_.size());
      at_ = std::min(end + 1, html_.size());
      return html_.substr(begin, end - begin);
    }
    const size_t begin = at_;
    while (at_ < html_.size() && !IsSpace(html_[at_]) && html_[at_] != '>') ++at_;
    return html_.substr(begin, at_ - begin);
  }

  void OnTag(const Tag& tag) {
    if (!tag.closing) CollectLinks(tag);
    if (!tag.closing && (tag.name == "script" || tag.name == "style" || tag.name == "title" ||
                         tag.name == "textarea" || tag.name == "xmp" || tag.name == "noscript")) {
      // Raw text up to the closing tag; a noscript's content is what a mail program shows.
      if (tag.name != "noscript") SkipRawText(tag.name, tag.name == "textarea");
      return;
    }
    TrackHidden(tag);
    if (Contains(kBlocks, tag.name)) Break();
  }

  // What is inside a hidden element is not text. Nesting of the same name is
  // counted, so that one integer is enough.
  void TrackHidden(const Tag& tag) {
    if (hidden_depth_ > 0) {
      if (tag.name != hidden_name_ || Contains(kVoid, tag.name)) return;
      hidden_depth_ += tag.closing ? -1 : (tag.self_closing ? 0 : 1);
      return;
    }
    if (!tag.closing && !Contains(kVoid, tag.name) && tag.name != "body" && tag.name != "html" &&
        IsHidden(tag)) {
      hidden_name_ = tag.name;
      hidden_depth_ = 1;
    }
  }

  void SkipRawText(std::string_view name, bool visible) {
    const size_t begin = at_;
    for (size_t at = html_.find("</", at_); at != std::string_view::npos;
         at = html_.find("</", at + 2)) {
      const std::string_view closing = html_.substr(at + 2, name.size());
      if (LowerAscii(closing) != name) continue;
      at_ = std::min(html_.find('>', at), html_.size());
      if (at_ < html_.size()) ++at_;
      if (visible) content_.text += DecodeCharacterReferences(html_.substr(begin, at - begin));
      return;
    }
    at_ = html_.size();
  }

  void CollectLinks(const Tag& tag) {
    if (tag.name == "base" && base_.empty()) {
      base_ = CleanUrl(tag.Find("href"));
      return;
    }
    if (tag.name == "meta" && LowerAscii(tag.Find("http-equiv")) == "refresh") {
      const std::string content = CleanUrl(tag.Find("content"));
      const size_t url = LowerAscii(content).find("url=");
      if (url != std::string::npos) {
        std::string target = content.substr(url + 4);
        std::erase_if(target, [](char c) { return c == '\'' || c == '"'; });
        AddLink(target);
      }
      return;
    }
    if (tag.name == "a" || tag.name == "area") AddLink(tag.Find("href"));
    if (tag.name == "form") AddLink(tag.Find("action"));
    if (tag.name == "button" || tag.name == "input") AddLink(tag.Find("formaction"));
    if (tag.name == "iframe" || tag.name == "frame" || tag.name == "embed")
      AddLink(tag.Find("src"));
    if (tag.name == "object") AddLink(tag.Find("data"));
    if (tag.name == "v:roundrect" || tag.name == "v:rect") AddLink(tag.Find("href"));
  }

  void AddLink(std::string_view value) {
    std::string url = CleanUrl(value);
    if (url.empty() || url[0] == '#') return;
    const size_t colon = url.find_first_of(":/?#");
    const bool absolute = colon != std::string::npos && colon > 0 && url[colon] == ':';
    if (!absolute && !base_.empty()) url = Resolve(url);
    if (content_.links.size() >= kHtmlLinksMax) {
      content_.cut = true;
      return;
    }
    content_.links.push_back({std::move(url), content_.text.size()});
  }

  // Simple resolution: scheme-relative, root-relative and plain paths.
  std::string Resolve(const std::string& url) const {
    const size_t scheme = base_.find("://");
    if (scheme == std::string::npos) return url;
    if (url.starts_with("//")) return base_.substr(0, scheme + 1) + url;
    const size_t path = base_.find('/', scheme + 3);
    const std::string origin = base_.substr(0, path);
    if (url[0] == '/') return origin + url;
    const size_t last = base_.rfind('/');
    return path == std::string::npos ? origin + "/" + url : base_.substr(0, last + 1) + url;
  }

  void ReadCharacter() {
    if (hidden_depth_ > 0) {
      const size_t next = html_.find('<', at_ + 1);
      at_ = next == std::string_view::npos ? html_.size() : next;
      return;
    }
    const char c = html_[at_];
    if (c == '&') {
      const size_t length = ReadReference(html_.substr(at_), &content_.text);
      if (length > 0) {
        at_ += length;
        return;
      }
    }
    ++at_;
    if (!IsSpace(c)) {
      content_.text.push_back(c);
    } else if (!content_.text.empty() && !IsSpace(content_.text.back())) {
      content_.text.push_back(' ');
    }
  }

  void Break() {
    if (hidden_depth_ > 0 || content_.text.empty()) return;
    if (content_.text.back() == ' ') content_.text.pop_back();
    if (!content_.text.empty() && content_.text.back() != '\n') content_.text.push_back('\n');
  }

  std::string_view html_;
  size_t at_ = 0;
  HtmlContent content_;
  std::string base_;
  std::string hidden_name_;
  int hidden_depth_ = 0;
  bool no_comment_end_ = false;
};

}  // namespace

std::string DecodeCharacterReferences(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = text[at] == '&' ? ReadReference(text.substr(at), &out) : 0;
    if (length == 0) out.push_back(text[at]);
    at += length == 0 ? 1 : length;
  }
  return out;
}

HtmlContent ReadHtml(std::string_view utf8) { return Reader(utf8).Read(); }

std::string HtmlCharset(std::string_view bytes) {
  const std::string head = LowerAscii(bytes.substr(0, 1024));
  for (size_t meta = head.find("<meta"); meta != std::string::npos;
       meta = head.find("<meta", meta + 5)) {
    const std::string_view tag =
        std::string_view(head).substr(meta, std::min(head.find('>', meta), head.size()) - meta);
    const size_t found = tag.find("charset=");
    if (found == std::string_view::npos) continue;
    std::string_view value = tag.substr(found + 8);
    while (!value.empty() && (value[0] == '"' || value[0] == '\'' || value[0] == ' ')) {
      value.remove_prefix(1);
    }
    return std::string(value.substr(0, value.find_first_of("\"'; />")));
  }
  return {};
}

}  // namespace noroshi::analysis
