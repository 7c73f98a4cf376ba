#include "hub/app/mail_sources.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "common/crypto/crypto.h"
#include "hub/analysis/mail.h"

namespace noroshi::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMboxMark = "From ";
constexpr size_t kPieceBytes = 64 * 1024;

// What is read of one mail: all of it is hashed and counted, the beginning is kept.
class Taker {
 public:
  explicit Taker(std::string file) { mail_.file = std::move(file); }

  void Take(std::string_view bytes) {
    hash_.Update(bytes);
    mail_.bytes += bytes.size();
    const size_t room = analysis::kMailBytesMax + 1 - mail_.raw.size();
    mail_.raw.append(bytes.substr(0, room));
  }

  SourcedMail Finish() {
    mail_.sha256 = hash_.Finish();
    return std::move(mail_);
  }

 private:
  SourcedMail mail_;
  Sha256 hash_;
};

// ">From ", ">>From " …
bool IsQuotedMark(std::string_view line) {
  const size_t quotes = line.find_first_not_of('>');
  return quotes != 0 && quotes != line.npos && line.substr(quotes).starts_with(kMboxMark);
}

Error CannotRead(const std::string& path, const std::error_code& error) {
  return {ErrorCode::kNotFound, path + ": " + error.message()};
}

}  // namespace

Result<MailSources> MailSources::Open(const std::vector<std::string>& paths,
                                      std::istream* standard) {
  MailSources sources(standard);
  for (const std::string& path : paths) NOROSHI_RETURN_IF_ERROR(sources.Add(path));
  if (!sources.total_known_) sources.total_bytes_ = 0;
  return sources;
}

Result<void> MailSources::Add(const std::string& path) {
  if (path == "-") {
    total_known_ = false;
    files_.push_back(path);
    return {};
  }
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return CannotRead(path, std::make_error_code(std::errc::no_such_file_or_directory));
  }
  return fs::is_directory(status) ? AddFolder(path, 1) : AddFile(path);
}

Result<void> MailSources::AddFile(const std::string& path) {
  if (files_.size() >= kMailFilesMax) {
    return Error{ErrorCode::kInvalid, "kMailFilesMax: more than 5,000,000 files"};
  }
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) total_known_ = false;  // A pipe, for instance.
  if (!error) total_bytes_ += size;
  files_.push_back(path);
  return {};
}

Result<void> MailSources::AddFolder(const std::string& folder, int depth) {
  if (depth > kMailFoldersDepthMax) {
    return Error{ErrorCode::kInvalid, folder + ": kMailFoldersDepthMax: more than 64 folders deep"};
  }
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(*it);
  }
  if (error) return CannotRead(folder, error);
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    std::error_code ignored;  // What vanished meanwhile is no file any more.
    if (entry.is_directory(ignored)) {
      if (!entry.is_symlink(ignored)) {
        NOROSHI_RETURN_IF_ERROR(AddFolder(entry.path().string(), depth + 1));
      }
    } else if (entry.is_regular_file(ignored)) {
      NOROSHI_RETURN_IF_ERROR(AddFile(entry.path().string()));
    }
  }
  return {};
}

std::optional<SourcedMail> MailSources::Next() {
  if (mbox_) {
    SourcedMail mail = ReadFromMbox();
    if (!*input_) mbox_ = false;
    return mail;
  }
  if (next_ >= files_.size()) return std::nullopt;
  path_ = files_[next_++];
  if (path_ == "-") {
    input_ = standard_;
  } else {
    file_ = std::make_unique<std::ifstream>(path_, std::ios::binary);
    input_ = file_.get();
  }
  std::string head(kMboxMark.size(), '\0');
  input_->read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(input_->gcount()));
  if (head != kMboxMark) return ReadWhole(head);
  mbox_ = true;
  number_ = 0;
  std::string separator;
  while (ReadPiece(&separator) && !separator.ends_with('\n')) {
  }
  return Next();
}

SourcedMail MailSources::ReadWhole(std::string_view head) {
  // A file of five bytes ended while its head was read; one that could not be opened is bad.
  const bool readable = input_ == standard_ || file_->is_open();
  Taker taker(path_);
  taker.Take(head);
  std::string piece(kPieceBytes, '\0');
  while (*input_) {
    input_->read(piece.data(), static_cast<std::streamsize>(piece.size()));
    taker.Take(std::string_view(piece).substr(0, static_cast<size_t>(input_->gcount())));
  }
  SourcedMail mail = taker.Finish();
  if (!readable || input_->bad()) mail.error = "file: it cannot be read";
  return mail;
}

// Up to the next separator, which is taken too, or the end.
SourcedMail MailSources::ReadFromMbox() {
  Taker taker(path_ + '#' + std::to_string(++number_));
  bool line_start = true;
  bool after_blank = false;  // A line "From here on …" inside a text is no separator.
  bool separator = false;
  std::string piece;
  while (ReadPiece(&piece)) {
    if (line_start && after_blank && piece.starts_with(kMboxMark)) separator = true;
    if (!separator) {
      const bool quoted = line_start && IsQuotedMark(piece);
      taker.Take(std::string_view(piece).substr(quoted ? 1 : 0));
    }
    after_blank = line_start && (piece == "\n" || piece == "\r\n");
    line_start = piece.ends_with('\n');
    if (separator && line_start) break;
  }
  SourcedMail mail = taker.Finish();
  if (input_->bad()) mail.error = "file: it cannot be read";
  return mail;
}

// A line with its end, or the next kPieceBytes of it. False: nothing is left.
bool MailSources::ReadPiece(std::string* piece) {
  piece->clear();
  std::streambuf* buffer = input_->rdbuf();
  while (piece->size() < kPieceBytes) {
    const int c = buffer->sbumpc();
    if (c == std::streambuf::traits_type::eof()) {
      input_->setstate(std::ios::eofbit | std::ios::failbit);
      break;
    }
    piece->push_back(static_cast<char>(c));
    if (c == '\n') break;
  }
  return !piece->empty();
}

}  // namespace noroshi::app
