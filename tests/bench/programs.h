// Programs of others that a bench compares with.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "common/base/result.h"

namespace noroshi::bench {

// Its path, from PATH or /usr/sbin. kNotFound says which is missing: a bench then goes on
// without it and notes that.
Result<std::string> FindProgram(const std::string& name);

}  // namespace noroshi::bench
