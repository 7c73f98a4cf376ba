#include "hub/identity/recovery.h"

#include <optional>

#include "common/crypto/crypto.h"
#include "hub/identity/base32.h"

namespace noroshi::identity {
namespace {

constexpr size_t kSymbols = kRecoveryCodeBytes * 8 / 5;
constexpr size_t kGroup = 4;

std::string Stored(std::string_view salt, std::string_view symbols) {
  Sha256 hash;
  hash.Update("noroshi/v1 recovery code").Update(salt).Update(symbols);
  return std::string(salt) + hash.Finish();
}

std::string Grouped(std::string_view symbols) {
  std::string text;
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i > 0 && i % kGroup == 0) text += '-';
    text += symbols[i];
  }
  return text;
}

char ReadSymbol(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') return '0';
  return c == 'I' || c == 'L' ? '1' : c;
}

// The symbols of a typed code; nullopt if it cannot be one.
std::optional<std::string> Symbols(std::string_view text) {
  if (text.size() > kRecoveryTextBytesMax) return std::nullopt;
  std::string symbols;
  for (const char c : text) {
    if (c == '-' || c == ' ') continue;
    symbols += ReadSymbol(c);
    if (kCrockfordAlphabet.find(symbols.back()) == std::string_view::npos) return std::nullopt;
  }
  if (symbols.size() != kSymbols) return std::nullopt;
  return symbols;
}

}  // namespace

RecoveryCodes NewRecoveryCodes(Random& random) {
  RecoveryCodes made;
  for (size_t i = 0; i < kRecoveryCodes; ++i) {
    const std::string symbols = Base32(random.Bytes(kRecoveryCodeBytes), kCrockfordAlphabet);
    made.codes.push_back(Grouped(symbols));
    made.stored.push_back(Stored(random.Bytes(kRecoverySaltBytes), symbols));
  }
  return made;
}

Result<size_t> FindRecoveryCode(std::string_view code, const std::vector<std::string>& stored) {
  NOROSHI_CHECK(stored.size() <= kRecoveryCodes);
  const Error denied{ErrorCode::kDenied, "not a recovery code, or one that was used"};
  const auto symbols = Symbols(code);
  if (!symbols) return denied;
  std::optional<size_t> found;
  for (size_t i = 0; i < stored.size(); ++i) {
    if (stored[i].empty()) continue;
    NOROSHI_CHECK(stored[i].size() == kRecoveryStoredBytes);
    const std::string_view salt = std::string_view(stored[i]).substr(0, kRecoverySaltBytes);
    if (EqualInConstantTime(Stored(salt, *symbols), stored[i])) found = i;
  }
  if (!found) return denied;
  return *found;
}

}  // namespace noroshi::identity
