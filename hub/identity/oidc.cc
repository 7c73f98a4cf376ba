#include "hub/identity/oidc.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/identity/id_token.h"
#include "hub/identity/json_read.h"
#include "hub/identity/provider.h"

namespace noroshi::identity {
namespace {

constexpr size_t kLoginIdBytes = 32;
constexpr size_t kErrorWordBytesMax = 64;

Error Invalid(std::string message) { return {ErrorCode::kInvalid, std::move(message)}; }
Error Denied(std::string message) { return {ErrorCode::kDenied, std::move(message)}; }
Error Unavailable(std::string message) { return {ErrorCode::kUnavailable, std::move(message)}; }

// A login in progress, as the browser's cookie holds it: id ‖ expiry ‖ return path, and
// a MAC over them. State, nonce and PKCE verifier follow from it by our secret, so
// nobody else can know them from the cookie.
class Login {
 public:
  Login(std::string_view secret, std::string body) : secret_(secret), body_(std::move(body)) {}

  static Login New(std::string_view secret, Random& random, int64_t expires_ms,
                   std::string_view return_path) {
    return {secret, random.Bytes(kLoginIdBytes) + BigEndian64(static_cast<uint64_t>(expires_ms)) +
                        std::string(return_path)};
  }
  static Result<Login> Read(std::string_view secret, std::string_view cookie, int64_t now_ms) {
    const Error denied = Denied("no such login, or it has expired");
    constexpr size_t kFixed = kLoginIdBytes + 8 + kSha256Bytes;
    if (cookie.size() > (kFixed + kReturnPathBytesMax) * 2) return denied;
    const auto bytes = FromBase64Url(cookie);
    if (!bytes.ok() || bytes->size() < kFixed) return denied;
    const Login login(secret, bytes->substr(0, bytes->size() - kSha256Bytes));
    if (!EqualInConstantTime(login.Derived("mac"), bytes->substr(login.body_.size()))) {
      return denied;
    }
    if (now_ms >= login.expires_ms()) return denied;
    return login;
  }

  std::string Cookie() const { return ToBase64Url(body_ + Derived("mac")); }
  std::string state() const { return ToBase64Url(Derived("state")); }
  std::string nonce() const { return ToBase64Url(Derived("nonce")); }
  std::string verifier() const { return ToBase64Url(Derived("verifier")); }
  int64_t expires_ms() const {
    return static_cast<int64_t>(ReadBigEndian64(std::string_view(body_).substr(kLoginIdBytes)));
  }
  std::string return_path() const { return body_.substr(kLoginIdBytes + 8); }

 private:
  std::string Derived(std::string_view purpose) const {
    return HmacSha256(secret_, fmt::format("{}:{}", purpose, body_));
  }
  std::string secret_;
  std::string body_;
};

// Logins that were finished, until they would have expired: each is good once.
class Finished {
 public:
  Result<void> Add(const std::string& state, int64_t expires_ms, int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    while (!order_.empty() && order_.front().first <= now_ms) {
      states_.erase(order_.front().second);
      order_.pop_front();
    }
    if (states_.contains(state)) return Denied("this login was finished before");
    if (states_.size() >= kOidcFinishedMax) {
      return Error{ErrorCode::kOverloaded, "too many logins within a few minutes; try again later"};
    }
    states_.insert(state);
    order_.emplace_back(expires_ms, state);
    return {};
  }

 private:
  std::mutex mutex_;
  std::unordered_set<std::string> states_;
  std::deque<std::pair<int64_t, std::string>> order_;
};

// A word of the provider's, fit for our log.
std::string ErrorWord(std::string_view word) {
  const bool plain = word.size() <= kErrorWordBytesMax && !word.empty() &&
                     std::all_of(word.begin(), word.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return plain ? std::string(word) : "an unreadable error";
}

Result<void> CheckOptions(const OidcOptions& options) {
  if (!IsHttpsUrl(options.issuer) || options.issuer.find('?') != std::string::npos) {
    return Invalid("the issuer must be an https address without query");
  }
  if (!IsHttpsUrl(options.redirect_uri))
    return Invalid("the redirect URI must be an https address");
  if (options.client_id.empty()) return Invalid("the client id is empty");
  return {};
}

}  // namespace

bool IsLocalPath(std::string_view path) {
  return path.size() <= kReturnPathBytesMax && path.starts_with('/') && !path.starts_with("//") &&
         std::all_of(path.begin(), path.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

class OidcClient::Impl {
 public:
  explicit Impl(const OidcOptions& options)
      : options_(options),
        secret_(options.random->Bytes(kSha256Bytes)),
        cache_(options.issuer, options.http, options.clock) {}

  Result<OidcStart> Begin(std::string_view return_path) {
    if (!IsLocalPath(return_path)) return Invalid("the return path is not one of this host");
    NOROSHI_ASSIGN_OR_RETURN(const auto provider, cache_.Get());
    const Login login =
        Login::New(secret_, *options_.random, SteadyMs() + kOidcLoginLifeMs, return_path);
    return OidcStart{Url(provider->metadata, login), login.Cookie()};
  }

  Result<OidcLogin> Finish(const OidcCallback& callback, std::string_view browser_secret) {
    NOROSHI_ASSIGN_OR_RETURN(const Login login, Login::Read(secret_, browser_secret, SteadyMs()));
    if (!EqualInConstantTime(callback.state, login.state())) {
      return Denied("the callback's state is not this browser's");
    }
    NOROSHI_RETURN_IF_ERROR(finished_.Add(login.state(), login.expires_ms(), SteadyMs()));
    NOROSHI_ASSIGN_OR_RETURN(const auto provider, cache_.Get());
    NOROSHI_RETURN_IF_ERROR(CheckCallback(callback, provider->metadata));
    NOROSHI_ASSIGN_OR_RETURN(const std::string token,
                             Exchange(provider->metadata, callback.code, login.verifier()));
    NOROSHI_ASSIGN_OR_RETURN(OidcIdentity identity, Verify(token, provider, login.nonce()));
    return OidcLogin{std::move(identity), login.return_path()};
  }

 private:
  int64_t SteadyMs() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               options_.clock->Steady().time_since_epoch())
        .count();
  }

  std::string Url(const ProviderMetadata& metadata, const Login& login) const {
    const bool has_query = metadata.authorization_endpoint.find('?') != std::string::npos;
    std::string url = fmt::format(
        "{}{}response_type=code&scope=openid&client_id={}&redirect_uri={}&state={}&nonce={}"
        "&code_challenge={}&code_challenge_method=S256",
        metadata.authorization_endpoint, has_query ? '&' : '?', FormEncode(options_.client_id),
        FormEncode(options_.redirect_uri), login.state(), login.nonce(),
        ToBase64Url(Sha256Of(login.verifier())));
    if (!options_.acr.empty()) url += "&acr_values=" + FormEncode(options_.acr);
    return url;
  }

  Result<void> CheckCallback(const OidcCallback& callback, const ProviderMetadata& metadata) const {
    if (callback.issuer.empty() ? metadata.names_itself : callback.issuer != options_.issuer) {
      return Denied("the callback is not from our identity provider");
    }
    if (!callback.error.empty()) {
      return Denied("the identity provider refused: " + ErrorWord(callback.error));
    }
    if (callback.code.empty() || callback.code.size() > kCallbackValueBytesMax) {
      return Denied("the callback has no code of a proper length");
    }
    return {};
  }

  // The ID token for the code.
  Result<std::string> Exchange(const ProviderMetadata& metadata, const std::string& code,
                               const std::string& verifier) const {
    HttpRequest request;
    request.url = metadata.token_endpoint;
    request.form = {{"grant_type", "authorization_code"},
                    {"code", code},
                    {"redirect_uri", options_.redirect_uri},
                    {"code_verifier", verifier}};
    const bool is_public = options_.client_secret.empty();
    if (is_public || metadata.secret_in_form) {
      request.form.emplace_back("client_id", options_.client_id);
      if (!is_public) request.form.emplace_back("client_secret", options_.client_secret);
    } else {
      request.basic = FormEncode(options_.client_id) + ':' + FormEncode(options_.client_secret);
    }
    auto reply = options_.http->Fetch(request);
    if (!reply.ok()) return Unavailable(reply.error().message);
    const auto object = ParseObject(reply->body, "the identity provider's answer");
    if (reply->status != 200) {
      const std::string word = ErrorWord(object.ok() ? StringOf(*object, "error") : "");
      const std::string message = fmt::format(
          "the identity provider does not take the code (status {}): {}", reply->status, word);
      return word == "invalid_grant" ? Denied(message) : Unavailable(message);
    }
    if (!object.ok()) return Unavailable(object.error().message);
    std::string token = StringOf(*object, "id_token");
    if (token.empty()) return Unavailable("the identity provider's answer has no ID token");
    return token;
  }

  Result<OidcIdentity> Verify(const std::string& token, std::shared_ptr<const Provider> provider,
                              const std::string& nonce) {
    const IdTokenExpectation expected = {options_.issuer, options_.client_id, nonce, options_.acr,
                                         options_.clock->NowMs()};
    auto identity = VerifyIdToken(token, provider->keys, expected);
    if (!identity.ok() && identity.error().code == ErrorCode::kNotFound) {
      NOROSHI_ASSIGN_OR_RETURN(provider, cache_.Newer(provider));
      identity = VerifyIdToken(token, provider->keys, expected);
    }
    if (!identity.ok()) return Denied(identity.error().message);
    return identity;
  }

  const OidcOptions options_;
  const std::string secret_;
  ProviderCache cache_;
  Finished finished_;
};

OidcClient::OidcClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OidcClient::~OidcClient() = default;

Result<std::unique_ptr<OidcClient>> OidcClient::Create(const OidcOptions& options) {
  NOROSHI_RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<OidcClient>(new OidcClient(std::make_unique<Impl>(options)));
}

Result<OidcStart> OidcClient::Begin(std::string_view return_path) {
  return impl_->Begin(return_path);
}

Result<OidcLogin> OidcClient::Finish(const OidcCallback& callback,
                                     std::string_view browser_secret) {
  return impl_->Finish(callback, browser_secret);
}

}  // namespace noroshi::identity
