#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>

#include "common/crypto/crypto.h"

namespace noroshi {
namespace {

std::string Hmac(const EVP_MD* algorithm, size_t bytes, std::string_view key,
                 std::string_view message) {
  NOROSHI_CHECK(key.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  std::string digest(bytes, '\0');
  unsigned int size = 0;
  const unsigned char* made =
      HMAC(algorithm, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &size);
  NOROSHI_CHECK(made != nullptr && size == bytes);
  return digest;
}

}  // namespace

std::string HmacSha256(std::string_view key, std::string_view message) {
  return Hmac(EVP_sha256(), kSha256Bytes, key, message);
}

std::string HmacSha1(std::string_view key, std::string_view message) {
  return Hmac(EVP_sha1(), kSha1Bytes, key, message);
}

}  // namespace noroshi
