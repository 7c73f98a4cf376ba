#include "tests/support/waiting.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "common/base/check.h"

namespace noroshi::support {

Milliseconds Deadline::Left() const {
  const auto left =
      std::chrono::duration_cast<Milliseconds>(end_ - std::chrono::steady_clock::now());
  return std::max(left, Milliseconds{0});
}

FileWatch::FileWatch(const std::vector<std::string>& paths)
    : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  NOROSHI_CHECK(descriptor_ >= 0);
  for (const std::string& path : paths) {
    ::inotify_add_watch(descriptor_, path.c_str(),
                        IN_MODIFY | IN_CREATE | IN_MOVE | IN_DELETE | IN_CLOSE_WRITE);
  }
}

FileWatch::~FileWatch() { ::close(descriptor_); }

void FileWatch::Drain() {
  char events[4096];
  while (::read(descriptor_, events, sizeof events) > 0) {
  }
}

Result<void> WaitUntil(std::string_view what, const Wake& wake,
                       const std::function<bool()>& ready) {
  const Deadline deadline(wake.timeout);
  FileWatch watch(wake.paths);  // Before the first look, so that no change is missed.
  while (true) {
    watch.Drain();
    if (ready()) return {};
    const Milliseconds left = deadline.Left();
    if (left.count() == 0) {
      return Error{ErrorCode::kTimeout,
                   fmt::format("waited {} ms in vain for {}", wake.timeout.count(), what)};
    }
    pollfd descriptors[2] = {{watch.descriptor(), POLLIN, 0}, {wake.process, POLLIN, 0}};
    const Milliseconds most = wake.ask ? std::min(left, kAskEvery) : left;
    ::poll(descriptors, wake.process >= 0 ? 2 : 1, static_cast<int>(most.count()));
    if (wake.process >= 0 && (descriptors[1].revents & POLLIN) != 0) {
      if (ready()) return {};
      return Error{ErrorCode::kClosed, fmt::format("the process ended before {}", what)};
    }
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  return std::move(content).str();
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  NOROSHI_CHECK(file.good());
}

}  // namespace noroshi::support
