#include "hub/app/data_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace noroshi::app {

Result<std::unique_ptr<DataLock>> DataLock::Take(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return ErrnoError("open " + path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    const Error error = ErrnoError("lock " + path);
    ::close(descriptor);
    if (taken) {
      return Error{ErrorCode::kConflict, path + ": a hub is running on this data; stop it first"};
    }
    return error;
  }
  return std::unique_ptr<DataLock>(new DataLock(descriptor));
}

DataLock::~DataLock() { ::close(descriptor_); }

}  // namespace noroshi::app
