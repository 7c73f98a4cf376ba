// That each bench runs and prints what its readers expect; not how fast anything is.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "tests/support/json.h"
#include "tests/support/process.h"

namespace noroshi::bench {
namespace {

using support::json::object;
using support::json::value;

constexpr std::chrono::minutes kTimeout{4};  // A bench waits for quiet, and reads all it wrote.

// Runs a bench for so many rounds of a second; checks the outer form.
value RunBench(std::vector<std::string> arguments, int rounds = 1) {
  std::vector<std::string> argv = {NOROSHI_BENCH_BINARY};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--json", "--rounds", std::to_string(rounds), "--seconds", "1",
                           "--connections", "4"});
  const auto output = support::RunCommand(argv, "", kTimeout);
  EXPECT_TRUE(output.ok() && output->status == 0) << (output.ok() ? output->err : "");
  if (!output.ok()) return {};
  auto parsed = support::ParseJson(output->out);
  EXPECT_TRUE(parsed.ok()) << output->out;
  if (!parsed.ok()) return {};
  for (const char* part : {"/ours", "/references", "/ratios", "/ranges/ours"}) {
    EXPECT_TRUE(support::At(*parsed, part).is_object()) << part << " in " << output->out;
  }
  return *parsed;
}

void ExpectPositive(const value& report, const std::string& pointer) {
  const value figure = support::At(report, pointer);
  ASSERT_TRUE(figure.is_number()) << pointer;
  const auto number = figure.to_number<double>();
  EXPECT_TRUE(std::isfinite(number) && number > 0) << pointer << " is " << number;
}

// Whether the figures of nats-server are due; if not, the report must say why.
bool HasNats(const value& report, const std::string& reference) {
  if (support::At(report, "/references/" + reference).is_object()) return true;
  std::string notes;
  const value list = support::At(report, "/notes");
  for (const value& note : list.as_array()) notes += std::string(note.as_string()) + '\n';
  EXPECT_NE(notes.find("nats-server is missing"), std::string::npos) << notes;
  return false;
}

TEST(BenchSmokeTest, IngestCountsEveryReceiptAndComparesWithRocksDb) {
  const value report = RunBench({"ingest"});
  for (const char* figure :
       {"/ours/acknowledged", "/ours/acked_per_s", "/ours/applied_per_s", "/ours/p99_ms",
        "/ours/way_in_cpu_us", "/ours/beside_cpu_us", "/references/rocksdb64/writes_per_s",
        "/ratios/acked_vs_rocksdb64", "/ratios/acked_vs_rocksdb_batch64",
        "/references/floor/acked_per_s", "/ratios/cpu_vs_floor"}) {
    ExpectPositive(report, figure);
  }
  if (!HasNats(report, "jetstream")) GTEST_SKIP() << "nats-server is missing: no JetStream";
  ExpectPositive(report, "/ratios/acked_vs_jetstream");
  ExpectPositive(report, "/ratios/cpu_vs_jetstream");
}

TEST(BenchSmokeTest, IngestTakesMails) {
  const value report = RunBench({"ingest", "--mail"});
  ExpectPositive(report, "/ours/acknowledged");
  ExpectPositive(report, "/ours/ingested_per_s");
  ExpectPositive(report, "/ratios/acked_vs_floor");
}

TEST(BenchSmokeTest, FanoutReachesEveryAgentAndEveryCursorIsDurable) {
  const value report = RunBench({"fanout"});
  for (const char* figure : {"/ours/deliveries", "/ours/deliveries_per_s", "/ours/settled_per_s",
                             "/ours/cpu_us", "/ours/p50_ms", "/ours/p99_ms"}) {
    ExpectPositive(report, figure);
  }
  if (!HasNats(report, "nats")) GTEST_SKIP() << "nats-server is missing: nothing to compare with";
  ExpectPositive(report, "/ratios/deliveries_vs_nats");
  ExpectPositive(report, "/ratios/cpu_vs_nats");
}

TEST(BenchSmokeTest, IdleMeasuresMemoryOfEachAgent) {
  const value report = RunBench({"idle"}, 2);  // Each round has servers of its own.
  EXPECT_EQ(support::NumberAt(report, "/ours/agents"), 4);
  ExpectPositive(report, "/ours/rss_mib");
  ExpectPositive(report, "/ours/enrolled_per_s");
  ExpectPositive(report, "/references/floor/rss_mib");
}

TEST(BenchSmokeTest, HandshakesAreFullOrResumedAsAsked) {
  const value report = RunBench({"handshake"});
  for (const char* figure : {"/ours/full_per_s", "/ours/resumed_per_s", "/ours/resumed_cpu_us",
                             "/ratios/full_per_cpu_vs_floor", "/ratios/resumed_per_cpu_vs_full"}) {
    ExpectPositive(report, figure);
  }
}

TEST(BenchSmokeTest, BacklogDrainsAndALongJournalComesBack) {
  const value report = RunBench({"backlog", "--spooled", "300", "--entries", "20000"});
  EXPECT_EQ(support::NumberAt(report, "/ours/spooled"), 300);
  EXPECT_GE(support::NumberAt(report, "/ours/entries"), 20'000);
  for (const char* figure : {"/ours/drained_per_s", "/ours/rebuild_entries_per_s",
                             "/ours/restart_s", "/ratios/drain_vs_ingest"}) {
    ExpectPositive(report, figure);
  }
}

TEST(BenchSmokeTest, LatencyCoversReceiptAndSpool) {
  const value report = RunBench({"latency"});
  ExpectPositive(report, "/ours/receipt_p50_ms");
  ExpectPositive(report, "/ours/spool_p50_ms");
  ExpectPositive(report, "/ratios/receipt_p50_vs_rocksdb1");
}

TEST(BenchSmokeTest, RebuildBringsEverythingBack) {
  const value report = RunBench({"rebuild"});
  ExpectPositive(report, "/ours/entries_per_s");
  ExpectPositive(report, "/ours/restart_s");
}

TEST(BenchSmokeTest, MailReadsRealFilesAndComparesWithPython) {
  const value report = RunBench({"mail", "--mails", NOROSHI_TEST_DATA "/mail", "--stored", "1000"});
  for (const char* figure : {"/ours/mails_per_s_core", "/ours/us_at_1e4", "/ours/us_at_1e6",
                             "/references/python/mails_per_s_core", "/ratios/mails_vs_python",
                             "/ratios/time_at_1e6_vs_1e4"}) {
    ExpectPositive(report, figure);
  }
}

}  // namespace
}  // namespace noroshi::bench
