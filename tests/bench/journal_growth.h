// A long journal without a long wait: entries of a stopped hub's own kinds are
// appended through the journal itself, as fast as it takes them.
//
// Threads: one caller.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "tests/bench/payload.h"

namespace noroshi::bench {

// Appends incident reports of bench-0/agent-0 and their analyses until the
// journal below this data folder has `entries`; returns how many reports it
// added. REQUIRES: the hub is stopped, its state fits the journal, and the
// journal holds an analysed report.
Result<uint64_t> GrowJournal(const std::string& data_folder, uint64_t entries,
                             SubmissionSource* source);

}  // namespace noroshi::bench
