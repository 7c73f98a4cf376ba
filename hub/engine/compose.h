// What an automatic alert says. Nothing in it tells who reported: of a mail only
// what at least two organisations saw alike goes out (a link, subject or name
// that only one of them saw may have been made for it), counts go to the centre
// only, and a report's title needs the reporter's consent to be named.
//
// Threads: pure function. For hub/engine only.
#pragma once

#include <span>
#include <string>

#include "hub/engine/engine.h"
#include "hub/store/view.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::engine {

// Newest submissions of a case that are looked through for shared indicators.
inline constexpr size_t kIndicatorSubmissionsMax = 64;
inline constexpr size_t kAlertTitleBytesMax = 512;
inline constexpr size_t kAlertTextBytesMax = 32 * 1024;
inline constexpr size_t kIndicatorValueBytesMax = 2 * 1024;

struct AlertInput {
  const v1::AlertRule* rule = nullptr;
  const store::CaseRow* row = nullptr;
  const store::SubmissionRow* opener = nullptr;  // May be null.
  std::span<const store::SubmissionRow> members;
  std::string originator;  // Empty: not to be named.
  int64_t time_ms = 0;
};

v1::Alert ComposeAlert(const AlertInput& input);

// The id of what a rule sends about a case: a UUID (version 8) that follows from
// the rule and the submission that opened the case. It is the same in every
// replay, and after a restore in which the submission came in again.
std::string AutomaticAlertId(const v1::AlertRule& rule, const store::SubmissionRow& opener);

}  // namespace noroshi::engine
