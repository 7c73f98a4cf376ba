#include "common/runtime/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "common/runtime/descriptor.h"

namespace noroshi {
namespace {

std::string ParentOf(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<void> WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoError("write " + path);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

class RealFileSystem final : public FileSystem {
 public:
  Result<void> WriteDurably(const std::string& path, std::string_view content,
                            uint32_t mode) override {
    return Write(path, content, mode, /*replace=*/true);
  }

  Result<void> CreateDurably(const std::string& path, std::string_view content,
                             uint32_t mode) override {
    return Write(path, content, mode, /*replace=*/false);
  }

  Result<std::string> Read(const std::string& path, size_t max) override {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return ErrnoError("open " + path);
    std::string content;
    char buffer[65536];
    while (true) {
      const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoError("read " + path);
      if (got == 0) return content;
      if (content.size() + static_cast<size_t>(got) > max) {
        return Error{ErrorCode::kInvalid, fmt::format("{}: larger than {} bytes", path, max)};
      }
      content.append(buffer, static_cast<size_t>(got));
    }
  }

  Result<void> Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoError("rename " + from + " to " + to);
    return {};
  }

  Result<void> Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return ErrnoError("remove " + path);
    return {};
  }

  Result<void> SyncFolder(const std::string& folder) override {
    const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid()) return ErrnoError("open folder " + folder);
    if (::fsync(directory.get()) != 0) return ErrnoError("sync folder " + folder);
    return {};
  }

  Result<std::vector<std::string>> List(const std::string& folder, size_t max) override {
    DIR* directory = ::opendir(folder.c_str());
    if (directory == nullptr) return ErrnoError("open folder " + folder);
    std::vector<std::string> names;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe for folders of one's own.
    while (const dirent* item = ::readdir(directory)) {
      if (item->d_type == DT_REG) names.emplace_back(item->d_name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    if (names.size() > max) names.resize(max);
    return names;
  }

  Result<void> MakeFolder(const std::string& folder, uint32_t mode) override {
    if (::mkdir(folder.c_str(), mode) == 0) return SyncFolder(ParentOf(folder));
    if (errno == ENOENT) {
      NOROSHI_RETURN_IF_ERROR(MakeFolder(ParentOf(folder), mode));
      if (::mkdir(folder.c_str(), mode) == 0) return SyncFolder(ParentOf(folder));
    }
    struct stat info {};
    if (errno == EEXIST && ::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return ErrnoError("make folder " + folder);
  }

  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return ErrnoError("statvfs " + path);
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  Result<void> Write(const std::string& path, std::string_view content, uint32_t mode,
                     bool replace) {
    // Process and counter make the name unique; a leftover of a crash has the
    // suffix by which readers skip it.
    static std::atomic<uint64_t> counter{0};
    const std::string temporary = fmt::format("{}.{}.{}.tmp", path, ::getpid(), ++counter);
    const auto written = WriteSynced(temporary, content, mode);
    if (!written.ok()) {
      ::unlink(temporary.c_str());
      return written.error();
    }
    if (replace) {
      if (::rename(temporary.c_str(), path.c_str()) != 0)
        return Abandon("rename to " + path, temporary);
    } else {
      // link(2) fails when the path exists; rename(2) would replace it.
      if (::link(temporary.c_str(), path.c_str()) != 0) {
        if (errno != EEXIST) return Abandon("link " + path, temporary);
        ::unlink(temporary.c_str());
        return Error{ErrorCode::kConflict, path + ": exists already"};
      }
      ::unlink(temporary.c_str());
    }
    return SyncFolder(ParentOf(path));
  }

  static Result<void> WriteSynced(const std::string& path, std::string_view content,
                                  uint32_t mode) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file.valid()) return ErrnoError("create " + path);
    NOROSHI_RETURN_IF_ERROR(WriteAll(file.get(), content, path));
    if (::fsync(file.get()) != 0) return ErrnoError("sync " + path);
    return {};
  }

  static Error Abandon(const std::string& what, const std::string& temporary) {
    Error error = ErrnoError(what);
    ::unlink(temporary.c_str());
    return error;
  }
};

}  // namespace

FileSystem& SystemFileSystem() {
  static RealFileSystem file_system;
  return file_system;
}

}  // namespace noroshi
