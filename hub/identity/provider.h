// What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0) and
// its keys (RFC 7517), fetched and cached. Internal to hub/identity.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "hub/identity/http.h"

namespace noroshi::identity {

inline constexpr size_t kProviderKeysMax = 64;
inline constexpr size_t kKeyIdBytesMax = 256;
// RSA moduli: shorter ones are weak, longer ones cost too much.
inline constexpr size_t kRsaBytesMin = 2048 / 8;
inline constexpr size_t kRsaBytesMax = 8192 / 8;

struct ProviderMetadata {
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string jwks_uri;
  bool secret_in_form = false;  // client_secret_post, where Basic is not offered.
  bool names_itself = false;    // The callback carries "iss" (RFC 9207).
};

struct ProviderKey {
  std::string kid;        // May be empty.
  std::string type;       // "EC" or "RSA".
  std::string algorithm;  // Empty: any of its type.
  std::string jwk;        // The public members only, as JSON.

  bool Fits(std::string_view algorithm) const;
};

struct Provider {
  ProviderMetadata metadata;
  std::vector<ProviderKey> keys;
};

// https, printable ASCII without fragment, user and password, at most kHttpUrlBytesMax.
bool IsHttpsUrl(std::string_view url);

// kInvalid says what is missing or wrong. issuer must be what the text says, exactly.
Result<ProviderMetadata> ParseMetadata(std::string_view text, std::string_view issuer);
// Keys that cannot check an ID token (encryption, other types, weak ones) are left out.
// kInvalid: no key set, more than kProviderKeysMax keys, or none left.
Result<std::vector<ProviderKey>> ParseKeys(std::string_view text);

// Threads: thread-safe; see OidcClient for who waits.
class ProviderCache {
 public:
  // http and clock outlive it.
  ProviderCache(std::string issuer, HttpGetter* http, const Clock* clock);

  // What is known; fetched if there is nothing or it is old. kUnavailable.
  Result<std::shared_ptr<const Provider>> Get();
  // For a key id that `seen` does not have: newer ones, or `seen` itself if the provider
  // was asked a moment ago.
  Result<std::shared_ptr<const Provider>> Newer(std::shared_ptr<const Provider> seen);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Known {
    std::shared_ptr<const Provider> provider;
    TimePoint fetched;
    std::optional<TimePoint> asked;  // Also when that failed.
  };
  Known Look() const;
  bool AskedJustNow(const Known& known) const;
  Result<std::shared_ptr<const Provider>> FetchAndKeep();
  Result<Provider> Fetch() const;
  Result<std::string> FetchText(const std::string& url) const;

  const std::string issuer_;
  HttpGetter* const http_;
  const Clock* const clock_;
  std::mutex fetch_mutex_;  // Held while the provider is asked. Before mutex_.
  mutable std::mutex mutex_;
  Known known_;
};

}  // namespace noroshi::identity
