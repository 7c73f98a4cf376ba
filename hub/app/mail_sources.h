// Mails from files: single ones, mbox files, folders of both, standard input ("-").
//
// Folders are read in order of names, with what is below them; links to folders
// are not followed. A file that begins with "From " is an mbox: its mails are
// called FILE#1, FILE#2 …, and ">From " at a line's start is undone.
//
// Threads: one thread. One mail is in memory at a time.
#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::app {

inline constexpr size_t kMailFilesMax = 5'000'000;
inline constexpr int kMailFoldersDepthMax = 64;

struct SourcedMail {
  std::string file;    // The path as given, or found below it.
  std::string raw;     // At most analysis::kMailBytesMax + 1 bytes: enough to say that it is more.
  std::string sha256;  // Of all its bytes.
  uint64_t bytes = 0;  // All of them.
  std::string error;   // The file could not be read; raw is empty.
};

class MailSources {
 public:
  // kNotFound, kIo: a path that cannot be looked at. kInvalid: beyond a limit.
  static Result<MailSources> Open(const std::vector<std::string>& paths, std::istream* standard);

  std::optional<SourcedMail> Next();
  uint64_t total_bytes() const { return total_bytes_; }  // 0: nobody knows.

 private:
  explicit MailSources(std::istream* standard) : standard_(standard) {}
  Result<void> Add(const std::string& path);
  Result<void> AddFolder(const std::string& folder, int depth);
  Result<void> AddFile(const std::string& path);
  SourcedMail ReadWhole(std::string_view head);
  SourcedMail ReadFromMbox();
  bool ReadPiece(std::string* piece);

  std::istream* standard_;
  std::vector<std::string> files_;
  size_t next_ = 0;
  uint64_t total_bytes_ = 0;
  bool total_known_ = true;
  // Under way.
  std::string path_;
  std::unique_ptr<std::ifstream> file_;
  std::istream* input_ = nullptr;
  bool mbox_ = false;    // input_ stands behind a separator.
  uint64_t number_ = 0;  // Of the mail within the mbox.
};

}  // namespace noroshi::app
