// The part of applying an entry that needs no state: reading its body. Other
// threads may do it ahead of the engine.
//
// Threads: pure function.
#pragma once

#include <variant>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/view.h"
#include "noroshi/v1/action.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::engine {

// The bodies of entries; a submission is read into the row it becomes.
using Body = std::variant<std::monostate, store::SubmissionRow, v1::LogStarted, v1::LogRestored,
                          v1::SubmissionConflict, v1::AnalysisResult, v1::OrganizationSet,
                          v1::AgentTokenIssued, v1::AgentCertified, v1::AgentRevoked,
                          v1::AlertRulesSet, v1::AlertIssued, v1::CursorsAdvanced, v1::AlertMarked,
                          v1::TimeReached, v1::BodyErased, v1::Action>;

struct Prepared {
  uint64_t sequence = 0;
  int64_t time_ms = 0;
  v1::EntryKind kind = v1::ENTRY_KIND_UNSPECIFIED;
  std::string organization;
  std::string agent;
  v1::Filing filing;  // Of a submission that a person entered.
  Body body;          // Nothing: a body that was erased, of a kind that is not a submission.
};

// kInvalid for an unknown kind, kCorruption for a body of the hub's own making
// that cannot be read. A submission that cannot be read is a row that says so.
Result<Prepared> Prepare(const journal::Entry& entry);

}  // namespace noroshi::engine
