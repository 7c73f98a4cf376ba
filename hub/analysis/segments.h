// Which part of a mail's visible text is the lure, and which is not: what its
// reporter wrote around it, a conversation quoted below it (stolen, or made up),
// a signature, a legal notice, a mailing list's or a gateway's lines.
//
// Only the lure tells what belongs together: two agencies' reports share their
// form, two lures in stolen threads share neither thread, and every mail of an
// organisation carries its legal notice. Careful where it matters: what is not
// recognised stays lure.
//
// Threads: thread-safe. Deterministic; linear in the text. The phrases are in
// data/segments.txt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

inline constexpr size_t kSegmentLinesMax = 4000;            // Later lines are not looked at.
inline constexpr size_t kSegmentTextBytesMax = 128 * 1024;  // Nor is what is behind this.

enum class SegmentKind {
  kLure,
  kReport,  // A reporter's note or form, and the header lines of what it forwards.
  kQuote,   // A conversation under the lure.
  kFooter,  // Signature, legal notice, list footer, gateway's banner.
};

struct SegmentLine {
  SegmentKind kind = SegmentKind::kLure;
  std::string text;  // Normalised for matching, without quoting and URLs.
};

// The text's lines, those without words left out.
std::vector<SegmentLine> SegmentText(std::string_view visible_text);

// The lines of one kind, each ended by '\n'.
std::string Joined(const std::vector<SegmentLine>& lines, SegmentKind kind);

}  // namespace noroshi::analysis
