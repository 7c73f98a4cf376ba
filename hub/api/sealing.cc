#include "hub/api/sealing.h"

#include "common/crypto/crypto.h"

namespace noroshi::api {

std::string Seal(const Parts& parts, std::string_view purpose, std::string_view secret) {
  const std::string key = parts.random->Bytes(kAesKeyBytes);
  return WrapKey(parts.sealing_key, parts.random->Bytes(kGcmNonceBytes), key) +
         SealOnce(key, secret, purpose);
}

Result<std::string> Unseal(const Parts& parts, std::string_view purpose, std::string_view sealed) {
  if (sealed.size() < kWrappedKeyBytes) {
    return Error{ErrorCode::kCorruption, "a sealed secret is too short"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string key,
                           UnwrapKey(parts.sealing_key, sealed.substr(0, kWrappedKeyBytes)));
  return OpenOnce(key, sealed.substr(kWrappedKeyBytes), purpose);
}

}  // namespace noroshi::api
