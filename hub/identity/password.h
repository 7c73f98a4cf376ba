// Passwords: Argon2id (RFC 9106) through libsodium, and the rules for new ones.
//
// Passwords are compared in Unicode's form NFKC, so that it does not matter how
// a keyboard composes a character. They reach no log and no error.
//
// Threads: PasswordHasher is thread-safe; its calls block for as long as a hash
// takes. The rules are a pure function.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/runtime/random.h"

namespace noroshi::identity {

inline constexpr size_t kPasswordCharactersMin = 12;  // Code points, normalised.
inline constexpr size_t kPasswordBytesMax = 256;      // UTF-8, as typed and normalised.
inline constexpr size_t kPasswordDistinctMin = 4;     // Different code points.

struct PasswordCost {
  uint64_t memory_bytes = 0;  // Whole KiB.
  uint32_t passes = 0;
};
// OWASP's least for Argon2id is 19 MiB and two passes. This is above it: about 60 ms
// of one core (AMD EPYC), and memory that an attacker needs for each guess.
inline constexpr PasswordCost kPasswordCost = {uint64_t{32} * 1024 * 1024, 3};
// A stored hash that asks for more is damaged or hostile, and is never computed.
inline constexpr PasswordCost kPasswordCostMax = {uint64_t{128} * 1024 * 1024, 8};

// At most so many hashes are computed at once, the rest wait: 128 MiB in all.
inline constexpr size_t kHashesAtOnceMax = 4;
// More than these waiting are refused: about two seconds of work on two cores.
inline constexpr size_t kHashesWaitingMax = 64;

// Whether this may become the password of the person with this login. kInvalid
// says in words what to change, and repeats nothing of the password. Refused:
// less than kPasswordCharactersMin characters, more than kPasswordBytesMax bytes,
// not UTF-8, control characters, fewer than kPasswordDistinctMin different
// characters, only digits, the login within it, and common passwords, also with
// digits and signs at their ends.
Result<void> CheckPasswordRules(std::string_view password, std::string_view login);

class PasswordHasher {
 public:
  // random outlives the hasher. cost: tests take a smaller one.
  // REQUIRES: cost within libsodium's least (8 KiB, one pass) and kPasswordCostMax.
  explicit PasswordHasher(Random* random, PasswordCost cost = kPasswordCost);
  PasswordHasher(const PasswordHasher&) = delete;
  PasswordHasher& operator=(const PasswordHasher&) = delete;

  // "$argon2id$v=19$m=...": what is stored. Does not check the rules. kInvalid:
  // longer than kPasswordBytesMax or not UTF-8. kOverloaded: see kHashesWaitingMax.
  Result<std::string> Hash(std::string_view password);

  // ok: it is the password. kDenied: it is not, or `stored` is empty. With an
  // empty `stored` (no such account, or one without a password) a dummy is
  // computed, so that the answer takes as long. kOverloaded: not tried.
  // kCorruption: `stored` does not begin as Hash's, or asks for more than
  // kPasswordCostMax.
  Result<void> Verify(std::string_view stored, std::string_view password);

  // Whether `stored` was made with another cost: hash anew after a successful sign-in.
  bool NeedsRehash(std::string_view stored) const;

 private:
  class Turn;
  friend class Turn;
  Result<std::string> HashWith(std::string_view salt, std::string_view normalised) const;

  Random* random_;
  PasswordCost cost_;
  std::string dummy_;  // A hash of random bytes.

  std::mutex mutex_;
  std::condition_variable freed_;
  size_t computing_ = 0;
  size_t waiting_ = 0;
};

}  // namespace noroshi::identity
