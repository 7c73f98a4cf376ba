// What agents say, good and bad, for tests that speak the protocol themselves.
//
// Threads: pure functions, but for Greet.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "noroshi/v1/submission.pb.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {

// A first report with a new id, that breaks no rule.
v1::Submission MakeReport(const std::string& text);

// A frame with its length before it.
std::string Framed(std::string_view message);
std::string Framed(const v1::AgentFrame& frame);
// The frame that submits this.
std::string SubmitFrame(const std::string& submission);

// Connects, says hello and reads the welcome. kDenied: something else came.
Result<std::unique_ptr<WireClient>> Greet(const WireOptions& options);

}  // namespace noroshi::support
