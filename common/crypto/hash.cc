#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/crypto/crypto.h"

namespace noroshi {
namespace {

// Fetching an algorithm takes OpenSSL 3 longer than hashing a node with it.
const EVP_MD* Algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  NOROSHI_CHECK(algorithm != nullptr);
  return algorithm;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  NOROSHI_CHECK(state_->context != nullptr);
  NOROSHI_CHECK(EVP_DigestInit_ex2(state_->context, Algorithm(), nullptr) == 1);
}

Sha256::~Sha256() = default;

Sha256& Sha256::Update(std::string_view bytes) {
  NOROSHI_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

std::string Sha256::Finish() {
  std::string digest(kSha256Bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  NOROSHI_CHECK(EVP_DigestFinal_ex(state_->context, out, nullptr) == 1);
  NOROSHI_CHECK(EVP_DigestInit_ex2(state_->context, nullptr, nullptr) == 1);
  return digest;
}

std::string Sha256Of(std::string_view bytes) {
  thread_local Sha256 hash;
  return hash.Update(bytes).Finish();
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace noroshi
