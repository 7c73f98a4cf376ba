// Recovery codes and tokens.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/crypto/crypto.h"
#include "hub/identity/base32.h"
#include "hub/identity/recovery.h"
#include "hub/identity/tokens.h"

namespace noroshi::identity {
namespace {

TEST(Base32Test, MatchesRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "MY"},
                                                         {"fo", "MZXQ"},
                                                         {"foo", "MZXW6"},
                                                         {"foob", "MZXW6YQ"},
                                                         {"fooba", "MZXW6YTB"},
                                                         {"foobar", "MZXW6YTBOI"}};
  for (const auto& [bytes, text] : vectors) EXPECT_EQ(Base32(bytes, kRfc4648Alphabet), text);
}

TEST(RecoveryCodesTest, TenThatPeopleCanRead) {
  const RecoveryCodes made = NewRecoveryCodes(SystemRandom());
  EXPECT_EQ(made.codes.size(), kRecoveryCodes);
  EXPECT_EQ(std::set<std::string>(made.codes.begin(), made.codes.end()).size(), kRecoveryCodes);
  for (const auto& code : made.codes) {
    EXPECT_EQ(code.size(), 19U);
    EXPECT_EQ(code.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), std::string::npos);
  }
  for (const auto& stored : made.stored) EXPECT_EQ(stored.size(), kRecoveryStoredBytes);
}

TEST(RecoveryCodesTest, EachIsFoundAndGoodOnce) {
  RecoveryCodes made = NewRecoveryCodes(SystemRandom());
  for (size_t i = 0; i < kRecoveryCodes; ++i) {
    EXPECT_EQ(FindRecoveryCode(made.codes[i], made.stored).value(), i);
    made.stored[i].clear();
    EXPECT_EQ(FindRecoveryCode(made.codes[i], made.stored).error().code, ErrorCode::kDenied);
  }
}

// Zeros and ones, to be mistyped.
class Zeros final : public Random {
 public:
  void Fill(void* data, size_t size) override { std::fill_n(static_cast<char*>(data), size, '\0'); }
};

TEST(RecoveryCodesTest, ReadsWhatPeopleType) {
  RecoveryCodes made = NewRecoveryCodes(SystemRandom());
  std::string typed = made.codes[3];
  std::transform(typed.begin(), typed.end(), typed.begin(), [](unsigned char c) {
    return static_cast<char>(c == '-' ? ' ' : std::tolower(c));
  });
  EXPECT_EQ(FindRecoveryCode(" " + typed + " ", made.stored).value(), 3U);
  Zeros zeros;
  EXPECT_TRUE(FindRecoveryCode("OOOOooooOOOOoooo", NewRecoveryCodes(zeros).stored).ok());
}

TEST(RecoveryCodesTest, OthersAreDenied) {
  const RecoveryCodes made = NewRecoveryCodes(SystemRandom());
  const std::string& code = made.codes[0];
  for (const std::string& wrong :
       {std::string(), std::string("-"), code.substr(1), code + "0",
        NewRecoveryCodes(SystemRandom()).codes[0], std::string(19, '\0'),
        code + std::string(kRecoveryTextBytesMax - code.size() + 1, ' ')}) {
    EXPECT_EQ(FindRecoveryCode(wrong, made.stored).error().code, ErrorCode::kDenied);
  }
  EXPECT_TRUE(
      FindRecoveryCode(code + std::string(kRecoveryTextBytesMax - code.size(), ' '), made.stored)
          .ok());
  EXPECT_FALSE(FindRecoveryCode(code, {}).ok());
}

TEST(SecretTokenTest, TheHubKeepsAHashOnly) {
  const SecretToken token = NewSecretToken(TokenPurpose::kSession, SystemRandom());
  EXPECT_EQ(token.text.size(), kSecretTokenTextBytes);
  EXPECT_EQ(token.hash.size(), kSha256Bytes);
  EXPECT_EQ(SecretTokenHash(TokenPurpose::kSession, token.text).value(), token.hash);
  EXPECT_NE(NewSecretToken(TokenPurpose::kSession, SystemRandom()).text, token.text);
}

TEST(SecretTokenTest, ALinkIsNoSession) {
  const SecretToken link = NewSecretToken(TokenPurpose::kLink, SystemRandom());
  EXPECT_NE(SecretTokenHash(TokenPurpose::kSession, link.text).value(), link.hash);
  EXPECT_EQ(SecretTokenHash(TokenPurpose::kLink, link.text).value(), link.hash);
}

TEST(SecretTokenTest, HasOneSpelling) {
  const std::string zero(kSecretTokenTextBytes, 'A');
  EXPECT_TRUE(SecretTokenHash(TokenPurpose::kSession, zero).ok());
  for (const std::string& wrong :
       {std::string(), zero + "A", zero.substr(1), zero.substr(1) + "B", zero.substr(1) + "=",
        zero.substr(1) + "+", std::string(kSecretTokenTextBytes, '\0')}) {
    EXPECT_EQ(SecretTokenHash(TokenPurpose::kSession, wrong).error().code, ErrorCode::kDenied);
  }
}

TEST(CsrfTokenTest, BelongsToItsSession) {
  const std::string mine = NewSecretToken(TokenPurpose::kSession, SystemRandom()).text;
  const std::string other = NewSecretToken(TokenPurpose::kSession, SystemRandom()).text;
  EXPECT_EQ(CsrfToken(mine).size(), kSecretTokenTextBytes);
  EXPECT_TRUE(IsCsrfToken(mine, CsrfToken(mine)));
  EXPECT_FALSE(IsCsrfToken(mine, CsrfToken(other)));
  EXPECT_FALSE(IsCsrfToken(mine, mine));
  EXPECT_FALSE(IsCsrfToken(mine, ""));
  EXPECT_FALSE(IsCsrfToken(mine, CsrfToken(mine) + "x"));
}

}  // namespace
}  // namespace noroshi::identity
