// Reading a mail: what a person would see of it, its links and attachments,
// after unwrapping what agencies wrap around it when they forward it.
//
// GMime finds the structure over the raw bytes; transfer encodings, encoded
// words and charsets are decoded here and in common/text, tolerantly: what a
// mail program shows must be found, whatever is malformed around it.
//
// Limits: beyond one of them, reading goes on without what is too much, and
// MailReading::limit names the first that was reached.
// Threads: thread-safe after WarmUpMail(). Deterministic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "hub/analysis/mail_links.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kMailBytesMax = 24 * 1024 * 1024;
inline constexpr int kMailDepthMax = 12;              // Nested parts and messages.
inline constexpr int kMailPartsMax = 500;             // Leaves.
inline constexpr int kHeadersMax = 1000;              // Of one message; of more only needed ones.
inline constexpr size_t kHeaderBytesMax = 64 * 1024;  // One header's raw value.
inline constexpr size_t kPartTextBytesMax = 8 * 1024 * 1024;  // Decoded, one text part.
inline constexpr size_t kTextBytesMax = 16 * 1024 * 1024;     // Decoded, all text parts.
inline constexpr size_t kAttachmentsMax = 100;
inline constexpr size_t kFactTextBytesMax = 64 * 1024;  // MailFacts.text.
inline constexpr size_t kFactFieldBytesMax = 998;       // Subject, sender, names.

struct MailReading {
  v1::MailFacts facts;
  std::string limit;  // E.g. "kMailPartsMax: more than 500 parts"; empty: none.
};

// Never fails: what is no mail at all is read as one text.
MailReading ReadMail(std::string_view raw);

// Initialises GMime and the charset converters, so that nothing is loaded later.
// Call once before the first ReadMail, and before a sandbox closes.
void WarmUpMail();

}  // namespace noroshi::analysis
