// Alerts as JSON, for those who may have the content and those who may know only that
// there is one. For hub/api only.
//
// Threads: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "hub/access/policy.h"
#include "hub/store/view.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::api {

// Its marking. Whether it was received is the caller's to say.
access::Object ObjectOf(const v1::Alert& alert);

// What is no content: id, kind, marking, times. "withheld" is true.
boost::json::object AlertHeadJson(const v1::Alert& alert);
// Titles; and all of it. Both set "withheld" to false.
void AddTitles(const v1::Alert& alert, boost::json::object* object);
void AddContent(const v1::Alert& alert, boost::json::object* object);

// As it is shown to an organisation that received it: what was sent, but the content of
// a RED alert to a person who may have it; or the notice to one who may not.
v1::Alert AlertForMember(const store::AlertRow& row, bool may_have_content);

boost::json::object DeliveryJson(const store::DeliveryRow& row);
boost::json::object RecipientJson(const std::string& organization, const std::string& reason);

// null for 0.
boost::json::value CaseIdJson(uint64_t case_id);

}  // namespace noroshi::api
