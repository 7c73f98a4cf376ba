#include "agent/spool/record.h"

#include "common/crypto/crypto.h"

namespace noroshi::spool {

std::string SealRecord(std::string_view magic, std::string_view payload) {
  std::string bytes;
  bytes.reserve(kRecordOverheadBytes + payload.size());
  bytes.append(magic).append(Sha256Of(payload)).append(payload);
  return bytes;
}

Result<std::string> OpenRecord(std::string_view magic, std::string_view bytes) {
  if (bytes.size() < kRecordOverheadBytes) return Error{ErrorCode::kCorruption, "too short"};
  if (bytes.substr(0, magic.size()) != magic)
    return Error{ErrorCode::kCorruption, "does not begin with " + std::string(magic)};
  const std::string_view payload = bytes.substr(kRecordOverheadBytes);
  if (Sha256Of(payload) != bytes.substr(magic.size(), kSha256Bytes))
    return Error{ErrorCode::kCorruption, "content does not match its SHA-256"};
  return std::string(payload);
}

}  // namespace noroshi::spool
