// LoopDisk: a file system of its own in an image file, whose power can be cut:
// whatever was not synced by then is gone.
//
// It lives in a mount namespace of this process, so that no mount outlives the
// test. Needs root and loop devices.
//
// Threads: create it on the main thread before other threads start; they and all
// processes started later see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"

namespace noroshi::support {

class LoopDisk {
 public:
  // An XFS in folder/disk.img (sparse), mounted on folder/disk; below 300 MiB an
  // ext4, whose power cannot be cut.
  // kUnavailable says what this machine lacks.
  static Result<std::unique_ptr<LoopDisk>> Make(const std::string& folder, uint64_t bytes);
  ~LoopDisk();

  const std::string& path() const { return mount_point_; }

  // Power fails: from now on nothing reaches the disk, nor does what was not synced.
  //
  // Processors lose power at the same time, so send SIGSTOP to the processes that
  // write here first. A sync under way may otherwise return success to them for
  // what the shutdown of the file system takes away (measured with XFS on Linux
  // 6.18, without any of our code: 3 of 1500 cuts; stopped first: none).
  void CutPower();
  // Power returns. REQUIRES: no process holds a file open on the disk.
  Result<void> PowerUp();

 private:
  LoopDisk(std::string image, std::string mount_point);
  Result<void> Mount();
  std::string image_;
  std::string mount_point_;
  bool mounted_ = false;
};

}  // namespace noroshi::support
