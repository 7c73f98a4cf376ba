#include "hub/identity/provider.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "common/base/encoding.h"
#include "hub/identity/jose.h"
#include "hub/identity/json_read.h"
#include "hub/identity/oidc.h"

namespace noroshi::identity {
namespace {

namespace json = boost::json;

Error Invalid(std::string message) { return {ErrorCode::kInvalid, std::move(message)}; }

bool Contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What a set of public keys says of one, as far as it can check ID tokens.
std::optional<ProviderKey> ReadKey(const json::object& from) {
  const auto* use = from.if_contains("use");
  if (use != nullptr && StringOf(from, "use") != "sig") return std::nullopt;
  if (from.contains("key_ops")) {
    const auto operations = StringsOf(from, "key_ops");
    if (!operations || !Contains(*operations, "verify")) return std::nullopt;
  }
  ProviderKey key;
  key.kid = StringOf(from, "kid");
  key.type = StringOf(from, "kty");
  key.algorithm = StringOf(from, "alg");
  if (key.kid.size() > kKeyIdBytesMax) return std::nullopt;
  json::object jwk{{"kty", key.type}};
  if (key.type == "EC") {
    if (StringOf(from, "crv") != "P-256") return std::nullopt;
    jwk["crv"] = "P-256";
    jwk["x"] = StringOf(from, "x");
    jwk["y"] = StringOf(from, "y");
  } else if (key.type == "RSA") {
    const auto modulus = FromBase64Url(StringOf(from, "n"));
    if (!modulus.ok() || modulus->size() < kRsaBytesMin || modulus->size() > kRsaBytesMax ||
        modulus->front() == 0 || StringOf(from, "e") != "AQAB") {
      return std::nullopt;  // 65537 is the only exponent in use.
    }
    jwk["n"] = StringOf(from, "n");
    jwk["e"] = "AQAB";
  } else {
    return std::nullopt;
  }
  key.jwk = json::serialize(jwk);
  const bool fits_any =
      std::any_of(std::begin(kSigningAlgorithms), std::end(kSigningAlgorithms),
                  [&](std::string_view algorithm) { return key.Fits(algorithm); });
  if (!fits_any) return std::nullopt;
  return key;
}

}  // namespace

bool ProviderKey::Fits(std::string_view wanted) const {
  if (!algorithm.empty() && algorithm != wanted) return false;
  return type == (wanted == "ES256" ? "EC" : "RSA");
}

bool IsHttpsUrl(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (url.size() > kHttpUrlBytesMax || !url.starts_with(kScheme)) return false;
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '#' && c != '\\' && c != '"' && c != '<' && c != '>';
  });
  const std::string_view rest = url.substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  return plain && !authority.empty() && authority.find('@') == std::string_view::npos;
}

Result<ProviderMetadata> ParseMetadata(std::string_view text, std::string_view issuer) {
  NOROSHI_ASSIGN_OR_RETURN(const json::object object,
                           ParseObject(text, "the provider's configuration"));
  if (StringOf(object, "issuer") != issuer) {
    return Invalid("the provider's configuration names another issuer");
  }
  ProviderMetadata metadata;
  metadata.authorization_endpoint = StringOf(object, "authorization_endpoint");
  metadata.token_endpoint = StringOf(object, "token_endpoint");
  metadata.jwks_uri = StringOf(object, "jwks_uri");
  for (const std::string* url :
       {&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri}) {
    if (!IsHttpsUrl(*url)) {
      return Invalid(
          "the provider's configuration lacks an https address for one of "
          "authorization_endpoint, token_endpoint, jwks_uri");
    }
  }
  const auto challenges = StringsOf(object, "code_challenge_methods_supported");
  if (challenges && !Contains(*challenges, "S256")) return Invalid("the provider lacks PKCE S256");
  const auto algorithms = StringsOf(object, "id_token_signing_alg_values_supported");
  if (algorithms && std::none_of(std::begin(kSigningAlgorithms), std::end(kSigningAlgorithms),
                                 [&](std::string_view a) { return Contains(*algorithms, a); })) {
    return Invalid("the provider signs ID tokens with none of ES256, RS256, PS256");
  }
  const auto methods = StringsOf(object, "token_endpoint_auth_methods_supported");
  metadata.secret_in_form = methods && !Contains(*methods, "client_secret_basic") &&
                            Contains(*methods, "client_secret_post");
  const auto* names_itself = object.if_contains("authorization_response_iss_parameter_supported");
  metadata.names_itself =
      names_itself != nullptr && names_itself->is_bool() && names_itself->get_bool();
  return metadata;
}

Result<std::vector<ProviderKey>> ParseKeys(std::string_view text) {
  NOROSHI_ASSIGN_OR_RETURN(const json::object object, ParseObject(text, "the provider's key set"));
  const auto* keys = object.if_contains("keys");
  if (keys == nullptr || !keys->is_array()) return Invalid("the provider's key set has no keys");
  if (keys->get_array().size() > kProviderKeysMax) {
    return Invalid("the provider's key set has too many keys");
  }
  std::vector<ProviderKey> usable;
  for (const auto& item : keys->get_array()) {
    if (!item.is_object()) continue;
    if (auto key = ReadKey(item.get_object())) usable.push_back(*std::move(key));
  }
  if (usable.empty()) return Invalid("the provider's key set has no key that we can use");
  return usable;
}

ProviderCache::ProviderCache(std::string issuer, HttpGetter* http, const Clock* clock)
    : issuer_(std::move(issuer)), http_(http), clock_(clock) {}

ProviderCache::Known ProviderCache::Look() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

bool ProviderCache::AskedJustNow(const Known& known) const {
  return known.asked &&
         clock_->Steady() - *known.asked < std::chrono::milliseconds(kOidcAskAgainMs);
}

Result<std::shared_ptr<const Provider>> ProviderCache::Get() {
  const auto fresh = [&](const Known& known) {
    return known.provider != nullptr &&
           clock_->Steady() - known.fetched < std::chrono::milliseconds(kOidcProviderLifeMs);
  };
  Known known = Look();
  if (fresh(known)) return known.provider;
  std::unique_lock lock(fetch_mutex_, std::defer_lock);
  if (known.provider == nullptr) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return known.provider;  // Another thread is at it.
  }
  known = Look();
  if (fresh(known)) return known.provider;
  if (AskedJustNow(known)) {
    return Error{ErrorCode::kUnavailable, "the identity provider did not answer a moment ago"};
  }
  return FetchAndKeep();
}

Result<std::shared_ptr<const Provider>> ProviderCache::Newer(std::shared_ptr<const Provider> seen) {
  const std::lock_guard lock(fetch_mutex_);
  const Known known = Look();
  if (known.provider != seen && known.provider != nullptr) return known.provider;
  if (AskedJustNow(known)) return seen;
  return FetchAndKeep();
}

// REQUIRES: fetch_mutex_ is held.
Result<std::shared_ptr<const Provider>> ProviderCache::FetchAndKeep() {
  auto fetched = Fetch();
  const std::lock_guard lock(mutex_);
  known_.asked = clock_->Steady();
  if (!fetched.ok()) return Error{ErrorCode::kUnavailable, fetched.error().message};
  known_.provider = std::make_shared<const Provider>(*std::move(fetched));
  known_.fetched = *known_.asked;
  return known_.provider;
}

Result<Provider> ProviderCache::Fetch() const {
  const std::string base = issuer_.ends_with('/') ? issuer_.substr(0, issuer_.size() - 1) : issuer_;
  Provider provider;
  NOROSHI_ASSIGN_OR_RETURN(const std::string metadata,
                           FetchText(base + "/.well-known/openid-configuration"));
  NOROSHI_ASSIGN_OR_RETURN(provider.metadata, ParseMetadata(metadata, issuer_));
  NOROSHI_ASSIGN_OR_RETURN(const std::string keys, FetchText(provider.metadata.jwks_uri));
  NOROSHI_ASSIGN_OR_RETURN(provider.keys, ParseKeys(keys));
  return provider;
}

Result<std::string> ProviderCache::FetchText(const std::string& url) const {
  HttpRequest request;
  request.url = url;
  NOROSHI_ASSIGN_OR_RETURN(HttpReply reply, http_->Fetch(request));
  if (reply.status == 200) return std::move(reply.body);
  return Error{ErrorCode::kUnavailable,
               "the identity provider answered with status " + std::to_string(reply.status)};
}

}  // namespace noroshi::identity
