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

constexpr Milliseconds kCalm{2'500};      // Before, and again after: 1,000 reports each.
constexpr Milliseconds kAttacked{4'000};  // 1,600 reports.
constexpr int kAttackersNice = 19;
// A calm p99 below this counts as this: on two shared processors a thread waits
// some milliseconds for its turn now and then, and the disk's sync for another's.
constexpr double kNoiseMs = 8;
constexpr double kWorse = 2;

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
  honest_->Measure(Milliseconds(500));  // Connections stand, caches are warm.
  return {};
}

testing::AssertionResult AttackRig::StaysCalmDuring(const std::string& name, const Attack& attack) {
  std::vector<double> calm = MeasureCalm();
  AttackControl control;
  Result<void> fought;
  std::thread attacker([&] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kAttackersNice);
    fought = attack(control);
    control.Stands();
  });
  control.stands_.wait(false);
  const std::vector<double> attacked = honest_->Measure(kAttacked);
  control.stopping_ = true;
  attacker.join();
  if (!fought.ok()) return testing::AssertionFailure() << name << ": " << fought.error().message;
  const auto settled = hub_.Settle();  // The calm is that after all is digested.
  if (!settled.ok()) return testing::AssertionFailure() << settled.error().message;
  const std::vector<double> after = MeasureCalm();
  calm.insert(calm.end(), after.begin(), after.end());
  std::sort(calm.begin(), calm.end());
  const auto findings = honest_->Finish();
  std::printf("%s: %s\n", name.c_str(), control.done.c_str());
  if (!findings.empty()) {
    return testing::AssertionFailure()
           << name << ": " << fmt::format("{}", fmt::join(findings, "\n"));
  }
  if (honest_->receipts() != honest_->sent()) {
    return testing::AssertionFailure()
           << honest_->receipts() << " receipts for " << honest_->sent() << " reports";
  }
  return Judge(name, std::move(calm), attacked);
}

std::vector<double> AttackRig::MeasureCalm() {
  const Neighbour neighbour;
  return honest_->Measure(kCalm);
}

testing::AssertionResult AttackRig::Judge(const std::string& name, std::vector<double> calm,
                                          const std::vector<double>& attacked) {
  if (calm.size() < 500 || attacked.size() < 500) {
    return testing::AssertionFailure() << "too few receipts to compare: " << calm.size()
                                       << " calm, " << attacked.size() << " under attack";
  }
  const double calm_ms = Quantile(calm, 0.99);
  const double attacked_ms = Quantile(attacked, 0.99);
  std::printf(
      "%s: p50 %.1f ms, p99 %.1f ms calm (%zu); p50 %.1f ms, p99 %.1f ms under attack (%zu)\n",
      name.c_str(), Quantile(calm, 0.5), calm_ms, calm.size(), Quantile(attacked, 0.5), attacked_ms,
      attacked.size());
  if (attacked_ms <= kWorse * std::max(calm_ms, kNoiseMs)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << fmt::format(
             "the honest agents' p99 went from {:.1f} ms to {:.1f} ms", calm_ms, attacked_ms);
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
