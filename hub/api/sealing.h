// Seals second factors under the hub's key, so that neither journal nor state holds
// one in the open. For hub/api only.
//
// Sealed: wrapped one-time key ‖ AES-256-GCM; the purpose is authenticated with it.
// Threads: pure functions (Random is thread-safe).
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/api/api.h"

namespace noroshi::api {

std::string Seal(const Parts& parts, std::string_view purpose, std::string_view secret);
// kCorruption: not sealed by this hub for this purpose.
Result<std::string> Unseal(const Parts& parts, std::string_view purpose, std::string_view sealed);

}  // namespace noroshi::api
