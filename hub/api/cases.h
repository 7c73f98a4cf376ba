// Cases as answers, for the files that read and change them. For hub/api only.
// Threads: as Call.
#pragma once

#include <boost/json/object.hpp>

#include "hub/api/call.h"
#include "hub/api/sessions.h"
#include "hub/store/view.h"

namespace noroshi::api {

boost::json::object CaseJson(const store::CaseRow& row);
// What is known of a case whose content is to be recorded when it is read.
boost::json::object CaseHeadJson(const store::CaseRow& row);

// "/cases/12", below /api/v1.
std::string CasePath(uint64_t case_id);

// The case as it is now, with its ETag; status 201 adds its Location.
Result<Reply> AnswerCase(Call& call, uint64_t case_id, int status);

// The case that the path names, authorised by the route's deed.
Result<store::CaseRow> FindCase(Call& call);

}  // namespace noroshi::api
