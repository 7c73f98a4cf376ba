// From a message's headers to facts: who, through whom, and what does not fit
// together.
// Threads: thread-safe. Deterministic.
#pragma once

#include "hub/analysis/headers.h"
#include "hub/analysis/mail_links.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

// Fills everything that headers tell except subject and from. Addresses and IPs of
// the sender's side go to the collector too; recipients are the victims, and do not.
void FillHeaderFacts(const MessageHeaders& headers, LinkCollector* indicators,
                     v1::MailFacts* facts);

}  // namespace noroshi::analysis
