// A backup: a folder with everything that makes this hub again.
//
//   FOLDER/journal/   the journal, verified after copying
//   FOLDER/hub.toml, keys/, ca/
//
// The state is not in it: it is replayed. The folder holds the hub's keys: it is
// made with mode 0700, and whoever has it can read every report.
//
// Threads: any; appends go on meanwhile.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "hub/app/hub_config.h"
#include "hub/journal/journal.h"

namespace noroshi::app {

// kConflict if folder exists. On an error the folder is incomplete and says so
// by lacking hub.toml, which is written last.
Result<boost::json::object> MakeBackup(journal::Journal& journal, const Layout& layout,
                                       const std::string& folder, FileSystem& files);

// Copies a backup's files, all but the journal's lock, into an empty data folder.
Result<void> CopyBackup(const std::string& folder, const Layout& layout, FileSystem& files);

}  // namespace noroshi::app
