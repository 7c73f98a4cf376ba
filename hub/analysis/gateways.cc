#include "hub/analysis/gateways.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "hub/analysis/host.h"

namespace noroshi::analysis {
namespace {

bool IsWebUrl(std::string_view url) {
  return (StartsWithNoCase(url, "http://") || StartsWithNoCase(url, "https://")) &&
         ReadUrl(url).host.kind != HostKind::kNone;
}

struct Gateway {
  std::string_view host;  // Or a subdomain of it.
  std::string_view parameter;
};
constexpr Gateway kGateways[] = {{"safelinks.protection.outlook.com", "url="},
                                 {"linkprotect.cudasvc.com", "a="},
                                 {"secure-web.cisco.com", "url="},
                                 {"clicktime.symantec.com", "u="},
                                 {"urlsand.esvalabs.com", "u="},
                                 {"google.com", "q="},
                                 {"google.com", "url="},
                                 {"google.co.jp", "q="},
                                 {"youtube.com", "q="},
                                 {"l.facebook.com", "u="},
                                 {"bing.com", "url="}};

// Proofpoint: v2 writes "-" for "%" and "_" for "/", v3 puts the URL between "__".
std::string UrlDefense(std::string_view url) {
  const size_t v3 = url.find("/v3/__");
  if (v3 != std::string_view::npos) {
    const size_t end = url.find("__;", v3 + 6);
    return std::string(url.substr(v3 + 6, end == std::string_view::npos ? end : end - v3 - 6));
  }
  const size_t parameter = url.find("u=");
  if (url.find("/v2/") == std::string_view::npos || parameter == std::string_view::npos) return {};
  std::string value(url.substr(parameter + 2));
  value.resize(std::min(value.find('&'), value.size()));
  std::replace(value.begin(), value.end(), '-', '%');
  std::replace(value.begin(), value.end(), '_', '/');
  return PercentDecode(value);
}

}  // namespace

std::string WrappedUrl(std::string_view url) {
  const std::string host = HostOf(url);
  std::string inner;
  if (host == "urldefense.proofpoint.com" || host == "urldefense.com") inner = UrlDefense(url);
  for (const Gateway& gateway : kGateways) {
    if (!inner.empty()) break;
    if (host != gateway.host && !host.ends_with("." + std::string(gateway.host))) continue;
    for (const char mark : {'?', '&'}) {
      const size_t at = url.find(mark + std::string(gateway.parameter));
      if (at == std::string_view::npos) continue;
      std::string_view value = url.substr(at + 1 + gateway.parameter.size());
      inner = PercentDecode(value.substr(0, value.find('&')));
    }
  }
  return IsWebUrl(inner) ? inner : std::string();
}

}  // namespace noroshi::analysis
