// WrongClock: programs whose wall clock is off by as much as a test says, also
// while they run (libfaketime). Their steady clock is the machine's.
//
// Threads: one thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::support {

class WrongClock {
 public:
  // Right at first; `file` holds by how much it is off. kUnavailable without libfaketime.
  static Result<WrongClock> Make(const std::string& file);

  // "+3653d", "-3653d", "+0" as libfaketime takes it; at once, for all programs.
  void Set(const std::string& offset) const;
  // The command line that runs a program with this clock.
  std::vector<std::string> Run(const std::string& program) const;

 private:
  WrongClock(std::string library, std::string file);
  std::string library_;
  std::string file_;
};

}  // namespace noroshi::support
