// Drafts: alerts as somebody wants them, read from JSON and checked. For hub/api
// only.
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>

#include "common/base/result.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::api {

// The longest time that recipients are given to read an alert.
inline constexpr int64_t kAcknowledgeWithinMaxMs = int64_t{366} * 24 * 3600 * 1000;

struct AlertDraft {
  v1::AlertIssued issued;  // Without id, times and issuer.
  int64_t acknowledge_within_ms = 0;
};

// body: fits the schema AlertPropose, or AudienceAsk, which is the part of it that says
// who gets it. kInvalid names the field, or says that the whole is too large to be sent.
Result<AlertDraft> ReadAlertDraft(const boost::json::object& body);

}  // namespace noroshi::api
