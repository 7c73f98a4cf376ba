#include "tests/support/python.h"

#include <filesystem>
#include <vector>

#include "common/crypto/crypto.h"
#include "tests/support/process.h"
#include "tests/support/waiting.h"

namespace noroshi::support {
namespace {

constexpr Milliseconds kInstallTime{150'000};

}  // namespace

Result<std::string> PythonPrograms(const std::string& requirements, const std::string& folder) {
  const std::string programs = folder + "/bin";
  const std::string ready = folder + "/ready";
  const std::string wanted = Sha256Of(ReadFile(requirements));
  if (std::filesystem::exists(ready) && ReadFile(ready) == wanted) return programs;
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"/usr/bin/python3", "-m", "venv", "--clear", folder},
        std::vector<std::string>{programs + "/python", "-m", "pip", "install", "--quiet",
                                 "--no-deps", "--disable-pip-version-check", "-r", requirements}}) {
    const auto output = RunCommand(command, "", kInstallTime);
    if (!output.ok() || output->status != 0) {
      return Error{ErrorCode::kUnavailable, output.ok() ? output->err : output.error().message};
    }
  }
  WriteFile(ready, wanted);
  return programs;
}

}  // namespace noroshi::support
