// The command line of noroshi-agent.
#pragma once

namespace noroshi::agent {

// Runs one command; a sysexits code.
int RunCommandLine(int argc, char** argv);

}  // namespace noroshi::agent
