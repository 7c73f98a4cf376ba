#include "tests/support/loop_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "common/base/check.h"
#include "tests/support/process.h"

namespace noroshi::support {
namespace {

// XFS_IOC_GOINGDOWN of <xfs/xfs_fs.h> (package xfslibs-dev): what `xfs_io -x -c shutdown` calls.
constexpr unsigned long kGoingDown = _IOR('X', 125, uint32_t);  // NOLINT: ioctl's type
constexpr uint64_t kXfsBytesMin = uint64_t{300} << 20;
constexpr uint32_t kWithoutLogFlush = 2;

Result<void> Command(const std::vector<std::string>& argv) {
  if (::access(argv[0].c_str(), X_OK) != 0) {
    return Error{ErrorCode::kUnavailable, argv[0] + " is not installed"};
  }
  const auto output = RunCommand(argv);
  if (!output.ok()) return output.error();
  if (output->status == 0) return {};
  return Error{ErrorCode::kUnavailable,
               fmt::format("{} ended with {}: {}", argv[0], output->status, output->err)};
}

Result<void> OwnMounts() {
  static const bool separate = ::unshare(CLONE_NEWNS) == 0 &&
                               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  if (separate) return {};
  return Error{ErrorCode::kUnavailable, "no mount namespace of our own: this needs root"};
}

}  // namespace

LoopDisk::LoopDisk(std::string image, std::string mount_point)
    : image_(std::move(image)), mount_point_(std::move(mount_point)) {}

Result<std::unique_ptr<LoopDisk>> LoopDisk::Make(const std::string& folder, uint64_t bytes) {
  if (::geteuid() != 0) return Error{ErrorCode::kUnavailable, "not root"};
  if (::access("/dev/loop-control", R_OK | W_OK) != 0) {
    return Error{ErrorCode::kUnavailable, "no loop devices"};
  }
  NOROSHI_RETURN_IF_ERROR(OwnMounts());
  std::unique_ptr<LoopDisk> disk(new LoopDisk(folder + "/disk.img", folder + "/disk"));
  const int image = ::open(disk->image_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  NOROSHI_CHECK(image >= 0 && ::ftruncate(image, static_cast<off_t>(bytes)) == 0);
  ::close(image);
  NOROSHI_CHECK(::mkdir(disk->mount_point_.c_str(), 0700) == 0);
  const std::vector<std::string> make =
      bytes >= kXfsBytesMin
          ? std::vector<std::string>{"/usr/sbin/mkfs.xfs", "-q", disk->image_}
          : std::vector<std::string>{"/usr/sbin/mkfs.ext4", "-q", "-F", disk->image_};
  NOROSHI_RETURN_IF_ERROR(Command(make));
  NOROSHI_RETURN_IF_ERROR(disk->Mount());
  return disk;
}

LoopDisk::~LoopDisk() {
  if (mounted_) ::umount2(mount_point_.c_str(), MNT_DETACH);
}

Result<void> LoopDisk::Mount() {
  NOROSHI_RETURN_IF_ERROR(Command({"/usr/bin/mount", "-o", "loop", image_, mount_point_}));
  mounted_ = true;
  return {};
}

void LoopDisk::CutPower() {
  const int root = ::open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  NOROSHI_CHECK(root >= 0);
  const uint32_t how = kWithoutLogFlush;
  NOROSHI_CHECK(::ioctl(root, kGoingDown, &how) == 0);
  ::close(root);
}

Result<void> LoopDisk::PowerUp() {
  if (mounted_ && ::umount(mount_point_.c_str()) != 0) return ErrnoError("umount " + mount_point_);
  mounted_ = false;
  return Mount();
}

}  // namespace noroshi::support
