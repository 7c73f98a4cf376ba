// The hub's side of the fan-out contest: connected agents that acknowledge what
// they get, and alerts issued through the admin socket as an operator's are.
//
// Threads: one caller; alerts are issued from threads of a round's own.
#pragma once

#include <atomic>
#include <memory>

#include "common/wire/frame.h"
#include "tests/bench/bench.h"
#include "tests/bench/fanout_load.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/swarm.h"

namespace noroshi::bench {

class HubFanout {
 public:
  // `agents` connected agents, the same number in each organisation.
  static Result<std::unique_ptr<HubFanout>> Start(const Options& options, size_t agents,
                                                  size_t agents_each);

  // The book's figures; settled_per_s: deliveries until every cursor is durable
  // and applied; cpu_us, client_cpu_us and thread_cpu_us:NAME for each delivery.
  Result<Figures> Round();
  // All alerts have reached every agent once, in order, and the hub knows.
  Result<void> Finish();

 private:
  struct Agent {
    wire::FrameDecoder decoder;
    uint64_t position = 0;
  };
  HubFanout(const Options& options, size_t agents)
      : options_(options), book_(agents), agents_(agents) {}
  void OnBytes(size_t number, std::string_view bytes);
  void OnDeliveries(size_t number, const v1::Deliveries& deliveries);
  // Issues and waits, time and again; one of kFanoutWindow threads.
  Result<void> Issue(support::ApiClient& approver);
  // Two persons: one proposes at the socket, another one decides over HTTPS.
  Result<void> IssueOne(uint64_t number, support::ApiClient& approver);
  Result<void> WaitDurable();

  const Options options_;
  Book book_;
  std::vector<Agent> agents_;
  std::unique_ptr<HubProcess> hub_;
  std::unique_ptr<Swarm> swarm_;
  std::vector<std::unique_ptr<support::ApiClient>> approvers_;  // One for each thread.
  size_t greeted_ = 0;
  v1::HubFrame frame_;  // Used again for each frame.
  std::atomic<bool> issuing_{false};
};

}  // namespace noroshi::bench
