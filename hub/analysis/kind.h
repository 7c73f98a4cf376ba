// How a suspicious mail attacks, in the words of the annual report: by a link
// (URL型), by an attached file (ファイル添付型), by an answer that it wants
// (返信型・やりとり型), or by none of these.
// Threads: thread-safe. Deterministic.
#pragma once

#include <string_view>

#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

// Sets kind and kind_reason from what the facts hold; text is the whole visible text.
void DecideKind(std::string_view text, v1::MailFacts* facts);

// Whether the file can be the point of a mail: not a picture of its own text, a
// calendar entry, a signature or a report on delivery.
bool IsRealAttachment(const v1::AttachmentFacts& file);

// Whether somebody follows it: not an image that loads, a name space, or the
// cover note's.
bool IsRealLink(const v1::MailLink& link);

}  // namespace noroshi::analysis
