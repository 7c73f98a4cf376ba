// Power cuts under load: the hub's disk loses everything that was not synced.
// And the tests of this test: hubs that do it wrong must be found out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "tests/support/assertions.h"
#include "tests/support/crash_rig.h"
#include "tests/support/loop_disk.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

// Sparse; large enough that the hub's free-space reserve never matters.
constexpr uint64_t kDiskBytes = uint64_t{4} << 30;
// A faulty hub must be found out within so many cuts.
constexpr int kFaultyCuts = 20;

class PowerCutTest : public testing::Test {
 protected:
  void SetUp() override {
    auto disk = LoopDisk::Make(folder_.path(), kDiskBytes);
    if (!disk.ok()) GTEST_SKIP() << "no power to cut: " << disk.error().message;
    disk_ = std::move(disk).value();
    RecordProperty("seed", std::to_string(seed_));
  }

  // One cut: load, power off, power on. Then the hub's data is what survived.
  void Cut(CrashRig& rig, bool stop_processor = true) {
    ASSERT_OK(rig.LoadAndCrash([&] {
      if (stop_processor) rig.hub().process()->Freeze();
      disk_->CutPower();
    }));
    ASSERT_OK(disk_->PowerUp());
  }

  // Cuts until the check finds something lost; gives what it found.
  void CutUntilFound(CrashRig& rig, std::vector<std::string>* found) {
    for (int cut = 0; cut < kFaultyCuts; ++cut) {
      // A faulty hub goes on answering for the moment in which its disk dies.
      ASSERT_NO_FATAL_FAILURE(Cut(rig, /*stop_processor=*/false));
      const auto findings = rig.CheckJournal();
      // A journal that does not even open has lost what it promised, too.
      *found = findings.ok() ? *findings : std::vector{"lost: " + findings.error().message};
      if (testing::Matches(testing::Contains(testing::StartsWith("lost: ")))(*found)) return;
      ASSERT_OK(rig.Restart());
    }
  }

  const uint64_t seed_ = std::random_device{}();
  TempDir folder_;
  std::unique_ptr<LoopDisk> disk_;
};

TEST_F(PowerCutTest, NothingAcknowledgedIsLostAndNothingHappensTwice) {
  size_t receipts = 0;
  for (int cut = 0; cut < CrashCycles(); cut += kCrashesOfOneHub) {
    const std::string folder = disk_->path() + "/" + std::to_string(cut);
    std::filesystem::create_directory(folder);
    CrashRig rig(folder, RealHub(), seed_ + static_cast<uint64_t>(cut));
    ASSERT_OK(rig.Start());
    for (int i = cut; i < std::min(cut + kCrashesOfOneHub, CrashCycles()); ++i) {
      SCOPED_TRACE("cut " + std::to_string(i));
      ASSERT_NO_FATAL_FAILURE(Cut(rig));
      ASSERT_OK(rig.Restart());
    }
    ASSERT_OK_AND_ASSIGN(const auto findings, rig.Finish());
    ASSERT_THAT(findings, testing::IsEmpty());
    receipts += rig.ledger().receipts();
    std::filesystem::remove_all(folder);
  }
  std::printf("%d power cuts, %zu receipts\n", CrashCycles(), receipts);
}

TEST_F(PowerCutTest, FindsOutAHubThatDoesNotSync) {
  CrashRig rig(disk_->path(), FaultyHub("no-sync"), seed_);
  ASSERT_OK(rig.Start());
  std::vector<std::string> found;
  ASSERT_NO_FATAL_FAILURE(CutUntilFound(rig, &found));
  EXPECT_THAT(found, testing::Contains(testing::StartsWith("lost: ")));
}

TEST_F(PowerCutTest, FindsOutAHubThatAnswersBeforeTheCommit) {
  CrashRig rig(disk_->path(), FaultyHub("eager"), seed_);
  ASSERT_OK(rig.Start());
  std::vector<std::string> found;
  ASSERT_NO_FATAL_FAILURE(CutUntilFound(rig, &found));
  EXPECT_THAT(found, testing::Contains(testing::StartsWith("lost: ")));
}

}  // namespace
}  // namespace noroshi::support
