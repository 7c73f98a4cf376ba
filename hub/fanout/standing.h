// Whether an agent may receive, mark and answer, as the state has it.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/view.h"

namespace noroshi::fanout {

Error Denied(const std::string& why);

// kDenied with a stable word first. False: the state is catching up after a start and
// may not know the agent yet; ask again later.
Result<bool> MayAct(const store::View& view, const journal::Journal& journal,
                    const std::string& organization, const std::string& agent);

// Whether the state lacks entries that the journal holds.
Result<bool> IsCatchingUp(const store::View& view, const journal::Journal& journal);

}  // namespace noroshi::fanout
