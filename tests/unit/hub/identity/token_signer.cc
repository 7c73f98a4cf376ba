#include "tests/unit/hub/identity/token_signer.h"

extern "C" {
#include <jose/jwk.h>
#include <jose/jws.h>
}

#include <boost/json/serialize.hpp>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/encoding.h"

namespace noroshi::identity {
namespace {

json_t* Parse(const std::string& text) {
  json_t* value = json_loads(text.c_str(), 0, nullptr);
  NOROSHI_CHECK(value != nullptr);
  return value;
}

std::string Dump(const json_t* value) {
  char* text = json_dumps(value, JSON_COMPACT);
  NOROSHI_CHECK(text != nullptr);
  std::string copy = text;
  std::free(text);
  return copy;
}

std::string Part(const boost::json::object& object) {
  return ToBase64Url(boost::json::serialize(object));
}

}  // namespace

SignerKey MakeSignerKey(const std::string& algorithm, const std::string& kid) {
  json_t* jwk = json_pack("{s:s}", "alg", algorithm.c_str());
  NOROSHI_CHECK(jose_jwk_gen(nullptr, jwk));
  NOROSHI_CHECK(json_object_set_new(jwk, "kid", json_string(kid.c_str())) == 0);
  SignerKey key;
  key.private_jwk = Dump(jwk);
  NOROSHI_CHECK(jose_jwk_pub(nullptr, jwk));
  key.public_jwk = Dump(jwk);
  json_decref(jwk);
  return key;
}

std::string SignToken(const SignerKey& key, const boost::json::object& header,
                      const boost::json::object& claims) {
  json_t* jwk = Parse(key.private_jwk);
  json_t* jws = json_pack("{s:s}", "payload", Part(claims).c_str());
  json_t* sig = json_pack("{s:s}", "protected", Part(header).c_str());
  NOROSHI_CHECK(jose_jws_sig(nullptr, jws, sig, jwk));
  std::string token = std::string(json_string_value(json_object_get(jws, "protected"))) + '.' +
                      json_string_value(json_object_get(jws, "payload")) + '.' +
                      json_string_value(json_object_get(jws, "signature"));
  json_decref(sig);
  json_decref(jws);
  json_decref(jwk);
  return token;
}

std::string AssembleToken(const boost::json::object& header, const boost::json::object& claims,
                          const std::string& signature) {
  return Part(header) + '.' + Part(claims) + '.' + ToBase64Url(signature);
}

}  // namespace noroshi::identity
