// fanout: how fast a warning reaches everybody, and what each delivery costs.
#include "tests/bench/bench.h"
#include "tests/bench/hub_fanout.h"
#include "tests/bench/nats_fanout.h"

namespace noroshi::bench {

Result<Report> RunFanout(const Options& options) {
  const size_t agents = options.connections > 0 ? options.connections : kSubscribers;
  const size_t each = options.agents_each > 0 ? options.agents_each : 1;
  if (agents % each != 0) {
    return Error{ErrorCode::kInvalid, "the connections do not divide by the agents of each"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto hub, HubFanout::Start(options, agents, each));
  const auto nats = NatsFanout::Start(options, agents);
  if (!nats.ok() && nats.error().code != ErrorCode::kNotFound) return nats.error();
  Contest contest;
  contest.contenders = {{"hub", true, [&] { return hub->Round(); }}};
  if (nats.ok()) {
    contest.contenders.push_back({"nats", false, [&] { return (*nats)->Round(); }});
    contest.ratios = {{"deliveries_vs_nats", "settled_per_s", "nats", "deliveries_per_s"},
                      {"arrivals_vs_nats", "deliveries_per_s", "nats", "deliveries_per_s"},
                      {"cpu_vs_nats", "cpu_us", "nats", "cpu_us"},
                      {"p50_vs_nats", "p50_ms", "nats", "p50_ms"}};
  } else {
    contest.notes.push_back(nats.error().message);
  }
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("fanout", options, contest));
  NOROSHI_RETURN_IF_ERROR(hub->Finish());
  report.notes.push_back("every agent's durable cursor stands at the last alert; verify fits");
  return report;
}

}  // namespace noroshi::bench
