// Programs of others in Python, from PyPI: installed once, into a build folder.
//
// Threads: one thread; one process at a time for each folder.
#pragma once

#include <string>

#include "common/base/result.h"

namespace noroshi::support {

// The folder `bin` of an environment that holds exactly what the requirements file
// names (without what that needs in turn). kUnavailable says why there is none.
Result<std::string> PythonPrograms(const std::string& requirements, const std::string& folder);

}  // namespace noroshi::support
