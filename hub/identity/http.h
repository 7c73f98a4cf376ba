// HttpGetter: the seam for the few requests that signing in makes to the identity
// provider. The real one speaks HTTPS only.
//
// Threads: thread-safe. Calls block, at most for the named times.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace noroshi::identity {

inline constexpr int64_t kHttpConnectMs = 5'000;
inline constexpr int64_t kHttpTotalMs = 10'000;
inline constexpr size_t kHttpReplyBytesMax = 256 * 1024;
inline constexpr size_t kHttpUrlBytesMax = 2048;

struct HttpRequest {
  std::string url;
  // Not empty: a POST of these fields, application/x-www-form-urlencoded. May hold
  // secrets; they reach no error.
  std::vector<std::pair<std::string, std::string>> form;
  // Not empty: HTTP Basic authentication, "user:password", both form-encoded
  // (RFC 6749, section 2.3.1). A secret.
  std::string basic;
};

struct HttpReply {
  int status = 0;
  std::string body;
};

class HttpGetter {
 public:
  virtual ~HttpGetter() = default;
  // A reply of any status. kInvalid: not https, or too long a URL. kIo, kTimeout,
  // kDenied (the server's certificate), kOverloaded (reply beyond kHttpReplyBytesMax).
  virtual Result<HttpReply> Fetch(const HttpRequest& request) = 0;
};

// libcurl: TLS 1.2 or later with the certificate and name checked, no redirects, no
// proxy from the environment, nothing but HTTPS. ca_file: PEM of the CAs to trust
// instead of the system's; empty for the system's.
std::unique_ptr<HttpGetter> MakeHttpsGetter(const std::string& ca_file);

// application/x-www-form-urlencoded: everything but A-Z a-z 0-9 - . _ ~ as %XX.
std::string FormEncode(std::string_view text);

}  // namespace noroshi::identity
