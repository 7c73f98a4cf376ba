#include "hub/identity/jose.h"

extern "C" {
#include <jose/jws.h>
}

#include <algorithm>
#include <memory>

#include "common/base/check.h"
#include "common/crypto/quiet.h"

namespace noroshi::identity {
namespace {

struct JsonRelease {
  void operator()(json_t* value) const { json_decref(value); }
};
using JsonPtr = std::unique_ptr<json_t, JsonRelease>;

struct ConfigRelease {
  void operator()(jose_cfg_t* config) const { jose_cfg_decref(config); }
};
using ConfigPtr = std::unique_ptr<jose_cfg_t, ConfigRelease>;

// libjose's default writes to standard error.
void SayNothing(void*, const char*, int, uint64_t, const char*, va_list) {}

JsonPtr Text(std::string_view text) { return JsonPtr(json_stringn(text.data(), text.size())); }

}  // namespace

bool SignatureHolds(const Jws& jws, std::string_view algorithm, std::string_view jwk) {
  NOROSHI_CHECK(
      std::count(std::begin(kSigningAlgorithms), std::end(kSigningAlgorithms), algorithm) == 1);
  const Quiet quiet;
  const ConfigPtr config(jose_cfg());
  if (!config) return false;
  jose_cfg_set_err_func(config.get(), &SayNothing, nullptr);
  const JsonPtr key(json_loadb(jwk.data(), jwk.size(), JSON_REJECT_DUPLICATES, nullptr));
  const JsonPtr token(json_object());
  if (!key || !token) return false;
  // With an algorithm in the key libjose refuses a header that says another.
  if (json_object_set_new(key.get(), "alg", Text(algorithm).release()) != 0 ||
      json_object_set_new(token.get(), "protected", Text(jws.header).release()) != 0 ||
      json_object_set_new(token.get(), "payload", Text(jws.payload).release()) != 0 ||
      json_object_set_new(token.get(), "signature", Text(jws.signature).release()) != 0) {
    return false;
  }
  return jose_jws_ver(config.get(), token.get(), nullptr, key.get(), true);
}

}  // namespace noroshi::identity
