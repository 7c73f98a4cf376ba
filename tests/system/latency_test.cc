// How long a person waits. Printed, and bounded only as a sanity check: the
// machine that runs this is shared.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tests/support/assertions.h"
#include "tests/support/world.h"

namespace noroshi::support {
namespace {

constexpr int kRepeats = 20;
constexpr double kSanityMs = 2000;

// Runs kRepeats times; prints and returns the median in milliseconds.
double Measure(const char* what, const std::function<void()>& run) {
  std::vector<double> all;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    all.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::sort(all.begin(), all.end());
  const double median = all[all.size() / 2];
  std::printf("%s: median %.1f ms, fastest %.1f ms, slowest %.1f ms\n", what, median, all.front(),
              all.back());
  testing::Test::RecordProperty(what, std::to_string(median));
  return median;
}

TEST(LatencyTest, AReportIsAcceptedAndReceiptedAtOnce) {
  World world;
  ASSERT_OK(world.Start());
  std::vector<std::string> report = {"incident",         "--tlp",  "AMBER",
                                     "--title",          "停電",   "--what",
                                     "庁舎が停電した。", "--wait", "30"};
  ASSERT_OK(world.ministry.Report(report));  // The connection stands.
  EXPECT_LT(Measure("report_to_receipt", [&] { EXPECT_OK(world.ministry.Report(report)); }),
            kSanityMs);
  report.resize(report.size() - 2);
  EXPECT_LT(Measure("start_to_accepted", [&] { EXPECT_OK(world.ministry.Report(report)); }),
            kSanityMs);
}

}  // namespace
}  // namespace noroshi::support
