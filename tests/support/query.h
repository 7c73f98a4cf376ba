// The parameters of a URL's query, decoded. Threads: pure function.
#pragma once

#include <map>
#include <string>

#include "common/base/encoding.h"

namespace noroshi::support {

// REQUIRES: a well-formed URL.
inline std::map<std::string, std::string> QueryOf(const std::string& url) {
  std::map<std::string, std::string> values;
  for (size_t at = url.find('?'); at != std::string::npos;) {
    const size_t end = url.find('&', at + 1);
    const std::string pair = url.substr(at + 1, end - at - 1);
    std::string value = pair.substr(pair.find('=') + 1);
    for (size_t percent = value.find('%'); percent != std::string::npos;
         percent = value.find('%', percent + 1)) {
      value.replace(percent, 3, FromHex(value.substr(percent + 1, 2)).value());
    }
    values[pair.substr(0, pair.find('='))] = value;
    at = end;
  }
  return values;
}

}  // namespace noroshi::support
