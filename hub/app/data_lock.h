// The data folder's lock: whoever holds it owns the hub's files.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

namespace noroshi::app {

class DataLock {
 public:
  // kConflict when another process holds it. Released with the object, or when
  // the process ends however it ends.
  static Result<std::unique_ptr<DataLock>> Take(const std::string& path);
  ~DataLock();
  DataLock(const DataLock&) = delete;
  DataLock& operator=(const DataLock&) = delete;

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace noroshi::app
