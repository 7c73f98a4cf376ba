#include "tests/support/attack_rig.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace noroshi::support {
namespace {

// Windows of a second and 400 reports each. Their p99s are compared by the median:
// what else this machine does now and then is neither the attack's nor the hub's.
constexpr size_t kCalmWindows = 3;  // Before, and again after.
constexpr size_t kAttackedWindows = 5;
constexpr int kAttackersNice = 19;
// A calm p99 below this counts as this: on two shared processors a thread waits
// some milliseconds for its turn now and then, and the disk's sync for another's.
constexpr double kNoiseMs = 10;
constexpr double kWorse = 2;
// A disturbance from outside that lasts for half an attack does not come thrice; a
// weakness of the hub does.
constexpr int kAttempts = 3;

// A sanitizer's hub uses all processors by itself: its times say nothing, and behind it
// attackers would not get their turn.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kTimesSpeak = false;
#else
constexpr bool kTimesSpeak = true;
#endif

// Attackers stand for other machines, but here they use this one's processors. So
// that the comparison is about the hub, somebody uses as much of them in the calm.
class Neighbour {
 public:
  Neighbour()
      : thread_([this] {
          ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kAttackersNice);
          while (!stopping_) continue;
        }) {}
  ~Neighbour() {
    stopping_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

Result<void> AttackRig::Start() {
  NOROSHI_RETURN_IF_ERROR(hub_.Init());
  NOROSHI_RETURN_IF_ERROR(hub_.Serve());
  for (size_t i = 0; i < kHonestAgents; ++i) {
    const std::string organization = fmt::format("agency-{:02}", i);
    NOROSHI_RETURN_IF_ERROR(hub_.AddOrganization(organization, "incorporated_agency"));
    NOROSHI_ASSIGN_OR_RETURN(agents_.emplace_back(), hub_.Certify(organization + "/soc"));
  }
  NOROSHI_RETURN_IF_ERROR(hub_.AddOrganization(kHostile, "incorporated_agency"));
  NOROSHI_ASSIGN_OR_RETURN(hostile_, hub_.Certify(std::string(kHostile) + "/soc"));
  honest_ = std::make_unique<HonestAgents>(hub_.address(), agents_);
  honest_->Measure(1);  // Connections stand, caches are warm.
  return {};
}

testing::AssertionResult AttackRig::StaysCalmDuring(const std::string& name, const Attack& attack) {
  testing::AssertionResult judgement = testing::AssertionFailure();
  for (int i = 0; i < kAttempts && !judgement; ++i) {
    Felt felt;
    const auto fought = Fight(name, attack, &felt);
    if (!fought.ok()) return testing::AssertionFailure() << name << ": " << fought.error().message;
    judgement = Judge(name, felt);
  }
  const auto findings = honest_->Finish();
  if (!findings.empty()) {
    return testing::AssertionFailure() << fmt::format("{}: {}", name, fmt::join(findings, "\n"));
  }
  if (honest_->receipts() != honest_->sent()) {
    return testing::AssertionFailure()
           << honest_->receipts() << " receipts for " << honest_->sent() << " reports";
  }
  return judgement;
}

Result<void> AttackRig::Fight(const std::string& name, const Attack& attack, Felt* felt) {
  felt->calm = MeasureCalm();
  AttackControl control;
  Result<void> fought;
  std::thread attacker([&] {
    if (kTimesSpeak) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kAttackersNice);
    fought = attack(control);
    control.Stands();
  });
  control.stands_.wait(false);
  felt->attacked = honest_->Measure(kAttackedWindows);
  control.stopping_ = true;
  attacker.join();
  std::printf("%s: %s\n", name.c_str(), control.done.c_str());
  NOROSHI_RETURN_IF_ERROR(fought);
  NOROSHI_RETURN_IF_ERROR(hub_.Settle());  // The calm is that after all is digested.
  const std::vector<double> after = MeasureCalm();
  felt->calm.insert(felt->calm.end(), after.begin(), after.end());
  return {};
}

std::vector<double> AttackRig::MeasureCalm() {
  const Neighbour neighbour;
  return honest_->Measure(kCalmWindows);
}

testing::AssertionResult AttackRig::Judge(const std::string& name, const Felt& felt) {
  const double calm_ms = Quantile(felt.calm, 0.5);
  const double attacked_ms = Quantile(felt.attacked, 0.5);
  std::printf("%s: p99 by the second %.1f ms, calm %.1f ms\n", name.c_str(), attacked_ms, calm_ms);
  if (!kTimesSpeak) return testing::AssertionSuccess();
  if (attacked_ms <= kWorse * std::max(calm_ms, kNoiseMs)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << fmt::format(
             "the honest agents' p99 went from {:.1f} ms to {:.1f} ms ({:.1f}; {:.1f})", calm_ms,
             attacked_ms, fmt::join(felt.calm, " "), fmt::join(felt.attacked, " "));
}

int64_t AttackRig::Counter(const std::string& pointer) {
  const auto status = hub_.Ask({"status"});
  EXPECT_TRUE(status.ok());
  return status.ok() ? NumberAt(*status, pointer) : -1;
}

size_t AttackRig::ResidentBytes() const {
  const std::string statm = ReadFile(fmt::format("/proc/{}/statm", hub_.process()->pid()));
  const size_t pages = std::stoull(statm.substr(statm.find(' ') + 1));
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace noroshi::support
