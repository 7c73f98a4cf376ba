// Organisations as answers, for the files that show them. For hub/api only.
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>

#include "hub/store/view.h"

namespace noroshi::api {

boost::json::object OrganizationJson(const store::OrganizationRow& row);

}  // namespace noroshi::api
