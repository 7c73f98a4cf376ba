// idle: what a connected agent costs while it says nothing.
#include <unistd.h>

#include <sstream>

#include "common/tls/context.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"
#include "tests/bench/floor_server.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/swarm.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kAgents = 5000;
constexpr size_t kAgentsEach = 50;  // Of an organisation.
// The first ones pay for what all share.
constexpr size_t kFirstShare = 50;  // 1 in so many.
constexpr std::chrono::seconds kPatience{120};

double RssKiB(pid_t pid) {
  std::istringstream fields(support::ReadFile("/proc/" + std::to_string(pid) + "/statm"));
  double total = 0;
  double resident = 0;
  fields >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

// Connects `count` more and waits until the server has answered each.
Result<void> ConnectMore(size_t count, Swarm* swarm, const size_t* greeted) {
  const size_t wanted = swarm->size() + count;
  for (size_t i = 0; i < count; ++i) swarm->Add();
  return swarm->Run([&] { return *greeted == wanted; }, kPatience);
}

// Resident memory for each of the connections after the first few.
Result<Figures> Measure(pid_t pid, size_t connections, const SwarmOptions& options,
                        std::string_view hello) {
  NOROSHI_ASSIGN_OR_RETURN(const auto swarm, Swarm::Make(options));
  size_t greeted = 0;
  // One answer to one greeting; what else may come with it does not matter here.
  std::vector<bool> answered(connections);
  swarm->set_handlers({[&](size_t number) { swarm->Send(number, hello); },
                       [&](size_t number, std::string_view) {
                         if (answered[number]) return;
                         answered[number] = true;
                         ++greeted;
                       }});
  const size_t first = std::max<size_t>(1, connections / kFirstShare);
  NOROSHI_RETURN_IF_ERROR(ConnectMore(first, swarm.get(), &greeted));
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(pid));
  const double before = RssKiB(pid);
  const auto start = Steady::now();
  NOROSHI_RETURN_IF_ERROR(ConnectMore(connections - first, swarm.get(), &greeted));
  const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(pid));
  const double after = RssKiB(pid);
  const auto rest = static_cast<double>(connections - first);
  return Figures{{"agents", static_cast<double>(connections)},
                 {"rss_kib_each", (after - before) / rest},
                 {"rss_mib", after / 1024},
                 {"connected_per_s", rest / seconds}};
}

std::string HelloFrame() {
  v1::AgentFrame hello;
  hello.mutable_hello()->set_software("noroshi-bench");
  hello.mutable_hello()->set_wants_deliveries(true);
  std::string bytes;
  wire::AppendFrame(hello, &bytes);
  return bytes;
}

}  // namespace

Result<Report> RunIdle(const Options& options) {
  const size_t agents = options.connections > 0 ? options.connections : kAgents;
  NOROSHI_ASSIGN_OR_RETURN(const auto hub, HubProcess::Start(options.hub_binary, options.folder));
  const size_t organizations = (agents + kAgentsEach - 1) / kAgentsEach;
  const auto start = Steady::now();
  SwarmOptions swarm;
  NOROSHI_ASSIGN_OR_RETURN(swarm.credentials,
                           hub->Enrol(organizations, std::min(agents, kAgentsEach)));
  const double enrolled = std::chrono::duration<double>(Steady::now() - start).count();
  NOROSHI_RETURN_IF_ERROR(hub->Stop());
  swarm.alpn = tls::kAlpnAgent;
  const std::string hello = HelloFrame();
  Contest contest;
  contest.contenders = {
      {"hub", true,
       [&]() -> Result<Figures> {
         NOROSHI_RETURN_IF_ERROR(hub->Serve());  // Memory that others gave back is not fresh.
         swarm.address = hub->address();
         NOROSHI_ASSIGN_OR_RETURN(Figures figures, Measure(hub->pid(), agents, swarm, hello));
         figures["enrolled_per_s"] = static_cast<double>(swarm.credentials.size()) / enrolled;
         NOROSHI_RETURN_IF_ERROR(hub->Stop());
         return figures;
       }},
      {"floor", false,
       [&]() -> Result<Figures> {
         NOROSHI_ASSIGN_OR_RETURN(const auto floor, FloorServer::Start(options.folder + "/floor"));
         return Measure(floor->pid(), agents, floor->ClientOptions(), kFloorEcho);
       }},
  };
  contest.ratios = {{"rss_vs_floor", "rss_kib_each", "floor", "rss_kib_each"}};
  return RunContest("idle", options, contest);
}

}  // namespace noroshi::bench
