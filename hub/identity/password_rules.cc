#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>

#include "common/text/unicode.h"
#include "hub/identity/password.h"

namespace noroshi::identity {

extern const std::string_view kCommonPasswords;  // data/common-passwords.txt

namespace {

// Logins shorter than this stand in many good passwords by chance.
constexpr size_t kLoginBytesMin = 4;

Error Refused(std::string message) { return {ErrorCode::kInvalid, std::move(message)}; }

bool IsDigitOrSign(char c) {
  return static_cast<unsigned char>(c) < 0x80 && !(c >= 'a' && c <= 'z');
}

// "!!password2024" -> "password".
std::string_view WithoutEnds(std::string_view folded) {
  while (!folded.empty() && IsDigitOrSign(folded.front())) folded.remove_prefix(1);
  while (!folded.empty() && IsDigitOrSign(folded.back())) folded.remove_suffix(1);
  return folded;
}

const std::unordered_set<std::string_view>& CommonPasswords() {
  static const auto* const common = [] {
    auto* lines = new std::unordered_set<std::string_view>;
    for (std::string_view rest = kCommonPasswords; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size() - 1);
      const std::string_view line = rest.substr(0, end);
      if (!line.empty() && line.front() != '#') lines->insert(line);
      rest.remove_prefix(end + 1);
    }
    return lines;
  }();
  return *common;
}

// A common word, or one over and over again.
bool IsCommon(std::string_view folded) {
  const auto& common = CommonPasswords();
  if (common.contains(folded)) return true;
  for (size_t length = 1; length <= folded.size() / 2; ++length) {
    if (folded.size() % length != 0 || !common.contains(folded.substr(0, length))) continue;
    if (folded.substr(length) == folded.substr(0, folded.size() - length)) return true;
  }
  return false;
}

struct Shape {
  size_t characters = 0;
  size_t distinct = 0;
  bool controls = false;
  bool only_digits = true;
};

// REQUIRES: valid UTF-8.
Shape ShapeOf(std::string_view text) {
  Shape shape;
  std::set<std::string_view> seen;
  for (size_t i = 0, next = 0; i < text.size(); i = next) {
    for (next = i + 1; next < text.size() && (text[next] & 0xc0) == 0x80;) ++next;
    seen.insert(text.substr(i, next - i));
    ++shape.characters;
    const auto byte = static_cast<unsigned char>(text[i]);
    shape.controls |= byte < 0x20 || byte == 0x7f;
    shape.only_digits &= byte >= '0' && byte <= '9';
  }
  shape.distinct = seen.size();
  return shape;
}

}  // namespace

Result<void> CheckPasswordRules(std::string_view password, std::string_view login) {
  if (password.size() > kPasswordBytesMax) {
    return Refused(fmt::format("the password is longer than {} bytes", kPasswordBytesMax));
  }
  const auto normalised = text::Nfkc(password);
  if (!normalised) return Refused("the password is not valid UTF-8");
  if (normalised->size() > kPasswordBytesMax) {
    return Refused(fmt::format("the password is longer than {} bytes", kPasswordBytesMax));
  }
  const Shape shape = ShapeOf(*normalised);
  if (shape.controls) return Refused("the password has control characters in it");
  if (shape.characters < kPasswordCharactersMin) {
    return Refused(
        fmt::format("the password needs at least {} characters", kPasswordCharactersMin));
  }
  if (shape.distinct < kPasswordDistinctMin) {
    return Refused(
        fmt::format("the password needs at least {} different characters", kPasswordDistinctMin));
  }
  if (shape.only_digits) return Refused("the password must not be digits alone");
  const std::string folded = text::NormaliseWithoutSpace(*normalised);
  const std::string folded_login = text::NormaliseWithoutSpace(login);
  if (folded_login.size() >= kLoginBytesMin && folded.find(folded_login) != std::string::npos) {
    return Refused("the password must not contain the login");
  }
  if (IsCommon(folded) || IsCommon(WithoutEnds(folded))) {
    return Refused("the password is one of those that everybody tries first");
  }
  return {};
}

}  // namespace noroshi::identity
