#include "hub/identity/totp.h"

#include <gtest/gtest.h>

namespace noroshi::identity {
namespace {

constexpr char kRfcSecret[] = "12345678901234567890";

TEST(TotpTest, MatchesRfc6238) {
  // Appendix B, SHA-1; the last six of its eight digits.
  const std::pair<int64_t, const char*> vectors[] = {{59, "287082"},
                                                     {1'111'111'109, "081804"},
                                                     {1'111'111'111, "050471"},
                                                     {1'234'567'890, "005924"},
                                                     {2'000'000'000, "279037"},
                                                     {20'000'000'000, "353130"}};
  for (const auto& [seconds, code] : vectors) {
    const int64_t step = seconds * 1000 / kTotpStepMs;
    EXPECT_EQ(TotpCode(kRfcSecret, step), code);
    EXPECT_EQ(VerifyTotp(kRfcSecret, code, seconds * 1000, kTotpNever).value(), step);
  }
}

TEST(TotpTest, MatchesRfc4226) {
  const char* codes[] = {"755224", "287082", "359152", "969429", "338314",
                         "254676", "287922", "162583", "399871", "520489"};
  for (int64_t step = 0; step < 10; ++step) EXPECT_EQ(TotpCode(kRfcSecret, step), codes[step]);
}

TEST(TotpTest, AcceptsOneStepEitherWay) {
  constexpr int64_t kNowMs = 1'795'000'000'000;
  constexpr int64_t kStep = kNowMs / kTotpStepMs;
  for (int64_t step = kStep - 2; step <= kStep + 2; ++step) {
    const auto verified = VerifyTotp(kRfcSecret, TotpCode(kRfcSecret, step), kNowMs, kTotpNever);
    const bool near = step >= kStep - 1 && step <= kStep + 1;
    ASSERT_EQ(verified.ok(), near) << step - kStep;
    EXPECT_EQ(near ? verified.value() : step, step);
    EXPECT_TRUE(near || verified.error().code == ErrorCode::kDenied);
  }
}

TEST(TotpTest, ACodeIsGoodOnce) {
  constexpr int64_t kNowMs = 1'795'000'000'000;
  const std::string code = TotpCode(kRfcSecret, kNowMs / kTotpStepMs);
  const int64_t used = VerifyTotp(kRfcSecret, code, kNowMs, kTotpNever).value();
  EXPECT_EQ(VerifyTotp(kRfcSecret, code, kNowMs, used).error().code, ErrorCode::kDenied);
  EXPECT_EQ(VerifyTotp(kRfcSecret, code, kNowMs + kTotpStepMs, used).error().code,
            ErrorCode::kDenied);
  // Nor is the one before it, after that.
  EXPECT_FALSE(VerifyTotp(kRfcSecret, TotpCode(kRfcSecret, used - 1), kNowMs, used).ok());
  EXPECT_TRUE(VerifyTotp(kRfcSecret, TotpCode(kRfcSecret, used + 1), kNowMs, used).ok());
}

TEST(TotpTest, OnlySixDigitsAreACode) {
  constexpr int64_t kNowMs = 59'000;
  for (const char* code : {"", "28708", "2870820", "287 082", "+87082", "28708a", "94287082"}) {
    EXPECT_EQ(VerifyTotp(kRfcSecret, code, kNowMs, kTotpNever).error().code, ErrorCode::kDenied);
  }
  EXPECT_FALSE(VerifyTotp(kRfcSecret, std::string("287082\0", 7), kNowMs, kTotpNever).ok());
  EXPECT_TRUE(VerifyTotp(kRfcSecret, TotpCode(kRfcSecret, 0), 0, kTotpNever).ok());
}

TEST(TotpTest, UriIsWhatAuthenticatorsRead) {
  EXPECT_EQ(TotpSecretText(kRfcSecret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  EXPECT_EQ(TotpUri("Noroshi hub", "taro@mof", kRfcSecret),
            "otpauth://totp/Noroshi%20hub:taro%40mof?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            "&issuer=Noroshi%20hub&algorithm=SHA1&digits=6&period=30");
  EXPECT_EQ(NewTotpSecret(SystemRandom()).size(), kTotpSecretBytes);
  EXPECT_NE(NewTotpSecret(SystemRandom()), NewTotpSecret(SystemRandom()));
}

}  // namespace
}  // namespace noroshi::identity
