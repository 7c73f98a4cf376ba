// The command line of noroshi-hub.
#pragma once

namespace noroshi::app {

// Exit codes: 0 done, 1 refused or failed (the reason is on standard error),
// 64 wrong usage, 69 the hub is not running. `verify` ends with 1 on findings.
int Main(int argc, char** argv);

}  // namespace noroshi::app
