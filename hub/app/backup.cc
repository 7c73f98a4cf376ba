#include "hub/app/backup.h"

#include <filesystem>

#include "common/base/encoding.h"
#include "common/log/log.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr size_t kSmallFileBytesMax = 4 * 1024 * 1024;
constexpr size_t kFilesMax = 1000;

// Copies the regular files of one folder, durably, with mode 0600.
Result<void> CopyFolder(FileSystem& files, const std::string& from, const std::string& to) {
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(to, 0700));
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files.List(from, kFilesMax));
  for (const auto& name : names) {
    NOROSHI_ASSIGN_OR_RETURN(const std::string content,
                             files.Read(from + '/' + name, kSmallFileBytesMax));
    NOROSHI_RETURN_IF_ERROR(files.WriteDurably(to + '/' + name, content, 0600));
  }
  return {};
}

Result<void> CopyFile(FileSystem& files, const std::string& from, const std::string& to,
                      uint32_t mode) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string content, files.Read(from, kSmallFileBytesMax));
  return files.WriteDurably(to, content, mode);
}

}  // namespace

Result<json::object> MakeBackup(journal::Journal& journal, const Layout& layout,
                                const std::string& folder, FileSystem& files) {
  if (files.Exists(folder))
    return Error{ErrorCode::kConflict, folder + ": exists already; name a new folder"};
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder, 0700));
  const Layout copy(folder);
  NOROSHI_RETURN_IF_ERROR(journal.Backup(copy.journal));
  NOROSHI_RETURN_IF_ERROR(CopyFolder(files, layout.keys, copy.keys));
  NOROSHI_RETURN_IF_ERROR(CopyFolder(files, layout.ca, copy.ca));
  NOROSHI_RETURN_IF_ERROR(CopyFile(files, layout.config, copy.config, 0600));
  const auto head = journal.Head();
  Log(Level::kInfo, "backup_made", {{"folder", folder}, {"entries_at_least", head.tree_size()}});
  return json::object{{"folder", folder}, {"log_id", ToHex(head.log_id())}, {"verified", true}};
}

Result<void> CopyBackup(const std::string& folder, const Layout& layout, FileSystem& files) {
  const Layout copy(folder);
  if (!files.Exists(copy.config)) {
    return Error{ErrorCode::kNotFound, folder + ": not a whole backup (no hub.toml in it)"};
  }
  NOROSHI_RETURN_IF_ERROR(CopyFolder(files, copy.keys, layout.keys));
  NOROSHI_RETURN_IF_ERROR(CopyFolder(files, copy.ca, layout.ca));
  std::error_code error;
  std::filesystem::copy(copy.journal, layout.journal, std::filesystem::copy_options::recursive,
                        error);
  if (error) return Error{ErrorCode::kIo, "copy " + copy.journal + ": " + error.message()};
  for (const auto& item : std::filesystem::recursive_directory_iterator(layout.journal)) {
    if (item.is_directory()) NOROSHI_RETURN_IF_ERROR(files.SyncFolder(item.path().string()));
  }
  NOROSHI_RETURN_IF_ERROR(files.SyncFolder(layout.journal));
  return CopyFile(files, copy.config, layout.config, 0644);
}

}  // namespace noroshi::app
