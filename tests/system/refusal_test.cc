// Bad connections, certificates, frames and messages over real TLS: each is
// refused with a reason, in the hub's log and in its counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <functional>

#include "common/base/encoding.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "common/tls/certificate.h"
#include "common/tls/token.h"
#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr size_t kFrameBytesMax = 256 * 1024;

class RefusalTest : public testing::Test {
 protected:
  RefusalTest() : hub_(folder_.path()) {}

  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(good_, hub_.Certify("kasumi-ministry/test"));
  }

  // A counter of `status --json`.
  int64_t Counter(const std::string& group, const std::string& word) {
    const auto status = hub_.Ask({"status"});
    EXPECT_OK(status);
    return status.ok() ? NumberAt(*status, "/" + group + "/" + word) : -1;
  }

  // The log names the word, and the counter of the group counts it.
  void ExpectRefused(const std::string& group, const std::string& word) {
    EXPECT_OK(WaitUntil("\"" + word + "\" in the log", {.paths = {hub_.log_file()}},
                        [&] { return hub_.log().find(word) != std::string::npos; }));
    EXPECT_EQ(Counter(group, word), 1) << group << "/" << word;
  }

  // Says hello; the connection must end without a frame, or with Goodbye alone.
  void ExpectNotServed(const WireOptions& options) {
    auto client = WireClient::Connect(options);
    if (!client.ok()) return;
    v1::AgentFrame hello;
    hello.mutable_hello();
    (void)(*client)->Send(hello).ok();  // The refusal may come before it is sent.
    const auto answer = (*client)->Receive();
    EXPECT_TRUE(!answer.ok() || answer->has_goodbye());
  }

  void ExpectHandshakeRefused(const WireOptions& options, const std::string& word) {
    ExpectNotServed(options);
    ExpectRefused("handshakes_refused", word);
  }

  Result<std::unique_ptr<WireClient>> Greeted() {
    NOROSHI_ASSIGN_OR_RETURN(auto client, WireClient::Connect({hub_.address(), good_}));
    v1::AgentFrame frame;
    frame.mutable_hello()->set_software("noroshi-test/1");
    NOROSHI_RETURN_IF_ERROR(client->Send(frame));
    NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client->Receive());
    if (answer.has_welcome()) return client;
    return Error{ErrorCode::kDenied, answer.ShortDebugString()};
  }

  // The hub says goodbye with this code, and closes.
  void ExpectGoodbye(WireClient& client, const std::string& code) {
    ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client.Receive());
    EXPECT_EQ(answer.goodbye().code(), code) << answer.ShortDebugString();
    EXPECT_FALSE(answer.goodbye().reason().empty());
    EXPECT_FALSE(client.Receive().ok());
    ExpectRefused("goodbyes", code);
  }

  // A certificate as only the CA's own key could make it.
  Credentials Forged(const std::function<Result<std::string>(const tls::IssueRequest&,
                                                             const std::string& csr)>& issue) {
    Credentials credentials = good_;
    tls::IssueRequest request;
    request.ca_key_pem = ReadFile(hub_.data() + "/ca/ca.key.pem");
    const auto ca = tls::CertificatesFromPem(ReadFile(hub_.data() + "/ca/ca.pem"));
    EXPECT_OK(ca);
    request.ca_certificate_der = ca->front();
    request.serial = SystemRandom().Bytes(16);
    request.not_before_ms = SystemClock().NowMs() - kDayMs;
    request.not_after_ms = SystemClock().NowMs() + kDayMs;
    credentials.key_pem = tls::GeneratePrivateKeyPem().value();
    const auto made = issue(request, tls::MakeCsr(credentials.key_pem, "test").value());
    EXPECT_OK(made);
    credentials.certificate_pem = tls::CertificateDerToPem(*made);
    return credentials;
  }

  TempDir folder_;
  HubUnderTest hub_;
  Credentials good_;
};

// ---- connections and certificates ----

TEST_F(RefusalTest, WhatIsNotTls) {
  ASSERT_OK_AND_ASSIGN(auto client, WireClient::ConnectPlain(hub_.address()));
  ASSERT_OK(client->SendBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_FALSE(client->Receive().ok());
  ExpectRefused("handshakes_refused", "tls_error");
}

TEST_F(RefusalTest, OldTls) {
  WireOptions options{hub_.address(), good_};
  options.tls_version = TLS1_2_VERSION;
  ExpectHandshakeRefused(options, "tls_version");
}

TEST_F(RefusalTest, AnotherProtocol) {
  WireOptions options{hub_.address(), good_};
  options.alpn = "h2";
  ExpectHandshakeRefused(options, "alpn");
}

TEST_F(RefusalTest, NoProtocol) {
  WireOptions options{hub_.address(), good_};
  options.alpn = "";
  ExpectHandshakeRefused(options, "alpn");
}

TEST_F(RefusalTest, NoCertificate) {
  WireOptions options{hub_.address(), good_};
  options.credentials.certificate_pem.clear();
  ExpectHandshakeRefused(options, "certificate_missing");
}

TEST_F(RefusalTest, ACertificateOfAnotherAuthority) {
  const Credentials forged = Forged([](tls::IssueRequest request, const std::string& csr) {
    request.ca_key_pem = tls::GeneratePrivateKeyPem().value();
    request.ca_certificate_der =
        tls::MakeCaCertificate(request.ca_key_pem, "Another", SystemRandom().Bytes(16),
                               request.not_before_ms, request.not_after_ms)
            .value();
    return tls::IssueAgentCertificate(request, csr, {"kasumi-ministry", "test"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "certificate_unknown_issuer");
}

TEST_F(RefusalTest, ACertificateExpiredLongAgo) {
  const Credentials forged = Forged([](tls::IssueRequest request, const std::string& csr) {
    request.not_before_ms -= 400 * kDayMs;
    request.not_after_ms -= 100 * kDayMs;
    return tls::IssueAgentCertificate(request, csr, {"kasumi-ministry", "test"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "certificate_expired");
}

TEST_F(RefusalTest, ACertificateOfTheFuture) {
  const Credentials forged = Forged([](tls::IssueRequest request, const std::string& csr) {
    request.not_before_ms += 2 * kDayMs;
    request.not_after_ms += 2 * kDayMs;
    return tls::IssueAgentCertificate(request, csr, {"kasumi-ministry", "test"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "certificate_not_yet_valid");
}

TEST_F(RefusalTest, AServersCertificate) {
  const Credentials forged = Forged([](const tls::IssueRequest& request, const std::string& csr) {
    return tls::IssueServerCertificate(request, csr, {"localhost"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "certificate_purpose");
}

TEST_F(RefusalTest, ACertificateThatTheHubNeverIssued) {
  const Credentials forged = Forged([](const tls::IssueRequest& request, const std::string& csr) {
    return tls::IssueAgentCertificate(request, csr, {"kasumi-ministry", "nobody"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "unknown_agent");
}

TEST_F(RefusalTest, AnOlderCertificateOfTheSameAgent) {
  const Credentials forged = Forged([](const tls::IssueRequest& request, const std::string& csr) {
    return tls::IssueAgentCertificate(request, csr, {"kasumi-ministry", "test"});
  });
  ExpectHandshakeRefused({hub_.address(), forged}, "superseded");
}

TEST_F(RefusalTest, ARevokedAgentAndItsLiveSession) {
  ASSERT_OK_AND_ASSIGN(auto live, Greeted());
  ASSERT_OK(hub_.Command({"agent", "revoke", "kasumi-ministry/test", "--reason", "lost"}));
  ASSERT_NO_FATAL_FAILURE(ExpectGoodbye(*live, "revoked"));
  ExpectNotServed({hub_.address(), good_});
  EXPECT_GE(Counter("handshakes_refused", "revoked"), 1);
}

TEST_F(RefusalTest, AnAgentOfADisabledOrganization) {
  ASSERT_OK(hub_.Command({"org", "disable", "kasumi-ministry"}));
  ExpectHandshakeRefused({hub_.address(), good_}, "disabled");
  ASSERT_OK(hub_.Command({"org", "enable", "kasumi-ministry"}));
  EXPECT_OK(Greeted());
}

TEST_F(RefusalTest, ATokenUsedTwice) {
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       hub_.Command({"agent", "token", "kasumi-ministry/second"}));
  ASSERT_OK(Enroll(token, hub_.address()));
  const auto again = Enroll(token, hub_.address());
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, testing::HasSubstr("bad_token: "));
  ExpectRefused("certificates_refused", "bad_token");
  EXPECT_NE(hub_.log().find("\"enrolment_refused\""), std::string::npos);
}

// Every renewal makes the hub look at all sessions.
TEST_F(RefusalTest, ASecondRenewalWithinAMinute) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  v1::AgentFrame frame;
  const std::string key = tls::GeneratePrivateKeyPem().value();
  frame.mutable_renew()->set_csr_der(tls::MakeCsr(key, "test").value());
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
  EXPECT_THAT(answer.certificate().error(), testing::StartsWith("too_soon: "));
  ExpectRefused("certificates_refused", "too_soon");
  EXPECT_NE(hub_.log().find("\"renewal_refused\""), std::string::npos);
}

TEST_F(RefusalTest, AMarkOfAnAlertThatWasNeverDelivered) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  v1::AgentFrame frame;
  frame.mutable_mark()->set_alert_id(std::string(16, 'a'));
  frame.mutable_mark()->set_mark(v1::DELIVERY_MARK_READ);
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
  EXPECT_FALSE(answer.marked().accepted());
  EXPECT_FALSE(answer.marked().retryable());
  ExpectRefused("marks_refused", "not_delivered");
  EXPECT_NE(hub_.log().find("\"mark_refused\""), std::string::npos);
}

// A live session of an organisation that is disabled hears that, not of a broken disk.
TEST_F(RefusalTest, ALiveSubscriberWhoseOrganizationIsDisabled) {
  ASSERT_OK_AND_ASSIGN(auto client, WireClient::Connect({hub_.address(), good_}));
  v1::AgentFrame hello;
  hello.mutable_hello()->set_wants_deliveries(true);
  ASSERT_OK(client->Send(hello));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame welcome, client->Receive());
  ASSERT_TRUE(welcome.has_welcome());
  ASSERT_OK(hub_.Command({"org", "disable", "kasumi-ministry"}));
  ExpectGoodbye(*client, "disabled");
  EXPECT_EQ(hub_.log().find("deliveries_unreadable"), std::string::npos);
}

// ---- frames ----

TEST_F(RefusalTest, AFrameOfLengthZero) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  ASSERT_OK(client->SendBytes(std::string(4, '\0')));
  ExpectGoodbye(*client, "bad_frame");
}

TEST_F(RefusalTest, AFrameJustOverTheMaximum) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  std::string length;
  AppendBigEndian32(kFrameBytesMax + 1, &length);
  ASSERT_OK(client->SendBytes(length));
  ExpectGoodbye(*client, "bad_frame");
}

TEST_F(RefusalTest, AFrameThatIsNoMessage) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  std::string bytes;
  AppendBigEndian32(3, &bytes);
  ASSERT_OK(client->SendBytes(bytes + "\xff\xff\xff"));
  ExpectGoodbye(*client, "bad_frame");
}

TEST_F(RefusalTest, AnythingBeforeHello) {
  ASSERT_OK_AND_ASSIGN(auto client, WireClient::Connect({hub_.address(), good_}));
  v1::AgentFrame frame;
  frame.mutable_ping()->set_token(1);
  ASSERT_OK(client->Send(frame));
  ExpectGoodbye(*client, "unexpected_frame");
}

TEST_F(RefusalTest, HelloTwice) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  v1::AgentFrame frame;
  frame.mutable_hello()->set_software("noroshi-test/1");
  ASSERT_OK(client->Send(frame));
  ExpectGoodbye(*client, "unexpected_frame");
}

// ---- submissions ----

struct BadSubmission {
  const char* name;
  const char* code;
  const char* field;
  std::function<void(v1::Submission*)> spoil;
};

void PrintTo(const BadSubmission& bad, std::ostream* out) { *out << bad.field; }

class RefusedSubmissionTest : public RefusalTest,
                              public testing::WithParamInterface<BadSubmission> {};

TEST_P(RefusedSubmissionTest, NamesCodeFieldReasonAndRule) {
  v1::Submission submission;
  const int64_t now = SystemClock().NowMs();
  submission.set_id(SystemRandom().UuidV7(now).bytes());
  submission.set_created_at_ms(now);
  submission.mutable_handling()->set_tlp(v1::TLP_AMBER);
  submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
  submission.mutable_incident()->set_what_happened("停電");
  GetParam().spoil(&submission);

  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission(submission.SerializeAsString());
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
  ASSERT_TRUE(answer.has_rejection()) << answer.ShortDebugString();
  EXPECT_EQ(answer.rejection().code(), GetParam().code);
  EXPECT_EQ(answer.rejection().field(), GetParam().field);
  EXPECT_FALSE(answer.rejection().reason().empty());
  EXPECT_FALSE(answer.rejection().rule().empty());
  EXPECT_FALSE(answer.rejection().retryable());
  ExpectRefused("submissions_rejected", GetParam().code);
  // The session goes on.
  frame.mutable_ping()->set_token(7);
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame pong, client->Receive());
  EXPECT_EQ(pong.pong().token(), 7U);
}

INSTANTIATE_TEST_SUITE_P(
    RefusalTest, RefusedSubmissionTest,
    testing::Values(
        BadSubmission{"NoMarking", "missing_field", "handling.tlp",
                      [](v1::Submission* s) { s->mutable_handling()->clear_tlp(); }},
        BadSubmission{"NoContent", "missing_field", "content",
                      [](v1::Submission* s) { s->clear_incident(); }},
        BadSubmission{"NoStage", "missing_field", "incident.stage",
                      [](v1::Submission* s) { s->mutable_incident()->clear_stage(); }},
        BadSubmission{
            "TitleTooLong", "too_large", "incident.title",
            [](v1::Submission* s) { s->mutable_incident()->set_title(std::string(513, 'x')); }},
        BadSubmission{"TextTooLong", "too_large", "incident.what_happened",
                      [](v1::Submission* s) {
                        s->mutable_incident()->set_what_happened(std::string(64 * 1024 + 1, 'x'));
                      }},
        BadSubmission{"UnknownCause", "invalid_field", "incident.causes[0]",
                      [](v1::Submission* s) { s->mutable_incident()->add_causes("moon"); }},
        BadSubmission{"IdNotVersion7", "invalid_field", "id",
                      [](v1::Submission* s) { s->set_id(std::string(16, '\1')); }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(RefusalTest, BytesThatAreNoSubmission) {
  ASSERT_OK_AND_ASSIGN(auto client, Greeted());
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission("\xff\xff\xff");
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, client->Receive());
  EXPECT_EQ(answer.rejection().code(), "unreadable") << answer.ShortDebugString();
  ExpectRefused("submissions_rejected", "unreadable");
}

}  // namespace
}  // namespace noroshi::support
