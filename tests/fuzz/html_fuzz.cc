// Any bytes as HTML: no crash, no more text than input, links inside the text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/analysis/html.h"
#include "hub/analysis/links.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::analysis;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const HtmlContent content = ReadHtml(bytes);
  if (content.text.size() > size || content.links.size() > kHtmlLinksMax) abort();
  if (content.hidden_text.size() > size) abort();
  for (const HtmlLink& link : content.links) {
    if (link.offset > content.text.size()) abort();
    HostOf(link.url);
  }
  HtmlCharset(bytes);
  if (FindUrls(bytes, 10).size() > 10) abort();
  return 0;
}
