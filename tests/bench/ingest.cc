// ingest: how fast submissions become durable, and what they cost.
#include <chrono>

#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"
#include "tests/bench/floor_ingest.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/jetstream.h"
#include "tests/bench/load_client.h"
#include "tests/bench/rocksdb_writers.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kConnections = 50;
constexpr size_t kReportsInFlight = 16;
constexpr size_t kMailsInFlight = 4;
// A reference's records are as many times larger as our submissions are.
constexpr size_t kMailsInBatch = 16;

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// The way in (TLS, decoding, validation, journal, answer) has named threads.
bool IsWayIn(const std::string& thread) { return thread == "intake" || thread == "commit"; }

// Microseconds for each submission: all, the way in, everything beside it, and
// each thread that took at least one.
void AddCpu(const ServerCpu& cpu, double submissions, Figures* figures) {
  const auto micros = [&](double seconds) { return seconds * 1e6 / submissions; };
  double way_in = 0;
  for (const auto& [name, seconds] : cpu.threads) {
    if (IsWayIn(name)) way_in += seconds;
    if (IsWayIn(name) || micros(seconds) >= 1) {
      (*figures)["thread_cpu_us:" + name] = micros(seconds);
    }
  }
  (*figures)["cpu_us"] = micros(cpu.seconds);
  (*figures)["way_in_cpu_us"] = micros(way_in);
  (*figures)["beside_cpu_us"] = micros(cpu.seconds - way_in);
}

class IngestRounds {
 public:
  static Result<std::unique_ptr<IngestRounds>> Prepare(const Options& options) {
    auto rounds = std::unique_ptr<IngestRounds>(new IngestRounds(options));
    NOROSHI_ASSIGN_OR_RETURN(rounds->hub_, HubProcess::Start(options.hub_binary, options.folder));
    NOROSHI_ASSIGN_OR_RETURN(rounds->agents_, rounds->hub_->Enrol(rounds->connections_));
    return rounds;
  }

  Result<Figures> Round() {
    LoadOptions load{hub_->address(), agents_, in_flight_, &source_};
    NOROSHI_ASSIGN_OR_RETURN(const auto client, LoadClient::Connect(load));
    NOROSHI_RETURN_IF_ERROR(WaitQuiet(hub_->pid()));
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(hub_->pid()));
    const auto start = Steady::now();
    NOROSHI_ASSIGN_OR_RETURN(LoadResult result, client->Run(options_.round));
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub_->Settle());
    const double settled_after = SecondsSince(start);
    NOROSHI_RETURN_IF_ERROR(WaitQuiet(hub_->pid()));
    NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(hub_->pid()));
    const auto acknowledged = static_cast<double>(result.acknowledged);
    acknowledged_ += result.acknowledged;
    if (NumberOf(status, "submissions") != acknowledged_) {
      return Error{ErrorCode::kInternal,
                   "the hub has counted " + std::to_string(NumberOf(status, "submissions")) +
                       " of " + std::to_string(acknowledged_) + " acknowledged submissions"};
    }
    if (const std::string why = client->analysis_error(); !why.empty()) {
      return Error{ErrorCode::kInternal, "analysis was incomplete: " + why};
    }
    Figures figures{
        {"acknowledged", acknowledged},
        {"postponed", static_cast<double>(result.postponed)},
        {"acked_per_s", acknowledged / result.seconds},
        {"applied_per_s", acknowledged / settled_after},
        {"p50_ms", Percentile(&result.latencies_ms, 0.5)},
        {"p99_ms", Percentile(&result.latencies_ms, 0.99)},
        {"deliveries_per_submission", static_cast<double>(client->deliveries()) / acknowledged},
        {"client_cpu_us", result.client_cpu_seconds * 1e6 / acknowledged}};
    // Acknowledging faster than applying is borrowing: the slower rate counts.
    figures["ingested_per_s"] = std::min(figures["acked_per_s"], figures["applied_per_s"]);
    AddCpu(Difference(before, after), acknowledged, &figures);
    return figures;
  }

  Result<void> Finish() {
    NOROSHI_RETURN_IF_ERROR(hub_->Verify(acknowledged_));
    return hub_->Stop();
  }

  size_t connections() const { return connections_; }
  size_t in_flight() const { return in_flight_; }

 private:
  explicit IngestRounds(const Options& options)
      : options_(options),
        connections_(options.connections > 0 ? options.connections : kConnections),
        in_flight_(options.in_flight > 0 ? options.in_flight
                   : options.mail        ? kMailsInFlight
                                         : kReportsInFlight),
        source_(options.mail ? SubmissionSource::Mails() : SubmissionSource::Reports()) {}

  const Options options_;
  const size_t connections_;
  const size_t in_flight_;
  SubmissionSource source_;
  std::unique_ptr<HubProcess> hub_;
  std::vector<support::Credentials> agents_;
  uint64_t acknowledged_ = 0;
};

}  // namespace

Result<Report> RunIngest(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, IngestRounds::Prepare(options));
  const size_t record = options.mail ? kMailBytes : kReportBytes;
  const size_t batch = options.mail ? kMailsInBatch : 64;
  const std::string batched = "rocksdb_batch" + std::to_string(batch);
  const auto floor =
      FloorIngest::Start(options, rounds->connections(), rounds->in_flight(), record);
  if (!floor.ok()) return floor.error().Prefixed("floor");
  const auto jetstream =
      JetStream::Start(options, rounds->connections(), rounds->in_flight(), record);
  if (!jetstream.ok() && jetstream.error().code != ErrorCode::kNotFound) return jetstream.error();
  Contest contest;
  contest.contenders = {
      {"hub", true, [&] { return rounds->Round(); }},
      {"rocksdb64", false,
       [&] {
         return RunRocksDb(options, {64, 1, record});
       }},
      {batched, false,
       [&] {
         return RunRocksDb(options, {1, batch, record});
       }},
      {"floor", false, [&] { return (*floor)->Round(); }},
  };
  contest.ratios = {
      {"acked_vs_rocksdb64", "ingested_per_s", "rocksdb64", "writes_per_s"},
      {"acked_vs_" + batched, "ingested_per_s", batched, "writes_per_s"},
      {"receipts_vs_rocksdb64", "acked_per_s", "rocksdb64", "writes_per_s"},
      {"acked_vs_floor", "ingested_per_s", "floor", "acked_per_s"},
      {"receipts_vs_floor", "acked_per_s", "floor", "acked_per_s"},
      {"cpu_vs_floor", "way_in_cpu_us", "floor", "cpu_us"},
  };
  if (jetstream.ok()) {
    contest.contenders.push_back({"jetstream", false, [&] { return (*jetstream)->Round(); }});
    contest.ratios.push_back({"acked_vs_jetstream", "ingested_per_s", "jetstream", "acked_per_s"});
    contest.ratios.push_back({"receipts_vs_jetstream", "acked_per_s", "jetstream", "acked_per_s"});
    contest.ratios.push_back({"cpu_vs_jetstream", "way_in_cpu_us", "jetstream", "cpu_us"});
  } else {
    contest.notes.push_back(jetstream.error().message);
  }
  NOROSHI_ASSIGN_OR_RETURN(Report report,
                           RunContest(options.mail ? "ingest --mail" : "ingest", options, contest));
  NOROSHI_RETURN_IF_ERROR(rounds->Finish());
  report.notes.push_back("verify: everything fits; all acknowledged submissions are there");
  return report;
}

}  // namespace noroshi::bench
