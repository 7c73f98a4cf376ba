// rebuild: how fast the state comes back from the journal, and how soon a hub
// serves again after a restart.
#include <chrono>

#include "tests/bench/bench.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/load_client.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kConnections = 50;
constexpr size_t kInFlight = 16;

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

class RebuildRounds {
 public:
  // A hub that has taken reports for as long as all rounds together, and is stopped.
  static Result<std::unique_ptr<RebuildRounds>> Prepare(const Options& options) {
    auto rounds = std::make_unique<RebuildRounds>();
    NOROSHI_ASSIGN_OR_RETURN(rounds->hub_, HubProcess::Start(options.hub_binary, options.folder));
    HubProcess& hub = *rounds->hub_;
    const size_t connections = options.connections > 0 ? options.connections : kConnections;
    NOROSHI_ASSIGN_OR_RETURN(const auto agents, hub.Enrol(connections));
    SubmissionSource source = SubmissionSource::Reports();
    NOROSHI_ASSIGN_OR_RETURN(const auto client,
                             LoadClient::Connect({hub.address(), agents, kInFlight, &source}));
    NOROSHI_ASSIGN_OR_RETURN(const LoadResult result,
                             client->Run(options.round * static_cast<int64_t>(options.rounds)));
    rounds->submissions_ = result.acknowledged;
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub.Settle());
    rounds->entries_ = NumberOf(status, "tree_size");
    NOROSHI_RETURN_IF_ERROR(hub.Stop());
    return rounds;
  }

  Result<Figures> Round() {
    const auto start = Steady::now();
    const auto rebuilt = hub_->Command({"rebuild"});
    if (!rebuilt.ok()) return rebuilt.error();
    const double rebuild_seconds = SecondsSince(start);
    const auto restart = Steady::now();
    NOROSHI_RETURN_IF_ERROR(hub_->Serve());
    const double restart_seconds = SecondsSince(restart);
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub_->Status());
    NOROSHI_RETURN_IF_ERROR(hub_->Stop());
    if (NumberOf(status, "submissions") != submissions_) {
      return Error{ErrorCode::kInternal, "the new state lacks submissions"};
    }
    return Figures{{"entries", static_cast<double>(entries_)},
                   {"acknowledged", static_cast<double>(submissions_)},
                   {"entries_per_s", static_cast<double>(entries_) / rebuild_seconds},
                   {"restart_s", restart_seconds}};
  }

 private:
  std::unique_ptr<HubProcess> hub_;
  uint64_t submissions_ = 0;
  uint64_t entries_ = 0;
};

}  // namespace

Result<Report> RunRebuild(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, RebuildRounds::Prepare(options));
  Contest contest;
  contest.contenders = {{"hub", true, [&] { return rounds->Round(); }}};
  return RunContest("rebuild", options, contest);
}

}  // namespace noroshi::bench
