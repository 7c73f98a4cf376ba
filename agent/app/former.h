// What an earlier enrolment left in DIR, when another one takes its place.
//
// Threads: by the holder of the RunnerLock.
#pragma once

#include <string>

#include "agent/app/environment.h"

namespace noroshi::agent {

struct Former {
  std::string folder;           // DIR/former/UUID; empty: nothing had to be put aside.
  bool everything = false;      // Not only the receipts of another log.
  size_t reports_not_sent = 0;  // Of what was put aside.
};

// Before anything of the new enrolment is written. What belonged to another organisation
// (or to one that identity.json cannot tell) goes aside whole, identity.json first: a
// crash then leaves an agent that is not enrolled, and nothing is lost. Of the same
// organisation only the receipts of another log go aside, which the new key cannot check.
Result<Former> PutFormerAside(const Environment& environment, const session::Pins& next);

enum class SettingsFate { kWritten, kKept, kReplaced };
// agent.toml stays if it can be read and leads to this hub by the same way (an empty
// proxy: by whatever way it says). Else it becomes agent.toml.old.
Result<SettingsFate> StoreSettings(const Environment& environment, const tls::HostPort& hub,
                                   const std::string& proxy);

}  // namespace noroshi::agent
