// Running a hub: `noroshi-hub serve`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/journal/rocks_journal.h"

namespace noroshi::app {

using JournalFactory =
    std::function<Result<std::unique_ptr<journal::Journal>>(const journal::RocksJournalOptions&)>;

struct ServeOptions {
  std::string data;
  std::string listen;  // Instead of the configured address; empty: as configured.
  // Start although the machine's clock is far from the journal's last entry.
  bool believe_clock = false;
  // How the journal is opened. The crash suite puts broken journals here, to
  // prove that it notices them; the product never sets it.
  JournalFactory open_journal;
};

// Runs until SIGTERM or SIGINT; an error says why it could not start. A journal or
// an engine that fails later does not end it: what is stored can still be read, new
// reports are refused, and `health` of `status` says why. Blocks both signals in the
// calling thread; call it from main's thread.
Result<void> Serve(const ServeOptions& options);

}  // namespace noroshi::app
