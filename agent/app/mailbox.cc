#include "agent/app/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace noroshi::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kFrom = "From ";

// ">From ", ">>From ", …
bool IsQuotedFrom(std::string_view line) {
  const size_t text = line.find_first_not_of('>');
  return text != 0 && text != std::string_view::npos && line.substr(text).starts_with(kFrom);
}

Result<void> AddFolder(const std::string& folder, std::vector<std::string>* files) {
  std::error_code error;
  std::error_code ignored;  // A file that is gone, or a link to nowhere, is no mail.
  std::vector<std::string> found;
  fs::recursive_directory_iterator item(folder, error);
  for (; !error && item != fs::recursive_directory_iterator(); item.increment(error)) {
    if (item->path().filename().string().starts_with('.')) {
      if (item->is_directory(ignored)) item.disable_recursion_pending();
      continue;
    }
    if (!item->is_regular_file(ignored)) continue;
    found.push_back(item->path().string());
    if (files->size() + found.size() > kMailFilesMax)
      return Error{ErrorCode::kInvalid,
                   fmt::format("{}: more than {} files", folder, kMailFilesMax)};
  }
  if (error) return Error{ErrorCode::kIo, folder + ": " + error.message()};
  std::sort(found.begin(), found.end());
  files->insert(files->end(), found.begin(), found.end());
  return {};
}

}  // namespace

bool IsMbox(std::string_view content) { return content.starts_with(kFrom); }

std::vector<std::string> SplitMbox(std::string_view content) {
  std::vector<std::string> mails;
  bool blank_before = true;  // The line before was empty, or there was none.
  while (!content.empty()) {
    const size_t end = content.find('\n');
    std::string_view line = content.substr(0, end == std::string_view::npos ? end : end + 1);
    content.remove_prefix(line.size());
    if (blank_before && line.starts_with(kFrom)) {
      // The empty line before a "From " line belongs to the mbox, not to the mail.
      if (!mails.empty()) {
        std::string& mail = mails.back();
        if (mail.ends_with("\r\n")) {
          mail.resize(mail.size() - 2);
        } else if (mail.ends_with('\n')) {
          mail.pop_back();
        }
      }
      mails.emplace_back();
      blank_before = false;
      continue;
    }
    if (mails.empty()) mails.emplace_back();
    blank_before = line == "\n" || line == "\r\n";
    if (IsQuotedFrom(line)) line.remove_prefix(1);
    mails.back().append(line);
  }
  return mails;
}

Result<std::vector<std::string>> MailFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const auto status =
        path == "-" ? fs::file_status(fs::file_type::regular) : fs::status(path, error);
    if (fs::is_directory(status)) {
      NOROSHI_RETURN_IF_ERROR(AddFolder(path, &files));
    } else if (status.type() == fs::file_type::not_found) {
      return Error{ErrorCode::kNotFound, path + ": そのファイルはありません / no such file"};
    } else {
      files.push_back(path);
    }
  }
  if (files.size() > kMailFilesMax)
    return Error{ErrorCode::kInvalid, fmt::format("more than {} files", kMailFilesMax)};
  return files;
}

}  // namespace noroshi::agent
