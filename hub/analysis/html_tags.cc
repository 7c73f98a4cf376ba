#include "hub/analysis/html_tags.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace noroshi::analysis {
namespace {

std::string_view ReadAttributeValue(std::string_view html, size_t* at) {
  if (*at >= html.size()) return {};
  const char quote = html[*at];
  if (quote == '"' || quote == '\'') {
    const size_t begin = ++*at;
    const size_t end = std::min(html.find(quote, begin), html.size());
    *at = std::min(end + 1, html.size());
    return html.substr(begin, end - begin);
  }
  const size_t begin = *at;
  while (*at < html.size() && !IsHtmlSpace(html[*at]) && html[*at] != '>') ++*at;
  return html.substr(begin, *at - begin);
}

HtmlAttribute ReadAttribute(std::string_view html, size_t* at) {
  const size_t begin = (*at)++;  // A name may begin with "=".
  while (*at < html.size() && !IsHtmlSpace(html[*at]) && html[*at] != '/' && html[*at] != '>' &&
         html[*at] != '=') {
    ++*at;
  }
  HtmlAttribute attribute{html.substr(begin, std::min(*at - begin, kHtmlNameBytesMax)), {}};
  while (*at < html.size() && IsHtmlSpace(html[*at])) ++*at;
  if (*at < html.size() && html[*at] == '=') {
    ++*at;
    while (*at < html.size() && IsHtmlSpace(html[*at])) ++*at;
    attribute.value = ReadAttributeValue(html, at);
  }
  return attribute;
}

}  // namespace

std::string_view HtmlTag::Find(std::string_view lower_name) const {
  for (const HtmlAttribute& attribute : attributes) {
    if (EqualsNoCase(attribute.name, lower_name)) return attribute.value;
  }
  return {};
}

bool HtmlTag::Has(std::string_view lower_name) const {
  return std::any_of(attributes.begin(), attributes.end(), [&](const HtmlAttribute& attribute) {
    return EqualsNoCase(attribute.name, lower_name);
  });
}

bool ReadHtmlTag(std::string_view html, size_t* at, HtmlTag* tag) {
  bool whole = true;
  tag->attributes.clear();
  tag->self_closing = false;
  tag->closing = html[++*at] == '/';
  if (tag->closing) ++*at;
  const size_t begin = *at;
  while (*at < html.size() && !IsHtmlSpace(html[*at]) && html[*at] != '/' && html[*at] != '>') {
    ++*at;
  }
  tag->name = LowerAscii(html.substr(begin, std::min(*at - begin, kHtmlNameBytesMax)));
  while (*at < html.size() && html[*at] != '>') {
    if (html[*at] == '/') {
      tag->self_closing = *at + 1 < html.size() && html[*at + 1] == '>';
      ++*at;
    } else if (IsHtmlSpace(html[*at])) {
      ++*at;
    } else {
      HtmlAttribute attribute = ReadAttribute(html, at);
      if (attribute.value.size() > kHtmlAttributeBytesMax) {
        attribute.value = attribute.value.substr(0, kHtmlAttributeBytesMax);
        whole = false;
      }
      if (tag->attributes.size() < kHtmlAttributesMax) {
        tag->attributes.push_back(attribute);
      } else {
        whole = false;
      }
    }
  }
  if (*at < html.size()) ++*at;
  return whole;
}

}  // namespace noroshi::analysis
