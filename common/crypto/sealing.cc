#include <openssl/evp.h>

#include <limits>
#include <optional>

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

// One for each thread and direction: making one, or naming its cipher again, costs more
// than sealing 1 KiB.
class Context {
 public:
  explicit Context(bool encrypt) : context_(EVP_CIPHER_CTX_new()) {
    NOROSHI_CHECK(context_ != nullptr);
    NOROSHI_CHECK(EVP_CipherInit_ex2(context_, Gcm(), nullptr, nullptr, encrypt ? 1 : 0, nullptr) ==
                  1);
  }
  ~Context() { EVP_CIPHER_CTX_free(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  EVP_CIPHER_CTX* get() const { return context_; }

 private:
  EVP_CIPHER_CTX* context_;
};

constexpr std::string_view kZeroNonce("\0\0\0\0\0\0\0\0\0\0\0\0", kGcmNonceBytes);
// Keeps a wrapped key from being taken for a sealed body.
constexpr std::string_view kWrapContext = "noroshi/v1 key";

void AddAssociatedData(EVP_CIPHER_CTX* context, std::string_view data, bool encrypt) {
  int size = 0;
  if (data.empty()) return;
  NOROSHI_CHECK((encrypt ? EVP_EncryptUpdate : EVP_DecryptUpdate)(context, nullptr, &size,
                                                                  Octets(data), Length(data)) == 1);
}

// Ciphertext ‖ tag under key and nonce, appended to out.
void Encrypt(std::string_view key, std::string_view nonce, std::string_view plaintext,
             std::string_view associated_data, std::string* out) {
  thread_local const Context context(/*encrypt=*/true);
  const size_t start = out->size();
  out->resize(start + plaintext.size() + kGcmTagBytes);
  unsigned char* target = Octets(out) + start;
  int size = 0;
  NOROSHI_CHECK(EVP_EncryptInit_ex2(context.get(), nullptr, Octets(key), Octets(nonce), nullptr) ==
                1);
  AddAssociatedData(context.get(), associated_data, /*encrypt=*/true);
  NOROSHI_CHECK(
      EVP_EncryptUpdate(context.get(), target, &size, Octets(plaintext), Length(plaintext)) == 1);
  NOROSHI_CHECK(EVP_EncryptFinal_ex(context.get(), target + size, &size) == 1);
  NOROSHI_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes,
                                    target + plaintext.size()) == 1);
}

// The plaintext, or nullopt when the tag does not fit.
std::optional<std::string> Decrypt(std::string_view key, std::string_view nonce,
                                   std::string_view sealed, std::string_view associated_data) {
  const Quiet quiet;
  if (sealed.size() < kGcmTagBytes) return std::nullopt;
  thread_local const Context context(/*encrypt=*/false);
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kGcmTagBytes);
  std::string tag(sealed.substr(ciphertext.size()));
  std::string plaintext(ciphertext.size(), '\0');
  int size = 0;
  NOROSHI_CHECK(EVP_DecryptInit_ex2(context.get(), nullptr, Octets(key), Octets(nonce), nullptr) ==
                1);
  AddAssociatedData(context.get(), associated_data, /*encrypt=*/false);
  NOROSHI_CHECK(EVP_DecryptUpdate(context.get(), Octets(&plaintext), &size, Octets(ciphertext),
                                  Length(ciphertext)) == 1);
  NOROSHI_CHECK(
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), Octets(&plaintext) + size, &size) != 1) {
    return std::nullopt;
  }
  return plaintext;
}

}  // namespace

std::string SealOnce(std::string_view key, std::string_view plaintext,
                     std::string_view associated_data) {
  NOROSHI_CHECK(key.size() == kAesKeyBytes);
  std::string sealed;
  Encrypt(key, kZeroNonce, plaintext, associated_data, &sealed);
  return sealed;
}

Result<std::string> OpenOnce(std::string_view key, std::string_view sealed,
                             std::string_view associated_data) {
  NOROSHI_CHECK(key.size() == kAesKeyBytes);
  auto plaintext = Decrypt(key, kZeroNonce, sealed, associated_data);
  if (!plaintext) return Error{ErrorCode::kCorruption, "sealed bytes do not match their tag"};
  return *std::move(plaintext);
}

std::string WrapKey(std::string_view master_key, std::string_view nonce, std::string_view key) {
  NOROSHI_CHECK(master_key.size() == kAesKeyBytes && key.size() == kAesKeyBytes);
  NOROSHI_CHECK(nonce.size() == kGcmNonceBytes);
  std::string wrapped(nonce);
  Encrypt(master_key, nonce, key, kWrapContext, &wrapped);
  return wrapped;
}

Result<std::string> UnwrapKey(std::string_view master_key, std::string_view wrapped) {
  NOROSHI_CHECK(master_key.size() == kAesKeyBytes);
  if (wrapped.size() == kWrappedKeyBytes) {
    auto key = Decrypt(master_key, wrapped.substr(0, kGcmNonceBytes),
                       wrapped.substr(kGcmNonceBytes), kWrapContext);
    if (key) return *std::move(key);
  }
  return Error{ErrorCode::kCorruption, "wrapped key does not match its master key"};
}

}  // namespace noroshi
