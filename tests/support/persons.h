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

// An alert that one person has proposed and another one, signed in, can send with one quick
// call. The first makes the two persons.
class ProposedAlert {
 public:
  // arguments: as of `noroshi-hub alert issue`.
  static Result<ProposedAlert> Propose(HubUnderTest& hub,
                                       const std::vector<std::string>& arguments);
  Result<void> Approve();
  const std::string& alert_id() const { return alert_id_; }  // 32 hexadecimal digits.

 private:
  ProposedAlert() = default;
  std::unique_ptr<ApiClient> approver_;
  std::string path_;  // Of the decision.
  std::string alert_id_;
};

// Both at once. The alert, as `alert show` shows it.
Result<json::value> IssueAlert(HubUnderTest& hub, const std::vector<std::string>& arguments);

}  // namespace noroshi::support
