// World: a running hub and three organisations with a running agent each, as in
// the quickstart.
//
// Threads: one thread.
#pragma once

#include <string>

#include "common/base/result.h"
#include "tests/support/agent_under_test.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {

class World {
 public:
  World()
      : hub(folder.path()),
        ministry(folder.path(), "kasumi-ministry", "csirt"),
        agency(folder.path(), "shinko-agency", "soc"),
        ceptoar(folder.path(), "bank-ceptoar", "desk") {}

  // Starts the hub, adds the organisations, enrols and runs their agents.
  Result<void> Start() {
    NOROSHI_RETURN_IF_ERROR(hub.Init());
    NOROSHI_RETURN_IF_ERROR(hub.Serve());
    NOROSHI_RETURN_IF_ERROR(hub.AddOrganization("kasumi-ministry", "ministry"));
    NOROSHI_RETURN_IF_ERROR(hub.AddOrganization("shinko-agency", "incorporated_agency"));
    NOROSHI_RETURN_IF_ERROR(hub.AddOrganization("bank-ceptoar", "ceptoar",
                                                {"--sector", "finance", "--ceptoar", "banking"}));
    for (AgentUnderTest* agent : {&ministry, &agency, &ceptoar}) {
      NOROSHI_RETURN_IF_ERROR(agent->Enroll(hub));
      NOROSHI_RETURN_IF_ERROR(agent->Run());
    }
    return {};
  }

  TempDir folder;
  HubUnderTest hub;
  AgentUnderTest ministry;
  AgentUnderTest agency;
  AgentUnderTest ceptoar;
};

// A file of tests/data.
inline std::string TestData(const std::string& name) {
  return std::string(NOROSHI_TEST_DATA "/") + name;
}

}  // namespace noroshi::support
