// The members of an archive, one level down (libarchive), within limits.
//
// zip, 7z, rar, tar, cab, lha, ISO 9660, and files packed with gzip, bzip2 or xz.
// Nothing is written anywhere; names are words, never paths. Password-protected
// members are listed; those that the passwords analysts use among themselves
// ("infected") open are read.
//
// Threads: thread-safe. Deterministic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace noroshi::analysis {

inline constexpr size_t kMembersMax = 100;                      // Of one archive.
inline constexpr size_t kMemberNameBytesMax = 255;              // Longer names are cut.
inline constexpr size_t kUnpackedBytesMax = 16 * 1024 * 1024;   // Of one archive, in total.
inline constexpr size_t kMemberHeadBytesMax = 512 * 1024;       // Kept for a closer look.
inline constexpr size_t kMemberMailBytesMax = 4 * 1024 * 1024;  // Kept of a member that is a mail.

struct UnpackedMember {
  std::string name;   // UTF-8.
  uint64_t size = 0;  // As declared, or as unpacked where nothing is declared.
  bool encrypted = false;
  bool whole = false;  // Unpacked to its end; only then sha256 is set.
  std::string sha256;
  std::string head;  // Its first bytes.
};

struct Unpacking {
  bool is_archive = false;  // A first member could be read.
  bool encrypted = false;   // A member, or the list of members, asks for a password.
  std::string limit;        // The limit that was reached, or empty.
  std::string error;        // What libarchive said where it gave up, or empty.
};

Unpacking Unpack(std::string_view archive, const std::function<void(UnpackedMember)>& on_member);

}  // namespace noroshi::analysis
