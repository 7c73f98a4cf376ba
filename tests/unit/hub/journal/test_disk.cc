#include "tests/unit/hub/journal/test_disk.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace noroshi::journal {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string Normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

bool IsLog(const std::string& path) { return path.ends_with(".log"); }

std::string Content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

}  // namespace

class TestDisk::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(TestDisk* disk, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    IOStatus status = disk_->Appending(path_);
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) disk_->Appended(path_, data.size());
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return disk_->Sync(path_); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return disk_->Sync(path_); }

 private:
  TestDisk* const disk_;
  const std::string path_;
};

class TestDisk::Folder final : public rocksdb::FSDirectoryWrapper {
 public:
  Folder(TestDisk* disk, std::string path, std::unique_ptr<rocksdb::FSDirectory> folder)
      : FSDirectoryWrapper(std::move(folder)), disk_(disk), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return disk_->SyncFolder(path_); }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return disk_->SyncFolder(path_);
  }

 private:
  TestDisk* const disk_;
  const std::string path_;
};

TestDisk::TestDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
TestDisk::~TestDisk() = default;

void TestDisk::FailLogSync(uint64_t n) {
  const std::lock_guard lock(mutex_);
  fail_sync_in_ = n;
}

void TestDisk::FailLogAppend(uint64_t n) {
  const std::lock_guard lock(mutex_);
  fail_append_in_ = n;
}

void TestDisk::FailTableSyncs() {
  const std::lock_guard lock(mutex_);
  fail_table_syncs_ = true;
}

void TestDisk::CutPowerAt(uint64_t n) {
  const std::lock_guard lock(mutex_);
  cut_at_ = changes_ + n;
}

bool TestDisk::power_is_cut() {
  const std::lock_guard lock(mutex_);
  return cut_at_ != 0 && changes_ >= cut_at_;
}

void TestDisk::HoldLogSyncs() {
  const std::lock_guard lock(mutex_);
  hold_ = true;
}

void TestDisk::WaitForHeldSync() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return held_; });
}

void TestDisk::ReleaseLogSyncs() {
  const std::lock_guard lock(mutex_);
  hold_ = false;
  changed_.notify_all();
}

void TestDisk::SetFreeBytes(std::optional<uint64_t> bytes) {
  const std::lock_guard lock(mutex_);
  free_bytes_ = bytes;
}

uint64_t TestDisk::log_syncs() {
  const std::lock_guard lock(mutex_);
  return log_syncs_;
}

uint64_t TestDisk::changes() {
  const std::lock_guard lock(mutex_);
  return changes_;
}

IOStatus TestDisk::Change() {
  ++changes_;
  if (cut_at_ != 0 && changes_ >= cut_at_) return IOStatus::IOError("power is cut");
  return IOStatus::OK();
}

IOStatus TestDisk::Appending(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (IsLog(path) && fail_append_in_ != 0 && --fail_append_in_ == 0) {
    return IOStatus::IOError("planted append failure");
  }
  return Change();
}

void TestDisk::Appended(const std::string& path, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[path].written += bytes;
}

IOStatus TestDisk::Sync(const std::string& path) {
  std::unique_lock lock(mutex_);
  if (IsLog(path)) {
    ++log_syncs_;
    if (fail_sync_in_ != 0 && --fail_sync_in_ == 0) {
      return IOStatus::IOError("planted sync failure");
    }
    if (hold_) {
      held_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !hold_; });
      held_ = false;
    }
  } else if (fail_table_syncs_) {
    return IOStatus::IOError("planted sync failure");
  }
  const IOStatus status = Change();
  if (status.ok()) files_[path].synced = files_[path].written;
  return status;
}

IOStatus TestDisk::SyncFolder(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  const IOStatus status = Change();
  if (status.ok()) {
    std::erase_if(names_, [&](const NameChange& change) { return change.folder == folder; });
  }
  return status;
}

IOStatus TestDisk::NewWritableFile(const std::string& raw, const rocksdb::FileOptions& options,
                                   std::unique_ptr<rocksdb::FSWritableFile>* file,
                                   IODebugContext* debug) {
  const std::string path = Normal(raw);
  const std::lock_guard lock(mutex_);
  if (const IOStatus status = Change(); !status.ok()) return status;
  if (!std::filesystem::exists(path)) names_.push_back({FolderOf(path), path, "", {}});
  std::unique_ptr<rocksdb::FSWritableFile> real;
  const IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &real, debug);
  if (!status.ok()) return status;
  files_[path] = Extent();
  *file = std::make_unique<File>(this, path, std::move(real));
  return status;
}

IOStatus TestDisk::NewDirectory(const std::string& raw, const IOOptions& options,
                                std::unique_ptr<rocksdb::FSDirectory>* folder,
                                IODebugContext* debug) {
  std::string path = Normal(raw);
  if (path.ends_with('/')) path.pop_back();
  std::unique_ptr<rocksdb::FSDirectory> real;
  const IOStatus status = FileSystemWrapper::NewDirectory(path, options, &real, debug);
  if (status.ok()) *folder = std::make_unique<Folder>(this, path, std::move(real));
  return status;
}

IOStatus TestDisk::CreateDirIfMissing(const std::string& raw, const IOOptions& options,
                                      IODebugContext* debug) {
  const std::string path = Normal(raw);
  const std::lock_guard lock(mutex_);
  const bool missing = !std::filesystem::exists(path);
  if (missing) {
    if (const IOStatus status = Change(); !status.ok()) return status;
  }
  const IOStatus status = FileSystemWrapper::CreateDirIfMissing(path, options, debug);
  if (status.ok() && missing) names_.push_back({FolderOf(path), path, "", {}});
  return status;
}

IOStatus TestDisk::RenameFile(const std::string& raw_from, const std::string& raw_to,
                              const IOOptions& options, IODebugContext* debug) {
  const std::string from = Normal(raw_from);
  const std::string to = Normal(raw_to);
  const std::lock_guard lock(mutex_);
  if (const IOStatus status = Change(); !status.ok()) return status;
  NameChange change{FolderOf(to), to, from, {}};
  if (std::filesystem::exists(to)) change.replaced = Content(to);
  const IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  names_.push_back(std::move(change));
  if (auto node = files_.extract(from); !node.empty()) files_[to] = node.mapped();
  return status;
}

IOStatus TestDisk::DeleteFile(const std::string& raw, const IOOptions& options,
                              IODebugContext* debug) {
  const std::string path = Normal(raw);
  const std::lock_guard lock(mutex_);
  if (const IOStatus status = Change(); !status.ok()) return status;
  files_.erase(path);
  return FileSystemWrapper::DeleteFile(path, options, debug);
}

IOStatus TestDisk::GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* bytes,
                                IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (!free_bytes_) return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
  *bytes = *free_bytes_;
  return IOStatus::OK();
}

void TestDisk::LoseWhatWasNotSynced(uint64_t seed) {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, extent] : files_) {
    if (extent.written <= extent.synced || !std::filesystem::exists(path)) continue;
    const uint64_t torn = seed % (extent.written - extent.synced + 1);
    std::filesystem::resize_file(path, extent.synced + torn);
  }
  for (auto change = names_.rbegin(); change != names_.rend(); ++change) {
    if (!change->renamed_from.empty()) {
      std::filesystem::rename(change->created, change->renamed_from);
      if (change->replaced) std::ofstream(change->created, std::ios::binary) << *change->replaced;
    } else {
      std::filesystem::remove_all(change->created);
    }
  }
  names_.clear();
  files_.clear();
}

}  // namespace noroshi::journal
