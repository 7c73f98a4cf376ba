// Questions to a reporter (照会) as they stand in a list. For hub/api only.
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "common/base/result.h"
#include "hub/api/call.h"

namespace noroshi::api {

// Its words are about the case; towards an organisation, about the report of its own that
// names the case.
Result<access::Object> ObjectOfQuestion(const store::View& view, const access::Actor& actor,
                                        const store::QuestionRow& row);

// nullopt: not for this caller. Without words ("withheld"), where reading them is to be
// recorded: that is done for one question, not for a list.
Result<std::optional<json::object>> QuestionSummary(Call& call, const store::QuestionRow& row);

}  // namespace noroshi::api
