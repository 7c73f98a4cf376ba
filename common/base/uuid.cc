#include "common/base/uuid.h"

#include <algorithm>

#include "common/base/encoding.h"

namespace noroshi {

Uuid Uuid::MakeV7(int64_t time_ms, const std::array<uint8_t, 10>& random) {
  Uuid uuid;
  for (int i = 0; i < 6; ++i) uuid.bytes_[i] = static_cast<uint8_t>(time_ms >> (40 - 8 * i));
  std::copy(random.begin(), random.end(), uuid.bytes_.begin() + 6);
  uuid.bytes_[6] = (uuid.bytes_[6] & 0x0f) | 0x70;
  uuid.bytes_[8] = (uuid.bytes_[8] & 0x3f) | 0x80;
  return uuid;
}

Result<Uuid> Uuid::FromBytes(std::string_view bytes) {
  if (bytes.size() != kBytes) return Error{ErrorCode::kInvalid, "a UUID has 16 bytes"};
  Uuid uuid;
  std::copy(bytes.begin(), bytes.end(), uuid.bytes_.begin());
  return uuid;
}

Result<Uuid> Uuid::Parse(std::string_view text) {
  const Error bad{ErrorCode::kInvalid, "not a UUID: expected 8-4-4-4-12 hexadecimal digits"};
  if (text.size() != 36) return bad;
  std::string hex;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return bad;
    } else {
      hex.push_back(text[i]);
    }
  }
  const auto bytes = FromHex(hex);
  if (!bytes.ok()) return bad;
  return FromBytes(*bytes);
}

std::string Uuid::ToString() const {
  const std::string hex = ToHex(bytes());
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' +
         hex.substr(16, 4) + '-' + hex.substr(20);
}

int64_t Uuid::time_ms() const {
  NOROSHI_CHECK(IsV7());
  int64_t time = 0;
  for (int i = 0; i < 6; ++i) time = (time << 8) | bytes_[i];
  return time;
}

}  // namespace noroshi
