// Metrics: the hub's counters in Prometheus' text format (docs/operations.md has the
// list). They are read when somebody asks; nothing is counted twice.
//
// Threads: pure function.
#pragma once

#include <map>
#include <string>

#include "hub/http/server.h"
#include "hub/intake/stats.h"
#include "hub/search/follower.h"
#include "noroshi/store/v1/state.pb.h"

namespace noroshi::app {

// What the parts say of themselves at one moment.
struct Readings {
  intake::Stats intake;
  http::Stats http;
  store::v1::MetaRow state;
  uint64_t journal_entries = 0;
  bool journal_ok = false;
  bool engine_ok = false;
  uint64_t subscriptions = 0;
  uint64_t pending_cursors = 0;
  uint64_t pending_answers = 0;
  bool clock_ok = false;
  std::map<std::string, uint64_t> log_counts;  // Of warnings and errors, by event.
  search::Follower::Stats search;
  uint64_t analysis_waiting = 0;
  uint64_t analysis_children_started = 0;
};

std::string MetricsText(const Readings& readings);

}  // namespace noroshi::app
