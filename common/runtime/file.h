// FileSystem: the seam for durable small files (spool, keys, cursors). RocksDB
// has its own seam (rocksdb::FileSystem).
//
// A file is either whole or absent: WriteDurably writes a temporary file in the
// same folder, syncs it, renames it and syncs the folder.
//
// Threads: thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Writes a file that is on disk when this returns. Replaces an existing one.
  virtual Result<void> WriteDurably(const std::string& path, std::string_view content,
                                    uint32_t mode) = 0;
  // As WriteDurably, but kConflict if the path exists.
  virtual Result<void> CreateDurably(const std::string& path, std::string_view content,
                                     uint32_t mode) = 0;
  // kInvalid if larger than max bytes.
  virtual Result<std::string> Read(const std::string& path, size_t max) = 0;
  // Renames within one file system. Durable after SyncFolder of both folders.
  virtual Result<void> Rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> Remove(const std::string& path) = 0;
  virtual Result<void> SyncFolder(const std::string& folder) = 0;
  // Names (not paths) of regular files, sorted; at most max of them.
  virtual Result<std::vector<std::string>> List(const std::string& folder, size_t max) = 0;
  // Creates the folder and its parents, each synced into its parent.
  virtual Result<void> MakeFolder(const std::string& folder, uint32_t mode) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Bytes that an unprivileged writer may still use.
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;
};

// The machine's file system.
FileSystem& SystemFileSystem();

}  // namespace noroshi
