// latency: how long one report takes when nothing else goes on.
#include <fmt/format.h>

#include <chrono>

#include "tests/bench/bench.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/load_client.h"
#include "tests/bench/rocksdb_writers.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kCommandsMax = 50;  // Each round.
constexpr char kAgentOrganization[] = "bench-agent";

class LatencyRounds {
 public:
  static Result<std::unique_ptr<LatencyRounds>> Prepare(const Options& options) {
    auto rounds = std::unique_ptr<LatencyRounds>(new LatencyRounds(options));
    NOROSHI_ASSIGN_OR_RETURN(rounds->hub_, HubProcess::Start(options.hub_binary, options.folder));
    NOROSHI_ASSIGN_OR_RETURN(rounds->agents_, rounds->hub_->Enrol(1));
    NOROSHI_ASSIGN_OR_RETURN(const std::string token, rounds->hub_->WriteToken(kAgentOrganization));
    const auto enrolled = rounds->RunAgent({"enroll", "--token-file", token});
    if (!enrolled.ok()) return enrolled.error();
    return rounds;
  }

  // A report on its way: from sending it to having its receipt.
  Result<Figures> Receipts() {
    NOROSHI_ASSIGN_OR_RETURN(const auto client,
                             LoadClient::Connect({hub_->address(), agents_, 1, &source_}));
    NOROSHI_ASSIGN_OR_RETURN(LoadResult result, client->Run(options_.round));
    acknowledged_ += result.acknowledged;
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub_->Settle());
    if (NumberOf(status, "submissions") != acknowledged_) {
      return Error{ErrorCode::kInternal, "the hub has not counted all acknowledged submissions"};
    }
    return Figures{{"acknowledged", static_cast<double>(result.acknowledged)},
                   {"postponed", static_cast<double>(result.postponed)},
                   {"receipt_p50_ms", Percentile(&result.latencies_ms, 0.5)},
                   {"receipt_p99_ms", Percentile(&result.latencies_ms, 0.99)}};
  }

  // The agent's command: from its start to its end, the report then being safe
  // in the spool.
  Result<Figures> Spool() {
    std::vector<double> times_ms;
    const auto end = Steady::now() + options_.round;
    while (times_ms.size() < kCommandsMax && (times_ms.empty() || Steady::now() < end)) {
      const auto start = Steady::now();
      const auto reported = RunAgent({"report", "incident", "--title", "公開ウェブサーバの応答遅延",
                                      "--what", "外部から大量の通信が届いた。", "--tlp", "AMBER"});
      if (!reported.ok()) return reported.error();
      times_ms.push_back(std::chrono::duration<double, std::milli>(Steady::now() - start).count());
    }
    return Figures{{"spooled", static_cast<double>(times_ms.size())},
                   {"spool_p50_ms", Percentile(&times_ms, 0.5)},
                   {"spool_p99_ms", Percentile(&times_ms, 0.99)}};
  }

  Result<void> Finish() {
    NOROSHI_RETURN_IF_ERROR(hub_->Verify(acknowledged_));
    return hub_->Stop();
  }

 private:
  explicit LatencyRounds(const Options& options)
      : options_(options), source_(SubmissionSource::Reports()) {}

  Result<std::string> RunAgent(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {options_.agent_binary, "--data", options_.folder + "/agent"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    NOROSHI_ASSIGN_OR_RETURN(const support::Output output, support::RunCommand(argv));
    if (output.status == 0) return output.out;
    return Error{ErrorCode::kInternal, fmt::format("noroshi-agent {} ended with {}: {}",
                                                   arguments.front(), output.status, output.err)};
  }

  const Options options_;
  SubmissionSource source_;
  std::unique_ptr<HubProcess> hub_;
  std::vector<support::Credentials> agents_;
  uint64_t acknowledged_ = 0;
};

}  // namespace

Result<Report> RunLatency(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, LatencyRounds::Prepare(options));
  Contest contest;
  contest.contenders = {
      {"hub", true, [&] { return rounds->Receipts(); }},
      {"agent", true, [&] { return rounds->Spool(); }},
      {"rocksdb1", false, [&] { return RunRocksDb(options, {}); }},
  };
  contest.ratios = {{"receipt_p50_vs_rocksdb1", "receipt_p50_ms", "rocksdb1", "p50_ms"}};
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("latency", options, contest));
  NOROSHI_RETURN_IF_ERROR(rounds->Finish());
  return report;
}

}  // namespace noroshi::bench
