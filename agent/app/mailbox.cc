#include "agent/app/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

namespace noroshi::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kFrom = "From ";
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

// ">From ", ">>From ", …
bool IsQuotedFrom(std::string_view line) {
  const size_t text = line.find_first_not_of('>');
  return text != 0 && text != std::string_view::npos && line.substr(text).starts_with(kFrom);
}

// Names of three letters each, without anything between them.
bool IsOneOf(std::string_view word, std::string_view names) {
  const size_t at = names.find(word);
  return word.size() == 3 && at != std::string_view::npos && at % 3 == 0;
}

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

// "Name: ..."
bool IsField(std::string_view line) {
  const size_t name = line.find_first_not_of(kNameCharacters);
  return name != 0 && name != std::string_view::npos && line[name] == ':';
}

// "From SENDER Www Mmm ...": a sentence that begins with "From " has no date there. Or
// "From " or "From -" alone, as Thunderbird has it: then a field follows.
bool IsBorder(std::string_view line, std::string_view next) {
  if (!line.starts_with(kFrom)) return false;
  line.remove_prefix(kFrom.size());
  if (line.find_first_not_of(" \t\r\n-") == std::string_view::npos) return IsField(next);
  std::string_view before;  // The word before this one.
  for (size_t words = 0; !line.empty();) {
    const std::string_view word = line.substr(0, line.find_first_of(" \t\r\n"));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    if (word.empty()) continue;
    if (++words > 2 && IsOneOf(before, kDays) && IsOneOf(word, kMonths)) return true;
    before = word;
  }
  return false;
}

bool IsMaildir(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_directory(folder / "cur", ignored) && fs::is_directory(folder / "new", ignored);
}

bool IsPartOfMaildir(const std::string& name) {
  return name == "cur" || name == "new" || name == "tmp";
}

enum class Reading { kEverything, kOnlyMaildirs };

Result<void> AddFolder(const fs::path& folder, Reading reading, std::vector<std::string>* files) {
  std::error_code error;
  std::error_code ignored;  // A file that is gone, or a link to nowhere, is no mail.
  const bool maildir = IsMaildir(folder);
  if (maildir) {
    NOROSHI_RETURN_IF_ERROR(AddFolder(folder / "cur", Reading::kEverything, files));
    NOROSHI_RETURN_IF_ERROR(AddFolder(folder / "new", Reading::kEverything, files));
    reading = Reading::kOnlyMaildirs;
  }
  fs::directory_iterator item(folder, error);
  for (; !error && item != fs::directory_iterator(); item.increment(error)) {
    const std::string name = item->path().filename().string();
    const bool hidden = name.starts_with('.') && reading == Reading::kEverything;
    if (hidden || (maildir && IsPartOfMaildir(name))) continue;
    if (item->is_directory(ignored) && !item->is_symlink(ignored)) {
      NOROSHI_RETURN_IF_ERROR(AddFolder(item->path(), reading, files));
    } else if (reading == Reading::kEverything && item->is_regular_file(ignored)) {
      files->push_back(item->path().string());
      if (files->size() > kMailFilesMax)
        return Error{ErrorCode::kInvalid,
                     fmt::format("{}: ファイルが {} を超えます / more than {} files",
                                 folder.string(), kMailFilesMax, kMailFilesMax)};
    }
  }
  if (error) return Error{ErrorCode::kIo, folder.string() + ": " + error.message()};
  return {};
}

// Keeps the first of those that are the same file.
void DropRepeated(std::vector<std::string>* files) {
  std::set<std::string> seen;
  std::erase_if(*files, [&](const std::string& file) {
    std::error_code error;
    const fs::path path = file == "-" ? "-" : fs::canonical(file, error);
    return !seen.insert(error ? file : path.string()).second;
  });
}

}  // namespace

bool IsMbox(std::string_view content) {
  const std::string_view line = FirstLine(content);
  return IsBorder(line, FirstLine(content.substr(std::min(content.size(), line.size() + 1))));
}

std::vector<std::string> SplitMbox(std::string_view content) {
  std::vector<std::string> mails;
  bool blank_before = true;  // The line before was empty, or there was none.
  while (!content.empty()) {
    const size_t end = content.find('\n');
    std::string_view line = content.substr(0, end == std::string_view::npos ? end : end + 1);
    content.remove_prefix(line.size());
    if (blank_before && IsBorder(line, FirstLine(content))) {
      // The empty line before a border belongs to the mbox, not to the mail.
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

std::vector<std::string> MailsOf(const std::string& path, const std::string& content) {
  if (path != "-") return IsMbox(content) ? SplitMbox(content) : std::vector{content};
  if (!content.starts_with(kFrom)) return {content};
  const size_t end = content.find('\n');
  return {end == std::string::npos ? "" : content.substr(end + 1)};
}

bool HasHeader(std::string_view mail) {
  mail.remove_prefix(std::min(mail.size(), mail.find_first_not_of("\r\n")));
  while (!mail.empty()) {
    const std::string_view line = FirstLine(mail);
    if (line.empty() || line == "\r") return false;
    if (IsField(line)) return true;
    mail.remove_prefix(std::min(mail.size(), line.size() + 1));
  }
  return false;
}

Result<std::vector<std::string>> MailFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const auto status =
        path == "-" ? fs::file_status(fs::file_type::regular) : fs::status(path, error);
    if (fs::is_directory(status)) {
      std::vector<std::string> found;
      NOROSHI_RETURN_IF_ERROR(AddFolder(path, Reading::kEverything, &found));
      std::sort(found.begin(), found.end());
      files.insert(files.end(), found.begin(), found.end());
    } else if (status.type() == fs::file_type::not_found) {
      return Error{ErrorCode::kNotFound, path + ": そのファイルはありません / no such file"};
    } else {
      files.push_back(path);
    }
  }
  DropRepeated(&files);
  if (files.size() > kMailFilesMax)
    return Error{ErrorCode::kInvalid, fmt::format("ファイルが {} を超えます / more than {} files",
                                                  kMailFilesMax, kMailFilesMax)};
  return files;
}

}  // namespace noroshi::agent
