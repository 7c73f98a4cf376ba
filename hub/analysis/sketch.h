// What a mail is recognised by: a sketch of its lure's text, and what it may share
// with others of its campaign (hub/campaign decides by it).
//
// The text's sketch is a MinHash: two lures agree in about as many of its slots as
// their shingles have in common (Broder 1997). A shingle is a run of characters of
// the normalised lure without white space, digits and whatever is written for one
// recipient only (URLs, addresses, tokens with digits). Every shingle is thrown
// into kMinhashSpread slots and each slot keeps the smallest hash (one permutation
// hashing, Li et al. 2012); a slot that stays empty borrows from another one
// (Shrivastava 2017).
//
// A mail has up to kTextsMax such sketches, one after the other: of what it shows, and
// of another alternative that says something else.
//
// Threads: thread-safe. Deterministic; linear in the text. Changing any of this
// changes kSketchVersion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr uint32_t kSketchVersion = 1;
inline constexpr size_t kMinhashSlots = 128;
inline constexpr size_t kTextsMax = 2;
inline constexpr size_t kMinhashSpread = 8;
// Slots to be filled by a lure's own shingles, else its text has no sketch: about
// 33 shingles. "Please see the attachment." is written by everybody.
inline constexpr size_t kFilledSlotsMin = 112;
inline constexpr size_t kShinglesMax = 40'000;  // Later ones do not count.
// Weight (text::TextWeight) from which a text alone is a tie, and from which it is
// one together with its subject.
inline constexpr uint32_t kTextWeightMin = 80;
inline constexpr uint32_t kShortTextWeightMin = 16;
inline constexpr uint64_t kTieFileBytesMin = 256;   // A smaller file is no tie.
inline constexpr uint64_t kTieNoteBytesMin = 1024;  // Nor a smaller plain text.
inline constexpr size_t kTiesMax = 48;
inline constexpr size_t kTieShownBytesMax = 160;
inline constexpr size_t kTieKeyBytes = 16;

// What a mail says.
struct MailTexts {
  std::string_view visible;  // Unwrapped, whole.
  // Of the alternatives that are not shown: whoever forwards the mail as plain text
  // sends on this one.
  std::string_view other;
  std::string_view hidden;  // Of elements that are not shown; counts where nothing else says much.
};

// facts: all but the sketch; heads: for each of its attachments what AttachmentHead
// says, or fewer.
v1::MailSketch SketchMail(const MailTexts& texts, const v1::MailFacts& facts,
                          const std::vector<std::string>& heads);

// SHA-256 of an attachment's larger part, so that files which differ near their end
// meet: of the longest beginning, shorter than the whole, whose length is a power of
// two, at least 512. Empty: the attachment is too small.
std::string AttachmentHead(std::string_view content);

}  // namespace noroshi::analysis
