// An intake on a free port with a real journal, real TLS, and stand-ins for the
// rest of the hub.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "common/tls/context.h"
#include "hub/intake/intake.h"
#include "hub/journal/rocks_journal.h"
#include "tests/unit/common/tls_pki.h"
#include "tests/unit/hub/intake/client.h"
#include "tests/unit/hub/intake/samples.h"

namespace noroshi::intake {

// Says yes until told otherwise.
class FakeDirectory final : public Directory {
 public:
  Result<void> MayAct(const tls::Identity& identity, const std::string& serial) const override;
  void Deny(const tls::Identity& identity, const std::string& message);
  std::string last_serial() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> denied_;
  mutable std::string last_serial_;
};

class FakeRegistrar final : public Registrar {
 public:
  explicit FakeRegistrar(const testing_support::TestPki& pki) : pki_(pki) {}
  void Enroll(const std::string& token_secret, const std::string& csr_der, Done done) override;
  void Renew(const tls::Identity& identity, const std::string& serial, const std::string& csr_der,
             Done done) override;
  inline static const std::string kSecret = std::string(32, 's');

 private:
  Result<v1::Certificate> Issue(const tls::Identity& identity, const std::string& csr_der);
  const testing_support::TestPki& pki_;
};

// One list of deliveries for everybody.
class FakeFeed final : public DeliveryFeed {
 public:
  std::unique_ptr<Subscription> Subscribe(const tls::Identity& identity, const v1::Hello& hello,
                                          std::function<void()> wake) override;
  void Mark(const tls::Identity& identity, const v1::MarkAlert& mark,
            std::function<void(Result<void>)> done) override;
  void Answer(const tls::Identity& identity, const v1::AnswerQuestion& answer,
              std::function<void(Result<void>)> done) override;
  void Add(size_t count, size_t alert_bytes);  // And wakes.
  uint64_t acknowledged() const;
  size_t asked() const;  // Calls of After.
  size_t subscribers() const;
  // Blocks until the feed was asked, or has been acknowledged up to.
  void WaitAcknowledged(uint64_t position);

 private:
  class Live;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> deliveries_;  // Index i holds position i + 1.
  std::map<Live*, std::function<void()>> live_;
  uint64_t acknowledged_ = 0;
  size_t asked_ = 0;
};

class IntakeTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // With these limits instead of the defaults.
  void StartIntake(const Limits& limits = {});

  std::unique_ptr<tls::Context> AgentContext(const testing_support::Credentials& credentials,
                                             const std::string& alpn = tls::kAlpnAgent) const;
  std::unique_ptr<tls::Context> AgentContext() const { return AgentContext(pki_.Agent(agent_)); }
  // Waits until the intake's numbers are so, at most ten seconds.
  bool Eventually(const std::function<bool(const Stats&)>& condition) const;
  // Likewise, until one handshake was refused with this word.
  bool EventuallyRefused(const std::string& word) const;

  testing_support::TestClock clock_{kNowMs};
  testing_support::TestPki pki_{kNowMs};
  const tls::Identity agent_{"mof", "agent-1"};
  std::string folder_;
  std::unique_ptr<journal::Journal> journal_;
  FakeDirectory directory_;
  FakeRegistrar registrar_{pki_};
  FakeFeed feed_;
  std::unique_ptr<tls::Context> server_context_;
  std::unique_ptr<Intake> intake_;
};

v1::AgentFrame SubmitFrame(const v1::Submission& submission);
// Hello, submissions and so on in one write.
std::string FrameBytes(const std::vector<v1::AgentFrame>& frames);

}  // namespace noroshi::intake
