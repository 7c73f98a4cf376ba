// What a file is by its content.
//
// libmagic with the database of the system, over the first bytes only; common
// signatures are known without it. The database is loaded by WarmUpFileTypes(),
// before a sandbox closes; a thread that has none afterwards answers
// "application/octet-stream" where the database would be needed.
//
// Threads: thread-safe (a handle for each). Deterministic for one database.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace noroshi::analysis {

inline constexpr size_t kFileTypeBytesMax = 256 * 1024;  // More is not looked at.

// A MIME type, e.g. "application/pdf".
std::string TypeByContent(std::string_view bytes);

// By its first bytes alone, without the database.
bool LooksLikeArchive(std::string_view bytes);

// Kinds of files that take each other's place without anybody being misled.
enum class FileFamily {
  kUnknown,
  kText,
  kHtml,
  kImage,
  kMedia,  // Sound and film.
  kPdf,
  kOffice,
  kArchive,
  kDisk,  // ISO and other images of disks.
  kExecutable,
  kScript,
  kShortcut,
  kMail,
};
FileFamily FamilyOfType(std::string_view mime_type);
FileFamily FamilyOfExtension(std::string_view lower_extension);

// Loads the database for this thread.
void WarmUpFileTypes();

}  // namespace noroshi::analysis
