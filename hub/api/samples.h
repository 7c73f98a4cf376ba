// Limits of samples. For hub/api only. Threads: constants.
#pragma once

#include <cstdint>

namespace noroshi::api {

// A journal entry holds it whole (journal::kBodyBytesMax).
inline constexpr uint64_t kSampleBytesMax = uint64_t{24} * 1024 * 1024;

}  // namespace noroshi::api
