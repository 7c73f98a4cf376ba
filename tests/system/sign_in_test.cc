// Signing in at a real OpenID provider: oidc-provider, which is certified, from npm.
// The test installs it once into the build folder, and skips without npm or network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/runtime/clock.h"
#include "common/tls/certificate.h"
#include "hub/identity/authority.h"
#include "hub/identity/oidc.h"
#include "tests/support/assertions.h"
#include "tests/support/json.h"
#include "tests/support/process.h"
#include "tests/support/query.h"
#include "tests/support/temp_dir.h"
#include "tests/system/browser.h"
#include "tests/system/test_server.h"

namespace noroshi::support {
namespace {

namespace fs = std::filesystem;
using identity::HttpGetter;
using identity::HttpReply;
using identity::HttpRequest;
using identity::OidcCallback;
using identity::OidcClient;
using identity::OidcLogin;
using identity::OidcOptions;
using testing::HasSubstr;

constexpr char kRedirect[] = "https://hub.example/api/v1/sign-in/callback";
constexpr char kSecret[] = "a secret: with & and % and +";
constexpr Milliseconds kInstallTime{100'000};
// Every test is a program of its own; what failed for one fails for the next.
constexpr std::chrono::minutes kTryAgain{10};

// Where the provider's packages are; kUnavailable says why they are not.
Result<std::string> InstalledModules() {
  const fs::path folder = NOROSHI_IDENTITY_PROVIDER_FOLDER;
  const fs::path ready = folder / "ready";
  const std::string wanted =
      Sha256Of(ReadFile(NOROSHI_IDENTITY_PROVIDER_SOURCE "/package-lock.json"));
  if (ReadFile(ready) == wanted) return folder.string();
  const fs::path failed = folder / "failed";
  std::error_code none;
  const auto failed_at = fs::last_write_time(failed, none);
  if (!none && fs::file_time_type::clock::now() - failed_at < kTryAgain) {
    return Error{ErrorCode::kUnavailable, ReadFile(failed)};
  }
  fs::create_directories(folder);
  for (const char* name : {"package.json", "package-lock.json"}) {
    fs::copy_file(fs::path(NOROSHI_IDENTITY_PROVIDER_SOURCE) / name, folder / name,
                  fs::copy_options::overwrite_existing);
  }
  const auto output =
      RunCommand({"/usr/bin/env", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                  "--fetch-retries=1", "--fetch-timeout=30000", "--prefix", folder.string()},
                 "", kInstallTime);
  if (!output.ok() || output->status != 0) {
    WriteFile(failed, output.ok() ? output->err : output.error().message);
    return Error{ErrorCode::kUnavailable, ReadFile(failed)};
  }
  WriteFile(ready, wanted);
  return folder.string();
}

// The machine's clock, set wrong.
class WrongClock final : public Clock {
 public:
  int64_t NowMs() const override { return SystemClock().NowMs() + ahead_ms; }
  std::chrono::steady_clock::time_point Steady() const override { return SystemClock().Steady(); }
  int64_t ahead_ms = 0;
};

// Passes everything on, and may change the answers.
class Meddler final : public HttpGetter {
 public:
  explicit Meddler(const std::string& ca_file) : real_(identity::MakeHttpsGetter(ca_file)) {}
  Result<HttpReply> Fetch(const HttpRequest& request) override {
    auto reply = real_->Fetch(request);
    if (!reply.ok() || !meddle || request.form.empty()) return reply;
    json::value body = ParseJson(reply->body).value();
    body.as_object()["id_token"] = json::string(meddle(TextAt(body, "/id_token")));
    return HttpReply{reply->status, json::serialize(body)};
  }
  std::function<std::string(const std::string&)> meddle;  // From one ID token to another.

 private:
  std::unique_ptr<HttpGetter> real_;
};

class SignInTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto modules = InstalledModules();
    if (!modules.ok()) GTEST_SKIP() << "no identity provider: " << modules.error().message;
    MakeCertificate();
    ASSERT_OK_AND_ASSIGN(
        provider_,
        StartTestServer({"/usr/bin/env", "node", NOROSHI_IDENTITY_PROVIDER_SOURCE "/provider.mjs",
                         *modules, folder_ / "chain.pem", folder_ / "key.pem", kRedirect},
                        folder_ / "log", "listening "));
    issuer_ = "https://localhost:" + provider_.port;
    http_ = std::make_unique<Meddler>(folder_ / "ca.pem");
    Use("ES256", kSecret);
  }

  void MakeCertificate() {
    const auto authority =
        identity::CertificateAuthority::Create(
            {folder_ / "ca", &SystemFileSystem(), &SystemClock(), &SystemRandom()}, "Provider")
            .value();
    const auto server = authority->Server({"localhost"}).value();
    WriteFile(folder_ / "ca.pem", authority->ca_pem());
    WriteFile(folder_ / "chain.pem", server.chain_pem);
    WriteFile(folder_ / "key.pem", server.key_pem);
  }

  OidcOptions Options(const std::string& algorithm, const std::string& secret) {
    OidcOptions options;
    options.issuer = issuer_;
    options.client_id = "noroshi-" + algorithm;
    options.client_secret = secret;
    options.redirect_uri = kRedirect;
    options.http = http_.get();
    options.clock = &clock_;
    options.random = &SystemRandom();
    return options;
  }
  void Use(const std::string& algorithm, const std::string& secret) {
    client_ = OidcClient::Create(Options(algorithm, secret)).value();
  }

  // A person signs in on the provider's pages and consents, or turns away.
  Result<OidcCallback> Consent(const std::string& url, const std::string& login) {
    Browser browser(folder_ / "ca.pem");
    NOROSHI_ASSIGN_OR_RETURN(Page page, browser.Get(url));
    NOROSHI_ASSIGN_OR_RETURN(page, browser.Follow(page, kRedirect));
    if (login.empty()) {
      NOROSHI_ASSIGN_OR_RETURN(page, browser.Get(page.url + "/abort"));
    } else {
      NOROSHI_ASSIGN_OR_RETURN(page,
                               browser.Post(page.url, "prompt=login&password=any&login=" + login));
      NOROSHI_ASSIGN_OR_RETURN(page, browser.Follow(page, kRedirect));
      NOROSHI_ASSIGN_OR_RETURN(page, browser.Post(page.url, "prompt=consent"));
    }
    NOROSHI_ASSIGN_OR_RETURN(page, browser.Follow(page, kRedirect));
    if (!page.location.starts_with(kRedirect)) {
      return Error{ErrorCode::kInvalid, page.url + ": " + std::to_string(page.status) + page.body};
    }
    auto query = QueryOf(page.location);
    return OidcCallback{query["state"], query["code"], query["error"], query["iss"]};
  }

  Result<OidcLogin> SignIn(const std::string& login = "taro") {
    NOROSHI_ASSIGN_OR_RETURN(const auto start, client_->Begin("/cases/7"));
    NOROSHI_ASSIGN_OR_RETURN(const auto callback, Consent(start.url, login));
    return client_->Finish(callback, start.browser_secret);
  }
  void ExpectDenied(const std::string& words) {
    const auto login = SignIn();
    ASSERT_FALSE(login.ok()) << words;
    EXPECT_EQ(login.error().code, ErrorCode::kDenied);
    EXPECT_THAT(login.error().message, HasSubstr(words));
  }

  TempDir folder_;
  WrongClock clock_;
  TestServer provider_;
  std::string issuer_;
  std::unique_ptr<Meddler> http_;
  std::unique_ptr<OidcClient> client_;
};

TEST_F(SignInTest, EachAlgorithmAndKindOfClient) {
  for (const auto& [algorithm, secret] :
       {std::pair("ES256", kSecret), std::pair("RS256", kSecret), std::pair("PS256", "")}) {
    Use(algorithm, secret);
    const auto login = SignIn();
    ASSERT_TRUE(login.ok()) << algorithm << ": " << login.error().message;
    EXPECT_EQ(login->identity.issuer, issuer_);
    EXPECT_EQ(login->identity.subject, "taro");
    EXPECT_EQ(login->return_path, "/cases/7");
  }
  EXPECT_EQ(SignIn("hanako")->identity.subject, "hanako");
}

TEST_F(SignInTest, WhoTurnsAwayIsNotSignedIn) {
  const auto login = SignIn("");
  ASSERT_FALSE(login.ok());
  EXPECT_EQ(login.error().code, ErrorCode::kDenied);
  EXPECT_THAT(login.error().message, HasSubstr("access_denied"));
}

TEST_F(SignInTest, AWrongClientSecretIsTold) {
  Use("ES256", "guessed");
  const auto login = SignIn();
  EXPECT_EQ(login.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(login.error().message, HasSubstr("invalid_client"));
}

TEST_F(SignInTest, ACodeIsGoodForItsLoginOnly) {
  const auto mine = client_->Begin("/").value();
  const auto other = client_->Begin("/").value();
  const auto callback = Consent(mine.url, "taro").value();
  // Put into another login, the code fails by PKCE, and is lost.
  OidcCallback injected = callback;
  injected.state = QueryOf(other.url)["state"];
  const auto login = client_->Finish(injected, other.browser_secret);
  EXPECT_EQ(login.error().code, ErrorCode::kDenied);
  EXPECT_THAT(login.error().message, HasSubstr("invalid_grant"));
  EXPECT_EQ(client_->Finish(callback, other.browser_secret).error().code, ErrorCode::kDenied);
}

TEST_F(SignInTest, AStateIsGoodOnce) {
  const auto start = client_->Begin("/").value();
  const auto callback = Consent(start.url, "taro").value();
  EXPECT_OK(client_->Finish(callback, start.browser_secret));
  EXPECT_THAT(client_->Finish(callback, start.browser_secret).error().message,
              HasSubstr("finished before"));
}

TEST_F(SignInTest, MeddledTokensAreRefused) {
  http_->meddle = [](const std::string& token) {  // No signature, and none demanded.
    return ToBase64Url(R"({"alg":"none"})") +
           token.substr(token.find('.'), token.rfind('.') + 1 - token.find('.'));
  };
  ExpectDenied("its algorithm");
  http_->meddle = [](std::string token) {
    const size_t middle = token.rfind('.') + 10;
    token[middle] = token[middle] == 'A' ? 'B' : 'A';
    return token;
  };
  ExpectDenied("its signature");
  http_->meddle = [](const std::string& token) {  // The same claims, but for the subject.
    const size_t begin = token.find('.') + 1;
    std::string claims = FromBase64Url(token.substr(begin, token.rfind('.') - begin)).value();
    claims.replace(claims.find("taro"), 4, "root");
    return token.substr(0, begin) + ToBase64Url(claims) + token.substr(token.rfind('.'));
  };
  ExpectDenied("its signature");
}

TEST_F(SignInTest, ThePublicKeyIsNoSharedSecret) {
  Use("RS256", kSecret);
  const std::string keys =
      identity::MakeHttpsGetter(folder_ / "ca.pem")->Fetch({issuer_ + "/jwks", {}, ""})->body;
  http_->meddle = [&](const std::string& token) {
    const size_t begin = token.find('.');
    const std::string part = ToBase64Url(R"({"alg":"HS256","kid":"rsa"})") +
                             token.substr(begin, token.rfind('.') - begin);
    return part + "." + ToBase64Url(HmacSha256(TextAt(ParseJson(keys).value(), "/keys/1/n"), part));
  };
  ExpectDenied("its algorithm");
}

TEST_F(SignInTest, AnotherLoginsTokenIsRefused) {
  std::string kept;
  http_->meddle = [&](const std::string& token) { return kept = token; };
  ASSERT_OK(SignIn());
  http_->meddle = [&](const std::string&) { return kept; };
  ExpectDenied("another login");
}

TEST_F(SignInTest, AnotherClientsTokenIsRefused) {
  std::string kept;
  http_->meddle = [&](const std::string& token) { return kept = token; };
  Use("RS256", kSecret);
  ASSERT_OK(SignIn());
  Use("ES256", kSecret);
  http_->meddle = [&](const std::string&) { return kept; };
  ExpectDenied("another audience");
}

TEST_F(SignInTest, TimesCount) {
  clock_.ahead_ms = int64_t{2} * 3600 * 1000;
  ExpectDenied("expired");
  clock_.ahead_ms = -int64_t{2} * 3600 * 1000;
  ExpectDenied("in the future");
}

TEST_F(SignInTest, AnotherIssuerIsRefused) {
  OidcOptions options = Options("ES256", kSecret);
  options.issuer += "/";  // The same discovery document, but not this issuer.
  client_ = OidcClient::Create(options).value();
  const auto login = SignIn();
  EXPECT_EQ(login.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(login.error().message, HasSubstr("another issuer"));
}

TEST_F(SignInTest, AProviderWithoutTrustedCertificateIsRefused) {
  const auto untrusting = identity::MakeHttpsGetter("");
  OidcOptions options = Options("ES256", kSecret);
  options.http = untrusting.get();
  const auto begun = OidcClient::Create(options).value()->Begin("/");
  EXPECT_EQ(begun.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(begun.error().message, HasSubstr("certificate"));
}

}  // namespace
}  // namespace noroshi::support
