#include "hub/analysis/html_links.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "hub/analysis/references.h"

namespace noroshi::analysis {
namespace {

struct LinkRule {
  std::string_view attribute;
  std::string_view tag;  // Empty: any.
  v1::LinkPlace place;
};
// The first rule that fits counts.
constexpr LinkRule kRules[] = {
    {"href", "link", v1::LINK_PLACE_FRAME},      {"href", "base", v1::LINK_PLACE_BASE},
    {"href", "", v1::LINK_PLACE_ANCHOR},         {"xlink:href", "", v1::LINK_PLACE_ANCHOR},
    {"data-href", "", v1::LINK_PLACE_ANCHOR},    {"action", "", v1::LINK_PLACE_FORM},
    {"formaction", "", v1::LINK_PLACE_FORM},     {"src", "iframe", v1::LINK_PLACE_FRAME},
    {"src", "frame", v1::LINK_PLACE_FRAME},      {"src", "embed", v1::LINK_PLACE_FRAME},
    {"src", "", v1::LINK_PLACE_RESOURCE},        {"data", "object", v1::LINK_PLACE_FRAME},
    {"background", "", v1::LINK_PLACE_RESOURCE}, {"poster", "", v1::LINK_PLACE_RESOURCE},
    {"lowsrc", "", v1::LINK_PLACE_RESOURCE},     {"dynsrc", "", v1::LINK_PLACE_RESOURCE},
    {"longdesc", "", v1::LINK_PLACE_RESOURCE},
};

const LinkRule* FindRule(const HtmlTag& tag, std::string_view attribute) {
  for (const LinkRule& rule : kRules) {
    if (EqualsNoCase(attribute, rule.attribute) && (rule.tag.empty() || rule.tag == tag.name)) {
      return &rule;
    }
  }
  return nullptr;
}

// "a.png 1x, b.png 2x": URLs may hold commas, but do not end with one.
void ReadSourceSet(std::string_view value, const OnLink& on_link) {
  const std::string set = DecodeCharacterReferences(value, ReferencePlace::kAttribute);
  for (size_t at = 0; at < set.size();) {
    at = set.find_first_not_of(" \t\r\n\f,", at);
    if (at == std::string::npos) return;
    const size_t end = std::min(set.find_first_of(" \t\r\n\f", at), set.size());
    std::string url = set.substr(at, end - at);
    const bool bare = url.back() == ',';  // No descriptor follows.
    while (!url.empty() && url.back() == ',') url.pop_back();
    at = bare ? end : std::min(set.find(',', end), set.size());
    on_link(v1::LINK_PLACE_RESOURCE, std::move(url));
  }
}

// "url(…)" of an inline style.
void ReadStyle(std::string_view value, const OnLink& on_link) {
  if (value.find('(') == std::string_view::npos) return;
  const std::string style = DecodeCharacterReferences(value, ReferencePlace::kAttribute);
  const std::string lower = LowerAscii(style);
  for (size_t at = lower.find("url("); at != std::string::npos; at = lower.find("url(", at + 4)) {
    const size_t end = style.find(')', at);
    if (end == std::string::npos) return;
    std::string url = style.substr(at + 4, end - at - 4);
    std::erase_if(url, [](char c) { return c == '"' || c == '\'' || IsHtmlSpace(c); });
    on_link(v1::LINK_PLACE_RESOURCE, std::move(url));
  }
}

// "0; url='…'" of <meta http-equiv=refresh>; the separator is optional.
void ReadRefresh(const HtmlTag& tag, const OnLink& on_link) {
  if (!EqualsNoCase(CleanUrl(tag.Find("http-equiv")), "refresh")) return;
  std::string_view rest = tag.Find("content");
  const std::string content = DecodeCharacterReferences(rest, ReferencePlace::kAttribute);
  rest = content;
  const auto skip = [&](std::string_view set) {
    rest.remove_prefix(std::min(rest.find_first_not_of(set), rest.size()));
  };
  skip(" \t\r\n\f0123456789.");
  skip(" \t\r\n\f;,");
  if (StartsWithNoCase(rest, "url")) {
    std::string_view after = rest.substr(3);
    after.remove_prefix(std::min(after.find_first_not_of(" \t\r\n\f"), after.size()));
    if (after.starts_with('=')) {
      rest = after.substr(1);
      skip(" \t\r\n\f");
    }
  }
  const char quote = rest.empty() ? '\0' : rest[0];
  if (quote == '"' || quote == '\'') {
    rest.remove_prefix(1);
    rest = rest.substr(0, rest.find(quote));
  }
  on_link(v1::LINK_PLACE_REDIRECT, CleanUrl(rest));
}

}  // namespace

void FindTagLinks(const HtmlTag& tag, const OnLink& on_link) {
  if (tag.name == "meta") ReadRefresh(tag, on_link);
  for (const HtmlAttribute& attribute : tag.attributes) {
    if (attribute.value.empty()) continue;
    if (EqualsNoCase(attribute.name, "style")) {
      ReadStyle(attribute.value, on_link);
    } else if (EqualsNoCase(attribute.name, "srcset") ||
               EqualsNoCase(attribute.name, "imagesrcset")) {
      ReadSourceSet(attribute.value, on_link);
    } else if (const LinkRule* rule = FindRule(tag, attribute.name)) {
      on_link(rule->place, CleanUrl(attribute.value));
    }
  }
}

std::string CleanUrl(std::string_view value) {
  std::string url = DecodeCharacterReferences(value, ReferencePlace::kAttribute);
  std::erase_if(url, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  const size_t begin = std::min(url.find_first_not_of(' '), url.size());
  url.erase(0, begin);
  while (!url.empty() && url.back() == ' ') url.pop_back();
  return url;
}

std::string ResolveUrl(std::string_view base, std::string url) {
  const size_t mark = url.find_first_of(":/?#");
  const bool absolute = mark != std::string::npos && mark > 0 && url[mark] == ':';
  if (absolute || url.empty() || url[0] == '#') return url;
  const size_t scheme = base.find("://");
  if (scheme == std::string_view::npos) {
    if (url.starts_with("//")) return "http:" + url;
    return StartsWithNoCase(url, "www.") ? "http://" + url : url;
  }
  if (url.starts_with("//")) return std::string(base.substr(0, scheme + 1)) + url;
  const size_t path = base.find('/', scheme + 3);
  const std::string origin(base.substr(0, path));
  if (url[0] == '/') return origin + url;
  if (path == std::string_view::npos) return origin + "/" + url;
  const std::string_view plain = base.substr(0, base.find_first_of("?#"));
  if (url[0] == '?') return std::string(plain) + url;
  return std::string(plain.substr(0, plain.rfind('/') + 1)) + url;
}

}  // namespace noroshi::analysis
