// UUIDs (RFC 9562). Submissions carry version 7: its time part makes the ids
// of one submitter sort by creation.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi {

class Uuid {
 public:
  static constexpr size_t kBytes = 16;

  // A version 7 UUID of this time and 10 random bytes (6 bits are overwritten
  // by version and variant).
  static Uuid MakeV7(int64_t time_ms, const std::array<uint8_t, 10>& random);

  // From 16 bytes in network order; kInvalid if another length.
  static Result<Uuid> FromBytes(std::string_view bytes);
  // From the 36-character text form, either case.
  static Result<Uuid> Parse(std::string_view text);

  std::string ToString() const;  // Lower case, with hyphens.
  std::string bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), kBytes}; }
  int version() const { return bytes_[6] >> 4; }
  bool IsV7() const { return version() == 7 && (bytes_[8] & 0xc0) == 0x80; }
  int64_t time_ms() const;  // REQUIRES: IsV7().

  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

}  // namespace noroshi
