#include "hub/identity/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"

namespace noroshi::identity {
namespace {

constexpr int64_t kSecondMs = 1000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kFirstWaitMs = kSecondMs;
// So many doublings reach every cap; failures beyond them change nothing, or being
// forgiven would take for ever.
constexpr uint32_t kDoublingsMax = 11;

struct Budget {
  uint32_t free = 0;  // Failures without waiting.
  int64_t forgive_ms = 1;
  int64_t cap_ms = 0;
};
struct Budgets {
  Budget pair, address, account;
};

constexpr size_t kKinds = 4;
// In the long run the account's budget leaves guessers one try in cap_ms or forgive_ms,
// whichever is shorter: 720 passwords a day, or 144 one-time codes of which three in a
// million are right (about 0.04 % a day, for somebody who has the password already).
constexpr std::array<Budgets, kKinds> kBudgets = {{
    // Password.
    {{5, 10 * kMinuteMs, kThrottleWaitMaxMs},
     {30, kMinuteMs, kThrottleWaitMaxMs},
     {50, 3 * kMinuteMs, 2 * kMinuteMs}},
    // One-time code.
    {{5, 10 * kMinuteMs, kThrottleWaitMaxMs},
     {30, kMinuteMs, kThrottleWaitMaxMs},
     {20, 10 * kMinuteMs, kThrottleWaitMaxMs}},
    // Recovery code.
    {{5, 10 * kMinuteMs, kThrottleWaitMaxMs},
     {15, kMinuteMs, kThrottleWaitMaxMs},
     {20, 10 * kMinuteMs, kThrottleWaitMaxMs}},
    // Link.
    {{5, 10 * kMinuteMs, kThrottleWaitMaxMs},
     {15, kMinuteMs, kThrottleWaitMaxMs},
     {20, 10 * kMinuteMs, kThrottleWaitMaxMs}},
}};

// Failures of whoever falls on this cell.
class Cell {
 public:
  int64_t WaitMs(int64_t now_ms) const { return std::max<int64_t>(0, until_ms_ - now_ms); }

  // After forgiving.
  uint32_t Failures(const Budget& budget, int64_t now_ms) {
    const int64_t forgiven = std::max<int64_t>(0, now_ms - since_ms_) / budget.forgive_ms;
    if (forgiven >= failures_) {
      failures_ = 0;
      since_ms_ = now_ms;
    } else {
      failures_ -= static_cast<uint32_t>(forgiven);
      since_ms_ += forgiven * budget.forgive_ms;
    }
    return failures_;
  }

  // At least this many failures, the last of them now.
  void Raise(uint32_t failures, const Budget& budget, int64_t now_ms) {
    failures_ = std::max(failures_, std::min(failures, budget.free + 1 + kDoublingsMax));
    if (failures <= budget.free) return;
    const uint32_t doublings = std::min(failures - budget.free - 1, kDoublingsMax);
    until_ms_ = std::max(until_ms_, now_ms + std::min(kFirstWaitMs << doublings, budget.cap_ms));
  }

  void Clear() { *this = Cell(); }

 private:
  uint32_t failures_ = 0;
  int64_t since_ms_ = 0;  // When forgiving began.
  int64_t until_ms_ = 0;
};

// Failures by key in fixed memory: a count-min sketch. A key's failures are the least
// of its cells', so they are never too few.
class Sketch {
 public:
  Sketch() : cells_(kRows * kCellsPerRow) {}

  // key: kSha256Bytes that nobody outside can compute.
  int64_t WaitMs(std::string_view key, int64_t now_ms) {
    int64_t wait_ms = kThrottleWaitMaxMs;
    for (size_t row = 0; row < kRows; ++row) {
      wait_ms = std::min(wait_ms, At(row, key).WaitMs(now_ms));
    }
    return wait_ms;
  }

  void Fail(std::string_view key, const Budget& budget, int64_t now_ms) {
    uint32_t least = UINT32_MAX;
    for (size_t row = 0; row < kRows; ++row) {
      least = std::min(least, At(row, key).Failures(budget, now_ms));
    }
    for (size_t row = 0; row < kRows; ++row) At(row, key).Raise(least + 1, budget, now_ms);
  }

 private:
  static constexpr size_t kRows = 4;
  static constexpr size_t kCellsPerRow = 8192;  // 0.8 MB for each sketch.

  Cell& At(size_t row, std::string_view key) {
    return cells_[row * kCellsPerRow + ReadBigEndian64(key.substr(row * 8)) % kCellsPerRow];
  }
  std::vector<Cell> cells_;
};

struct Place {
  std::string pair;
  int64_t success_ms = 0;
  Cell cell;
};

// Where accounts succeeded before. Exact.
class KnownPlaces {
 public:
  Place* Find(const std::string& account, const std::string& pair) {
    const auto found = places_.find(account);
    if (found == places_.end()) return nullptr;
    for (Place& place : found->second) {
      if (place.pair == pair) return &place;
    }
    return nullptr;
  }

  void Succeeded(const std::string& account, const std::string& pair, int64_t now_ms) {
    Place* place = Find(account, pair);
    if (place == nullptr) place = Add(account);
    *place = {pair, now_ms, Cell()};
  }

 private:
  static bool Older(const Place& a, const Place& b) { return a.success_ms < b.success_ms; }
  static int64_t Newest(const std::vector<Place>& places) {
    return std::max_element(places.begin(), places.end(), Older)->success_ms;
  }

  // An element to fill; the oldest makes room.
  Place* Add(const std::string& account) {
    if (places_.size() >= kKnownAccountsMax && !places_.contains(account)) {
      places_.erase(std::min_element(
          places_.begin(), places_.end(),
          [](const auto& a, const auto& b) { return Newest(a.second) < Newest(b.second); }));
    }
    auto& places = places_[account];
    if (places.size() < kKnownPlacesPerAccount) return &places.emplace_back();
    return &*std::min_element(places.begin(), places.end(), Older);
  }

  std::unordered_map<std::string, std::vector<Place>> places_;
};

// What counts as one address.
std::string Prefix(std::string_view address) {
  const std::string text(address.substr(0, INET6_ADDRSTRLEN));
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    return {reinterpret_cast<const char*>(&v4), sizeof(v4)};
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return "unknown";
  const auto* bytes = reinterpret_cast<const char*>(v6.s6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return {bytes + 12, 4};
  return {bytes, 8};
}

struct KindState {
  Sketch pairs, addresses, accounts;
  KnownPlaces known;
};

struct Keys {
  std::string pair, address, account;
};

}  // namespace

struct Throttle::State {
  std::mutex mutex;
  std::string secret;
  std::array<KindState, kKinds> kinds;

  Keys KeysOf(const Guess& guess) const {
    const std::string prefix = Prefix(guess.address);
    const std::string account = HmacSha256(secret, "account " + std::string(guess.account));
    return {HmacSha256(secret, "pair " + account + prefix), HmacSha256(secret, "address " + prefix),
            account};
  }
};

Throttle::Throttle(Random& random) : state_(std::make_unique<State>()) {
  state_->secret = random.Bytes(kSha256Bytes);
}

Throttle::~Throttle() = default;

int64_t Throttle::TakeOrWaitMs(const Guess& guess, int64_t now_ms) {
  const Keys keys = state_->KeysOf(guess);
  const std::lock_guard lock(state_->mutex);
  KindState& kind = state_->kinds[static_cast<size_t>(guess.kind)];
  const Budgets& budgets = kBudgets[static_cast<size_t>(guess.kind)];
  if (guess.account.empty()) return kind.addresses.WaitMs(keys.address, now_ms);
  if (Place* place = kind.known.Find(keys.account, keys.pair)) {
    const int64_t wait_ms = place->cell.WaitMs(now_ms);
    if (wait_ms == 0) {
      place->cell.Raise(place->cell.Failures(budgets.pair, now_ms) + 1, budgets.pair, now_ms);
    }
    return wait_ms;
  }
  const int64_t wait_ms =
      std::max({kind.pairs.WaitMs(keys.pair, now_ms), kind.addresses.WaitMs(keys.address, now_ms),
                kind.accounts.WaitMs(keys.account, now_ms)});
  if (wait_ms == 0) kind.pairs.Fail(keys.pair, budgets.pair, now_ms);
  return wait_ms;
}

void Throttle::Failed(const Guess& guess, int64_t now_ms) {
  const Keys keys = state_->KeysOf(guess);
  const std::lock_guard lock(state_->mutex);
  KindState& kind = state_->kinds[static_cast<size_t>(guess.kind)];
  const Budgets& budgets = kBudgets[static_cast<size_t>(guess.kind)];
  if (!guess.account.empty()) {
    if (kind.known.Find(keys.account, keys.pair) != nullptr) return;  // Counted when taken.
    kind.accounts.Fail(keys.account, budgets.account, now_ms);
  }
  kind.addresses.Fail(keys.address, budgets.address, now_ms);
}

void Throttle::Succeeded(const Guess& guess, int64_t now_ms) {
  if (guess.account.empty()) return;
  const Keys keys = state_->KeysOf(guess);
  const std::lock_guard lock(state_->mutex);
  KindState& kind = state_->kinds[static_cast<size_t>(guess.kind)];
  kind.known.Succeeded(keys.account, keys.pair, now_ms);
}

}  // namespace noroshi::identity
