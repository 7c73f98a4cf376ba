#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "common/base/check.h"

namespace noroshi::support {

TempDir::TempDir() : path_(testing::TempDir() + "noroshi-XXXXXX") {
  NOROSHI_CHECK(::mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;  // A folder left behind must not fail a test that passed.
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace noroshi::support
