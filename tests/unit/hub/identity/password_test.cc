#include "hub/identity/password.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace noroshi::identity {
namespace {

constexpr PasswordCost kCheap = {8 * 1024, 1};
constexpr char kGood[] = "seven quiet herons";

TEST(PasswordRulesTest, GoodOnesPass) {
  for (const char* good :
       {kGood, "xkT9#mmW2!pq", "朝の川に霧が立ちのぼる頃", "fourteen-otters-2"}) {
    EXPECT_TRUE(CheckPasswordRules(good, "taro").ok()) << good;
  }
}

TEST(PasswordRulesTest, BadOnesAreRefusedInWords) {
  const std::pair<std::string, std::string> bad[] = {
      {"elevenchars", "at least 12 characters"},
      {"朝の川に霧が立ちのぼる", "at least 12 characters"},  // 33 bytes, 11 characters.
      {std::string(kPasswordBytesMax + 1, 'x'), "longer than 256 bytes"},
      // Each becomes 18 characters: 33 bytes of NFKC from three.
      {"abcdefghijkl" + std::string("\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba") +
           "\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba",
       "longer than 256 bytes"},
      {"twelve chars\xff", "not valid UTF-8"},
      {"tab\tand enough more", "control characters"},
      {"aaaaaaaaaaaaaaaa", "different characters"},
      {"abababcabcabca", "different characters"},
      {"ａａａａａａａａａａａａ", "different characters"},
      {"902315667481", "digits alone"},
      {"９０２３１５６６７４８１", "digits alone"},
      {"really Taro.Yamada here", "contain the login"},
      {"password2024!", "tries first"},
      {"!!P@ssw0rd!!2024", "tries first"},
      {"Ｐａｓｓｗｏｒｄ１２３４", "tries first"},
      {"secretsecretsecret", "tries first"},
      {"qwertyuiop[]", "tries first"},
      {"correct horse battery staple", "tries first"},
      {"パスワードパスワードパスワード", "tries first"},
  };
  for (const auto& [password, words] : bad) {
    const auto checked = CheckPasswordRules(password, "taro.yamada");
    ASSERT_FALSE(checked.ok()) << password;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalid);
    EXPECT_NE(checked.error().message.find(words), std::string::npos)
        << password << ": " << checked.error().message;
  }
}

TEST(PasswordRulesTest, LimitsAreExact) {
  std::string longest;
  while (longest.size() < kPasswordBytesMax) longest += "quiet heron/";
  longest.resize(kPasswordBytesMax);
  EXPECT_TRUE(CheckPasswordRules(longest, "taro").ok());
  EXPECT_TRUE(CheckPasswordRules("twelve-chars", "taro").ok());
  // A login of three letters is in many a good password.
  EXPECT_TRUE(CheckPasswordRules("the hens and the eel", "hen").ok());
  EXPECT_FALSE(CheckPasswordRules("the hens and the eel", "hens").ok());
}

TEST(PasswordHasherTest, VerifiesItsOwn) {
  PasswordHasher hasher(&SystemRandom(), kCheap);
  const std::string stored = hasher.Hash(kGood).value();
  EXPECT_TRUE(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$")) << stored;
  EXPECT_EQ(stored.find(kGood), std::string::npos);
  EXPECT_TRUE(hasher.Verify(stored, kGood).ok());
  EXPECT_EQ(hasher.Verify(stored, "seven quiet heronS").error().code, ErrorCode::kDenied);
  EXPECT_EQ(hasher.Verify(stored, "").error().code, ErrorCode::kDenied);
  EXPECT_NE(hasher.Hash(kGood).value(), stored) << "no salt";
}

TEST(PasswordHasherTest, EqualHoweverTyped) {
  PasswordHasher hasher(&SystemRandom(), kCheap);
  const std::string stored = hasher.Hash("がっこうのうらの小道 A").value();
  // The same with KA and a voicing mark, and a full-width A.
  EXPECT_TRUE(hasher.Verify(stored, "か\u3099っこうのうらの小道 Ａ").ok());
  EXPECT_FALSE(hasher.Verify(stored, "がっこうのうらの小道 a").ok());
}

TEST(PasswordHasherTest, NoAccountIsDeniedAlike) {
  PasswordHasher hasher(&SystemRandom(), kCheap);
  const std::string stored = hasher.Hash(kGood).value();
  const auto unknown = hasher.Verify("", kGood);
  EXPECT_EQ(unknown.error().code, ErrorCode::kDenied);
  EXPECT_EQ(unknown.error().message, hasher.Verify(stored, "wrong").error().message);
}

TEST(PasswordHasherTest, TooLongIsRefused) {
  PasswordHasher hasher(&SystemRandom(), kCheap);
  const std::string longest(kPasswordBytesMax, 'x');
  EXPECT_TRUE(hasher.Hash(longest).ok());
  EXPECT_EQ(hasher.Hash(longest + "x").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(hasher.Hash("\xff").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(hasher.Verify(hasher.Hash(longest).value(), longest + "x").error().code,
            ErrorCode::kDenied);
}

TEST(PasswordHasherTest, DamagedAndHostileHashesAreNotComputed) {
  PasswordHasher hasher(&SystemRandom(), kCheap);
  const std::string rest = ",p=1$c29tZXNhbHRzb21lc2FsdA$aGFzaA";
  for (const std::string& stored :
       {std::string("x"), "$argon2i$v=19$m=8,t=1" + rest, "$argon2id$v=19$m=4194304,t=1" + rest,
        "$argon2id$v=19$m=131073,t=1" + rest, "$argon2id$v=19$m=8,t=9" + rest,
        std::string("$argon2id$v=19$m=8,t=1,p=2$x$y"), "$argon2id$v=19$m=8,t=-1" + rest,
        "$argon2id$v=19$m=8,t=1" + rest + std::string(200, 'a')}) {
    EXPECT_EQ(hasher.Verify(stored, kGood).error().code, ErrorCode::kCorruption) << stored;
    EXPECT_TRUE(hasher.NeedsRehash(stored)) << stored;
  }
  EXPECT_EQ(hasher.Verify("$argon2id$v=19$m=131072,t=8,p=1$x", kGood).error().code,
            ErrorCode::kDenied);
}

TEST(PasswordHasherTest, AnotherCostAsksForANewHash) {
  PasswordHasher cheap(&SystemRandom(), kCheap);
  PasswordHasher real(&SystemRandom());
  const std::string stored = cheap.Hash(kGood).value();
  EXPECT_FALSE(cheap.NeedsRehash(stored));
  EXPECT_TRUE(real.NeedsRehash(stored));
  EXPECT_TRUE(real.Verify(stored, kGood).ok());
  EXPECT_TRUE(real.Hash(kGood).value().starts_with("$argon2id$v=19$m=32768,t=3,p=1$"));
}

// Holds everybody who draws a salt while it is closed.
class Gate final : public Random {
 public:
  void Fill(void* data, size_t size) override {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
    SystemRandom().Fill(data, size);
  }
  void Set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = true;
};

TEST(PasswordHasherTest, OneBeyondTheQueueIsRefused) {
  Gate gate;
  PasswordHasher hasher(&gate, kCheap);
  gate.Set(false);
  std::atomic<size_t> hashed = 0;
  std::atomic<size_t> refused = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kHashesAtOnceMax + kHashesWaitingMax + 1; ++i) {
    threads.emplace_back([&] {
      const auto made = hasher.Hash(kGood);
      if (made.ok()) {
        ++hashed;
      } else if (made.error().code == ErrorCode::kOverloaded) {
        ++refused;
        refused.notify_one();
      }
    });
  }
  refused.wait(0);  // Nobody else can end while the gate is closed.
  EXPECT_EQ(hashed, 0U);
  gate.Set(true);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, 1U);
  EXPECT_EQ(hashed, kHashesAtOnceMax + kHashesWaitingMax);
}

}  // namespace
}  // namespace noroshi::identity
