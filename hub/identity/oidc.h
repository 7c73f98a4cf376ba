// OidcClient: signing in at one OpenID Connect provider (authorization code flow
// with PKCE S256, state and nonce; OpenID Connect Core 1.0, RFC 7636, RFC 9207,
// RFC 9700).
//
// Who signed in is the pair (issuer, subject), never a mail address or a name.
//
//   auto start = client->Begin("/cases/7");   // redirect the browser to start.url,
//                                             // set start.browser_secret as a cookie
//                                             // (HttpOnly, Secure, SameSite=Lax, short)
//   auto who = client->Finish({query's parameters}, cookie);
//
// What Begin started is in the browser's cookie, signed by a secret of this object, so
// that a flood of Begin costs no memory and pushes nobody out; a restart ends it. A
// login ends with the first Finish that fits it, whatever comes of that; those finished
// are remembered until they expire. Throttle Finish by address: each asks the provider.
//
// Threads: thread-safe. Begin and Finish may block for requests to the provider (see
// http.h); at most one thread at a time refreshes what is cached, others go on with
// what there is, or wait if there is nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "hub/identity/http.h"

namespace noroshi::identity {

// Finished within kOidcLoginLifeMs; beyond: kOverloaded.
inline constexpr size_t kOidcFinishedMax = 16'384;
inline constexpr int64_t kOidcLoginLifeMs = 10 * 60 * 1000;
inline constexpr int64_t kOidcProviderLifeMs = 60 * 60 * 1000;  // Then discovery and keys again.
// For an unknown key id, or after a failure, the provider is asked again at most so often.
inline constexpr int64_t kOidcAskAgainMs = 30'000;
inline constexpr size_t kReturnPathBytesMax = 512;
inline constexpr size_t kCallbackValueBytesMax = 2048;

struct OidcOptions {
  std::string issuer;  // https URL, exactly as the provider's ID tokens say it.
  std::string client_id;
  std::string client_secret;  // Empty for a public client.
  std::string redirect_uri;   // https URL of our callback, as registered.
  // Not empty: asked for (acr_values) and demanded in the ID token: how the provider
  // must have recognised the person, e.g. with a second factor.
  std::string acr;
  HttpGetter* http = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
};

struct OidcStart {
  std::string url;             // Where to send the browser. Holds state and nonce.
  std::string browser_secret;  // For a cookie: only this browser can finish the login.
};

// The query parameters of the callback; empty what was absent.
struct OidcCallback {
  std::string state;
  std::string code;
  std::string error;
  std::string issuer;  // "iss".
};

struct OidcIdentity {
  std::string issuer;
  std::string subject;
  std::string acr;               // Empty if the provider did not say.
  std::vector<std::string> amr;  // Likewise.
  int64_t auth_time_ms = 0;      // Likewise 0.
};

struct OidcLogin {
  OidcIdentity identity;
  std::string return_path;
};

// Whether a browser may be sent to this path after signing in: on this host only.
// "/..." without "//", "\", controls or non-ASCII, at most kReturnPathBytesMax.
bool IsLocalPath(std::string_view path);

class OidcClient {
 public:
  // kInvalid says which option is wrong. Asks nobody yet.
  static Result<std::unique_ptr<OidcClient>> Create(const OidcOptions& options);
  ~OidcClient();
  OidcClient(const OidcClient&) = delete;
  OidcClient& operator=(const OidcClient&) = delete;

  // kInvalid: not a local path. kUnavailable: the provider does not answer properly.
  Result<OidcStart> Begin(std::string_view return_path);

  // kDenied: an unknown, used, expired or another browser's state; the provider's own
  // refusal; a code it does not accept; an ID token that does not hold. kOverloaded:
  // kOidcFinishedMax. The message
  // names the reason for the log, in our words; tell the person only that it failed.
  // kUnavailable: the provider does not answer properly.
  Result<OidcLogin> Finish(const OidcCallback& callback, std::string_view browser_secret);

 private:
  class Impl;
  explicit OidcClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::identity
