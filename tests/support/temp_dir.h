// TempDir: a folder of its own for one test, removed at the end.
//
// Threads: one thread.
#pragma once

#include <string>

namespace noroshi::support {

class TempDir {
 public:
  // Makes the folder with mode 0700; aborts if that fails: nothing could be tested.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace noroshi::support
