// A hub under load from whom something that it stands on is taken: disk, descriptors, memory.
//
// Threads: one thread.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/ledger.h"
#include "tests/support/submitter.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {

inline constexpr size_t kEndless = 1'000'000;

class ResourcesTest : public testing::Test {
 protected:
  // A hub with these values in its hub.toml and a submitter. Its data are in our folder, or on
  // another disk.
  void Begin(const std::vector<std::pair<std::string, std::string>>& configuration,
             const std::string& data = "") {
    hub_ = std::make_unique<HubUnderTest>(folder_.path(), serve_with_, data);
    ASSERT_OK(hub_->Init());
    for (const auto& [from, to] : configuration) ASSERT_OK(hub_->Configure(from, to));
    ASSERT_OK(hub_->Serve());
    ASSERT_OK(hub_->AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK(hub_->AddOrganization("shinko-agency", "incorporated_agency"));
    ASSERT_OK_AND_ASSIGN(ministry_, hub_->Certify("kasumi-ministry/test"));
    ASSERT_OK_AND_ASSIGN(agency_, hub_->Certify("shinko-agency/test"));
    submitter_ = std::make_unique<Submitter>(ministry_, ledger_, /*seed=*/1);
    submitter_->HubIsUp(hub_->address(), kEndless);
    ASSERT_TRUE(ledger_.WaitForReceipts(50)) << submitter_->last_error();
  }

  // Nothing new is sent, and everything that was is answered and applied.
  void Pause() {
    submitter_->HubIsUp(hub_->address(), 0);
    ASSERT_TRUE(submitter_->Drain()) << submitter_->last_error();
    ASSERT_OK(hub_->Settle());
  }

  // Restarted on what the failure left: every receipt ever given is in the journal,
  // and everything that was sent gets its receipt.
  void ExpectNothingFalse() {
    ASSERT_NO_FATAL_FAILURE(Pause());
    submitter_->Stop();
    ASSERT_OK(hub_->Stop());
    ASSERT_OK_AND_ASSIGN(const auto journal, ReadSubmissions(hub_->data()));
    const auto findings = ledger_.Check(journal);
    EXPECT_TRUE(findings.empty()) << fmt::format("{}", findings.front());
    EXPECT_EQ(ledger_.receipts(), ledger_.submissions());
    ASSERT_OK_AND_ASSIGN(const Output verified, hub_->Try({"verify"}));
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }

  Result<json::value> WaitForHealth(const std::string& word) {
    return hub_->AskUntil("health to name " + word, {"status"}, [&](const json::value& status) {
      return TextAt(status, "/health").find(word) != std::string::npos;
    });
  }

  TempDir folder_;
  std::vector<std::string> serve_with_ = RealHub();
  std::unique_ptr<HubUnderTest> hub_;
  Ledger ledger_;
  Credentials ministry_;
  Credentials agency_;
  std::unique_ptr<Submitter> submitter_;
};

}  // namespace noroshi::support
