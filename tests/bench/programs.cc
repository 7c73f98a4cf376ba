#include "tests/bench/programs.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace noroshi::bench {
namespace {

constexpr char kServerFolder[] = ":/usr/sbin";  // Not everybody's PATH has it.

}  // namespace

Result<std::string> FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): before any thread
  std::istringstream folders((path == nullptr ? "" : std::string(path)) + kServerFolder);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{ErrorCode::kNotFound, name + " is missing: its figures are too"};
}

}  // namespace noroshi::bench
