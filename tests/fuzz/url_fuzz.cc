// Any bytes as a URL, and as a text that holds some: no crash, hosts in one
// canonical form, places inside the text.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text/unicode.h"
#include "hub/analysis/gateways.h"
#include "hub/analysis/host.h"
#include "hub/analysis/language.h"
#include "hub/analysis/links.h"

namespace {

using namespace noroshi;

void CheckHost(std::string_view input) {
  const analysis::Host host = analysis::ParseHost(input);
  if (host.kind == analysis::HostKind::kNone) {
    if (!host.text.empty()) abort();
    return;
  }
  // What a browser made of a host stays the same when it reads it again.
  const bool v6 = host.kind == analysis::HostKind::kIpv6;
  const std::string again = v6 ? "[" + host.text + "]" : host.text;
  if (again.size() <= analysis::kHostInputBytesMax &&
      analysis::ParseHost(again).text != host.text) {
    abort();
  }
  std::string_view name = host.text;
  while (name.ends_with('.')) name.remove_suffix(1);
  if (!name.ends_with(analysis::RegistrableDomain(host))) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckHost(bytes);
  const analysis::UrlReading reading = analysis::ReadUrl(bytes);
  if (reading.host_begin > reading.host_end || reading.host_end > size) abort();
  analysis::WrappedUrl(bytes);
  const std::string text = text::ToValidUtf8(bytes);
  size_t end = 0;
  for (const analysis::TextUrl& url : analysis::FindTextUrls(text, 1000)) {
    if (url.begin < end || url.end <= url.begin || url.end > text.size()) abort();
    end = url.end;
  }
  if (analysis::WithoutUrls(text).size() > text.size()) abort();
  if (analysis::FindBareHosts(text, 5).size() > 5) abort();
  if (analysis::FindIps(text, 5).size() > 5) abort();
  if (analysis::FindAddresses(text, 5).size() > 5) abort();
  analysis::ShownHost(text);
  if (analysis::LanguageOf(text).size() > 2) abort();
  return 0;
}
