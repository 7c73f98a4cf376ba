#include "hub/app/reserve.h"

#include <filesystem>

#include "common/log/log.h"

namespace noroshi::app {

constexpr uint64_t kShareOfDisk = 4;

Result<uint64_t> ReserveBytes(uint64_t configured, const std::string& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error) return Error{ErrorCode::kIo, "free space of " + folder + ": " + error.message()};
  const uint64_t most = space.capacity / kShareOfDisk;
  if (configured <= most) return configured;
  Log(Level::kWarning, "reserve_limited", {{"configured", configured}, {"reserve", most}});
  return most;
}

}  // namespace noroshi::app
