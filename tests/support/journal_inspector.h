// JournalInspector: what really stands in a stopped hub's journal, read through
// hub/journal from a copy-free read-only opening; and what a person at the centre does,
// written into it.
//
// Threads: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "noroshi/v1/action.pb.h"

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

struct JournaledAction {
  uint64_t sequence = 0;
  std::string organization;
  std::string actor;
  v1::Action action;
};

// Every action in it, in order. REQUIRES: the hub does not run.
Result<std::vector<JournaledAction>> ReadActions(const std::string& hub_data);

// Appends an action of the centre. REQUIRES: the hub does not run.
Result<void> AppendAction(const std::string& hub_data, const v1::Action& action);

}  // namespace noroshi::support
