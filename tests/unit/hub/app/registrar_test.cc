// Certificates for tokens, over a real engine and a real state.
#include "hub/app/registrar.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "common/crypto/crypto.h"
#include "common/runtime/file.h"
#include "common/tls/certificate.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::app {
namespace {

using ::testing::StartsWith;
using Outcome = Result<v1::Certificate>;

// Time that passes when the test says so.
class StillClock final : public Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(steady_ms));
  }
  std::atomic<int64_t> now_ms{1'800'000'000'000};
  std::atomic<int64_t> steady_ms{0};
};

class RegistrarTest : public engine::Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    journal_.set_time_ms(clock_.NowMs());
    script_.Token("moj", "a", Sha256Of(secret_));
    engine_.reset();  // The runner has its own.
    runner_ = engine::Runner::Start(&journal_, store_.get(), {}, {}).value();
    ASSERT_TRUE(runner_->WaitApplied(journal_.size() - 1, 30'000).ok());
    authority_ = identity::CertificateAuthority::Create(
                     {root_ + "/ca", &SystemFileSystem(), &SystemClock(), &SystemRandom()}, "Test")
                     .value();
    registrar_ = std::make_unique<Registrar>(
        Registrar::Parts{&journal_, runner_.get(), store_.get(), authority_.get(), &clock_});
  }
  void TearDown() override {
    registrar_.reset();
    runner_->Stop();
    runner_.reset();
    Scene::TearDown();
  }

  std::future<Outcome> Enroll(const std::string& secret) {
    auto answer = std::make_shared<std::promise<Outcome>>();
    registrar_->Enroll(secret, csr_, [answer](Outcome outcome) { answer->set_value(outcome); });
    return answer->get_future();
  }

  // Keeps the registrar at work until go_on is set.
  void Hold(std::promise<void>* go_on) {
    auto begun = std::make_shared<std::promise<void>>();
    registrar_->Enroll(std::string(32, 'x'), csr_, [begun, go_on](const Outcome&) {
      begun->set_value();
      go_on->get_future().wait();
    });
    begun->get_future().wait();
  }

  StillClock clock_;
  const std::string secret_ = std::string(32, 's');
  const std::string csr_ = tls::MakeCsr(tls::GeneratePrivateKeyPem().value(), "a").value();
  std::unique_ptr<engine::Runner> runner_;
  std::unique_ptr<identity::CertificateAuthority> authority_;
  std::unique_ptr<Registrar> registrar_;
};

TEST_F(RegistrarTest, ATokenBuysOneCertificate) {
  const Outcome first = Enroll(secret_).get();
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->organization(), "moj");
  EXPECT_EQ(first->agent(), "a");
  EXPECT_THAT(Enroll(secret_).get().error().message, StartsWith("bad_token: "));
  EXPECT_THAT(Enroll(std::string(32, 'x')).get().error().message, StartsWith("bad_token: "));
}

// Behind others, or behind an engine that has much to do: the agent has left by then.
TEST_F(RegistrarTest, ATokenIsNotUsedForAnAgentThatNoLongerWaits) {
  std::promise<void> go_on;
  Hold(&go_on);
  auto late = Enroll(secret_);
  const uint64_t entries = journal_.size();
  clock_.steady_ms += kRegistrationPatienceMs;
  go_on.set_value();
  const Outcome outcome = late.get();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(outcome.error().message, StartsWith("unavailable: "));
  EXPECT_EQ(journal_.size(), entries);
  EXPECT_TRUE(Enroll(secret_).get().ok()) << "the token is as good as before";
}

TEST_F(RegistrarTest, WhoAsksForARenewalMayAskAgainWithTheSameCertificate) {
  ASSERT_TRUE(Enroll(secret_).get().ok());
  const std::string serial = store_->Snapshot()->Agent("moj", "a").value()->serial();
  const auto renew = [&] {
    std::promise<Outcome> answer;
    registrar_->Renew({"moj", "a"}, serial, csr_,
                      [&](const Outcome& outcome) { answer.set_value(outcome); });
    return answer.get_future().get();
  };
  EXPECT_THAT(renew().error().message, StartsWith("too_soon: "));
  for (int i = 0; i < 3; ++i) {  // None of the answers arrived.
    clock_.now_ms += kRenewalIntervalMs;
    journal_.set_time_ms(clock_.NowMs());
    const Outcome outcome = renew();
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    const auto agent = store_->Snapshot()->Agent("moj", "a").value();
    EXPECT_NE(agent->serial(), serial);
    EXPECT_EQ(agent->previous_serial(), serial);
  }
}

TEST_F(RegistrarTest, ARefusalOfTheJournalKeepsItsKind) {
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "journal: 12 bytes free"});
  EXPECT_EQ(Enroll(secret_).get().error().code, ErrorCode::kNoSpace);
  journal_.set_refusal(std::nullopt);
  EXPECT_TRUE(Enroll(secret_).get().ok());
}

TEST_F(RegistrarTest, NoMoreThanTheMaximumWait) {
  std::promise<void> go_on;
  Hold(&go_on);
  std::vector<std::future<Outcome>> waiting;
  for (size_t i = 0; i < kRegistrationsWaitingMax; ++i) {
    waiting.push_back(Enroll(std::string(32, 'y')));
  }
  EXPECT_EQ(Enroll(secret_).get().error().code, ErrorCode::kOverloaded);
  go_on.set_value();
  for (auto& outcome : waiting) EXPECT_EQ(outcome.get().error().code, ErrorCode::kDenied);
}

}  // namespace
}  // namespace noroshi::app
