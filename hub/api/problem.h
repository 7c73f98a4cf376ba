// Answers: JSON, and problems (RFC 9457) made from errors. For hub/api only.
//
// Threads: pure functions; Append blocks until the entry is applied.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hub/api/api.h"
#include "hub/api/schema.h"
#include "hub/http/message.h"
#include "noroshi/v1/action.pb.h"

namespace noroshi::api {

http::Response JsonResponse(int status, const boost::json::value& body);

http::Response ProblemOf(int status, std::string_view detail,
                         const std::vector<FieldError>& errors = {});
// The status follows from the code. Of our own failures nothing is told but that they
// are in the log.
http::Response ProblemOf(const Error& error);
// The reverse, for the admin socket.
Error ErrorOfProblem(const http::Response& response);

// What the engine refused (hub/engine/refusals.h).
Error ErrorOfRefusal(const std::string& refused);

// The action as an entry's body. kInvalid: it holds text that is not UTF-8; the engine
// could not read it back, and would stand still for ever.
Result<std::string> BodyOf(const v1::Action& action);
// Appends the action and waits until it is applied. Its sequence.
Result<uint64_t> AppendAction(const Parts& parts, const std::string& organization,
                              const std::string& actor, const v1::Action& action);
// The same for any draft: what the journal said to it.
Result<journal::Acceptance> AppendAndApply(const Parts& parts, journal::Draft draft);

}  // namespace noroshi::api
