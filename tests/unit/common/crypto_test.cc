#include "common/crypto/crypto.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "common/base/encoding.h"

namespace noroshi {
namespace {

std::string Hex(std::string_view hex) { return FromHex(hex).value(); }

TEST(Sha256Test, MatchesFips180Examples) {
  EXPECT_EQ(ToHex(Sha256Of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256Of("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(HmacTest, MatchesRfc2202AndRfc4231) {
  EXPECT_EQ(ToHex(HmacSha1(std::string(20, '\x0b'), "Hi There")),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(ToHex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // A key longer than a block.
  EXPECT_EQ(ToHex(HmacSha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HmacSha256("", "").size(), kSha256Bytes);
}

TEST(Sha256Test, StartsAnewAfterFinish) {
  Sha256 hash;
  EXPECT_EQ(hash.Update("a").Update("bc").Finish(), Sha256Of("abc"));
  EXPECT_EQ(hash.Update("abc").Finish(), Sha256Of("abc"));
}

TEST(EqualInConstantTimeTest, ComparesContentAndLength) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abcd"));
}

// RFC 8032, 7.1, test 2.
TEST(SigningKeyTest, MatchesRfc8032) {
  const auto key =
      SigningKey::FromSeed(Hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(ToHex(key->public_key()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string signature = key->Sign("\x72");
  EXPECT_EQ(ToHex(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(VerifyEd25519(key->public_key(), "\x72", signature));
}

TEST(SigningKeyTest, RefusesASeedOfAnotherLength) {
  EXPECT_EQ(SigningKey::FromSeed(std::string(31, 'x')).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(SigningKey::FromSeed(std::string(33, 'x')).error().code, ErrorCode::kInvalid);
}

TEST(SigningKeyTest, VerifyNoticesEveryChange) {
  const auto key = SigningKey::FromSeed(std::string(32, 'k'));
  const std::string signature = key->Sign("message");
  EXPECT_FALSE(VerifyEd25519(key->public_key(), "messagE", signature));
  EXPECT_FALSE(VerifyEd25519(key->public_key(), "message", signature.substr(1)));
  EXPECT_FALSE(VerifyEd25519(std::string(31, 'x'), "message", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(VerifyEd25519(key->public_key(), "message", changed)) << i;
  }
}

// The GCM specification's test case 14: zero key, zero nonce, one zero block.
TEST(SealOnceTest, MatchesTheGcmSpecification) {
  EXPECT_EQ(ToHex(SealOnce(std::string(32, '\0'), std::string(16, '\0'), "")),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(SealOnceTest, RoundTripsEverySizeAroundTheBlock) {
  const std::string key(32, 'k');
  for (const size_t size : {0, 1, 15, 16, 17, 1000, 1 << 20}) {
    const std::string plain(size, 'p');
    const std::string sealed = SealOnce(key, plain, "about");
    EXPECT_EQ(sealed.size(), size + kGcmTagBytes);
    const auto opened = OpenOnce(key, sealed, "about");
    ASSERT_TRUE(opened.ok()) << size;
    EXPECT_EQ(*opened, plain);
  }
}

TEST(SealOnceTest, OpenNoticesEveryChange) {
  const std::string key(32, 'k');
  const std::string sealed = SealOnce(key, "plaintext", "about");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    EXPECT_EQ(OpenOnce(key, changed, "about").error().code, ErrorCode::kCorruption) << i;
  }
  EXPECT_FALSE(OpenOnce(key, sealed, "abouT").ok());
  EXPECT_FALSE(OpenOnce(key, sealed, "").ok());
  EXPECT_FALSE(OpenOnce(std::string(32, 'x'), sealed, "about").ok());
  EXPECT_FALSE(OpenOnce(key, sealed.substr(0, kGcmTagBytes - 1), "about").ok());
}

TEST(WrapKeyTest, IsGcmUnderTheMasterKey) {
  const std::string master(32, 'm');
  const std::string nonce = "twelve bytes";
  const std::string key(32, 'k');
  const std::string wrapped = WrapKey(master, nonce, key);
  EXPECT_EQ(wrapped.size(), kWrappedKeyBytes);
  EXPECT_EQ(wrapped.substr(0, kGcmNonceBytes), nonce);
  EXPECT_EQ(UnwrapKey(master, wrapped).value(), key);
  EXPECT_NE(WrapKey(master, "twelve_bytes", key).substr(kGcmNonceBytes),
            wrapped.substr(kGcmNonceBytes));
}

TEST(WrapKeyTest, UnwrapNoticesEveryChange) {
  const std::string master(32, 'm');
  const std::string wrapped = WrapKey(master, "twelve bytes", std::string(32, 'k'));
  for (size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(UnwrapKey(master, changed).error().code, ErrorCode::kCorruption) << i;
  }
  EXPECT_FALSE(UnwrapKey(std::string(32, 'x'), wrapped).ok());
  EXPECT_FALSE(UnwrapKey(master, wrapped.substr(8)).ok());
  EXPECT_TRUE(UnwrapKey(master, wrapped).ok());  // A failure leaves no trace.
}

TEST(CryptoTest, AFailedCheckLeavesNothingInTheErrorQueue) {
  ERR_clear_error();
  EXPECT_FALSE(UnwrapKey(std::string(32, 'm'), std::string(kWrappedKeyBytes, 'x')).ok());
  EXPECT_FALSE(OpenOnce(std::string(32, 'k'), std::string(40, 'x'), "").ok());
  EXPECT_FALSE(VerifyEd25519(std::string(32, '\xff'), "m", std::string(64, 's')));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace noroshi
