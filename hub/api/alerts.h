// Alerts as items of lists, for the files that show them. For hub/api only. Threads: as Call.
#pragma once

#include <boost/json/object.hpp>

#include "common/base/result.h"
#include "hub/api/call.h"

namespace noroshi::api {

// For somebody who may see that there is one; where its words are for the caller only with a
// record of the reading, without them. REQUIRES: the caller is of the centre, or its
// organisation received it.
Result<json::object> AlertSummary(Call& call, const store::AlertRow& row);

}  // namespace noroshi::api
