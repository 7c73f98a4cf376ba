// A disk for tests: fails, stalls and loses power when it is told to.
//
// What was appended but not synced is lost at a power cut, but for a torn piece
// of it; so are names whose folder was not synced. Nothing is really synced:
// what counts is whether somebody asked for it.
//
// Threads: thread-safe.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace noroshi::journal {

class TestDisk final : public rocksdb::FileSystemWrapper {
 public:
  TestDisk();
  ~TestDisk() override;
  const char* Name() const override { return "noroshi.TestDisk"; }

  // The n-th (from 1, counted from now) sync or append of a write-ahead log
  // fails, and only that one. 0: none.
  void FailLogSync(uint64_t n);
  void FailLogAppend(uint64_t n);
  // Every sync of other files than write-ahead logs fails from now on.
  void FailTableSyncs();
  // From the n-th change of the disk on, nothing reaches it any longer.
  void CutPowerAt(uint64_t n);
  bool power_is_cut();
  // After a cut, with nobody using the folder: takes away what was not durable.
  // `seed` decides how much of each unsynced tail survives.
  void LoseWhatWasNotSynced(uint64_t seed);
  // Log syncs block from now on; WaitForHeldSync returns when one does.
  void HoldLogSyncs();
  void WaitForHeldSync();
  void ReleaseLogSyncs();
  void SetFreeBytes(std::optional<uint64_t> bytes);

  uint64_t log_syncs();
  uint64_t changes();

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* folder,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Folder;
  struct Extent {
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  // A change of names that a power cut takes back.
  struct NameChange {
    std::string folder;
    std::string created;                  // This path did not exist before.
    std::string renamed_from;             // It came from here, if not empty.
    std::optional<std::string> replaced;  // Content that it replaced.
  };

  rocksdb::IOStatus Change();  // REQUIRES: mutex_ held.
  rocksdb::IOStatus Appending(const std::string& path);
  void Appended(const std::string& path, uint64_t bytes);
  rocksdb::IOStatus Sync(const std::string& path);
  rocksdb::IOStatus SyncFolder(const std::string& folder);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Extent> files_;
  std::vector<NameChange> names_;
  uint64_t changes_ = 0;
  uint64_t cut_at_ = 0;
  uint64_t log_syncs_ = 0;
  uint64_t fail_sync_in_ = 0;
  uint64_t fail_append_in_ = 0;
  bool fail_table_syncs_ = false;
  bool hold_ = false;
  bool held_ = false;
  std::optional<uint64_t> free_bytes_;
};

}  // namespace noroshi::journal
