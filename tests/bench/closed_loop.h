// A closed loop over a swarm: each connection keeps a number of messages without
// answer under way, and answers come in order. JetStream and the floor are measured
// by this one; what they say to their server is theirs.
//
// Threads: one, the swarm's. Lifetime: the swarm outlives it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <functional>
#include <vector>

#include "tests/bench/bench.h"
#include "tests/bench/swarm.h"

namespace noroshi::bench {

class ClosedLoop {
 public:
  // Sends so many messages over this connection.
  using Send = std::function<void(size_t number, size_t count)>;

  ClosedLoop(size_t connections, size_t in_flight_max, Send send)
      : send_(std::move(send)), in_flight_max_(in_flight_max), in_flight_(connections) {}

  // The oldest message of the connection was answered. False: none is under way.
  [[nodiscard]] bool Answered(size_t number);
  // Call when all answers that came at once are counted.
  void TopUp(size_t number);

  // Sends for so long, and ends when everything is answered and the server is quiet:
  // acknowledged, acked_per_s, p50_ms, p99_ms, cpu_us of the server and client_cpu_us
  // for each message.
  Result<Figures> Round(Swarm* swarm, pid_t server, std::chrono::milliseconds length);

 private:
  using Steady = std::chrono::steady_clock;

  const Send send_;
  const size_t in_flight_max_;
  std::vector<std::deque<Steady::time_point>> in_flight_;  // By connection, oldest first.
  bool running_ = false;
  size_t under_way_ = 0;
  std::vector<double> latencies_ms_;  // Of this round.
};

}  // namespace noroshi::bench
