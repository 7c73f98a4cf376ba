// AttackRig: a hub, twenty organisations with an honest agent each, one hostile
// organisation, and the comparison of what the honest ones feel with and without it.
//
// The attackers run in a thread of this process with a low priority: they may
// have all the machine's time that nobody else wants, but they stand for other
// machines, so they must not take the hub's by sharing its processors.
//
// Threads: one thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/honest_agents.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {

inline constexpr size_t kHonestAgents = 20;
inline constexpr char kHostile[] = "hostile-agency";
// Where attackers without a certificate come from; agents come from 127.0.0.1.
inline constexpr char kStranger[] = "127.0.0.66";

// What an attack is told, and tells.
class AttackControl {
 public:
  // The attack is on: the measurement may begin.
  void Stands() {
    stands_ = true;
    stands_.notify_all();
  }
  bool Stopping() const { return stopping_; }
  // Ends an attack that was begun without the rig.
  void Stop() { stopping_ = true; }
  // What the attack did, for the output: "12345 frames".
  std::string done;

 private:
  friend class AttackRig;
  std::atomic<bool> stands_{false};
  std::atomic<bool> stopping_{false};
};

// Runs until Stopping, or until it is over. An error fails the test.
using Attack = std::function<Result<void>(AttackControl&)>;

class AttackRig {
 public:
  AttackRig() : hub_(folder_.path()) {}

  // Starts the hub, enrols everybody, and lets the honest agents report.
  Result<void> Start();
  // Measures before, during and after the attack. During it the p99 of honest
  // reports may at most be twice that of the calm before and after, and every
  // receipt verifies. Tried again, at most twice, if the p99 is not. Prints the figures.
  testing::AssertionResult StaysCalmDuring(const std::string& name, const Attack& attack);
  // A counter of `status --json`, by its JSON pointer.
  int64_t Counter(const std::string& pointer);
  // Resident memory of the hub's process.
  size_t ResidentBytes() const;

  HubUnderTest& hub() { return hub_; }
  // An agent of the hostile organisation.
  const Credentials& hostile() const { return hostile_; }
  TempDir& folder() { return folder_; }

 private:
  // The honest agents' p99 in each window.
  struct Felt {
    std::vector<double> calm;
    std::vector<double> attacked;
  };
  Result<void> Fight(const std::string& name, const Attack& attack, Felt* felt);
  std::vector<double> MeasureCalm();
  testing::AssertionResult Judge(const std::string& name, const Felt& felt);
  TempDir folder_;
  HubUnderTest hub_;
  Credentials hostile_;
  std::vector<Credentials> agents_;
  std::unique_ptr<HonestAgents> honest_;
};

}  // namespace noroshi::support
