#include <openssl/evp.h>

#include "common/crypto/crypto.h"
#include "common/crypto/quiet.h"

namespace noroshi {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, FreeKey>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

struct SigningKey::Key {
  KeyPointer key;
};

SigningKey::SigningKey(std::unique_ptr<Key> key, std::string public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::FromSeed(std::string_view seed) {
  if (seed.size() != kEd25519KeyBytes) {
    return Error{ErrorCode::kInvalid, "an Ed25519 seed has 32 bytes"};
  }
  auto key = std::make_unique<Key>();
  key->key.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Octets(seed), seed.size()));
  if (!key->key) return Error{ErrorCode::kInternal, "OpenSSL offers no Ed25519"};
  std::string public_key(kEd25519KeyBytes, '\0');
  size_t size = public_key.size();
  NOROSHI_CHECK(EVP_PKEY_get_raw_public_key(key->key.get(),
                                            reinterpret_cast<unsigned char*>(public_key.data()),
                                            &size) == 1);
  return SigningKey(std::move(key), std::move(public_key));
}

std::string SigningKey::Sign(std::string_view message) const {
  const ContextPointer context(EVP_MD_CTX_new());
  NOROSHI_CHECK(context != nullptr);
  std::string signature(kEd25519SignatureBytes, '\0');
  size_t size = signature.size();
  NOROSHI_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->key.get()) ==
                    1 &&
                EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, Octets(message), message.size()) == 1 &&
                size == kEd25519SignatureBytes);
  return signature;
}

bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature) {
  if (public_key.size() != kEd25519KeyBytes || signature.size() != kEd25519SignatureBytes) {
    return false;
  }
  const Quiet quiet;
  const KeyPointer key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Octets(public_key),
                                                   public_key.size()));
  const ContextPointer context(EVP_MD_CTX_new());
  NOROSHI_CHECK(context != nullptr);
  return key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Octets(signature), signature.size(), Octets(message),
                          message.size()) == 1;
}

}  // namespace noroshi
