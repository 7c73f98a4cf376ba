// Persons as JSON. For hub/api only. Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>

#include "hub/store/view.h"

namespace noroshi::api {

boost::json::object PersonJson(const store::PersonRow& row);
boost::json::object SessionJson(const store::SessionRow& row);

}  // namespace noroshi::api
