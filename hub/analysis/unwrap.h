// Unwrapping: taking the mail that matters out of the mail in which a user sent
// it on.
//
// Careful where it matters: a fake conversation below a lure ("RE:", with a
// quoted "Original Message") must not hide the lure, and a cover note that links
// elsewhere is no cover note.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace noroshi::analysis {

// A cover note is short and links nowhere but to its writer's own domain.
inline constexpr size_t kCoverNoteBytesMax = 8192;  // A long report form.
bool IsCoverNote(std::string_view text, std::string_view from);

// A mail forwarded inside the text, by the separators that Japanese and English
// mail programs write.
struct InlineForward {
  std::string subject;  // Of the inner mail; empty: not given.
  std::string from;
  std::string text;   // Without quoting.
  size_t offset = 0;  // Where the inner text begins in the outer one.
};
// nullopt: the text is no forward, or what stands above is no cover note.
std::optional<InlineForward> FindInlineForward(std::string_view subject, std::string_view from,
                                               std::string_view text);

}  // namespace noroshi::analysis
