#include "tests/unit/hub/intake/intake_fixture.h"

#include <filesystem>
#include <thread>

namespace noroshi::intake {

Result<void> FakeDirectory::MayAct(const tls::Identity& identity, const std::string& serial) const {
  const std::lock_guard lock(mutex_);
  last_serial_ = serial;
  const auto found = denied_.find(identity.ToUri());
  if (found == denied_.end()) return {};
  return Error{ErrorCode::kDenied, found->second};
}

void FakeDirectory::Deny(const tls::Identity& identity, const std::string& message) {
  const std::lock_guard lock(mutex_);
  denied_[identity.ToUri()] = message;
}

std::string FakeDirectory::last_serial() const {
  const std::lock_guard lock(mutex_);
  return last_serial_;
}

Result<v1::Certificate> FakeRegistrar::Issue(const tls::Identity& identity,
                                             const std::string& csr_der) {
  auto der = tls::IssueAgentCertificate(pki_.Request(kNowMs, kNowMs + testing_support::kDayMs),
                                        csr_der, identity);
  if (!der.ok()) return der.error();
  v1::Certificate certificate;
  certificate.add_chain_der(*der);
  certificate.add_chain_der(pki_.ca_der());
  certificate.set_organization(identity.organization);
  certificate.set_agent(identity.agent);
  return certificate;
}

void FakeRegistrar::Enroll(const std::string& token_secret, const std::string& csr_der, Done done) {
  // From another thread, as the hub's does after its journal.
  std::thread([=, this] {
    if (token_secret != kSecret) {
      done(Error{ErrorCode::kDenied, "bad_token: unknown, used or expired"});
    } else {
      done(Issue({"mof", "agent-9"}, csr_der));
    }
  }).detach();
}

void FakeRegistrar::Renew(const tls::Identity& identity, const std::string&,
                          const std::string& csr_der, Done done) {
  done(Issue(identity, csr_der));
}

class FakeFeed::Live final : public Subscription {
 public:
  Live(FakeFeed& feed, uint64_t start) : feed_(feed), start_(start) {}
  ~Live() override {
    const std::lock_guard lock(feed_.mutex_);
    feed_.live_.erase(this);
  }
  Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) override {
    const std::lock_guard lock(feed_.mutex_);
    ++feed_.asked_;
    Batch next;
    size_t bytes = 0;
    for (size_t i = position; i < feed_.deliveries_.size(); ++i) {
      bytes += feed_.deliveries_[i].size();
      next.more =
          next.deliveries.size() == max_items || (!next.deliveries.empty() && bytes > max_bytes);
      if (next.more) break;
      next.deliveries.push_back(feed_.deliveries_[i]);
    }
    return next;
  }
  uint64_t start_position() const override { return start_; }
  void Acknowledge(uint64_t position) override {
    const std::lock_guard lock(feed_.mutex_);
    feed_.acknowledged_ = position;
    feed_.changed_.notify_all();
  }

 private:
  FakeFeed& feed_;
  const uint64_t start_;
};

std::unique_ptr<DeliveryFeed::Subscription> FakeFeed::Subscribe(const tls::Identity&,
                                                                const v1::Hello& hello,
                                                                std::function<void()> wake) {
  auto live = std::make_unique<Live>(*this, hello.delivery_position());
  const std::lock_guard lock(mutex_);
  live_[live.get()] = std::move(wake);
  return live;
}

void FakeFeed::Mark(const tls::Identity&, const v1::MarkAlert& mark,
                    std::function<void(Result<void>)> done) {
  if (mark.alert_id() == std::string(16, 'a')) return done({});
  done(Error{ErrorCode::kDenied, "this organisation never got the alert"});
}

void FakeFeed::Answer(const tls::Identity&, const v1::AnswerQuestion& answer,
                      std::function<void(Result<void>)> done) {
  if (answer.question_id() == std::string(16, 'q')) return done({});
  done(Error{ErrorCode::kDenied, "not_asked: the organisation was never asked this"});
}

void FakeFeed::Add(size_t count, size_t alert_bytes) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < count; ++i) {
    v1::Delivery delivery;
    delivery.set_position(deliveries_.size() + 1);
    delivery.set_alert(std::string(alert_bytes, 'a'));
    deliveries_.push_back(delivery.SerializeAsString());
  }
  for (const auto& [live, wake] : live_) wake();
}

uint64_t FakeFeed::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

size_t FakeFeed::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

size_t FakeFeed::subscribers() const {
  const std::lock_guard lock(mutex_);
  return live_.size();
}

void FakeFeed::WaitAcknowledged(uint64_t position) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(
      changed_.wait_for(lock, std::chrono::seconds(10), [&] { return acknowledged_ >= position; }));
}

void IntakeTest::SetUp() {
  std::string name = testing::TempDir() + "intakeXXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  folder_ = name;
  journal::RocksJournalOptions options;
  options.folder = folder_ + "/journal";
  options.hub_name = "Test hub";
  options.master_key = std::string(32, 'm');
  options.signing_seed = std::string(32, 's');
  options.create_if_missing = true;
  options.free_space_reserve_bytes = 1;
  options.clock = &clock_;
  options.random = &SystemRandom();
  auto journal = journal::OpenRocksJournal(options);
  ASSERT_TRUE(journal.ok()) << journal.error().message;
  journal_ = std::move(*journal);
  const auto server = pki_.Server({"localhost"}, kNowMs - 400 * testing_support::kDayMs,
                                  kNowMs + 400 * testing_support::kDayMs);
  server_context_ =
      tls::Context::MakeServer({server.chain_pem, server.key_pem, pki_.ca_pem(), &clock_}).value();
}

void IntakeTest::TearDown() {
  intake_.reset();
  journal_.reset();
  std::filesystem::remove_all(folder_);
}

void IntakeTest::StartIntake(const Limits& limits) {
  IntakeOptions options;
  options.listen_address = "127.0.0.1:0";
  options.context = server_context_.get();
  options.vocabulary = TestVocabulary();
  options.limits = limits;
  auto intake = Intake::Make(options, *journal_, directory_, registrar_, feed_, clock_);
  ASSERT_TRUE(intake.ok()) << intake.error().message;
  intake_ = std::move(*intake);
  intake_->Start();
}

std::unique_ptr<tls::Context> IntakeTest::AgentContext(
    const testing_support::Credentials& credentials, const std::string& alpn) const {
  tls::ClientOptions options;
  options.certificate_chain_pem = credentials.chain_pem;
  options.private_key_pem = credentials.key_pem;
  options.ca_pem = pki_.ca_pem();
  options.server_name = "localhost";
  options.alpn = alpn;
  options.clock = &clock_;
  return tls::Context::MakeClient(options).value();
}

bool IntakeTest::Eventually(const std::function<bool(const Stats&)>& condition) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition(intake_->stats())) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

bool IntakeTest::EventuallyRefused(const std::string& word) const {
  return Eventually([&](const Stats& stats) {
    const auto refused = stats.handshakes_refused.find(word);
    return refused != stats.handshakes_refused.end() && refused->second == 1;
  });
}

v1::AgentFrame SubmitFrame(const v1::Submission& submission) {
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission(submission.SerializeAsString());
  return frame;
}

std::string FrameBytes(const std::vector<v1::AgentFrame>& frames) {
  std::string bytes;
  for (const auto& frame : frames) wire::AppendFrame(frame, &bytes);
  return bytes;
}

}  // namespace noroshi::intake
