#include "hub/identity/oidc.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/identity/provider.h"
#include "tests/support/query.h"
#include "tests/unit/hub/identity/token_signer.h"

namespace noroshi::identity {
namespace {

namespace json = boost::json;
using support::QueryOf;

constexpr char kIssuer[] = "https://login.example";
constexpr char kRedirect[] = "https://hub.example/api/v1/sign-in/callback";
constexpr char kSecret[] = "s3cret:& of the client";

class ManualClock final : public Clock {
 public:
  int64_t NowMs() const override { return 1'795'000'000'000 + elapsed_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::hours(1) +
                                                 std::chrono::milliseconds(elapsed_ms_));
  }
  void Advance(int64_t ms) { elapsed_ms_ += ms; }

 private:
  std::atomic<int64_t> elapsed_ms_ = 0;
};

// A provider in memory, which can be told to misbehave.
class FakeProvider final : public HttpGetter {
 public:
  explicit FakeProvider(const Clock* clock) : clock_(clock) {
    metadata = {{"issuer", kIssuer},
                {"authorization_endpoint", "https://login.example/auth"},
                {"token_endpoint", "https://login.example/token"},
                {"jwks_uri", "https://login.example/jwks"}};
  }

  Result<HttpReply> Fetch(const HttpRequest& request) override {
    last = request;
    if (down) return Error{ErrorCode::kTimeout, "the identity provider: timeout"};
    if (request.url == "https://login.example/.well-known/openid-configuration") {
      ++discoveries;
      return HttpReply{discovery_status, json::serialize(metadata)};
    }
    if (request.url == "https://login.example/jwks") {
      return HttpReply{200, R"({"keys":[)" + key.public_jwk + "]}"};
    }
    if (request.url == "https://login.example/token") return Token(request);
    return HttpReply{404, ""};
  }

  // The person consents at the address of Begin.
  OidcCallback Consent(const std::string& url) {
    query = QueryOf(url);
    return {query["state"], "code-7", "", ""};
  }

  json::object metadata;
  SignerKey key = MakeSignerKey("ES256", "first");
  json::object header{{"alg", "ES256"}, {"kid", "first"}};
  json::object changes;  // Of the claims.
  std::map<std::string, std::string> query;
  HttpRequest last;
  int discoveries = 0;
  int discovery_status = 200;
  bool down = false;
  int token_status = 200;
  std::string token_body;  // Instead of a good one.

 private:
  HttpReply Token(const HttpRequest& request) {
    if (!token_body.empty() || token_status != 200) return {token_status, token_body};
    std::map<std::string, std::string> form(request.form.begin(), request.form.end());
    EXPECT_EQ(form["grant_type"], "authorization_code");
    EXPECT_EQ(form["redirect_uri"], query["redirect_uri"]);
    if (form["code"] != "code-7" ||
        ToBase64Url(Sha256Of(form["code_verifier"])) != query["code_challenge"]) {
      return {400, R"({"error":"invalid_grant"})"};
    }
    const int64_t now = clock_->NowMs() / 1000;
    json::object claims{{"iss", kIssuer},   {"sub", "person-7"}, {"aud", "noroshi"},
                        {"exp", now + 300}, {"iat", now},        {"nonce", query["nonce"]}};
    for (const auto& change : changes) claims[change.key()] = change.value();
    const json::object body{{"access_token", "unused"},
                            {"token_type", "Bearer"},
                            {"id_token", SignToken(key, header, claims)}};
    return {200, json::serialize(body)};
  }

  const Clock* clock_;
};

class OidcTest : public testing::Test {
 protected:
  OidcOptions Options() {
    OidcOptions options;
    options.issuer = kIssuer;
    options.client_id = "noroshi";
    options.client_secret = kSecret;
    options.redirect_uri = kRedirect;
    options.http = &provider_;
    options.clock = &clock_;
    options.random = &SystemRandom();
    return options;
  }
  void Use(const OidcOptions& options) { client_ = OidcClient::Create(options).value(); }
  Result<OidcLogin> SignIn() {
    const auto start = client_->Begin("/cases/7");
    if (!start.ok()) return start.error();
    return client_->Finish(provider_.Consent(start->url), start->browser_secret);
  }
  void ExpectSignIn(ErrorCode code, const std::string& words) {
    const auto login = SignIn();
    ASSERT_FALSE(login.ok()) << words;
    EXPECT_EQ(login.error().code, code) << login.error().message;
    EXPECT_NE(login.error().message.find(words), std::string::npos) << login.error().message;
    EXPECT_EQ(login.error().message.find(kSecret), std::string::npos);
  }

  ManualClock clock_;
  FakeProvider provider_{&clock_};
  std::unique_ptr<OidcClient> client_ = OidcClient::Create(Options()).value();
};

TEST_F(OidcTest, SignsIn) {
  const auto login = SignIn();
  ASSERT_TRUE(login.ok()) << login.error().message;
  EXPECT_EQ(login->identity.issuer, kIssuer);
  EXPECT_EQ(login->identity.subject, "person-7");
  EXPECT_EQ(login->return_path, "/cases/7");
}

TEST_F(OidcTest, AsksAsTheStandardsSay) {
  const auto start = client_->Begin("/").value();
  EXPECT_TRUE(start.url.starts_with("https://login.example/auth?"));
  auto query = QueryOf(start.url);
  EXPECT_EQ(query["response_type"], "code");
  EXPECT_EQ(query["scope"], "openid");
  EXPECT_EQ(query["client_id"], "noroshi");
  EXPECT_EQ(query["redirect_uri"], kRedirect);
  EXPECT_EQ(query["code_challenge_method"], "S256");
  EXPECT_EQ(query["code_challenge"].size(), 43U);
  EXPECT_FALSE(query.contains("acr_values"));
  auto other = QueryOf(client_->Begin("/")->url);
  for (const char* name : {"state", "nonce", "code_challenge"}) {
    EXPECT_EQ(query[name].size(), 43U);
    EXPECT_NE(query[name], other[name]) << name;
  }
  // What the browser holds does not tell the verifier, nor the address the cookie.
  EXPECT_EQ(start.url.find(start.browser_secret), std::string::npos);
}

TEST_F(OidcTest, AnEndpointsOwnQueryStays) {
  provider_.metadata["authorization_endpoint"] = "https://login.example/auth?tenant=7";
  EXPECT_TRUE(client_->Begin("/")->url.starts_with(
      "https://login.example/auth?tenant=7&response_type=code"));
}

TEST_F(OidcTest, TheClientShowsItsSecret) {
  ASSERT_TRUE(SignIn().ok());
  EXPECT_EQ(provider_.last.basic, "noroshi:s3cret%3A%26%20of%20the%20client");
  provider_.metadata["token_endpoint_auth_methods_supported"] = {"client_secret_post"};
  Use(Options());
  ASSERT_TRUE(SignIn().ok());
  EXPECT_TRUE(provider_.last.basic.empty());
  EXPECT_EQ(provider_.last.form.back().second, kSecret);
  OidcOptions options = Options();
  options.client_secret.clear();
  Use(options);
  ASSERT_TRUE(SignIn().ok());
  EXPECT_TRUE(provider_.last.basic.empty());
  EXPECT_EQ(provider_.last.form.back(),
            std::make_pair(std::string("client_id"), std::string("noroshi")));
}

TEST_F(OidcTest, AStateIsGoodOnce) {
  const auto start = client_->Begin("/").value();
  const auto callback = provider_.Consent(start.url);
  ASSERT_TRUE(client_->Finish(callback, start.browser_secret).ok());
  const auto again = client_->Finish(callback, start.browser_secret);
  EXPECT_EQ(again.error().code, ErrorCode::kDenied);
  EXPECT_NE(again.error().message.find("finished before"), std::string::npos);
}

TEST_F(OidcTest, AFailureEndsTheLoginToo) {
  const auto start = client_->Begin("/").value();
  auto callback = provider_.Consent(start.url);
  callback.code = "guessed";
  EXPECT_EQ(client_->Finish(callback, start.browser_secret).error().code, ErrorCode::kDenied);
  EXPECT_FALSE(client_->Finish(provider_.Consent(start.url), start.browser_secret).ok());
}

TEST_F(OidcTest, OnlyTheBrowserThatBeganMayFinish) {
  const auto mine = client_->Begin("/").value();
  const auto other = client_->Begin("/").value();
  const auto callback = provider_.Consent(mine.url);
  for (const std::string& cookie :
       {std::string(), other.browser_secret, mine.browser_secret + "AAAA",
        mine.browser_secret.substr(4), std::string(5000, 'A'), std::string("=;"),
        OidcClient::Create(Options()).value()->Begin("/")->browser_secret}) {
    EXPECT_EQ(client_->Finish(callback, cookie).error().code, ErrorCode::kDenied) << cookie;
  }
  for (const std::string& state :
       {std::string(), callback.state + "x", QueryOf(other.url)["state"]}) {
    OidcCallback wrong = callback;
    wrong.state = state;
    EXPECT_EQ(client_->Finish(wrong, mine.browser_secret).error().code, ErrorCode::kDenied);
  }
  EXPECT_TRUE(client_->Finish(callback, mine.browser_secret).ok());
}

TEST_F(OidcTest, TheCookieCannotBeChanged) {
  const auto start = client_->Begin("/cases/7").value();
  const auto callback = provider_.Consent(start.url);
  for (size_t i = 0; i < start.browser_secret.size(); ++i) {
    std::string changed = start.browser_secret;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(client_->Finish(callback, changed).error().code, ErrorCode::kDenied) << i;
  }
  EXPECT_EQ(client_->Finish(callback, start.browser_secret)->return_path, "/cases/7");
}

TEST_F(OidcTest, ALoginExpires) {
  const auto start = client_->Begin("/").value();
  clock_.Advance(kOidcLoginLifeMs - 1);
  const auto late = client_->Begin("/").value();
  clock_.Advance(1);
  EXPECT_EQ(client_->Finish(provider_.Consent(start.url), start.browser_secret).error().code,
            ErrorCode::kDenied);
  EXPECT_TRUE(client_->Finish(provider_.Consent(late.url), late.browser_secret).ok());
}

TEST_F(OidcTest, AFloodOfBeginsPushesNobodyOut) {
  const auto mine = client_->Begin("/").value();
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(client_->Begin("/").ok());
  EXPECT_TRUE(client_->Finish(provider_.Consent(mine.url), mine.browser_secret).ok());
}

TEST_F(OidcTest, FinishedLoginsAreBounded) {
  const auto refuse = [&] {
    const auto start = client_->Begin("/").value();
    return client_->Finish({QueryOf(start.url)["state"], "", "access_denied", ""},
                           start.browser_secret);
  };
  for (size_t i = 0; i < kOidcFinishedMax; ++i) {
    ASSERT_EQ(refuse().error().code, ErrorCode::kDenied);
  }
  EXPECT_EQ(refuse().error().code, ErrorCode::kOverloaded);
  clock_.Advance(kOidcLoginLifeMs);
  EXPECT_TRUE(SignIn().ok());
}

TEST_F(OidcTest, TheProvidersRefusalIsToldInItsWordOnly) {
  const std::pair<std::string, std::string> errors[] = {
      {"access_denied", "refused: access_denied"},
      {"x\nlevel=error forged", "refused: an unreadable error"},
      {std::string(1000, 'a'), "refused: an unreadable error"}};
  for (const auto& [error, words] : errors) {
    const auto start = client_->Begin("/").value();
    const auto login =
        client_->Finish({QueryOf(start.url)["state"], "code-7", error, ""}, start.browser_secret);
    EXPECT_EQ(login.error().code, ErrorCode::kDenied);
    EXPECT_TRUE(login.error().message.ends_with(words)) << login.error().message;
  }
}

TEST_F(OidcTest, ACallbackWithoutProperCodeIsDenied) {
  for (const std::string& code : {std::string(), std::string(kCallbackValueBytesMax + 1, 'c')}) {
    const auto start = client_->Begin("/").value();
    auto callback = provider_.Consent(start.url);
    callback.code = code;
    EXPECT_EQ(client_->Finish(callback, start.browser_secret).error().code, ErrorCode::kDenied);
  }
}

TEST_F(OidcTest, TheCallbackNamesTheProviderWhereItSaysSo) {
  const auto finish = [&](const std::string& issuer) {
    const auto start = client_->Begin("/").value();
    auto callback = provider_.Consent(start.url);
    callback.issuer = issuer;
    return client_->Finish(callback, start.browser_secret).ok();
  };
  EXPECT_TRUE(finish(""));
  EXPECT_TRUE(finish(kIssuer));
  EXPECT_FALSE(finish("https://other.example"));
  provider_.metadata["authorization_response_iss_parameter_supported"] = true;
  Use(Options());
  EXPECT_FALSE(finish(""));
  EXPECT_TRUE(finish(kIssuer));
}

TEST_F(OidcTest, AnIdTokenThatDoesNotHoldSignsNobodyIn) {
  const std::tuple<const char*, json::value, const char*> bad[] = {
      {"aud", "someone", "another audience"},
      {"iss", "https://evil.example", "another issuer"},
      {"exp", clock_.NowMs() / 1000 - 61, "expired"},
      {"nonce", "of another login", "another login"},
      {"sub", "", "its subject"}};
  for (const auto& [name, value, words] : bad) {
    provider_.changes = {{name, value}};
    ExpectSignIn(ErrorCode::kDenied, words);
  }
}

TEST_F(OidcTest, ATokenOfAnotherLoginIsRefused) {
  const auto first = client_->Begin("/").value();
  const auto second = client_->Begin("/").value();
  auto stolen = provider_.Consent(first.url);  // Its code, put into another's callback.
  stolen.state = QueryOf(second.url)["state"];
  EXPECT_EQ(client_->Finish(stolen, second.browser_secret).error().code, ErrorCode::kDenied);
}

TEST_F(OidcTest, DemandsTheStrengthThatIsConfigured) {
  OidcOptions options = Options();
  options.acr = "urn:two factors";
  Use(options);
  ExpectSignIn(ErrorCode::kDenied, "as strongly");
  EXPECT_EQ(provider_.query["acr_values"], "urn:two factors");
  provider_.changes = {{"acr", "urn:two factors"}, {"amr", json::array{"pwd", "otp"}}};
  const auto login = SignIn();
  ASSERT_TRUE(login.ok());
  EXPECT_EQ(login->identity.acr, "urn:two factors");
  EXPECT_EQ(login->identity.amr.size(), 2U);
}

TEST_F(OidcTest, TheTokenEndpointsErrorsAreTold) {
  provider_.token_status = 400;
  provider_.token_body = R"({"error":"invalid_grant"})";
  ExpectSignIn(ErrorCode::kDenied, "invalid_grant");
  provider_.token_status = 401;
  provider_.token_body = R"({"error":"invalid_client"})";
  ExpectSignIn(ErrorCode::kUnavailable, "invalid_client");
  provider_.token_status = 500;
  provider_.token_body = "<html>";
  ExpectSignIn(ErrorCode::kUnavailable, "status 500");
  provider_.token_status = 302;
  ExpectSignIn(ErrorCode::kUnavailable, "status 302");
  provider_.token_status = 200;
  ExpectSignIn(ErrorCode::kUnavailable, "no JSON object");
  provider_.token_body = R"({"access_token":"x"})";
  ExpectSignIn(ErrorCode::kUnavailable, "no ID token");
  provider_.token_body = R"({"id_token":"a.b.c"})";
  ExpectSignIn(ErrorCode::kDenied, "no JWS");
}

TEST_F(OidcTest, NewKeysAreFetchedWhenTheyAreMet) {
  ASSERT_TRUE(SignIn().ok());
  EXPECT_EQ(provider_.discoveries, 1);
  provider_.key = MakeSignerKey("ES256", "second");
  provider_.header["kid"] = "second";
  clock_.Advance(kOidcAskAgainMs);
  EXPECT_TRUE(SignIn().ok());
  EXPECT_EQ(provider_.discoveries, 2);
}

TEST_F(OidcTest, UnknownKeysMakeUsAskOnlyNowAndThen) {
  ASSERT_TRUE(SignIn().ok());
  provider_.header["kid"] = "nobody's";
  for (int i = 0; i < 10; ++i) ExpectSignIn(ErrorCode::kDenied, "a key that the provider lacks");
  EXPECT_EQ(provider_.discoveries, 1);
  clock_.Advance(kOidcAskAgainMs);
  for (int i = 0; i < 10; ++i) ExpectSignIn(ErrorCode::kDenied, "a key that the provider lacks");
  EXPECT_EQ(provider_.discoveries, 2);
}

TEST_F(OidcTest, TheProviderIsAskedOnceAnHour) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(SignIn().ok());
  clock_.Advance(kOidcProviderLifeMs - 1);
  ASSERT_TRUE(SignIn().ok());
  EXPECT_EQ(provider_.discoveries, 1);
  clock_.Advance(1);
  ASSERT_TRUE(SignIn().ok());
  EXPECT_EQ(provider_.discoveries, 2);
}

TEST_F(OidcTest, AProviderThatFailsIsLeftInPeace) {
  provider_.discovery_status = 503;
  ExpectSignIn(ErrorCode::kUnavailable, "status 503");
  for (int i = 0; i < 10; ++i) ExpectSignIn(ErrorCode::kUnavailable, "a moment ago");
  EXPECT_EQ(provider_.discoveries, 1);
  provider_.discovery_status = 200;
  clock_.Advance(kOidcAskAgainMs);
  EXPECT_TRUE(SignIn().ok());
  provider_.down = true;
  clock_.Advance(kOidcProviderLifeMs);
  ExpectSignIn(ErrorCode::kUnavailable, "timeout");
}

TEST_F(OidcTest, AnotherIssuersConfigurationIsRefused) {
  provider_.metadata["issuer"] = "https://login.example.evil.example";
  ExpectSignIn(ErrorCode::kUnavailable, "another issuer");
}

TEST_F(OidcTest, OptionsAreChecked) {
  const std::pair<std::string OidcOptions::*, std::string> bad[] = {
      {&OidcOptions::issuer, "http://login.example"},
      {&OidcOptions::issuer, "https://login.example?x=y"},
      {&OidcOptions::issuer, ""},
      {&OidcOptions::redirect_uri, "http://hub.example/callback"},
      {&OidcOptions::redirect_uri, ""},
      {&OidcOptions::client_id, ""}};
  for (const auto& [member, value] : bad) {
    OidcOptions options = Options();
    options.*member = value;
    const auto client = OidcClient::Create(options);
    ASSERT_FALSE(client.ok()) << value;
    EXPECT_EQ(client.error().code, ErrorCode::kInvalid);
  }
}

TEST(LocalPathTest, OnlyThisHost) {
  for (const char* good : {"/", "/cases/7", "/cases?filter=open&x=%2F", "/a//b", "/#part"}) {
    EXPECT_TRUE(IsLocalPath(good)) << good;
  }
  for (const char* bad :
       {"", "cases", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/a\tb",
        "/a\r\nSet-Cookie: x", "/\xe3\x81\x82", "\\\\evil.example", "javascript:alert(1)"}) {
    EXPECT_FALSE(IsLocalPath(bad)) << bad;
  }
  EXPECT_FALSE(IsLocalPath(std::string("/\0", 2)));
  EXPECT_TRUE(IsLocalPath("/" + std::string(kReturnPathBytesMax - 1, 'x')));
  EXPECT_FALSE(IsLocalPath("/" + std::string(kReturnPathBytesMax, 'x')));
}

TEST_F(OidcTest, BeginTakesLocalPathsOnly) {
  EXPECT_EQ(client_->Begin("//evil.example").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace noroshi::identity
