// Persons of a hub under test, signed in to its API.
//
// Threads: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/api_client.h"
#include "tests/support/hub_under_test.h"

namespace noroshi::support {

// The link that `init` printed, of a hub made by HubUnderTest::Init.
Result<std::unique_ptr<ApiClient>> SignInAdministrator(HubUnderTest& hub);

// Makes the person (if need be its organisation must exist already) and signs it in.
Result<std::unique_ptr<ApiClient>> SignInPerson(HubUnderTest& hub, ApiClient& administrator,
                                                const std::string& id,
                                                const std::string& organization,
                                                const std::vector<std::string>& roles,
                                                const std::vector<std::string>& circles = {});

// Two persons send an alert: `arguments` as of `noroshi-hub alert issue`. The alert, as
// `alert show` shows it. The first call makes the two.
Result<json::value> IssueAlert(HubUnderTest& hub, const std::vector<std::string>& arguments);

}  // namespace noroshi::support
