#include "hub/identity/password.h"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>
#include <optional>

#include "common/text/unicode.h"

namespace noroshi::identity {
namespace {

constexpr size_t kHashBytes = 32;
constexpr std::string_view kPrefix = "$argon2id$v=19$m=";

std::string Base64(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // libsodium ends it with NUL.
  return text;
}

// Reads "<number><end>" and steps over it.
std::optional<uint64_t> TakeNumber(std::string_view* text, std::string_view end) {
  uint64_t number = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), number);
  if (read.ec != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(read.ptr - text->data()));
  if (!text->starts_with(end)) return std::nullopt;
  text->remove_prefix(end.size());
  return number;
}

// What a stored hash costs; nullopt unless it is one of Argon2id.
std::optional<PasswordCost> CostOf(std::string_view stored) {
  if (stored.size() >= crypto_pwhash_STRBYTES || !stored.starts_with(kPrefix)) return std::nullopt;
  stored.remove_prefix(kPrefix.size());
  const auto kib = TakeNumber(&stored, ",t=");
  if (!kib || *kib > kPasswordCostMax.memory_bytes / 1024) return std::nullopt;
  const auto passes = TakeNumber(&stored, ",p=1$");
  if (!passes || *passes > kPasswordCostMax.passes) return std::nullopt;
  return PasswordCost{*kib * 1024, static_cast<uint32_t>(*passes)};
}

// The form that is hashed.
Result<std::string> Normalised(std::string_view password) {
  const Error refused{ErrorCode::kInvalid,
                      fmt::format("a password has at most {} bytes of UTF-8", kPasswordBytesMax)};
  if (password.size() > kPasswordBytesMax) return refused;
  auto normalised = text::Nfkc(password);
  if (!normalised || normalised->size() > kPasswordBytesMax) return refused;
  return *std::move(normalised);
}

}  // namespace

// The right to compute one hash.
class PasswordHasher::Turn {
 public:
  static Result<std::unique_ptr<Turn>> Take(PasswordHasher* hasher) {
    std::unique_lock lock(hasher->mutex_);
    if (hasher->computing_ >= kHashesAtOnceMax) {
      if (hasher->waiting_ >= kHashesWaitingMax) {
        return Error{ErrorCode::kOverloaded, "too many people sign in at once; try again"};
      }
      ++hasher->waiting_;
      hasher->freed_.wait(lock, [&] { return hasher->computing_ < kHashesAtOnceMax; });
      --hasher->waiting_;
    }
    ++hasher->computing_;
    return std::unique_ptr<Turn>(new Turn(hasher));
  }
  ~Turn() {
    const std::lock_guard lock(hasher_->mutex_);
    --hasher_->computing_;
    hasher_->freed_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  explicit Turn(PasswordHasher* hasher) : hasher_(hasher) {}
  PasswordHasher* hasher_;
};

PasswordHasher::PasswordHasher(Random* random, PasswordCost cost) : random_(random), cost_(cost) {
  NOROSHI_CHECK(sodium_init() >= 0);
  NOROSHI_CHECK(cost.memory_bytes >= crypto_pwhash_MEMLIMIT_MIN && cost.memory_bytes % 1024 == 0);
  NOROSHI_CHECK(cost.memory_bytes <= kPasswordCostMax.memory_bytes);
  NOROSHI_CHECK(cost.passes >= 1 && cost.passes <= kPasswordCostMax.passes);
  auto dummy = HashWith(random_->Bytes(crypto_pwhash_SALTBYTES), random_->Bytes(kHashBytes));
  NOROSHI_CHECK(dummy.ok());
  dummy_ = *std::move(dummy);
}

Result<std::string> PasswordHasher::HashWith(std::string_view salt,
                                             std::string_view normalised) const {
  std::string hash(kHashBytes, '\0');
  if (crypto_pwhash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), normalised.data(),
                    normalised.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                    cost_.passes, cost_.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error{ErrorCode::kOverloaded, "no memory for a password's hash"};
  }
  return fmt::format("{}{},t={},p=1${}${}", kPrefix, cost_.memory_bytes / 1024, cost_.passes,
                     Base64(salt), Base64(hash));
}

Result<std::string> PasswordHasher::Hash(std::string_view password) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string normalised, Normalised(password));
  NOROSHI_ASSIGN_OR_RETURN(const auto turn, Turn::Take(this));
  return HashWith(random_->Bytes(crypto_pwhash_SALTBYTES), normalised);
}

Result<void> PasswordHasher::Verify(std::string_view stored, std::string_view password) {
  const Error denied{ErrorCode::kDenied, "the login or the password is not right"};
  const bool real = !stored.empty();
  const std::string known(real ? stored : dummy_);
  if (!CostOf(known)) return Error{ErrorCode::kCorruption, "a stored password hash is damaged"};
  const auto normalised = Normalised(password);
  if (!normalised.ok()) return denied;  // Known to everybody from its length alone.
  NOROSHI_ASSIGN_OR_RETURN(const auto turn, Turn::Take(this));
  const bool fits =
      crypto_pwhash_str_verify(known.c_str(), normalised->data(), normalised->size()) == 0;
  if (!fits || !real) return denied;
  return {};
}

bool PasswordHasher::NeedsRehash(std::string_view stored) const {
  const auto cost = CostOf(stored);
  return !cost || cost->memory_bytes != cost_.memory_bytes || cost->passes != cost_.passes;
}

}  // namespace noroshi::identity
