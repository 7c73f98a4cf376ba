// The agent's key and certificate: one PEM file (key first, then the chain), so
// that a renewal replaces both in one step.
//
// Threads: functions are thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "agent/session/conversation.h"
#include "common/base/result.h"
#include "common/runtime/file.h"
#include "common/tls/context.h"

namespace noroshi::session {

struct Credentials {
  std::string key_pem;
  std::string chain_pem;
  int64_t not_before_ms = 0;
  int64_t not_after_ms = 0;

  // Two thirds of the certificate's life are over.
  bool RenewalDue(int64_t now_ms) const {
    return now_ms >= not_before_ms + (not_after_ms - not_before_ms) / 3 * 2;
  }
};

Result<Credentials> LoadCredentials(FileSystem& files, const std::string& path);

// Checks that the certificate is for this key and for the organisation and agent
// it names, and that its chain ends in this CA; then stores both durably.
Result<void> StoreCredentials(FileSystem& files, const std::string& path,
                              const std::string& key_pem, const v1::Certificate& certificate,
                              const std::string& ca_pem, const Clock& clock);

}  // namespace noroshi::session
