#include "hub/identity/id_token.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <cmath>
#include <optional>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/identity/jose.h"
#include "hub/identity/json_read.h"

namespace noroshi::identity {
namespace {

namespace json = boost::json;

constexpr double kSecondsMax = 253'402'300'799.0;  // The end of the year 9999.

Error Denied(std::string_view reason) {
  return {ErrorCode::kDenied, "the ID token does not hold: " + std::string(reason)};
}

Result<Jws> Split(std::string_view token) {
  if (token.size() > kIdTokenBytesMax) return Denied("it is too long");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Denied("it is no JWS");
  }
  return Jws{token.substr(0, first), token.substr(first + 1, second - first - 1),
             token.substr(second + 1)};
}

Result<std::string> Decode(std::string_view part) {
  auto text = FromBase64Url(part);
  if (!text.ok()) return Denied("it is no JWS");
  return text;
}

Result<json::object> ReadObject(std::string_view text) {
  auto object = ParseObject(text, "");
  if (!object.ok()) return Denied("it is no JWS of JSON objects");
  return object;
}

struct Header {
  std::string algorithm;
  std::optional<std::string> kid;
};

Result<Header> ReadHeader(std::string_view part) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, Decode(part));
  NOROSHI_ASSIGN_OR_RETURN(const json::object object, ReadObject(text));
  Header header;
  header.algorithm = StringOf(object, "alg");
  if (std::find(std::begin(kSigningAlgorithms), std::end(kSigningAlgorithms), header.algorithm) ==
      std::end(kSigningAlgorithms)) {
    return Denied("its algorithm is not one of ES256, RS256, PS256");
  }
  if (object.contains("typ")) {
    // Access and logout tokens are JWTs of the same signer.
    const std::string type = StringOf(object, "typ");
    if (type != "JWT" && type != "jwt") return Denied("it is another type of token");
  }
  if (object.contains("crit")) return Denied("it has critical extensions");
  if (object.contains("kid")) {
    if (!object.at("kid").is_string()) return Denied("its key id is no text");
    header.kid = StringOf(object, "kid");
  }
  return header;
}

// With a key id: that key. Without: the only one that fits.
Result<void> CheckSignature(const Jws& jws, const Header& header,
                            const std::vector<ProviderKey>& keys) {
  std::vector<const ProviderKey*> candidates;
  for (const ProviderKey& key : keys) {
    if (key.Fits(header.algorithm) && (!header.kid || key.kid == *header.kid)) {
      candidates.push_back(&key);
    }
  }
  if (candidates.empty()) {
    return Error{ErrorCode::kNotFound, "the ID token names a key that the provider lacks"};
  }
  if (candidates.size() > 1) return Denied("which key signed it is not clear");
  if (!SignatureHolds(jws, header.algorithm, candidates.front()->jwk)) {
    return Denied("its signature");
  }
  return {};
}

// Milliseconds; nullopt if it is absent or no time.
std::optional<int64_t> TimeOf(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double seconds = value->to_number<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return static_cast<int64_t>(std::floor(seconds * 1000));
}

Result<void> CheckAudience(const json::object& claims, const std::string& client_id) {
  const auto* audience = claims.if_contains("aud");
  if (audience != nullptr && audience->is_array()) {
    const auto names = StringsOf(claims, "aud");
    if (!names || std::find(names->begin(), names->end(), client_id) == names->end()) {
      return Denied("it is for another audience");
    }
    if (names->size() > 1 && !claims.contains("azp")) {
      return Denied("it is for several and does not say who asked");
    }
  } else if (client_id != StringOf(claims, "aud")) {
    return Denied("it is for another audience");
  }
  if (claims.contains("azp") && StringOf(claims, "azp") != client_id) {
    return Denied("another client asked for it");
  }
  return {};
}

Result<void> CheckTimes(const json::object& claims, int64_t now_ms) {
  const auto expires = TimeOf(claims, "exp");
  const auto issued = TimeOf(claims, "iat");
  if (!expires || !issued) return Denied("it does not say when it was issued and expires");
  if (now_ms >= *expires + kClockSkewMs) return Denied("it has expired");
  if (*issued > now_ms + kClockSkewMs) return Denied("it was issued in the future");
  if (now_ms - *issued > kIdTokenAgeMaxMs + kClockSkewMs) return Denied("it is too old");
  if (claims.contains("nbf")) {
    const auto begins = TimeOf(claims, "nbf");
    if (!begins || *begins > now_ms + kClockSkewMs) return Denied("it is not valid yet");
  }
  return {};
}

bool IsSubject(std::string_view subject) {
  return !subject.empty() && subject.size() <= kSubjectBytesMax &&
         std::all_of(subject.begin(), subject.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Result<OidcIdentity> CheckIdTokenClaims(std::string_view text, const IdTokenExpectation& expected) {
  NOROSHI_ASSIGN_OR_RETURN(const json::object claims, ReadObject(text));
  OidcIdentity identity;
  identity.issuer = StringOf(claims, "iss");
  if (identity.issuer != expected.issuer) return Denied("another issuer made it");
  NOROSHI_RETURN_IF_ERROR(CheckAudience(claims, expected.client_id));
  NOROSHI_RETURN_IF_ERROR(CheckTimes(claims, expected.now_ms));
  if (expected.nonce.empty() || !EqualInConstantTime(StringOf(claims, "nonce"), expected.nonce)) {
    return Denied("it belongs to another login");
  }
  identity.subject = StringOf(claims, "sub");
  if (!IsSubject(identity.subject)) return Denied("its subject is not 1 to 255 ASCII characters");
  identity.acr = StringOf(claims, "acr");
  if (!expected.acr.empty() && identity.acr != expected.acr) {
    return Denied("the person was not recognised as strongly as demanded");
  }
  identity.amr = StringsOf(claims, "amr").value_or(std::vector<std::string>());
  if (identity.amr.size() > kAmrMax) return Denied("it names too many methods");
  identity.auth_time_ms = TimeOf(claims, "auth_time").value_or(0);
  return identity;
}

Result<OidcIdentity> VerifyIdToken(std::string_view token, const std::vector<ProviderKey>& keys,
                                   const IdTokenExpectation& expected) {
  NOROSHI_ASSIGN_OR_RETURN(const Jws jws, Split(token));
  NOROSHI_ASSIGN_OR_RETURN(const Header header, ReadHeader(jws.header));
  NOROSHI_RETURN_IF_ERROR(CheckSignature(jws, header, keys));
  NOROSHI_ASSIGN_OR_RETURN(const std::string claims, Decode(jws.payload));
  return CheckIdTokenClaims(claims, expected);
}

}  // namespace noroshi::identity
