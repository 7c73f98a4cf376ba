// What an attached file is: its names, its type, what it holds, and what in it
// can do harm. Markers say what was seen, never that a file is harmless.
// Threads: thread-safe. Deterministic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kMailMembersMax = 300;  // Members listed, of all attachments of a mail.
inline constexpr size_t kMarkerScanBytesMax = 8 * 1024 * 1024;  // Of a file, searched for markers.

// A mail inside an archive, as agencies send them on.
struct PackedMail {
  std::string name;
  std::string bytes;
};

struct AttachmentReading {
  v1::AttachmentFacts facts;
  std::vector<PackedMail> mails;
  std::string limit;    // That was reached, or empty.
  std::string warning;  // "code: detail", or empty.
};

// name: decoded as written. members_max: how many members may be listed.
AttachmentReading ReadAttachment(std::string_view name, std::string_view declared_type,
                                 std::string_view bytes, size_t members_max = kMailMembersMax);

// The file that a person would save: without path, controls, direction marks and
// trailing dots and spaces.
std::string MeantName(std::string_view name);
// As a screen shows it, left to right, direction controls applied (UAX #9).
std::string ShownName(std::string_view name);

}  // namespace noroshi::analysis
