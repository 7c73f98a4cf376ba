// Cases as JSON. For hub/api only. Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>

#include "hub/api/sessions.h"
#include "hub/store/view.h"

namespace noroshi::api {

boost::json::object CaseJson(const store::CaseRow& row);

}  // namespace noroshi::api
