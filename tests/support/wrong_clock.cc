#include "tests/support/wrong_clock.h"

#include <glob.h>

#include <cstdio>
#include <utility>

#include "common/base/check.h"
#include "tests/support/waiting.h"

namespace noroshi::support {

Result<WrongClock> WrongClock::Make(const std::string& file) {
  glob_t found{};
  std::string library;
  if (::glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, nullptr, &found) == 0) {
    library = found.gl_pathv[0];
  }
  ::globfree(&found);
  if (library.empty()) return Error{ErrorCode::kUnavailable, "faketime is not installed"};
  WrongClock clock(library, file);
  clock.Set("+0");
  return clock;
}

WrongClock::WrongClock(std::string library, std::string file)
    : library_(std::move(library)), file_(std::move(file)) {}

void WrongClock::Set(const std::string& offset) const {
  WriteFile(file_ + ".new", offset + "\n");
  NOROSHI_CHECK(std::rename((file_ + ".new").c_str(), file_.c_str()) == 0);
}

std::vector<std::string> WrongClock::Run(const std::string& program) const {
  return {
      "/usr/bin/env",        "LD_PRELOAD=" + library_,         "FAKETIME_TIMESTAMP_FILE=" + file_,
      "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", program};
}

}  // namespace noroshi::support
