// CrashRig: a hub under load that dies again and again, and the proof that
// nothing was lost and nothing happened twice.
//
// Two organisations submit; all three receive an alert in each cycle, issued just
// before the crash. What dies, and how, is the caller's.
//
// Threads: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/ledger.h"
#include "tests/support/persons.h"
#include "tests/support/submitter.h"

namespace noroshi::support {

// Cycles of each crash test: NOROSHI_CRASH_CYCLES, else 20.
int CrashCycles();

// Crashes that one hub goes through; then the next, new one: a restart replays
// what the crash took from the state, and would take longer every time.
inline constexpr int kCrashesOfOneHub = 20;

class CrashRig {
 public:
  CrashRig(const std::string& folder, const std::vector<std::string>& serve_with, uint64_t seed);

  // Starts the hub, its organisations and the load.
  Result<void> Start();
  // Lets the load run for a random number of receipts, issues an alert, and calls
  // `crash` at once. Then the hub is not running.
  Result<void> LoadAndCrash(const std::function<void()>& crash);
  // Starts the hub on what the crash left.
  Result<void> Restart();
  // Everything sent gets its receipt, every alert arrives; the hub is stopped and
  // verified. Everything that does not fit, one line each.
  Result<std::vector<std::string>> Finish();
  // What the journal of a stopped hub lacks or has twice, and what the submitters
  // noticed so far.
  Result<std::vector<std::string>> CheckJournal() const;

  HubUnderTest& hub() { return hub_; }
  const Ledger& ledger() const { return ledger_; }

 private:
  Result<ProposedAlert> ProposeAlert();
  Result<void> Issue(ProposedAlert alert);
  Result<void> CheckAlerts(std::vector<std::string>* findings);

  HubUnderTest hub_;
  Ledger ledger_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Submitter>> submitters_;
  std::vector<std::string> alerts_;  // Ids of alerts whose command succeeded.
};

}  // namespace noroshi::support
