// A disk that becomes full, and has space again.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/loop_disk.h"
#include "tests/support/payloads.h"
#include "tests/system/resources_fixture.h"

namespace noroshi::support {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int kRoundsMax = 10;  // Until a write of the hub's meets the full disk.

std::filesystem::space_info Bytes(const std::string& folder) {
  return std::filesystem::space(folder);
}

// What somebody else keeps on the hub's disk.
class Ballast {
 public:
  explicit Ballast(std::string file) : file_(std::move(file)) {}
  ~Ballast() { Remove(); }

  // Grows by so many bytes, or until the disk is full.
  void Grow(uint64_t bytes) {
    const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    EXPECT_GE(file, 0) << file_;
    const std::string piece(64 * 1024, 'b');
    for (size_t size = piece.size(); bytes > 0 && size > 0;) {
      const ssize_t written = ::write(file, piece.data(), std::min<uint64_t>(size, bytes));
      if (written > 0) bytes -= static_cast<uint64_t>(written);
      if (written <= 0) size /= 2;
    }
    ::close(file);
  }
  void Remove() { std::filesystem::remove(file_); }

 private:
  const std::string file_;
};

class DiskFullTest : public ResourcesTest {
 protected:
  // A hub on a disk of its own, and a ballast beside it. An error: this machine cannot.
  Result<void> BeginOnDisk(uint64_t bytes, const std::string& reserve) {
    NOROSHI_ASSIGN_OR_RETURN(disk_, LoopDisk::Make(folder_.path(), bytes));
    ballast_ = std::make_unique<Ballast>(disk_->path() + "/ballast");
    Begin({{"\"256MiB\"", '"' + reserve + '"'}}, disk_->path() + "/hub");
    return {};
  }

  static int64_t Refusals(const json::value& status) {
    return NumberAt(status, "/submissions_rejected/no_space") +
           NumberAt(status, "/submissions_rejected/unavailable");
  }
  // Until a good many further reports have been refused.
  void WaitForRefusals() {
    ASSERT_OK_AND_ASSIGN(const json::value before, hub_->Ask({"status"}));
    const int64_t enough = Refusals(before) + 100;
    ASSERT_OK(hub_->AskUntil("refusals", {"status"}, [&](const json::value& status) {
      return Refusals(status) >= enough;
    }));
  }
  void ExpectNoRoomFor(const std::vector<std::string>& command) {
    ASSERT_OK_AND_ASSIGN(const Output output, hub_->Try(command));
    EXPECT_NE(output.status, 0) << command.front();
    EXPECT_FALSE(output.err.empty()) << command.front();
    EXPECT_TRUE(hub_->process()->Running()) << command.front();
  }

  std::unique_ptr<LoopDisk> disk_;
  std::unique_ptr<Ballast> ballast_;
};

// Reports fill what is left; somebody makes room; the hub goes on by itself.
TEST_F(DiskFullTest, ASmallDiskIsFullAndHasSpaceAgain) {
  const auto begun = BeginOnDisk(64 * kMiB, "256MiB");
  if (!begun.ok()) GTEST_SKIP() << begun.error().message;
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_NE(hub_->log().find("reserve_limited"), std::string::npos);
  const uint64_t reserve = Bytes(disk_->path()).capacity / 4;
  ASSERT_GT(Bytes(disk_->path()).free, reserve + 8 * kMiB);
  for (const bool to_the_last_byte : {false, true}) {
    ballast_->Grow(Bytes(disk_->path()).free - reserve - 2 * kMiB);
    ASSERT_NO_FATAL_FAILURE(WaitForRefusals());
    // Then somebody takes the reserve too.
    if (to_the_last_byte) ballast_->Grow(64 * kMiB);
    ASSERT_NO_FATAL_FAILURE(WaitForRefusals());
    ASSERT_OK_AND_ASSIGN(const json::value full, hub_->Ask({"status"}));
    EXPECT_NE(TextAt(full, "/health").find("reserve"), std::string::npos) << full;
    // Readers and the command line go on.
    ASSERT_OK(Greet({hub_->address(), agency_}));
    ASSERT_OK(hub_->Ask({"case", "list"}));
    ExpectNoRoomFor({"verify"});
    const size_t receipts = ledger_.receipts();
    ballast_->Remove();
    EXPECT_TRUE(ledger_.WaitForReceipts(receipts + 200)) << submitter_->last_error();
    ASSERT_OK(WaitForHealth("ok"));
  }
  EXPECT_EQ(hub_->log().find("latched"), std::string::npos);
  ExpectNothingFalse();
}

// Somebody takes every byte, and the reserve is too small to notice in time.
TEST_F(DiskFullTest, NothingIsLeftWhileReportsAreWritten) {
  const auto begun = BeginOnDisk(200 * kMiB, "8MiB");
  if (!begun.ok()) GTEST_SKIP() << begun.error().message;
  ASSERT_FALSE(HasFatalFailure());
  const auto stopped = [&] {
    return hub_->log().find("journal_latched") != std::string::npos ||
           hub_->log().find("engine_stopped") != std::string::npos;
  };
  for (int round = 0; round < kRoundsMax && !stopped(); ++round) {
    ballast_->Remove();
    ballast_->Grow(200 * kMiB);
    ASSERT_NO_FATAL_FAILURE(WaitForRefusals());
  }
  EXPECT_TRUE(stopped());
  ASSERT_OK_AND_ASSIGN(const json::value full, hub_->Ask({"status"}));
  EXPECT_NE(TextAt(full, "/health").find("stopped until"), std::string::npos) << full;
  ASSERT_OK(Greet({hub_->address(), agency_}));
  ExpectNoRoomFor({"backup", disk_->path() + "/backup"});
  ExpectNoRoomFor({"verify"});
  ASSERT_OK(hub_->Stop());
  // It may start on what is left, or say why it does not.
  const auto started = hub_->Serve();
  EXPECT_TRUE(started.ok() || hub_->log().find("o space") != std::string::npos);
  hub_->Kill();
  EXPECT_EQ(hub_->log().find("ssertion"), std::string::npos);
  ballast_->Remove();
  ASSERT_OK(hub_->Serve());
  ExpectNothingFalse();
}

}  // namespace
}  // namespace noroshi::support
