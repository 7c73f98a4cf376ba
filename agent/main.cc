#include <sys/stat.h>

#include <csignal>

#include "agent/app/cli.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A closed pipe or socket is an error, not an end.
  ::umask(077);
  return noroshi::agent::RunCommandLine(argc, argv);
}
