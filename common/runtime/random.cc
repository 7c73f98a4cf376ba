#include "common/runtime/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstring>

namespace noroshi {
namespace {

void Draw(unsigned char* data, size_t size) {
  NOROSHI_CHECK(RAND_priv_bytes(data, static_cast<int>(size)) == 1);
}

// Counts forks: what was drawn before one belongs to the parent.
std::atomic<uint64_t> forks = 0;

// Bytes drawn in advance, for each thread: a draw costs as much as sealing 1 KiB,
// whatever its size. What was handed out is wiped here.
class Supply {
 public:
  ~Supply() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  void Take(unsigned char* data, size_t size) {
    if (size > bytes_.size()) return Draw(data, size);
    if (size > left_ || forks_ != forks) Refill();
    left_ -= size;
    std::memcpy(data, bytes_.data() + left_, size);
    OPENSSL_cleanse(bytes_.data() + left_, size);
  }

 private:
  void Refill() {
    Draw(bytes_.data(), bytes_.size());
    left_ = bytes_.size();
    forks_ = forks;
  }

  std::array<unsigned char, 4096> bytes_;
  size_t left_ = 0;
  uint64_t forks_ = 0;
};

class OpenSslRandom final : public Random {
 public:
  OpenSslRandom() {
    NOROSHI_CHECK(pthread_atfork(nullptr, nullptr, [] { ++forks; }) == 0);
  }
  void Fill(void* data, size_t size) override {
    thread_local Supply supply;
    supply.Take(static_cast<unsigned char*>(data), size);
  }
};

}  // namespace

std::string Random::Bytes(size_t size) {
  std::string bytes(size, '\0');
  Fill(bytes.data(), bytes.size());
  return bytes;
}

uint64_t Random::Below(uint64_t bound) {
  NOROSHI_CHECK(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // Reject above: no modulo bias.
  uint64_t value = 0;
  do {
    Fill(&value, sizeof value);
  } while (value >= limit);
  return value % bound;
}

Uuid Random::UuidV7(int64_t time_ms) {
  std::array<uint8_t, 10> random{};
  Fill(random.data(), random.size());
  return Uuid::MakeV7(time_ms, random);
}

Random& SystemRandom() {
  static OpenSslRandom random;
  return random;
}

}  // namespace noroshi
