#include "tests/bench/closed_loop.h"

#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};

double MsBetween(std::chrono::steady_clock::time_point from,
                 std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

bool ClosedLoop::Answered(size_t number) {
  auto& in_flight = in_flight_[number];
  if (in_flight.empty()) return false;
  latencies_ms_.push_back(MsBetween(in_flight.front(), Steady::now()));
  in_flight.pop_front();
  --under_way_;
  return true;
}

void ClosedLoop::TopUp(size_t number) {
  auto& in_flight = in_flight_[number];
  if (!running_ || in_flight.size() >= in_flight_max_) return;
  const size_t count = in_flight_max_ - in_flight.size();
  send_(number, count);
  in_flight.insert(in_flight.end(), count, Steady::now());
  under_way_ += count;
}

Result<Figures> ClosedLoop::Round(Swarm* swarm, pid_t server, std::chrono::milliseconds length) {
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(server));
  const double client_before = ThreadCpuSeconds();
  latencies_ms_.clear();
  running_ = true;
  const auto start = Steady::now();
  for (size_t i = 0; i < in_flight_.size(); ++i) TopUp(i);
  NOROSHI_RETURN_IF_ERROR(swarm->Run(
      [&] {
        if (Steady::now() - start >= length) running_ = false;
        return !running_ && under_way_ == 0;
      },
      length + kPatience));
  const double seconds = MsBetween(start, Steady::now()) / 1000;
  const double client_cpu = ThreadCpuSeconds() - client_before;
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(server));
  const auto acknowledged = static_cast<double>(latencies_ms_.size());
  return Figures{{"acknowledged", acknowledged},
                 {"acked_per_s", acknowledged / seconds},
                 {"p50_ms", Percentile(&latencies_ms_, 0.5)},
                 {"p99_ms", Percentile(&latencies_ms_, 0.99)},
                 {"cpu_us", Difference(before, after).seconds * 1e6 / acknowledged},
                 {"client_cpu_us", client_cpu * 1e6 / acknowledged}};
}

}  // namespace noroshi::bench
