// Throttle: how often somebody may guess.
//
// Three budgets, for each kind of guess separately. Beyond its free failures each
// makes one wait, twice as long after every further failure, up to a cap; and each
// forgives one failure in a fixed time (throttle.cc has the figures):
//   pair     one account from one address: stops guessing at one person's account.
//   address  whatever the account: stops one password tried with many accounts.
//   account  from wherever: stops a botnet that guesses at one person's account.
//
// Locking a person out: the account's budget is the only one that strangers can
// spend, and it does not count at a *known place*, an address from which this
// account succeeded with this kind before. There only the pair's own budget counts.
// At a place that is not known, an account under attack from many addresses makes
// its owner wait up to the account's cap, as it does the attackers; the owner then
// needs a known place, or the administrator. Somebody who shares the owner's address
// can make both wait up to the pair's cap.
//
// A flood cannot grow memory nor push anything out: failures are kept in sketches of
// fixed size (each key has four cells at places that a secret decides; its failures
// are at least counted, and counted too high only if others share all four). Known
// places are exact; only successes make them, kKnownPlacesPerAccount for each account.
//
// Addresses: IPv4 as it is, IPv6 by its /64 (one customer), IPv4 in IPv6 as IPv4.
//
// A granted try counts as failed for its pair until Succeeded is called, so parallel
// guesses do not slip through. The other two count at Failed, so they can be exceeded
// by as many tries as the caller runs at once.
//
// Forgets everything at a restart. Threads: thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/runtime/random.h"

namespace noroshi::identity {

enum class GuessKind { kPassword, kOtp, kRecovery, kLink };

inline constexpr size_t kKnownAccountsMax = 16'384;  // For each kind; the oldest success goes.
inline constexpr size_t kKnownPlacesPerAccount = 4;
// Longest that anybody waits, whatever was tried.
inline constexpr int64_t kThrottleWaitMaxMs = 15 * 60 * 1000;

// Who guesses. The account as the person typed it (in one normal form) or the id, but
// always the same; also when there is no such account. Empty when the guess names none
// (a one-time link): then only the address counts.
struct Guess {
  GuessKind kind;
  std::string_view account;
  std::string_view address;  // As text: "192.0.2.7", "2001:db8::7". Anything else is one address.
};

class Throttle {
 public:
  // random makes the secret, and is not kept.
  explicit Throttle(Random& random);
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  // 0: try, then call Failed or Succeeded. Otherwise: refuse with this Retry-After.
  // now_ms: of a clock that does not jump (Clock::Steady).
  int64_t TakeOrWaitMs(const Guess& guess, int64_t now_ms);
  void Failed(const Guess& guess, int64_t now_ms);
  void Succeeded(const Guess& guess, int64_t now_ms);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace noroshi::identity
