// Classification of texts: event type, causes and kind of government incident,
// each with the words, rules and weights that speak for it.
//
// Integers only. Each rule counts once, at its strongest place. Words that a
// text takes back ("no evidence of a leak", 「漏えいは確認されていない」) do not
// count; possibilities count less. Below the bar a label stays empty: abstained.
//
// Threads: thread-safe. Deterministic; linear in the text.
#pragma once

#include <string>
#include <string_view>

#include "hub/analysis/rules.h"
#include "noroshi/v1/sharing.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kClassifiedBytesMax = 128 * 1024;  // Of one text; the rest is not read.
inline constexpr size_t kEvidenceMax = 8;                  // Of one label, strongest first.
inline constexpr size_t kEvidenceBytesMax = 256;

v1::Classification ClassifyText(std::string_view text, const Rules& rules);

// An incident report: its texts (title, what happened, impact, response), and the
// reporter's own labels as one more piece of evidence.
inline constexpr int32_t kReportersWeight = 60;
v1::Classification ClassifyIncident(const v1::IncidentReport& report, const Rules& rules);
// What of a report is read as text.
std::string IncidentText(const v1::IncidentReport& report);

// A suspicious mail: a precursor caused by a suspicious mail, unless the receiver
// says that it went further.
v1::Classification ClassifyMail(const v1::SuspiciousMail& mail, const Rules& rules);

// Modest: a machine's word for an event is rarely the whole story.
v1::Classification ClassifyObservation(const v1::Observation& observation, const Rules& rules);

}  // namespace noroshi::analysis
