#include "hub/identity/id_token.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "tests/unit/hub/identity/token_signer.h"

namespace noroshi::identity {
namespace {

namespace json = boost::json;

// Many of one letter.
json::value Long(size_t size) { return json::string(size, 'x'); }

constexpr int64_t kNow = 1'795'000'000;  // Seconds, as tokens count.
constexpr char kIssuer[] = "https://login.example";

IdTokenExpectation Expected() { return {kIssuer, "noroshi", "the nonce", "", kNow * 1000}; }

json::object GoodClaims() {
  return {{"iss", kIssuer}, {"sub", "person-7"}, {"aud", "noroshi"},    {"exp", kNow + 300},
          {"iat", kNow},    {"nbf", kNow},       {"nonce", "the nonce"}};
}

std::string KeySet(std::initializer_list<std::string> keys) {
  std::string text;
  for (const auto& key : keys) text += (text.empty() ? "" : ",") + key;
  return R"({"keys":[)" + text + "]}";
}

class IdTokenTest : public testing::Test {
 protected:
  static const SignerKey& Ec() {
    static const SignerKey key = MakeSignerKey("ES256", "ec");
    return key;
  }
  static const SignerKey& Rsa() {
    static const SignerKey key = MakeSignerKey("RS256", "rsa");
    return key;
  }
  static const SignerKey& Pss() {
    static const SignerKey key = MakeSignerKey("PS256", "pss");
    return key;
  }
  static std::vector<ProviderKey> Keys() {
    return ParseKeys(KeySet({Ec().public_jwk, Rsa().public_jwk, Pss().public_jwk})).value();
  }
  static json::object Header() { return {{"alg", "ES256"}, {"kid", "ec"}, {"typ", "JWT"}}; }
  static std::string Sign(const json::object& claims) { return SignToken(Ec(), Header(), claims); }

  static void ExpectDenied(const std::string& token, const std::string& words) {
    const auto verified = VerifyIdToken(token, Keys(), Expected());
    ASSERT_FALSE(verified.ok()) << words;
    EXPECT_EQ(verified.error().code, ErrorCode::kDenied);
    EXPECT_NE(verified.error().message.find(words), std::string::npos)
        << verified.error().message << ", not: " << words;
  }
};

TEST_F(IdTokenTest, EachAlgorithmVerifies) {
  const std::tuple<const SignerKey*, const char*, const char*> keys[] = {
      {&Ec(), "ES256", "ec"}, {&Rsa(), "RS256", "rsa"}, {&Pss(), "PS256", "pss"}};
  for (const auto& [key, algorithm, kid] : keys) {
    const std::string token = SignToken(*key, {{"alg", algorithm}, {"kid", kid}}, GoodClaims());
    const auto identity = VerifyIdToken(token, Keys(), Expected());
    ASSERT_TRUE(identity.ok()) << algorithm << ": " << identity.error().message;
    EXPECT_EQ(identity->issuer, kIssuer);
    EXPECT_EQ(identity->subject, "person-7");
  }
}

TEST_F(IdTokenTest, SaysHowThePersonWasRecognised) {
  json::object claims = GoodClaims();
  claims["acr"] = "urn:strong";
  claims["amr"] = {"pwd", "otp"};
  claims["auth_time"] = kNow - 60;
  const auto identity = VerifyIdToken(Sign(claims), Keys(), Expected()).value();
  EXPECT_EQ(identity.acr, "urn:strong");
  EXPECT_EQ(identity.amr, (std::vector<std::string>{"pwd", "otp"}));
  EXPECT_EQ(identity.auth_time_ms, (kNow - 60) * 1000);
}

TEST_F(IdTokenTest, ForbiddenAlgorithmsAreRefused) {
  for (const char* algorithm : {"none", "None", "", "HS256", "HS512", "ES384", "ES256K", "RS384",
                                "RS512", "PS512", "EdDSA", "es256"}) {
    ExpectDenied(AssembleToken({{"alg", algorithm}, {"kid", "ec"}}, GoodClaims(), ""),
                 "its algorithm");
  }
  ExpectDenied(AssembleToken({{"kid", "ec"}}, GoodClaims(), ""), "its algorithm");
  ExpectDenied(AssembleToken({{"alg", 7}}, GoodClaims(), ""), "its algorithm");
}

TEST_F(IdTokenTest, ThePublicKeyIsNoSharedSecret) {
  const json::object header{{"alg", "HS256"}, {"kid", "rsa"}};
  const std::string signed_part =
      ToBase64Url(json::serialize(header)) + "." + ToBase64Url(json::serialize(GoodClaims()));
  for (const ProviderKey& key : Keys()) {
    ExpectDenied(AssembleToken(header, GoodClaims(), HmacSha256(key.jwk, signed_part)),
                 "its algorithm");
  }
}

TEST_F(IdTokenTest, AnotherAlgorithmOfTheSameKeyTypeIsRefused) {
  // The provider says RS256 of this key; a PS256 signature by it is none.
  SignerKey key = Rsa();
  key.private_jwk.replace(key.private_jwk.find("RS256"), 5, "PS256");
  const std::string token = SignToken(key, {{"alg", "PS256"}, {"kid", "rsa"}}, GoodClaims());
  EXPECT_EQ(VerifyIdToken(token, Keys(), Expected()).error().code, ErrorCode::kNotFound);
}

TEST_F(IdTokenTest, EveryChangedBitIsNoticed) {
  const std::string token = Sign(GoodClaims());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(VerifyIdToken(changed, Keys(), Expected()).ok()) << i;
  }
  const size_t payload = token.find('.') + 1;
  json::object other = GoodClaims();
  other["sub"] = "administrator";
  ExpectDenied(token.substr(0, payload) + ToBase64Url(json::serialize(other)) +
                   token.substr(token.rfind('.')),
               "its signature");
  ExpectDenied(token.substr(0, token.rfind('.') + 1), "its signature");
}

TEST_F(IdTokenTest, AStrangersKeyIsRefused) {
  const SignerKey stranger = MakeSignerKey("ES256", "ec");  // Of the same id.
  ExpectDenied(SignToken(stranger, Header(), GoodClaims()), "its signature");
  json::object header = Header();
  header["jwk"] = json::parse(stranger.public_jwk);
  header["jku"] = "https://evil.example/keys";
  ExpectDenied(SignToken(stranger, header, GoodClaims()), "its signature");
}

TEST_F(IdTokenTest, AnUnknownKeyIsAskedFor) {
  for (const char* kid : {"new", "", "EC", "rsa"}) {
    const std::string token = SignToken(Ec(), {{"alg", "ES256"}, {"kid", kid}}, GoodClaims());
    EXPECT_EQ(VerifyIdToken(token, Keys(), Expected()).error().code, ErrorCode::kNotFound);
  }
  ExpectDenied(SignToken(Ec(), {{"alg", "ES256"}, {"kid", 1}}, GoodClaims()), "its key id");
}

TEST_F(IdTokenTest, WithoutKeyIdOnlyTheOneThatFits) {
  const std::string token = SignToken(Ec(), {{"alg", "ES256"}}, GoodClaims());
  EXPECT_TRUE(VerifyIdToken(token, Keys(), Expected()).ok());
  const auto two =
      ParseKeys(KeySet({Ec().public_jwk, MakeSignerKey("ES256", "b").public_jwk})).value();
  EXPECT_EQ(VerifyIdToken(token, two, Expected()).error().code, ErrorCode::kDenied);
}

TEST_F(IdTokenTest, OtherTokensAreRefused) {
  json::object header = Header();
  for (const char* type : {"at+jwt", "logout+jwt", ""}) {
    header["typ"] = type;
    ExpectDenied(SignToken(Ec(), header, GoodClaims()), "another type");
  }
  header = Header();
  header["crit"] = {"b64"};
  header["b64"] = true;
  ExpectDenied(AssembleToken(header, GoodClaims(), "x"), "critical extensions");
}

TEST_F(IdTokenTest, WhatIsNoTokenIsRefused) {
  const std::string good = Sign(GoodClaims());
  for (const std::string& token :
       {std::string(), std::string(".."), std::string("a.b"), good + ".x", "=" + good,
        good.substr(good.find('.')), ToBase64Url("[]") + "." + ToBase64Url("{}") + ".AA"}) {
    ExpectDenied(token, "it is no JWS");
  }
  json::object claims = GoodClaims();
  claims["padding"] = Long(kIdTokenBytesMax);
  ExpectDenied(Sign(claims), "too long");
  claims["padding"] = Long(kIdTokenBytesMax / 2);
  EXPECT_TRUE(VerifyIdToken(Sign(claims), Keys(), Expected()).ok());
}

struct ClaimCase {
  const char* words;  // nullptr: good.
  std::function<void(json::object*)> change;
};

TEST_F(IdTokenTest, EveryClaimCounts) {
  constexpr int64_t kSkew = kClockSkewMs / 1000;
  const auto set = [](const char* name, json::value value) {
    return [=](json::object* claims) { (*claims)[name] = value; };
  };
  const auto drop = [](const char* name) {
    return [=](json::object* claims) { claims->erase(name); };
  };
  const ClaimCase cases[] = {
      {nullptr, [](json::object*) {}},
      {"another issuer", set("iss", "https://login.example/")},
      {"another issuer", set("iss", "https://evil.example")},
      {"another issuer", drop("iss")},
      {"another audience", set("aud", "someone")},
      {"another audience", set("aud", "")},
      {"another audience", set("aud", json::array{})},
      {"another audience", set("aud", json::array{"someone"})},
      {"another audience", set("aud", json::array{"noroshi", 7})},
      {"another audience", set("aud", json::object{{"noroshi", 1}})},
      {"another audience", drop("aud")},
      {nullptr, set("aud", json::array{"noroshi"})},
      {"who asked", set("aud", json::array{"noroshi", "someone"})},
      {nullptr,
       [](json::object* claims) {
         (*claims)["aud"] = {"someone", "noroshi"};
         (*claims)["azp"] = "noroshi";
       }},
      {"another client", set("azp", "someone")},
      {"another client", set("azp", nullptr)},
      {"expired", set("exp", kNow - kSkew)},
      {nullptr, set("exp", kNow - kSkew + 1)},
      {nullptr, set("exp", static_cast<double>(kNow) + 0.5)},
      {"when it was issued", set("exp", json::string(std::to_string(kNow + 300)))},
      {"when it was issued", set("exp", -1)},
      {"when it was issued", set("exp", 1e300)},
      {"when it was issued", set("exp", UINT64_MAX)},
      {"when it was issued", drop("exp")},
      {"when it was issued", drop("iat")},
      {"in the future", set("iat", kNow + kSkew + 1)},
      {nullptr, set("iat", kNow + kSkew)},
      {"too old", set("iat", kNow - kIdTokenAgeMaxMs / 1000 - kSkew - 1)},
      {nullptr, set("iat", kNow - kIdTokenAgeMaxMs / 1000 - kSkew)},
      {"not valid yet", set("nbf", kNow + kSkew + 1)},
      {"not valid yet", set("nbf", "soon")},
      {nullptr, drop("nbf")},
      {"another login", set("nonce", "the Nonce")},
      {"another login", set("nonce", "")},
      {"another login", drop("nonce")},
      {"its subject", set("sub", "")},
      {"its subject", set("sub", 7)},
      {"its subject", set("sub", "line\nbreak")},
      {"its subject", set("sub", "\xe3\x81\x82")},
      {"its subject", set("sub", Long(kSubjectBytesMax + 1))},
      {nullptr, set("sub", Long(kSubjectBytesMax))},
      {"its subject", drop("sub")},
      {"too many methods", set("amr", json::array(kAmrMax + 1, json::value("pwd")))},
      {nullptr, set("amr", json::array(kAmrMax, json::value("pwd")))},
  };
  for (const auto& [words, change] : cases) {
    json::object claims = GoodClaims();
    change(&claims);
    if (words != nullptr) {
      ExpectDenied(Sign(claims), words);
    } else {
      EXPECT_TRUE(VerifyIdToken(Sign(claims), Keys(), Expected()).ok()) << json::serialize(claims);
    }
  }
}

TEST_F(IdTokenTest, DemandsTheStrengthThatIsConfigured) {
  IdTokenExpectation expected = Expected();
  expected.acr = "urn:strong";
  json::object claims = GoodClaims();
  EXPECT_EQ(VerifyIdToken(Sign(claims), Keys(), expected).error().code, ErrorCode::kDenied);
  claims["acr"] = "urn:weak";
  EXPECT_EQ(VerifyIdToken(Sign(claims), Keys(), expected).error().code, ErrorCode::kDenied);
  claims["acr"] = "urn:strong";
  EXPECT_TRUE(VerifyIdToken(Sign(claims), Keys(), expected).ok());
}

TEST_F(IdTokenTest, AnEmptyNonceIsNone) {
  IdTokenExpectation expected = Expected();
  expected.nonce.clear();
  json::object claims = GoodClaims();
  claims["nonce"] = "";
  EXPECT_FALSE(VerifyIdToken(Sign(claims), Keys(), expected).ok());
}

TEST(ProviderKeysTest, WhatCannotCheckATokenIsLeftOut) {
  const SignerKey good = MakeSignerKey("ES256", "good");
  const auto changed = [&](const char* name, json::value value) {
    json::object key = json::parse(good.public_jwk).as_object();
    key[name] = std::move(value);
    return json::serialize(key);
  };
  const std::string secret = R"({"kty":"oct","kid":"s","alg":"HS256","k":"c2VjcmV0"})";
  json::object weak = json::parse(MakeSignerKey("RS256", "weak").public_jwk).as_object();
  weak["n"] = ToBase64Url(std::string(kRsaBytesMin - 1, '\x91'));
  json::object huge = weak;
  huge["n"] = ToBase64Url(std::string(kRsaBytesMax + 1, '\x91'));
  json::object odd = weak;
  odd["n"] = ToBase64Url(std::string(kRsaBytesMin, '\x91'));
  odd["e"] = "Aw";
  const std::string left_out[] = {
      secret,
      changed("use", "enc"),
      changed("use", nullptr),
      changed("key_ops", json::array{"sign"}),
      changed("key_ops", "verify"),
      changed("crv", "P-384"),
      changed("alg", "ES384"),
      changed("alg", "HS256"),
      changed("kty", "OKP"),
      changed("kid", Long(kKeyIdBytesMax + 1)),
      json::serialize(weak),
      json::serialize(huge),
      json::serialize(odd),
      "7",
  };
  for (const auto& key : left_out) {
    EXPECT_FALSE(ParseKeys(KeySet({key})).ok()) << key;
    EXPECT_EQ(ParseKeys(KeySet({key, good.public_jwk}))->size(), 1U) << key;
  }
  EXPECT_TRUE(ParseKeys(KeySet({changed("use", "sig")})).ok());
  EXPECT_TRUE(ParseKeys(KeySet({changed("kid", Long(kKeyIdBytesMax))})).ok());
}

TEST(ProviderKeysTest, KeepsPublicMembersOnly) {
  const auto keys = ParseKeys(KeySet(
      {MakeSignerKey("ES256", "k").private_jwk.replace(0, 1, R"({"x5c":["MII"],"use":"sig",)")}));
  // A private key says key_ops [sign, verify]; what it must not do is stay.
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(keys->front().jwk.find("\"d\""), std::string::npos);
  EXPECT_EQ(keys->front().jwk.find("x5c"), std::string::npos);
}

TEST(ProviderKeysTest, SetsAreBounded) {
  const std::string key = MakeSignerKey("ES256", "k").public_jwk;
  std::string keys = key;
  for (size_t i = 1; i < kProviderKeysMax; ++i) keys += "," + key;
  EXPECT_EQ(ParseKeys(R"({"keys":[)" + keys + "]}")->size(), kProviderKeysMax);
  EXPECT_FALSE(ParseKeys(R"({"keys":[)" + keys + "," + key + "]}").ok());
  for (const char* bad : {"", "{}", "[]", R"({"keys":{}})", R"({"keys":[]})"}) {
    EXPECT_EQ(ParseKeys(bad).error().code, ErrorCode::kInvalid) << bad;
  }
}

TEST(ProviderMetadataTest, ReadsWhatIsNeeded) {
  json::object good{{"issuer", kIssuer},
                    {"authorization_endpoint", "https://login.example/auth?a=b"},
                    {"token_endpoint", "https://login.example/token"},
                    {"jwks_uri", "https://keys.example/jwks"}};
  const auto parse = [](const json::object& object) {
    return ParseMetadata(json::serialize(object), kIssuer);
  };
  ASSERT_TRUE(parse(good).ok());
  EXPECT_FALSE(parse(good)->secret_in_form);
  EXPECT_FALSE(parse(good)->names_itself);
  const std::pair<const char*, json::value> bad[] = {
      {"issuer", "https://login.example/"},
      {"issuer", nullptr},
      {"authorization_endpoint", "http://login.example/auth"},
      {"authorization_endpoint", "https://login.example/auth#x"},
      {"token_endpoint", "https://user:password@login.example/token"},
      {"token_endpoint", "https://"},
      {"token_endpoint", "https://login.example/\r\nHost: x"},
      {"jwks_uri", "file:///etc/passwd"},
      {"jwks_uri", json::string("https://login.example/" + std::string(kHttpUrlBytesMax, 'x'))},
      {"jwks_uri", 7},
      {"code_challenge_methods_supported", json::array{"plain"}},
      {"id_token_signing_alg_values_supported", json::array{"HS256", "none"}},
  };
  for (const auto& [name, value] : bad) {
    json::object object = good;
    object[name] = value;
    EXPECT_EQ(parse(object).error().code, ErrorCode::kInvalid) << name << value;
  }
  good["token_endpoint_auth_methods_supported"] = {"private_key_jwt", "client_secret_post"};
  good["authorization_response_iss_parameter_supported"] = true;
  EXPECT_TRUE(parse(good)->secret_in_form);
  EXPECT_TRUE(parse(good)->names_itself);
  EXPECT_FALSE(ParseMetadata(std::string(100'000, '['), kIssuer).ok());
}

}  // namespace
}  // namespace noroshi::identity
