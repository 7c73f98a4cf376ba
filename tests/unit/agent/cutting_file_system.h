// CuttingFileSystem: the real file system until operation `cut_at`; from there on
// nothing works any more, as after a crash. A durable write counts as four
// operations, and a cut in it leaves half a temporary file, or a whole one, or a
// name that is not synced. PowerCut() then takes back every rename and creation
// that no SyncFolder made durable.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "common/runtime/file.h"

namespace noroshi {

class CuttingFileSystem final : public FileSystem {
 public:
  explicit CuttingFileSystem(size_t cut_at) : cut_at_(cut_at) {}

  bool cut() const { return operations_ >= cut_at_; }

  void PowerCut() {
    for (auto undo = unsynced_.rbegin(); undo != unsynced_.rend(); ++undo) undo->take_back();
    unsynced_.clear();
  }

  Result<void> WriteDurably(const std::string& path, std::string_view content, uint32_t) override {
    return Write(path, content, /*replace=*/true);
  }
  Result<void> CreateDurably(const std::string& path, std::string_view content, uint32_t) override {
    return Write(path, content, /*replace=*/false);
  }
  Result<std::string> Read(const std::string& path, size_t max) override {
    if (Cut()) return Gone();
    return real_.Read(path, max);
  }
  Result<void> Rename(const std::string& from, const std::string& to) override {
    if (Cut()) return Gone();
    NOROSHI_RETURN_IF_ERROR(real_.Rename(from, to));
    unsynced_.push_back({Parent(to), [from, to] { std::filesystem::rename(to, from); }});
    return {};
  }
  Result<void> Remove(const std::string& path) override {
    if (Cut()) return Gone();
    return real_.Remove(path);
  }
  Result<void> SyncFolder(const std::string& folder) override {
    if (Cut()) return Gone();
    std::erase_if(unsynced_, [&](const Unsynced& entry) { return entry.folder == folder; });
    return {};
  }
  Result<std::vector<std::string>> List(const std::string& folder, size_t max) override {
    if (Cut()) return Gone();
    return real_.List(folder, max);
  }
  Result<void> MakeFolder(const std::string& folder, uint32_t mode) override {
    if (Cut()) return Gone();
    return real_.MakeFolder(folder, mode);
  }
  bool Exists(const std::string& path) override { return real_.Exists(path); }
  Result<uint64_t> FreeBytes(const std::string& path) override { return real_.FreeBytes(path); }

 private:
  struct Unsynced {
    std::string folder;
    std::function<void()> take_back;
  };

  static std::string Parent(const std::string& path) {
    return std::filesystem::path(path).parent_path().string();
  }
  static Error Gone() { return {ErrorCode::kIo, "the machine is gone"}; }
  bool Cut() { return ++operations_ >= cut_at_; }

  static void Put(const std::string& path, std::string_view content) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  Result<void> Write(const std::string& path, std::string_view content, bool replace) {
    if (!replace && Exists(path)) return Error{ErrorCode::kConflict, path};
    const std::string temporary = path + "." + std::to_string(::getpid()) + ".1.tmp";
    if (Cut()) return Gone();
    Put(temporary, content.substr(0, content.size() / 2));
    if (Cut()) return Gone();
    Put(temporary, content);
    if (Cut()) return Gone();
    const auto before = real_.Read(path, SIZE_MAX);
    std::filesystem::rename(temporary, path);
    unsynced_.push_back({Parent(path), [path, before] {
                           if (before.ok()) {
                             Put(path, *before);
                           } else {
                             std::filesystem::remove(path);
                           }
                         }});
    if (Cut()) return Gone();
    std::erase_if(unsynced_, [&](const Unsynced& entry) { return entry.folder == Parent(path); });
    return {};
  }

  FileSystem& real_ = SystemFileSystem();
  size_t cut_at_;
  size_t operations_ = 0;
  std::vector<Unsynced> unsynced_;
};

}  // namespace noroshi
