// Reports as answers. For hub/api only. Threads: as Call.
#pragma once

#include <boost/json/object.hpp>

#include "common/base/result.h"
#include "hub/api/call.h"

namespace noroshi::api {

// Without what was filed. Members are told what an Update would tell them: neither
// the case's number nor how the report was matched.
Result<json::object> ReportJson(const Call& call, const store::SubmissionRow& row);
// What is known of a report whose content is to be recorded when it is read.
json::object ReportHeadJson(const Call& call, const store::SubmissionRow& row);

// Routes that make reports (filing.cc).
void AddFilingRoutes(std::vector<Route>* routes);

}  // namespace noroshi::api
