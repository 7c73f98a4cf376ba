// The few cryptographic primitives that both sides need, over OpenSSL.
//
// Keys and secrets are plain std::string; they never reach a log or an error.
// Threads: functions are thread-safe; a Sha256 or SigningKey object is used by
// one thread at a time (SigningKey::Sign is const and thread-safe).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi {

inline constexpr size_t kSha256Bytes = 32;

// Incremental SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& Update(std::string_view bytes);
  std::string Finish();  // 32 bytes; the object then starts anew.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Of(std::string_view bytes);

// HMAC (RFC 2104). SHA-1 only where a standard asks for it (RFC 6238).
inline constexpr size_t kSha1Bytes = 20;
std::string HmacSha256(std::string_view key, std::string_view message);
std::string HmacSha1(std::string_view key, std::string_view message);

// Equal content in a time that depends on the lengths only.
bool EqualInConstantTime(std::string_view a, std::string_view b);

// ---- signatures: Ed25519 (RFC 8032) ----

inline constexpr size_t kEd25519KeyBytes = 32;
inline constexpr size_t kEd25519SignatureBytes = 64;

class SigningKey {
 public:
  // kInvalid unless exactly 32 bytes of seed.
  static Result<SigningKey> FromSeed(std::string_view seed);

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  std::string Sign(std::string_view message) const;
  const std::string& public_key() const { return public_key_; }

 private:
  struct Key;
  SigningKey(std::unique_ptr<Key> key, std::string public_key);
  std::unique_ptr<Key> key_;
  std::string public_key_;
};

bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature);

// ---- sealing: AES-256-GCM under a key that is used once ----

inline constexpr size_t kAesKeyBytes = 32;
inline constexpr size_t kGcmTagBytes = 16;
inline constexpr size_t kGcmNonceBytes = 12;

// Encrypts under a key that never encrypts anything else: the nonce is all
// zeros. Returns ciphertext ‖ 16-byte tag. REQUIRES: key of 32 bytes.
std::string SealOnce(std::string_view key, std::string_view plaintext,
                     std::string_view associated_data);
// kCorruption when the tag does not fit.
Result<std::string> OpenOnce(std::string_view key, std::string_view sealed,
                             std::string_view associated_data);

// Wraps a 32-byte key under the master key: nonce ‖ AES-256-GCM ciphertext ‖ tag.
// The nonce is 12 random bytes; a master key may wrap up to 2^32 keys (NIST SP
// 800-38D, 8.3). REQUIRES: both keys of 32 bytes, the nonce of kGcmNonceBytes.
inline constexpr size_t kWrappedKeyBytes = kGcmNonceBytes + kAesKeyBytes + kGcmTagBytes;
std::string WrapKey(std::string_view master_key, std::string_view nonce, std::string_view key);
// kCorruption when the tag does not fit.
Result<std::string> UnwrapKey(std::string_view master_key, std::string_view wrapped);

}  // namespace noroshi
