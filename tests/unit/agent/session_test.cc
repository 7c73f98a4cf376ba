// The real session against a real Intake with a real journal, over real TLS.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "agent/session/credentials.h"
#include "agent/session/proxy.h"
#include "agent/session/runner.h"
#include "tests/unit/agent/fixtures.h"
#include "tests/unit/hub/intake/intake_fixture.h"

namespace noroshi::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An HTTP proxy for one connection: answers CONNECT, then passes bytes on.
class TestProxy {
 public:
  explicit TestProxy(const std::string& answer) : answer_(answer) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    NOROSHI_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    NOROSHI_CHECK(::listen(listener_, 1) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TestProxy() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  uint16_t port() const { return port_; }
  const std::string& request() const { return request_; }

 private:
  void Serve() {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    while (request_.find("\r\n\r\n") == std::string::npos) {
      char byte = 0;
      if (::read(client, &byte, 1) != 1) break;
      request_.push_back(byte);
    }
    if (::write(client, answer_.data(), answer_.size()) > 0 && answer_.find(" 200 ") < 16)
      PassOn(client);
    ::close(client);
  }
  void PassOn(int client) {
    const size_t colon = request_.find(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(request_.substr(colon + 1))));
    const int hub = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NOROSHI_CHECK(::connect(hub, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    bool open = true;
    while (open) {
      pollfd waits[] = {{client, POLLIN, 0}, {hub, POLLIN, 0}};
      ::poll(waits, 2, -1);
      for (int i = 0; i < 2 && open; ++i) {
        if (waits[i].revents == 0) continue;
        char buffer[65536];
        const ssize_t got = ::read(waits[i].fd, buffer, sizeof buffer);
        open = got > 0 &&
               ::send(waits[1 - i].fd, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) == got;
      }
    }
    ::close(hub);
  }

  std::string answer_;
  std::string request_;
  int listener_;
  uint16_t port_;
  std::thread thread_;
};

class SessionTest : public intake::IntakeTest {
 protected:
  void SetUp() override {
    IntakeTest::SetUp();
    StartIntake();
    route_.hub = tls::ParseHostPort(intake_->address()).value();
    route_.server_name = "localhost";
    pins_ = {agent_.organization, agent_.agent, journal_->log_id(), journal_->log_public_key()};
    UseCredentials(pki_.Agent(agent_));
    WriteFile("ca.pem", pki_.ca_pem());
    inbox_.Recover().ok();
  }

  void WriteFile(const std::string& name, const std::string& content) {
    ASSERT_TRUE(files_.WriteDurably(dir_ / name, content, 0600).ok());
  }
  void UseCredentials(const testing_support::Credentials& credentials) {
    ASSERT_TRUE(files_.MakeFolder(dir_ / "keys", 0700).ok());
    WriteFile("keys/agent.pem", credentials.key_pem + credentials.chain_pem);
  }
  Runner::Options Once(bool wants_deliveries = false) {
    Runner::Options options;
    options.route = route_;
    options.pins = pins_;
    options.folder = dir_.path();
    options.wants_deliveries = wants_deliveries;
    options.once = true;
    options.patience = seconds(60);
    return options;
  }
  Result<void> Run(Runner::Options options) {
    Runner runner({{spool_, inbox_, marks_, questions_, head_, clock_}, files_, SystemRandom()},
                  std::move(options));
    return runner.Run();
  }
  Sample Add(const Sample& sample) {
    EXPECT_TRUE(spool_.Add(sample.item, sample.bytes).ok());
    return sample;
  }
  bool Receipted(const Sample& sample) {
    const auto proof = spool_.FindReceipt(sample.item.id, clock_.NowMs());
    return proof.ok() && merkle::VerifyReceipt(proof->receipt, sample.bytes, pins_.organization,
                                               pins_.log_public_key)
                             .ok();
  }
  // Blocks until the hub has so many sessions.
  void WaitForSessions(uint64_t count) {
    ASSERT_TRUE(
        Eventually([&](const intake::Stats& stats) { return stats.sessions_open == count; }));
  }

  FileSystem& files_ = SystemFileSystem();
  TempFolder dir_;
  FakeRandom random_;
  Route route_;
  Pins pins_;
  spool::Spool spool_ = spool::Spool::Open(files_, dir_ / "spool", {}).value();
  spool::Inbox inbox_ = spool::Inbox::Open(files_, dir_ / "inbox").value();
  spool::Marks marks_ = spool::Marks::Open(files_, dir_ / "marks").value();
  spool::Questions questions_ = spool::Questions::Open(files_, dir_ / "questions").value();
  spool::HeadFile head_{files_, dir_ / "head"};
};

TEST_F(SessionTest, OnceDrainsTheSpoolAndTheReceiptsVerify) {
  std::vector<Sample> samples;
  samples.push_back(Add(MakeMail(random_, clock_.NowMs(), 3'000'000)));
  for (int i = 0; i < 50; ++i) samples.push_back(Add(MakeMail(random_, clock_.NowMs(), 1000)));
  samples.push_back(Add(MakeIncident(random_, clock_.NowMs())));
  samples.push_back(
      Add(MakeIncident(random_, clock_.NowMs(), "続報", samples.back().item.id.bytes())));
  const auto run = Run(Once());
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_TRUE(spool_.Waiting()->empty());
  for (const Sample& sample : samples) EXPECT_TRUE(Receipted(sample)) << sample.item.name();
  EXPECT_EQ(journal_->size(), samples.size() + 1);
  // A second connection proves that the log goes on.
  Add(MakeIncident(random_, clock_.NowMs()));
  EXPECT_TRUE(Run(Once()).ok());
  EXPECT_EQ(head_.Load().value()->tree_size(), journal_->size());
}

TEST_F(SessionTest, DeliveriesAreTakenMarkedAndAcknowledged) {
  feed_.Add(300, 100);
  v1::MarkAlert mark;
  mark.set_alert_id(std::string(16, 'a'));
  mark.set_mark(v1::DELIVERY_MARK_READ);
  const Uuid id = random_.UuidV7(clock_.NowMs());
  ASSERT_TRUE(marks_.Add(id, mark).ok());
  const auto run = Run(Once(/*wants_deliveries=*/true));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(inbox_.position(), 300u);
  feed_.WaitAcknowledged(300);
  EXPECT_NE(marks_.FindAnswer(id)->find("\"accepted\":true"), std::string::npos);
}

TEST_F(SessionTest, AnswersAreSentAndTheHubsVerdictIsKept) {
  v1::AnswerQuestion answer;
  answer.set_text("はい");
  for (const char id : {'q', 'x'}) {
    answer.set_question_id(std::string(16, id));
    ASSERT_TRUE(questions_.Answer(answer).ok());
  }
  const auto run = Run(Once());
  ASSERT_TRUE(run.ok()) << run.error().message;
  const auto state = [&](char id) {
    return questions_.StandingOf(*Uuid::FromBytes(std::string(16, id)))->state;
  };
  EXPECT_EQ(state('q'), spool::AnswerState::kAccepted);
  EXPECT_EQ(state('x'), spool::AnswerState::kRefused);
}

TEST_F(SessionTest, ANewReportIsSentAtOnceByARunningAgent) {
  Runner::Options options = Once();
  options.once = false;
  std::thread runner([&] { EXPECT_TRUE(Run(options).ok()); });
  WaitForSessions(1);
  const auto begin = std::chrono::steady_clock::now();
  const Sample report = Add(MakeIncident(random_, clock_.NowMs()));
  while (files_.Exists(spool_.waiting_folder() + "/" + report.item.name()) &&
         std::chrono::steady_clock::now() < begin + seconds(30)) {
    std::this_thread::yield();
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "report to receipt: %ld us\n",
      static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  EXPECT_TRUE(Receipted(report));
  ::kill(::getpid(), SIGTERM);  // As systemd does.
  runner.join();
}

TEST_F(SessionTest, ThroughAProxy) {
  TestProxy proxy("HTTP/1.1 200 Connection established\r\n\r\n");
  route_.proxy = tls::HostPort{"127.0.0.1", proxy.port()};
  const Sample report = Add(MakeIncident(random_, clock_.NowMs()));
  const auto run = Run(Once());
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_TRUE(Receipted(report));
  EXPECT_EQ(proxy.request(), ConnectRequest(route_.hub));
}

TEST_F(SessionTest, AProxyThatRefusesIsNamed) {
  TestProxy proxy("HTTP/1.1 403 Forbidden\r\n\r\n");
  route_.proxy = tls::HostPort{"127.0.0.1", proxy.port()};
  Add(MakeIncident(random_, clock_.NowMs()));
  Runner::Options options = Once();
  options.patience = milliseconds(200);
  const auto run = Run(options);
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kTimeout);
  EXPECT_NE(run.error().message.find("403"), std::string::npos) << run.error().message;
  EXPECT_EQ(spool_.Waiting()->size(), 1u);
}

TEST_F(SessionTest, AHubThatIsDownIsSaidAndNothingIsLost) {
  intake_.reset();
  Add(MakeIncident(random_, clock_.NowMs()));
  Runner::Options options = Once();
  options.patience = milliseconds(200);
  EXPECT_EQ(Run(options).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(spool_.Waiting()->size(), 1u);
}

TEST_F(SessionTest, AnotherHubsCertificateIsRefused) {
  const testing_support::TestPki other(intake::kNowMs);
  WriteFile("ca.pem", other.ca_pem());
  Runner::Options options = Once();
  options.patience = milliseconds(200);
  EXPECT_EQ(Run(options).error().code, ErrorCode::kTimeout);
}

TEST_F(SessionTest, ACertificateIsRenewedWhenTwoThirdsOfItsLifeAreOver) {
  constexpr int64_t kDay = testing_support::kDayMs;
  UseCredentials(pki_.Agent(agent_, intake::kNowMs - 21 * kDay, intake::kNowMs + 9 * kDay));
  const std::string before = files_.Read(dir_ / "keys/agent.pem", 1 << 20).value();
  const Sample report = Add(MakeIncident(random_, clock_.NowMs()));
  ASSERT_TRUE(Run(Once()).ok());
  EXPECT_TRUE(Receipted(report));
  EXPECT_NE(files_.Read(dir_ / "keys/agent.pem", 1 << 20).value(), before);
  EXPECT_FALSE(LoadCredentials(files_, dir_ / "keys/agent.pem")->RenewalDue(clock_.NowMs()));
}

TEST_F(SessionTest, AnExpiredCertificateIsRenewedAndThenUsed) {
  constexpr int64_t kDay = testing_support::kDayMs;
  UseCredentials(pki_.Agent(agent_, intake::kNowMs - 31 * kDay, intake::kNowMs - kDay));
  const Sample report = Add(MakeIncident(random_, clock_.NowMs()));
  ASSERT_TRUE(Run(Once()).ok());
  EXPECT_TRUE(Receipted(report));
}

TEST_F(SessionTest, ARestoredHubGetsWhatItLacks) {
  const Sample kept = Add(MakeIncident(random_, clock_.NowMs()));
  ASSERT_TRUE(Run(Once()).ok());
  const std::string backup = dir_ / "backup";
  ASSERT_TRUE(journal_->Backup(backup).ok());
  const Sample lost = Add(MakeIncident(random_, clock_.NowMs()));
  ASSERT_TRUE(Run(Once()).ok());
  ASSERT_EQ(journal_->size(), 3u);

  intake_.reset();
  journal_.reset();
  journal::RocksJournalOptions options;
  options.folder = backup;
  options.hub_name = "Test hub";
  options.master_key = std::string(32, 'm');
  options.signing_seed = std::string(32, 's');
  options.free_space_reserve_bytes = 1;
  options.clock = &clock_;
  options.random = &SystemRandom();
  ASSERT_TRUE(journal::MarkRestored(options, "test").ok());
  journal_ = journal::OpenRocksJournal(options).value();
  StartIntake();
  route_.hub = tls::ParseHostPort(intake_->address()).value();
  const auto run = Run(Once());
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(journal_->size(), 4u);  // Started, kept, restored, lost.
  EXPECT_TRUE(Receipted(kept));
  EXPECT_TRUE(Receipted(lost));
  EXPECT_EQ(head_.Load().value()->log_id(), journal_->log_id());
  const auto told = files_.Read(dir_ / "run/restored.json", 4096);
  ASSERT_TRUE(told.ok());
  EXPECT_NE(told->find("\"put_back\":1"), std::string::npos) << *told;
}

TEST_F(SessionTest, ATokenBecomesACertificateOnceTheCaIsTheTokens) {
  const tls::EnrollToken token{route_.hub.ToString(), Sha256Of(pki_.ca_der()),
                               intake::FakeRegistrar::kSecret};
  const auto enrolment = Enroll(route_, token, clock_);
  ASSERT_TRUE(enrolment.ok()) << enrolment.error().message;
  EXPECT_EQ(enrolment->certificate.agent(), "agent-9");
  EXPECT_TRUE(StoreCredentials(files_, dir_ / "keys/new.pem", enrolment->key_pem,
                               enrolment->certificate, pki_.ca_pem(), clock_)
                  .ok());
  // A key that is not the certificate's is noticed before anything is stored.
  EXPECT_FALSE(StoreCredentials(files_, dir_ / "keys/new.pem", tls::GeneratePrivateKeyPem().value(),
                                enrolment->certificate, pki_.ca_pem(), clock_)
                   .ok());
  tls::EnrollToken wrong = token;
  wrong.secret = std::string(32, 'x');
  EXPECT_EQ(Enroll(route_, wrong, clock_).error().code, ErrorCode::kDenied);
  wrong = token;
  wrong.ca_sha256[0] = static_cast<char>(wrong.ca_sha256[0] ^ 1);
  EXPECT_FALSE(Enroll(route_, wrong, clock_).ok());
}

}  // namespace
}  // namespace noroshi::session
