// JournalInspector: what really stands in a stopped hub's journal, read through
// hub/journal from a copy-free read-only opening.
//
// Threads: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::support {

struct JournaledSubmission {
  uint64_t sequence = 0;
  std::string organization;
  std::string id;    // 16 bytes.
  std::string body;  // As received.
};

// Every submission in the journal of a hub's data directory, in order.
// REQUIRES: the hub does not run.
Result<std::vector<JournaledSubmission>> ReadSubmissions(const std::string& hub_data);

}  // namespace noroshi::support
