#include "tests/support/persons.h"

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

}  // namespace noroshi::support
