// Whether the state is what the journal says: the journal is replayed into a
// temporary folder and compared with it, row by row.
//
// Threads: any one thread; costs a whole replay and its disk space.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/view.h"

namespace noroshi::app {

// Names at most max_findings rows of `state` that differ from the replay of as
// many entries as it has applied. scratch: a folder for this alone; what an earlier
// check left there goes first, and nothing stays. One check at a time for one folder.
Result<std::vector<std::string>> CheckState(journal::Journal* journal, const store::View& state,
                                            const std::string& scratch, size_t max_findings);

}  // namespace noroshi::app
