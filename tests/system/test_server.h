// A server of somebody else's that says on which free port it listens.
#pragma once

#include <memory>
#include <string>

#include "tests/support/process.h"

namespace noroshi::support {

struct TestServer {
  std::unique_ptr<Process> process;
  std::string port;
};

// Starts it with both outputs in `log`, and waits for a line in which the port follows
// `words`.
Result<TestServer> StartTestServer(const std::vector<std::string>& argv, const std::string& log,
                                   const std::string& words);

}  // namespace noroshi::support
