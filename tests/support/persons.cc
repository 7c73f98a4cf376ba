#include "tests/support/persons.h"

#include <pwd.h>
#include <unistd.h>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "tests/support/json.h"

namespace noroshi::support {

Result<std::unique_ptr<ApiClient>> SignInAdministrator(HubUnderTest& hub) {
  auto client = std::make_unique<ApiClient>(hub.data());
  NOROSHI_RETURN_IF_ERROR(client->UseLink(hub.first_link()));
  return client;
}

Result<std::unique_ptr<ApiClient>> SignInPerson(HubUnderTest& hub, ApiClient& administrator,
                                                const std::string& id,
                                                const std::string& organization,
                                                const std::vector<std::string>& roles,
                                                const std::vector<std::string>& circles) {
  const json::value person{{"organization", organization},
                           {"name", id},
                           {"roles", json::array(roles.begin(), roles.end())},
                           {"circles", json::array(circles.begin(), circles.end())}};
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer made,
                           administrator.Call("PUT", "/persons/" + id, person));
  if (made.status != 201) return ApiRefused("make person", made);
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer link,
                           administrator.Call("POST", "/persons/" + id + "/links"));
  if (link.status != 201) return ApiRefused("make link", link);
  auto client = std::make_unique<ApiClient>(hub.data());
  NOROSHI_RETURN_IF_ERROR(client->UseLink(TextAt(link.value, "/link")));
  return client;
}

namespace {

constexpr char kProposer[] = "test-proposer";
constexpr char kApprover[] = "test-approver";

Result<void> MakeTwo(HubUnderTest& hub) {
  NOROSHI_ASSIGN_OR_RETURN(const Output present, hub.Try({"person", "show", kProposer}));
  if (present.status == 0) return {};
  const passwd* self = ::getpwuid(::geteuid());
  if (self == nullptr) return Error{ErrorCode::kInternal, "nobody runs this test"};
  NOROSHI_RETURN_IF_ERROR(
      hub.Command({"person", "set", kProposer, "--organization", "centre", "--name", "発議者",
                   "--role", "analyst", "--login", self->pw_name}));
  NOROSHI_RETURN_IF_ERROR(hub.Command({"person", "set", kApprover, "--organization", "centre",
                                       "--name", "承認者", "--role", "approver"}));
  return {};
}

}  // namespace

Result<ProposedAlert> ProposedAlert::Propose(HubUnderTest& hub,
                                             const std::vector<std::string>& arguments) {
  NOROSHI_RETURN_IF_ERROR(MakeTwo(hub));
  std::vector<std::string> propose = {"alert", "issue"};
  propose.insert(propose.end(), arguments.begin(), arguments.end());
  NOROSHI_ASSIGN_OR_RETURN(const json::value proposal, hub.Ask(propose));
  NOROSHI_ASSIGN_OR_RETURN(const json::value link, hub.Ask({"person", "link", kApprover}));
  NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::Parse(TextAt(proposal, "/alert_id")));
  ProposedAlert alert;
  alert.approver_ = std::make_unique<ApiClient>(hub.data());
  NOROSHI_RETURN_IF_ERROR(alert.approver_->UseLink(TextAt(link, "/link")));
  alert.path_ = "/proposals/" + TextAt(proposal, "/proposal_id") + "/decision";
  alert.alert_id_ = ToHex(id.bytes());
  return alert;
}

Result<void> ProposedAlert::Approve() {
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer decided,
                           approver_->Call("POST", path_, json::object{{"approved", true}}));
  if (decided.status != 200) return ApiRefused("approve alert", decided);
  return {};
}

Result<json::value> IssueAlert(HubUnderTest& hub, const std::vector<std::string>& arguments) {
  NOROSHI_ASSIGN_OR_RETURN(ProposedAlert alert, ProposedAlert::Propose(hub, arguments));
  NOROSHI_RETURN_IF_ERROR(alert.Approve());
  return hub.Ask({"alert", "show", alert.alert_id()});
}

}  // namespace noroshi::support
