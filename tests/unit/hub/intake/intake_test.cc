// Intake over real sockets, real TLS and a real journal.
#include "hub/intake/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/merkle/merkle.h"
#include "common/tls/address.h"
#include "hub/intake/codes.h"
#include "tests/unit/hub/intake/intake_fixture.h"

namespace noroshi::intake {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;
using testing_support::kDayMs;

v1::AgentFrame Ping(uint64_t token) {
  v1::AgentFrame frame;
  frame.mutable_ping()->set_token(token);
  return frame;
}

v1::AgentFrame HelloFrame(bool wants_deliveries = false) {
  v1::AgentFrame frame;
  frame.mutable_hello()->set_wants_deliveries(wants_deliveries);
  return frame;
}

v1::AgentFrame Chunk(const std::string& id, const std::string& whole, size_t offset, size_t size) {
  v1::AgentFrame frame;
  v1::SubmitChunk& chunk = *frame.mutable_chunk();
  chunk.set_submission_id(id);
  chunk.set_total_size(whole.size());
  chunk.set_offset(offset);
  chunk.set_data(whole.substr(offset, size));
  return frame;
}

TEST_F(IntakeTest, WelcomeSaysWhereTheLogIs) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  const auto welcome = client.Greet();
  ASSERT_TRUE(welcome.ok()) << welcome.error().message;
  EXPECT_EQ(welcome->organization(), "mof");
  EXPECT_EQ(welcome->agent(), "agent-1");
  EXPECT_FALSE(welcome->renew_only());
  EXPECT_EQ(welcome->window_bytes(), Limits().window_bytes);
  EXPECT_EQ(welcome->submission_bytes_max(), wire::kSubmissionBytesMax);
  EXPECT_TRUE(merkle::VerifyTreeHead(welcome->head(), journal_->log_public_key()).ok());
}

TEST_F(IntakeTest, PipelinedBatchIsReceiptedAndEveryReceiptVerifies) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  v1::TreeHead last = client.Greet()->head();
  std::map<std::string, std::string> sent;
  std::vector<v1::AgentFrame> frames;
  for (int i = 0; i < 200; ++i) {
    const v1::Submission submission = i % 2 == 0 ? SampleIncident() : SampleMail(500);
    frames.push_back(SubmitFrame(submission));
    sent[submission.id()] = frames.back().submit().submission();
  }
  ASSERT_TRUE(client.SendBytes(FrameBytes(frames)).ok());
  size_t receipts_frames = 0;
  while (!sent.empty()) {
    const auto frame = client.Receive();
    ASSERT_TRUE(frame.ok()) << frame.error().message;
    ASSERT_TRUE(frame->has_receipts()) << frame->ShortDebugString();
    ++receipts_frames;
    const v1::Receipts& receipts = frame->receipts();
    EXPECT_TRUE(merkle::VerifyConsistency(last.tree_size(), last.root_hash(),
                                          receipts.head().tree_size(), receipts.head().root_hash(),
                                          receipts.consistency_proof())
                    .ok());
    last = receipts.head();
    for (v1::Receipt receipt : receipts.receipts()) {
      EXPECT_FALSE(receipt.has_head());
      *receipt.mutable_head() = receipts.head();
      const auto verified = merkle::VerifyReceipt(receipt, sent.at(receipt.submission_id()), "mof",
                                                  journal_->log_public_key());
      EXPECT_TRUE(verified.ok()) << verified.error().message;
      EXPECT_EQ(sent.erase(receipt.submission_id()), 1U);
    }
  }
  EXPECT_LT(receipts_frames, 100U);  // Many to a frame.
  EXPECT_TRUE(Eventually([](const Stats& s) { return s.submissions_accepted == 200; }));
  EXPECT_EQ(intake_->stats().memory_used, 0U);
}

TEST_F(IntakeTest, ConsistencyIsProvenFromTheAgentsHead) {
  StartIntake();
  const auto context = AgentContext();
  v1::Hello hello;
  {
    Client client(intake_->address(), *context);
    *hello.mutable_last_head() = client.Greet()->head();
    ASSERT_TRUE(client.Send(SubmitFrame(SampleMail())).ok());
    ASSERT_TRUE(client.Receive()->has_receipts());
  }
  Client client(intake_->address(), *context);
  const auto welcome = client.Greet(hello).value();
  ASSERT_GT(welcome.head().tree_size(), hello.last_head().tree_size());
  EXPECT_TRUE(merkle::VerifyConsistency(hello.last_head().tree_size(),
                                        hello.last_head().root_hash(), welcome.head().tree_size(),
                                        welcome.head().root_hash(), welcome.consistency_proof())
                  .ok());
}

TEST_F(IntakeTest, RetryGetsTheSameEntryAndOtherContentIsRefused) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  v1::Submission submission = SampleMail();
  ASSERT_TRUE(client.Send(SubmitFrame(submission)).ok());
  const auto first = client.Receive()->receipts().receipts(0);
  ASSERT_TRUE(client.Send(SubmitFrame(submission)).ok());
  const auto second = client.Receive()->receipts().receipts(0);
  EXPECT_EQ(first.sequence(), second.sequence());
  EXPECT_EQ(first.leaf_hash(), second.leaf_hash());
  submission.mutable_mail()->set_raw("other");
  ASSERT_TRUE(client.Send(SubmitFrame(submission)).ok());
  const auto refused = client.Receive()->rejection();
  EXPECT_EQ(refused.code(), rejection::kIdConflict);
  EXPECT_EQ(refused.submission_id(), submission.id());
  EXPECT_FALSE(refused.retryable());
  const Stats stats = intake_->stats();
  EXPECT_EQ(stats.submissions_accepted, 1U);
  EXPECT_EQ(stats.submissions_repeated, 1U);
  EXPECT_EQ(stats.submissions_rejected.at(rejection::kIdConflict), 1U);
}

TEST_F(IntakeTest, InvalidSubmissionIsRejectedAndTheSessionGoesOn) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  v1::Submission submission = SampleIncident();
  submission.mutable_incident()->set_sector("moon");
  ASSERT_TRUE(client.SendBytes(FrameBytes({SubmitFrame(submission), Ping(7)})).ok());
  const auto refused = client.Receive()->rejection();
  EXPECT_EQ(refused.field(), "incident.sector");
  EXPECT_EQ(refused.submission_id(), submission.id());
  EXPECT_EQ(client.Receive()->pong().token(), 7U);
}

TEST_F(IntakeTest, LargeMailInChunksDoesNotBlockAnIncident) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  const auto head = client.Greet()->head();
  const v1::Submission mail = SampleMail(3 * kMiB);
  const std::string whole = mail.SerializeAsString();
  const v1::Submission incident = SampleIncident();
  const size_t half = whole.size() / 2 / wire::kChunkBytes * wire::kChunkBytes;
  for (size_t at = 0; at < half; at += wire::kChunkBytes) {
    ASSERT_TRUE(client.Send(Chunk(mail.id(), whole, at, wire::kChunkBytes)).ok());
  }
  ASSERT_TRUE(client.Send(SubmitFrame(incident)).ok());
  EXPECT_EQ(client.Receive()->receipts().receipts(0).submission_id(), incident.id());
  for (size_t at = half; at < whole.size(); at += wire::kChunkBytes) {
    ASSERT_TRUE(client.Send(Chunk(mail.id(), whole, at, wire::kChunkBytes)).ok());
  }
  const auto frame = client.Receive();
  v1::Receipt receipt = frame->receipts().receipts(0);
  *receipt.mutable_head() = frame->receipts().head();
  EXPECT_TRUE(merkle::VerifyReceipt(receipt, whole, "mof", journal_->log_public_key()).ok());
}

TEST_F(IntakeTest, WindowIsKeptToTheByte) {
  const v1::Submission mail = SampleMail(1000);
  const std::string whole = mail.SerializeAsString();
  Limits limits;
  limits.window_bytes = whole.size() - 1;
  StartIntake(limits);
  const auto context = AgentContext();
  {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.Greet().ok());
    ASSERT_TRUE(client.Send(Chunk(mail.id(), whole, 0, whole.size() - 1)).ok());
    ASSERT_TRUE(client.Send(Ping(1)).ok());
    EXPECT_TRUE(client.Receive()->has_pong());  // At the limit: fine.
    ASSERT_TRUE(client.Send(Chunk(mail.id(), whole, whole.size() - 1, 1)).ok());
    EXPECT_EQ(client.GoodbyeCode(), goodbye::kWindow);
  }
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(client.Send(SubmitFrame(mail)).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kWindow);
  EXPECT_EQ(intake_->stats().goodbyes.at(goodbye::kWindow), 2U);
}

TEST_F(IntakeTest, WindowIsGivenBackByAnswers) {
  Limits limits;
  limits.window_bytes = 2000;
  StartIntake(limits);
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  for (int i = 0; i < 10; ++i) {
    v1::Submission mail = SampleMail(1500);
    if (i % 2 == 1) mail.mutable_handling()->clear_tlp();
    ASSERT_TRUE(client.Send(SubmitFrame(mail)).ok());
    const auto answer = client.Receive();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->has_rejection(), i % 2 == 1);
  }
}

TEST_F(IntakeTest, BudgetsOfOneOrganisationHoldAcrossItsSessions) {
  Limits limits;
  limits.organization_submissions_per_second = 1;
  limits.organization_submissions_burst = 2;
  StartIntake(limits);
  const auto context = AgentContext();
  const auto other = AgentContext(pki_.Agent({"mof", "agent-2"}));
  Client first(intake_->address(), *context);
  Client second(intake_->address(), *other);
  ASSERT_TRUE(first.Greet().ok());
  ASSERT_TRUE(second.Greet().ok());
  for (Client* client : {&first, &second}) {
    ASSERT_TRUE(client->Send(SubmitFrame(SampleMail())).ok());
    EXPECT_TRUE(client->Receive()->has_receipts());
  }
  ASSERT_TRUE(second
                  .SendBytes(FrameBytes({SubmitFrame(SampleMail()), SubmitFrame(SampleMail()),
                                         SubmitFrame(SampleMail())}))
                  .ok());
  bool refused = false;
  for (int i = 0; i < 3; ++i) {
    const auto frame = second.Receive();
    ASSERT_TRUE(frame.ok());
    if (!frame->has_rejection()) break;
    refused = true;
    EXPECT_EQ(frame->rejection().code(), rejection::kOverBudget);
    EXPECT_TRUE(frame->rejection().retryable());
    EXPECT_GT(frame->rejection().retry_after_ms(), 0U);
  }
  EXPECT_TRUE(refused);
}

TEST_F(IntakeTest, MemoryBudgetRefusesRetryably) {
  Limits limits;
  limits.memory_bytes_max = 1000;
  StartIntake(limits);
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  const v1::Submission mail = SampleMail(1500);
  ASSERT_TRUE(client.Send(SubmitFrame(mail)).ok());
  const auto refused = client.Receive()->rejection();
  EXPECT_EQ(refused.code(), rejection::kOverloaded);
  EXPECT_EQ(refused.submission_id(), mail.id());
  EXPECT_TRUE(refused.retryable());
}

TEST_F(IntakeTest, MalformedFramesAreNamedAndCounted) {
  StartIntake();
  const auto context = AgentContext();
  const std::string too_long("\x00\x04\x00\x01", 4);  // One more than the maximum.
  const std::string empty("\x00\x00\x00\x00", 4);
  const std::string garbage("\x00\x00\x00\x03\xff\xff\xff", 7);
  const std::string no_kind("\x00\x00\x00\x03\xa2\x06\x00", 7);  // A kind of the future.
  for (const std::string& bytes : {too_long, empty, garbage, no_kind}) {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.Greet().ok());
    ASSERT_TRUE(client.SendBytes(bytes).ok());
    EXPECT_EQ(client.GoodbyeCode(), goodbye::kBadFrame);
  }
  EXPECT_EQ(intake_->stats().goodbyes.at(goodbye::kBadFrame), 4U);
}

TEST_F(IntakeTest, LargestFrameIsTaken) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  v1::Submission mail = SampleMail(wire::kFrameBytesMax - 64);
  while (SubmitFrame(mail).ByteSizeLong() < wire::kFrameBytesMax) {
    mail.mutable_mail()->mutable_raw()->push_back('m');
  }
  ASSERT_EQ(SubmitFrame(mail).ByteSizeLong(), wire::kFrameBytesMax);
  ASSERT_TRUE(client.Send(SubmitFrame(mail)).ok());
  EXPECT_TRUE(client.Receive()->has_receipts());
}

TEST_F(IntakeTest, OrderOfFramesIsChecked) {
  StartIntake();
  const auto context = AgentContext();
  v1::AgentFrame enroll;
  enroll.mutable_enroll()->set_token_secret(FakeRegistrar::kSecret);
  for (const auto& frames : {std::vector<v1::AgentFrame>{Ping(1)},
                             {HelloFrame(), HelloFrame()},
                             {HelloFrame(), enroll}}) {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.SendBytes(FrameBytes(frames)).ok());
    EXPECT_EQ(client.GoodbyeCode(), goodbye::kUnexpectedFrame);
  }
  Client client(intake_->address(), *context);
  v1::Hello hello;
  hello.set_software(std::string(65, 'x'));
  EXPECT_THAT(client.Greet(hello).error().message, HasSubstr(goodbye::kBadHello));
}

TEST_F(IntakeTest, SilenceEndsASession) {
  Limits limits;
  limits.hello_timeout = milliseconds(30);
  limits.idle_timeout = milliseconds(30);
  limits.frame_timeout = milliseconds(30);
  StartIntake(limits);
  const auto context = AgentContext();
  Client mute(intake_->address(), *context);
  EXPECT_EQ(mute.GoodbyeCode(), goodbye::kHelloTimeout);
  Client idle(intake_->address(), *context);
  ASSERT_TRUE(idle.Greet().ok());
  EXPECT_EQ(idle.GoodbyeCode(), goodbye::kIdle);
  Client dribbling(intake_->address(), *context);
  ASSERT_TRUE(dribbling.Greet().ok());
  ASSERT_TRUE(dribbling.SendBytes(std::string("\x00\x00\x00\x09x", 5)).ok());
  EXPECT_EQ(dribbling.GoodbyeCode(), goodbye::kFrameTimeout);
}

TEST_F(IntakeTest, RefusedCertificatesAreCountedByReason) {
  StartIntake();
  const testing_support::TestPki other(kNowMs);
  const auto stranger = AgentContext(other.Agent(agent_));
  EXPECT_FALSE(Client(intake_->address(), *stranger).Greet().ok());
  const auto nobody = AgentContext(testing_support::Credentials{});
  EXPECT_FALSE(Client(intake_->address(), *nobody).Greet().ok());
  EXPECT_TRUE(Eventually([](const Stats& stats) {
    return stats.handshakes_refused.contains("certificate_unknown_issuer") &&
           stats.handshakes_refused.contains("certificate_missing");
  }));
  EXPECT_EQ(intake_->stats().sessions_total, 0U);
}

TEST_F(IntakeTest, DirectoryIsAskedAtEveryHandshakeResumedOnesToo) {
  StartIntake();
  const auto credentials = pki_.Agent(agent_);
  const auto context = AgentContext(credentials);
  {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.Greet().ok());
  }
  EXPECT_EQ(directory_.last_serial(), tls::ReadCertificate(credentials.der)->serial);
  {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.Greet().ok());
    EXPECT_TRUE(client.resumed());
  }
  directory_.Deny(agent_, "revoked: lost laptop");
  Client client(intake_->address(), *context);
  EXPECT_TRUE(client.resumed());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kRevoked);
  EXPECT_TRUE(EventuallyRefused("revoked"));
}

TEST_F(IntakeTest, RevocationStopsTheNextBatchAndCutsTheLiveSession) {
  StartIntake();
  const auto context = AgentContext();
  const auto other_context = AgentContext(pki_.Agent({"meti", "agent-1"}));
  Client client(intake_->address(), *context);
  Client idle(intake_->address(), *context);
  Client other(intake_->address(), *other_context);
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(idle.Greet().ok());
  ASSERT_TRUE(other.Greet().ok());
  const uint64_t before = journal_->size();
  directory_.Deny(agent_, "revoked: lost laptop");
  ASSERT_TRUE(client.Send(SubmitFrame(SampleMail())).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kRevoked);
  EXPECT_EQ(journal_->size(), before);
  intake_->CutSessions([&](const tls::Identity& identity) -> Result<void> {
    if (identity != agent_) return {};
    return Error{ErrorCode::kDenied, "revoked: as the test wants"};
  });
  EXPECT_EQ(idle.GoodbyeCode(), goodbye::kRevoked);
  ASSERT_TRUE(other.Send(Ping(1)).ok());
  EXPECT_TRUE(other.Receive()->has_pong());
}

TEST_F(IntakeTest, ExpiredAgentMayOnlyRenew) {
  StartIntake();
  const auto context = AgentContext(pki_.Agent(agent_, kNowMs - 31 * kDayMs, kNowMs - kDayMs));
  {
    Client client(intake_->address(), *context);
    EXPECT_TRUE(client.Greet()->renew_only());
    v1::AgentFrame renew;
    renew.mutable_renew()->set_csr_der(
        tls::MakeCsr(tls::GeneratePrivateKeyPem().value(), "x").value());
    ASSERT_TRUE(client.SendBytes(FrameBytes({Ping(1), renew})).ok());
    EXPECT_TRUE(client.Receive()->has_pong());
    const auto certificate = client.Receive()->certificate();
    ASSERT_EQ(certificate.chain_der_size(), 2);
    EXPECT_EQ(tls::AgentIdentity(tls::ReadCertificate(certificate.chain_der(0)).value()).value(),
              agent_);
  }
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(client.Send(SubmitFrame(SampleMail())).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kRenewOnly);
}

TEST_F(IntakeTest, CertificateThatExpiresDuringTheSessionStopsSubmissions) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  clock_.Advance(31 * kDayMs);
  v1::Submission mail = SampleMail();
  ASSERT_TRUE(client.Send(SubmitFrame(mail)).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kCertificateExpired);
}

TEST_F(IntakeTest, EnrollingIsOneRequestAndItsAnswer) {
  StartIntake();
  const auto context = AgentContext(testing_support::Credentials{}, tls::kAlpnEnroll);
  v1::AgentFrame enroll;
  enroll.mutable_enroll()->set_csr_der(
      tls::MakeCsr(tls::GeneratePrivateKeyPem().value(), "x").value());
  enroll.mutable_enroll()->set_token_secret(FakeRegistrar::kSecret);
  {
    Client client(intake_->address(), *context);
    ASSERT_TRUE(client.Send(enroll).ok());
    EXPECT_EQ(client.Receive()->certificate().agent(), "agent-9");
    EXPECT_EQ(client.Receive().error().code, ErrorCode::kClosed);
  }
  for (const std::string& secret : {std::string(32, 'x'), std::string(31, 's')}) {
    Client client(intake_->address(), *context);
    enroll.mutable_enroll()->set_token_secret(secret);
    ASSERT_TRUE(client.Send(enroll).ok());
    EXPECT_THAT(client.Receive()->certificate().error(), StartsWith("bad_token"));
  }
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Send(HelloFrame()).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kUnexpectedFrame);
}

TEST_F(IntakeTest, SessionsOfOneOrganisationAreCapped) {
  Limits limits;
  limits.sessions_per_organization_max = 1;
  StartIntake(limits);
  const auto context = AgentContext();
  auto first = std::make_unique<Client>(intake_->address(), *context);
  ASSERT_TRUE(first->Greet().ok());
  Client second(intake_->address(), *context);
  EXPECT_EQ(second.GoodbyeCode(), goodbye::kTooManySessions);
  first.reset();
  ASSERT_TRUE(Eventually([](const Stats& stats) { return stats.sessions_open <= 1; }));
  Client third(intake_->address(), *context);
  EXPECT_TRUE(third.Greet().ok());
}

TEST_F(IntakeTest, ConnectionsAreCappedInTotal) {
  Limits limits;
  limits.connections_max = 1;
  StartIntake(limits);
  const auto context = AgentContext();
  Client first(intake_->address(), *context);
  ASSERT_TRUE(first.Greet().ok());
  Client second(intake_->address(), *context);
  EXPECT_FALSE(second.Greet().ok());
  EXPECT_EQ(intake_->stats().connections_refused, 1U);
}

TEST_F(IntakeTest, StrangersAreCappedAndTheOldestGivesWay) {
  Limits limits;
  limits.strangers_max = 1;
  StartIntake(limits);
  const auto at = tls::ParseHostPort(intake_->address()).value();
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket silent(io);
  silent.connect({boost::asio::ip::make_address(at.host), at.port});
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  EXPECT_TRUE(client.Greet().ok());
  EXPECT_TRUE(EventuallyRefused("crowded"));
  Client next(intake_->address(), *context);  // Whoever is known needs no place.
  EXPECT_TRUE(next.Greet().ok());
  EXPECT_EQ(intake_->stats().sessions_open, 2U);
}

TEST_F(IntakeTest, DeliveriesComeInOrderAndAreAcknowledged) {
  StartIntake();
  feed_.Add(100, 5000);
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  v1::Hello hello;
  hello.set_wants_deliveries(true);
  hello.set_delivery_position(3);
  ASSERT_TRUE(client.Greet(hello).ok());
  uint64_t position = 3;
  const auto receive_until = [&](uint64_t last) {
    while (position < last) {
      const auto frame = client.Receive();
      ASSERT_TRUE(frame.ok());
      ASSERT_TRUE(frame->has_deliveries()) << frame->ShortDebugString();
      EXPECT_EQ(frame->deliveries().log_id(), journal_->log_id());
      for (const auto& delivery : frame->deliveries().deliveries()) {
        ASSERT_EQ(delivery.position(), ++position);
      }
    }
  };
  receive_until(100);
  feed_.Add(1, 10);  // A live one.
  receive_until(101);
  v1::AgentFrame ack;
  ack.mutable_delivery_ack()->set_position(101);
  ASSERT_TRUE(client.Send(ack).ok());
  feed_.WaitAcknowledged(101);
  EXPECT_EQ(intake_->stats().deliveries_sent, 98U);
  ack.mutable_delivery_ack()->set_position(102);
  ASSERT_TRUE(client.Send(ack).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kBadAck);
  EXPECT_TRUE(Eventually([&](const Stats&) { return feed_.subscribers() == 0; }));
}

TEST_F(IntakeTest, UnacknowledgedDeliveriesAreBounded) {
  Limits limits;
  limits.delivery_window = 5;
  StartIntake(limits);
  feed_.Add(12, 10);
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  v1::Hello hello;
  hello.set_wants_deliveries(true);
  ASSERT_TRUE(client.Greet(hello).ok());
  uint64_t received = 0;
  const auto receive = [&] {
    const auto frame = client.Receive();
    ASSERT_TRUE(frame.ok());
    received += static_cast<uint64_t>(frame->deliveries().deliveries_size());
  };
  receive();
  EXPECT_EQ(received, 5U);
  ASSERT_TRUE(client.Send(Ping(9)).ok());
  EXPECT_TRUE(client.Receive()->has_pong());  // Nothing more came in between.
  v1::AgentFrame ack;
  ack.mutable_delivery_ack()->set_position(5);
  ASSERT_TRUE(client.Send(ack).ok());
  receive();
  EXPECT_EQ(received, 10U);
}

TEST_F(IntakeTest, SlowReadersDeliveriesWaitWithoutHarm) {
  StartIntake();
  feed_.Add(250, 100'000);  // 25 MB: more than the sockets take.
  const auto context = AgentContext();
  Client slow(intake_->address(), *context);
  ASSERT_TRUE(slow.Send(HelloFrame(/*wants_deliveries=*/true)).ok());
  Client quick(intake_->address(), *context);
  ASSERT_TRUE(quick.Greet().ok());
  ASSERT_TRUE(quick.Send(SubmitFrame(SampleMail())).ok());
  EXPECT_TRUE(quick.Receive()->has_receipts());
  EXPECT_LT(intake_->stats().deliveries_sent, 250U);  // The rest was never fetched.
  ASSERT_TRUE(slow.Receive()->has_welcome());
  int deliveries = 0;
  while (deliveries < 250) deliveries += slow.Receive()->deliveries().deliveries_size();
  EXPECT_EQ(deliveries, 250);
}

TEST_F(IntakeTest, ReaderThatNeverReadsIsEnded) {
  Limits limits;
  limits.write_timeout = milliseconds(100);
  StartIntake(limits);
  feed_.Add(250, 100'000);
  const auto context = AgentContext();
  Client slow(intake_->address(), *context);
  ASSERT_TRUE(slow.Send(HelloFrame(/*wants_deliveries=*/true)).ok());
  EXPECT_TRUE(Eventually([](const Stats& stats) {
    return stats.goodbyes.contains(goodbye::kSlowReader) && stats.sessions_open == 0;
  }));
}

TEST_F(IntakeTest, MarksAreAnswered) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  v1::AgentFrame frame;
  v1::MarkAlert& mark = *frame.mutable_mark();
  mark.set_alert_id(std::string(16, 'a'));
  mark.set_mark(v1::DELIVERY_MARK_READ);
  mark.set_person(std::string(128, 'p'));
  mark.set_note(std::string(1024, 'n'));
  ASSERT_TRUE(client.Send(frame).ok());
  EXPECT_TRUE(client.Receive()->marked().accepted());
  mark.set_alert_id(std::string(16, 'b'));
  ASSERT_TRUE(client.Send(frame).ok());
  const auto refused = client.Receive()->marked();
  EXPECT_FALSE(refused.accepted());
  EXPECT_FALSE(refused.retryable());
  EXPECT_THAT(refused.reason(), HasSubstr("never got"));
  mark.set_person(std::string(129, 'p'));
  ASSERT_TRUE(client.Send(frame).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kBadMark);
}

TEST_F(IntakeTest, AnswersToQuestionsAreAnswered) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  const auto welcome = client.Greet();
  ASSERT_TRUE(welcome.ok());
  EXPECT_GE(welcome->minor(), wire::kMinorWithAnswers);
  v1::AgentFrame frame;
  v1::AnswerQuestion& answer = *frame.mutable_answer();
  answer.set_question_id(std::string(16, 'q'));
  answer.set_text(std::string(16 * 1024, 't'));
  answer.set_person(std::string(128, 'p'));
  ASSERT_TRUE(client.Send(frame).ok());
  const auto accepted = client.Receive()->answered();
  EXPECT_TRUE(accepted.accepted());
  EXPECT_EQ(accepted.question_id(), answer.question_id());
  answer.set_question_id(std::string(16, 'x'));
  ASSERT_TRUE(client.Send(frame).ok());
  const auto refused = client.Receive()->answered();
  EXPECT_FALSE(refused.accepted());
  EXPECT_FALSE(refused.retryable());
  EXPECT_THAT(refused.reason(), HasSubstr("not_asked"));
  answer.set_text(std::string(16 * 1024 + 1, 't'));
  ASSERT_TRUE(client.Send(frame).ok());
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kBadAnswer);
}

TEST_F(IntakeTest, StopSaysGoodbye) {
  StartIntake();
  const auto context = AgentContext();
  Client client(intake_->address(), *context);
  ASSERT_TRUE(client.Greet().ok());
  std::thread stopper([&] { intake_->Stop(); });
  EXPECT_EQ(client.GoodbyeCode(), goodbye::kShuttingDown);
  EXPECT_EQ(client.Receive().error().code, ErrorCode::kClosed);
  stopper.join();
  EXPECT_EQ(intake_->stats().sessions_open, 0U);
}

TEST_F(IntakeTest, AddressInUseIsSaid) {
  StartIntake();
  IntakeOptions options;
  options.context = server_context_.get();
  options.listen_address = intake_->address();
  EXPECT_EQ(Intake::Make(options, *journal_, directory_, registrar_, feed_, clock_).error().code,
            ErrorCode::kConflict);
  options.listen_address = "localhost:0";
  EXPECT_EQ(Intake::Make(options, *journal_, directory_, registrar_, feed_, clock_).error().code,
            ErrorCode::kInvalid);
}

}  // namespace
}  // namespace noroshi::intake
