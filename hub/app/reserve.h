// How much disk space the hub leaves free. Threads: pure function.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace noroshi::app {

inline constexpr uint64_t kReserveDefault = uint64_t{256} * 1024 * 1024;

// What the configuration asks for; of a small disk a quarter, or nothing would be
// left to use. folder: on the disk that is meant.
Result<uint64_t> ReserveBytes(uint64_t configured, const std::string& folder);

}  // namespace noroshi::app
