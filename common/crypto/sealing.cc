#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>

#include "common/crypto/crypto.h"
#include "common/crypto/quiet.h"

namespace noroshi {
namespace {

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Octets(std::string* bytes) {
  return reinterpret_cast<unsigned char*>(bytes->data());
}

int Length(std::string_view bytes) {
  NOROSHI_CHECK(bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(bytes.size());
}

const EVP_CIPHER* Fetch(const char* name) {
  const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  NOROSHI_CHECK(cipher != nullptr);
  return cipher;
}

const EVP_CIPHER* Gcm() {
  static const EVP_CIPHER* const cipher = Fetch("AES-256-GCM");
  return cipher;
}

const EVP_CIPHER* Ecb() {
  static const EVP_CIPHER* const cipher = Fetch("AES-256-ECB");
  return cipher;
}

// One for each thread and use: making one costs more than sealing 1 KiB.
class Context {
 public:
  Context() : context_(EVP_CIPHER_CTX_new()) { NOROSHI_CHECK(context_ != nullptr); }
  ~Context() { EVP_CIPHER_CTX_free(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  EVP_CIPHER_CTX* get() const { return context_; }

 private:
  EVP_CIPHER_CTX* context_;
};

constexpr std::array<unsigned char, 12> kZeroNonce{};

void AddAssociatedData(EVP_CIPHER_CTX* context, std::string_view data, bool encrypt) {
  int size = 0;
  if (data.empty()) return;
  NOROSHI_CHECK((encrypt ? EVP_EncryptUpdate : EVP_DecryptUpdate)(context, nullptr, &size,
                                                                  Octets(data), Length(data)) == 1);
}

// RFC 3394 for a key of four 8-byte parts: six rounds over them.
constexpr size_t kWrapHalf = 8;
constexpr unsigned kWrapParts = kAesKeyBytes / kWrapHalf;
constexpr unsigned kWrapSteps = 6 * kWrapParts;
using WrapState = std::array<unsigned char, kWrapHalf>;
using WrapBlock = std::array<unsigned char, 2 * kWrapHalf>;
constexpr WrapState kWrapIntegrity = {0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6};

WrapBlock JoinHalves(const WrapState& state, const unsigned char* part) {
  WrapBlock block;
  std::copy(state.begin(), state.end(), block.begin());
  std::copy_n(part, kWrapHalf, block.begin() + kWrapHalf);
  return block;
}

// One block, in place.
void Crypt(const Context& context, decltype(&EVP_EncryptUpdate) update, WrapBlock* block) {
  int size = 0;
  NOROSHI_CHECK(update(context.get(), block->data(), &size, block->data(),
                       static_cast<int>(block->size())) == 1 &&
                size == static_cast<int>(block->size()));
}

}  // namespace

std::string SealOnce(std::string_view key, std::string_view plaintext,
                     std::string_view associated_data) {
  NOROSHI_CHECK(key.size() == kAesKeyBytes);
  thread_local const Context context;
  std::string sealed(plaintext.size() + kGcmTagBytes, '\0');
  int size = 0;
  NOROSHI_CHECK(
      EVP_EncryptInit_ex2(context.get(), Gcm(), Octets(key), kZeroNonce.data(), nullptr) == 1);
  AddAssociatedData(context.get(), associated_data, /*encrypt=*/true);
  NOROSHI_CHECK(EVP_EncryptUpdate(context.get(), Octets(&sealed), &size, Octets(plaintext),
                                  Length(plaintext)) == 1);
  NOROSHI_CHECK(EVP_EncryptFinal_ex(context.get(), Octets(&sealed) + size, &size) == 1);
  NOROSHI_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes,
                                    Octets(&sealed) + plaintext.size()) == 1);
  return sealed;
}

Result<std::string> OpenOnce(std::string_view key, std::string_view sealed,
                             std::string_view associated_data) {
  NOROSHI_CHECK(key.size() == kAesKeyBytes);
  const Quiet quiet;
  const Error bad{ErrorCode::kCorruption, "sealed bytes do not match their tag"};
  if (sealed.size() < kGcmTagBytes) return bad;
  thread_local const Context context;
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kGcmTagBytes);
  std::string tag(sealed.substr(ciphertext.size()));
  std::string plaintext(ciphertext.size(), '\0');
  int size = 0;
  NOROSHI_CHECK(
      EVP_DecryptInit_ex2(context.get(), Gcm(), Octets(key), kZeroNonce.data(), nullptr) == 1);
  AddAssociatedData(context.get(), associated_data, /*encrypt=*/false);
  NOROSHI_CHECK(EVP_DecryptUpdate(context.get(), Octets(&plaintext), &size, Octets(ciphertext),
                                  Length(ciphertext)) == 1);
  NOROSHI_CHECK(
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), Octets(&plaintext) + size, &size) != 1) return bad;
  return plaintext;
}

// RFC 3394 by hand, over AES-NI: OpenSSL's own wrap uses table look-ups, which
// are five times slower and leak through the cache.
std::string WrapKey(std::string_view master_key, std::string_view key) {
  NOROSHI_CHECK(master_key.size() == kAesKeyBytes && key.size() == kAesKeyBytes);
  thread_local const Context context;
  NOROSHI_CHECK(EVP_EncryptInit_ex2(context.get(), Ecb(), Octets(master_key), nullptr, nullptr) ==
                1);
  WrapState state = kWrapIntegrity;
  std::string wrapped(kWrappedKeyBytes, '\0');
  key.copy(wrapped.data() + kWrapHalf, key.size());
  for (unsigned step = 1; step <= kWrapSteps; ++step) {
    unsigned char* part = Octets(&wrapped) + kWrapHalf * (1 + (step - 1) % kWrapParts);
    WrapBlock block = JoinHalves(state, part);
    Crypt(context, EVP_EncryptUpdate, &block);
    std::copy_n(block.begin(), kWrapHalf, state.begin());
    state[kWrapHalf - 1] ^= static_cast<unsigned char>(step);
    std::copy_n(block.begin() + kWrapHalf, kWrapHalf, part);
  }
  std::copy(state.begin(), state.end(), Octets(&wrapped));
  return wrapped;
}

Result<std::string> UnwrapKey(std::string_view master_key, std::string_view wrapped) {
  NOROSHI_CHECK(master_key.size() == kAesKeyBytes);
  const Error bad{ErrorCode::kCorruption, "wrapped key does not match its master key"};
  if (wrapped.size() != kWrappedKeyBytes) return bad;
  thread_local const Context context;
  NOROSHI_CHECK(EVP_DecryptInit_ex2(context.get(), Ecb(), Octets(master_key), nullptr, nullptr) ==
                1);
  EVP_CIPHER_CTX_set_padding(context.get(), 0);  // Else each last block is held back.
  WrapState state;
  std::copy_n(Octets(wrapped), kWrapHalf, state.begin());
  std::string key(wrapped.substr(kWrapHalf));
  for (unsigned step = kWrapSteps; step >= 1; --step) {
    unsigned char* part = Octets(&key) + kWrapHalf * ((step - 1) % kWrapParts);
    state[kWrapHalf - 1] ^= static_cast<unsigned char>(step);
    WrapBlock block = JoinHalves(state, part);
    Crypt(context, EVP_DecryptUpdate, &block);
    std::copy_n(block.begin(), kWrapHalf, state.begin());
    std::copy_n(block.begin() + kWrapHalf, kWrapHalf, part);
  }
  if (CRYPTO_memcmp(state.data(), kWrapIntegrity.data(), kWrapHalf) != 0) return bad;
  return key;
}

}  // namespace noroshi
