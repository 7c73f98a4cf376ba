// handshake: how many agents can come back at a time, and what each costs.
#include "common/tls/context.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"
#include "tests/bench/floor_server.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/swarm.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kConnections = 16;  // Shaking hands at a time.
constexpr std::chrono::seconds kPatience{60};

std::string HelloFrame() {
  v1::AgentFrame hello;
  hello.mutable_hello()->set_software("noroshi-bench");
  std::string bytes;
  wire::AppendFrame(hello, &bytes);
  return bytes;
}

// Connects, greets, awaits the first answer and closes, time and again: only an
// answer shows that the server is content with the handshake.
class Comers {
 public:
  static Result<std::unique_ptr<Comers>> Make(pid_t pid, SwarmOptions options, size_t connections,
                                              std::string hello) {
    auto comers = std::unique_ptr<Comers>(new Comers(pid, options.resume, std::move(hello)));
    options.handshakes_max = connections;
    NOROSHI_ASSIGN_OR_RETURN(comers->swarm_, Swarm::Make(options));
    comers->swarm_->set_handlers(
        {[raw = comers.get()](size_t number) { raw->swarm_->Send(number, raw->hello_); },
         [raw = comers.get()](size_t number, std::string_view) { raw->OnAnswer(number); }});
    for (size_t i = 0; i < connections; ++i) comers->swarm_->Add();
    // Each has been there once: it holds a ticket.
    NOROSHI_RETURN_IF_ERROR(comers->RunUntilClosed());
    return comers;
  }

  // prefix_per_s; prefix_cpu_us of the server for each; prefix_per_cpu_s, its inverse.
  Result<Figures> Round(const std::string& prefix, std::chrono::milliseconds duration) {
    NOROSHI_RETURN_IF_ERROR(WaitQuiet(pid_));
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(pid_));
    done_ = resumed_ = 0;
    const auto start = Steady::now();
    again_ = true;
    for (size_t i = 0; i < swarm_->size(); ++i) swarm_->Reopen(i);
    closed_ = 0;
    NOROSHI_RETURN_IF_ERROR(
        swarm_->Run([&] { return Steady::now() - start >= duration; }, duration + kPatience));
    again_ = false;
    NOROSHI_RETURN_IF_ERROR(RunUntilClosed());
    const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
    NOROSHI_RETURN_IF_ERROR(WaitQuiet(pid_));
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(pid_));
    if (resumed_ != (resume_ ? done_ : 0)) {
      return Error{ErrorCode::kInternal, std::to_string(resumed_) + " of " + std::to_string(done_) +
                                             " handshakes were resumed"};
    }
    const auto done = static_cast<double>(done_);
    const double cpu = Difference(before, after).seconds;
    return Figures{{prefix + "_per_s", done / seconds},
                   {prefix + "_cpu_us", cpu * 1e6 / done},
                   {prefix + "_per_cpu_s", done / cpu}};
  }

 private:
  Comers(pid_t pid, bool resume, std::string hello)
      : pid_(pid), resume_(resume), hello_(std::move(hello)) {}

  void OnAnswer(size_t number) {
    ++done_;
    if (swarm_->resumed(number)) ++resumed_;
    swarm_->Close(number);
    if (again_) return swarm_->Reopen(number);
    ++closed_;
  }
  Result<void> RunUntilClosed() {
    return swarm_->Run([this] { return closed_ == swarm_->size(); }, kPatience);
  }

  const pid_t pid_;
  const bool resume_;
  const std::string hello_;
  std::unique_ptr<Swarm> swarm_;
  bool again_ = false;
  size_t closed_ = 0;
  uint64_t done_ = 0;
  uint64_t resumed_ = 0;
};

// One server's two kinds of handshakes.
struct Pair {
  std::unique_ptr<Comers> full;
  std::unique_ptr<Comers> resuming;

  static Result<Pair> Make(pid_t pid, SwarmOptions options, size_t connections,
                           const std::string& hello) {
    Pair pair;
    NOROSHI_ASSIGN_OR_RETURN(pair.full, Comers::Make(pid, options, connections, hello));
    options.resume = true;
    NOROSHI_ASSIGN_OR_RETURN(pair.resuming, Comers::Make(pid, options, connections, hello));
    return pair;
  }

  Result<Figures> Round(std::chrono::milliseconds duration) const {
    NOROSHI_ASSIGN_OR_RETURN(Figures figures, full->Round("full", duration));
    NOROSHI_ASSIGN_OR_RETURN(const Figures resumed, resuming->Round("resumed", duration));
    figures.insert(resumed.begin(), resumed.end());
    return figures;
  }
};

}  // namespace

Result<Report> RunHandshake(const Options& options) {
  const size_t connections = options.connections > 0 ? options.connections : kConnections;
  NOROSHI_ASSIGN_OR_RETURN(const auto hub, HubProcess::Start(options.hub_binary, options.folder));
  SwarmOptions swarm;
  NOROSHI_ASSIGN_OR_RETURN(swarm.credentials, hub->Enrol(connections));
  swarm.address = hub->address();
  swarm.alpn = tls::kAlpnAgent;
  NOROSHI_ASSIGN_OR_RETURN(const auto floor, FloorServer::Start(options.folder + "/floor"));
  NOROSHI_ASSIGN_OR_RETURN(const Pair ours,
                           Pair::Make(hub->pid(), swarm, connections, HelloFrame()));
  NOROSHI_ASSIGN_OR_RETURN(const Pair reference, Pair::Make(floor->pid(), floor->ClientOptions(),
                                                            connections, std::string(kFloorEcho)));
  Contest contest;
  contest.contenders = {{"hub", true, [&] { return ours.Round(options.round); }},
                        {"floor", false, [&] { return reference.Round(options.round); }}};
  contest.ratios = {{"full_vs_floor", "full_per_s", "floor", "full_per_s"},
                    {"full_per_cpu_vs_floor", "full_per_cpu_s", "floor", "full_per_cpu_s"},
                    {"resumed_per_cpu_vs_floor", "resumed_per_cpu_s", "floor", "resumed_per_cpu_s"},
                    {"resumed_vs_full", "resumed_per_s", "hub", "full_per_s"},
                    {"resumed_per_cpu_vs_full", "resumed_per_cpu_s", "hub", "full_per_cpu_s"}};
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("handshake", options, contest));
  NOROSHI_RETURN_IF_ERROR(hub->Stop());
  return report;
}

}  // namespace noroshi::bench
