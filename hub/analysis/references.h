// Character references of HTML: "&amp;", "&#12354;", "&#x3042;".
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace noroshi::analysis {

// Where a reference stands decides what an unterminated name means:
// "?a=1&copy=2" in an attribute is no copyright sign.
enum class ReferencePlace { kText, kAttribute };

// Appends what the reference at the start of text ("&…") stands for. Its length,
// or 0 if it is none. Never appends more bytes than the reference has.
size_t ReadReference(std::string_view text, ReferencePlace place, std::string* out);

std::string DecodeCharacterReferences(std::string_view text,
                                      ReferencePlace place = ReferencePlace::kText);

}  // namespace noroshi::analysis
