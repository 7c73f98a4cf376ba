// The form in which a sample leaves the hub: a zip with one member, encrypted with
// AES-256 (WinZip AE-2), so that nothing on its way opens or runs it by accident.
//
// The member is named by the content's SHA-256 and ".bin": the name that its owner
// gave it may be made to deceive, and names in a zip are readable without the
// password. The name is in no comment either, for the same reason. Stored, not
// compressed: what it takes is bounded by what came in.
//
// Threads: pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::api {

// What those who exchange samples agree on.
inline constexpr char kSamplePassword[] = "infected";
// A zip is larger than its content by at most this.
inline constexpr size_t kZipOverheadMax = 4096;

// time_ms: of the member. kInternal if the library fails.
Result<std::string> ZipSample(std::string_view content, std::string_view sha256,
                              const std::string& password, int64_t time_ms);

}  // namespace noroshi::api
