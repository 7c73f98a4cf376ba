#include "common/runtime/random.h"

#include <openssl/rand.h>

namespace noroshi {
namespace {

class OpenSslRandom final : public Random {
 public:
  void Fill(void* data, size_t size) override {
    NOROSHI_CHECK(RAND_priv_bytes(static_cast<unsigned char*>(data), static_cast<int>(size)) == 1);
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
