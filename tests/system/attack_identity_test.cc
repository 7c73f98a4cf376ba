// Who somebody is: two hundred bad certificates, tickets of the revoked, messages
// in another's name, and ids used again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "common/runtime/clock.h"
#include "tests/support/assertions.h"
#include "tests/support/attack_rig.h"
#include "tests/support/journal_inspector.h"
#include "tests/support/payloads.h"
#include "tests/support/persons.h"
#include "tests/unit/common/tls_pki.h"

namespace noroshi::support {
namespace {

using testing_support::kDayMs;
using testing_support::LeafSpec;
using testing_support::TestPki;

constexpr size_t kBadCertificates = 200;

Credentials Shown(const testing_support::Credentials& made) {
  Credentials credentials;
  credentials.certificate_pem = made.chain_pem;
  credentials.key_pem = made.key_pem;
  return credentials;
}

LeafSpec Spec(const std::function<void(LeafSpec*)>& spoil) {
  LeafSpec spec;
  spec.uris = {std::string("noroshi://") + kHostile + "/soc"};
  spoil(&spec);
  return spec;
}

struct Bad {
  const char* word;  // In the counters, under handshakes_refused.
  std::function<testing_support::Credentials()> make;
};

// Every one but the first three is signed by the hub's own CA: as if its key, too, were stolen.
std::vector<Bad> BadCertificates(const TestPki& pki, const TestPki& other, int64_t now_ms) {
  const tls::Identity identity{kHostile, "soc"};
  const auto odd = [&pki](const std::function<void(LeafSpec*)>& spoil) {
    return [&pki, spoil] { return pki.Odd(Spec(spoil)); };
  };
  return {
      {"certificate_unknown_issuer", [&other, identity] { return other.Agent(identity); }},
      {"certificate_unknown_issuer",  // Another CA's, with our CA beside it.
       [&pki, &other, identity] {
         auto made = other.Agent(identity);
         made.chain_pem = tls::CertificateDerToPem(made.der) + pki.ca_pem();
         return made;
       }},
      {"certificate_purpose",  // Self-signed: a CA of its own.
       [identity, now_ms] {
         testing_support::Credentials made;
         made.key_pem = tls::GeneratePrivateKeyPem().value();
         made.der = tls::MakeCaCertificate(made.key_pem, "self", std::string(16, '\x11'),
                                           now_ms - kDayMs, now_ms + kDayMs)
                        .value();
         made.chain_pem = tls::CertificateDerToPem(made.der);
         return made;
       }},
      {"certificate_expired",
       [&pki, identity, now_ms] {
         return pki.Agent(identity, now_ms - 400 * kDayMs, now_ms - 91 * kDayMs);
       }},
      {"certificate_not_yet_valid",
       [&pki, identity, now_ms] {
         return pki.Agent(identity, now_ms + kDayMs, now_ms + 2 * kDayMs);
       }},
      {"certificate_proof", [&pki, identity] { return pki.Stolen(identity); }},
      {"certificate_purpose", [&pki] { return pki.Server({"localhost"}); }},
      {"certificate_purpose", odd([](LeafSpec* s) { s->extended_key_usage.reset(); })},
      {"certificate_identity", odd([](LeafSpec* s) { s->uris = {"https://hub.example/"}; })},
      {"certificate_identity", odd([](LeafSpec* s) { s->uris.clear(); })},
      {"certificate_identity",
       odd([](LeafSpec* s) { s->uris.push_back("noroshi://agency-00/soc"); })},
      {"certificate_identity", odd([](LeafSpec* s) { s->dns_names = {"agency-00"}; })},
      {"certificate_weak_key", odd([](LeafSpec* s) { s->curve = "RSA"; })},
      {"certificate_weak_key", odd([](LeafSpec* s) { s->curve = "P-384"; })},
      {"certificate_chain", odd([](LeafSpec* s) { s->through_intermediate = true; })},
      {"superseded", [&pki, identity] { return pki.Agent(identity); }},
      {"unknown_agent",
       [&pki] {
         return pki.Agent({kHostile, "nobody"});
       }},
      {"revoked",
       [&pki] {
         return pki.Agent({kHostile, "lost"});
       }},
  };
}

class AttackIdentityTest : public testing::Test {
 protected:
  // Nothing but a Goodbye, or an alert.
  static Result<void> ExpectNotServed(const WireOptions& options) {
    const auto client = Greet(options);
    if (!client.ok()) return {};
    return Error{ErrorCode::kInternal, "a bad certificate was served"};
  }
};

TEST_F(AttackIdentityTest, TwoHundredBadCertificates) {
  AttackRig rig;
  ASSERT_OK(rig.Start());
  ASSERT_OK(rig.hub().Certify(std::string(kHostile) + "/lost"));
  ASSERT_OK(rig.hub().Command(
      {"agent", "revoke", std::string(kHostile) + "/lost", "--reason", "stolen"}));
  const int64_t now_ms = SystemClock().NowMs();
  const std::string ca = rig.hub().data() + "/ca/";
  const TestPki pki(now_ms, ReadFile(ca + "ca.key.pem"), ReadFile(ca + "ca.pem"));
  const TestPki other(now_ms);
  const auto bad = BadCertificates(pki, other, now_ms);
  std::map<std::string, int64_t> expected;
  EXPECT_TRUE(rig.StaysCalmDuring("bad certificates", [&](AttackControl& control) -> Result<void> {
    control.Stands();
    for (size_t i = 0; i < kBadCertificates; ++i) {
      const Bad& each = bad[i % bad.size()];
      ++expected[each.word];
      NOROSHI_RETURN_IF_ERROR(ExpectNotServed({rig.hub().address(), Shown(each.make())}));
    }
    control.done = fmt::format("{} certificates of {} kinds", kBadCertificates, bad.size());
    return {};
  }));
  for (const auto& [word, count] : expected) {
    EXPECT_EQ(rig.Counter("/handshakes_refused/" + word), count) << word;
    EXPECT_NE(rig.hub().log().find("\"reason\":\"" + word), std::string::npos) << word;
  }
}

class OneHubTest : public testing::Test {
 protected:
  OneHubTest() : hub_(folder_.path()) {}
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK(hub_.AddOrganization("shinko-agency", "incorporated_agency"));
    ASSERT_OK_AND_ASSIGN(ministry_, hub_.Certify("kasumi-ministry/test"));
    ASSERT_OK_AND_ASSIGN(agency_, hub_.Certify("shinko-agency/test"));
  }

  // The hub's answer to one submission on a connection of its own.
  Result<v1::HubFrame> Submit(const Credentials& credentials, const v1::Submission& submission) {
    NOROSHI_ASSIGN_OR_RETURN(auto client, Greet({hub_.address(), credentials}));
    NOROSHI_RETURN_IF_ERROR(client->SendBytes(SubmitFrame(submission.SerializeAsString())));
    return client->Receive();
  }

  TempDir folder_;
  HubUnderTest hub_;
  Credentials ministry_;
  Credentials agency_;
};

TEST_F(OneHubTest, ATicketOfARevokedAgentOpensNothing) {
  WireOptions options{hub_.address(), ministry_};
  ASSERT_OK_AND_ASSIGN(auto client, Greet(options));
  options.session = client->TakeSession();
  ASSERT_FALSE(options.session.empty());
  ASSERT_OK_AND_ASSIGN(auto resumed, Greet(options));
  ASSERT_TRUE(resumed->Resumed());  // It would open the door, …
  ASSERT_OK(hub_.Command({"agent", "revoke", "kasumi-ministry/test", "--reason", "lost"}));
  const auto after = Greet(options);  // … and does no more.
  ASSERT_FALSE(after.ok());
  EXPECT_NE(after.error().message.find("revoked"), std::string::npos) << after.error().message;
  ASSERT_OK_AND_ASSIGN(const json::value status, hub_.Ask({"status"}));
  EXPECT_EQ(NumberAt(status, "/handshakes_refused/revoked"), 1);
}

TEST_F(OneHubTest, AnAgentSpeaksForItsOwnOrganizationOnly) {
  // Whatever a message says of its sender, the entry names the certificate's.
  v1::Submission report = MakeReport("from somebody else");
  report.mutable_incident()->set_on_behalf_of("kasumi-ministry");
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, Submit(agency_, report));
  ASSERT_EQ(answer.receipts().receipts_size(), 1) << answer.ShortDebugString();
  // An id of the ministry's is the agency's own, in its own name: no conflict, no confusion.
  const v1::Submission first = MakeReport("the ministry's");
  ASSERT_OK(Submit(ministry_, first));
  v1::Submission same_id = MakeReport("the agency's");
  same_id.set_id(first.id());
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame other, Submit(agency_, same_id));
  EXPECT_EQ(other.receipts().receipts_size(), 1) << other.ShortDebugString();
  // Nor can it mark an alert that only the ministry got.
  ASSERT_OK_AND_ASSIGN(const json::value alert,
                       IssueAlert(hub_, {"--kind", "warning", "--tlp", "GREEN", "--title-ja",
                                         "注意", "--title-en", "Warning", "--text-ja", "本文",
                                         "--text-en", "Text", "--to", "kind:ministry"}));
  ASSERT_OK_AND_ASSIGN(auto client, Greet({hub_.address(), agency_}));
  v1::AgentFrame frame;
  ASSERT_OK_AND_ASSIGN(*frame.mutable_mark()->mutable_alert_id(),
                       FromHex(TextAt(alert, "/alert_id")));
  frame.mutable_mark()->set_mark(v1::DELIVERY_MARK_READ);
  ASSERT_OK(client->Send(frame));
  ASSERT_OK_AND_ASSIGN(const v1::HubFrame marked, client->Receive());
  EXPECT_TRUE(marked.has_marked() && !marked.marked().accepted()) << marked.ShortDebugString();
  ASSERT_OK(hub_.Stop());
  ASSERT_OK_AND_ASSIGN(const auto submissions, ReadSubmissions(hub_.data()));
  std::map<std::string, int> by_organization;
  for (const auto& submission : submissions) ++by_organization[submission.organization];
  EXPECT_EQ(by_organization,
            (std::map<std::string, int>{{"kasumi-ministry", 1}, {"shinko-agency", 2}}));
}

TEST_F(OneHubTest, AnIdKeepsItsContentAcrossRestartAndRestore) {
  const v1::Submission report = MakeReport("庁舎が停電した。");
  v1::Submission forged = report;
  forged.mutable_incident()->set_what_happened("庁舎は停電していない。");
  ASSERT_OK(Submit(ministry_, report));
  const std::string backup = folder_ / "backup";
  ASSERT_OK(hub_.Command({"backup", backup}));
  const auto expect_conflict = [&](int64_t times) {
    ASSERT_OK_AND_ASSIGN(const v1::HubFrame answer, Submit(ministry_, forged));
    EXPECT_EQ(answer.rejection().code(), "id_conflict") << answer.ShortDebugString();
    ASSERT_OK_AND_ASSIGN(const json::value status, hub_.Ask({"status"}));
    EXPECT_EQ(NumberAt(status, "/submissions_rejected/id_conflict"), times);
    EXPECT_EQ(NumberAt(status, "/submissions"), 1);
    ASSERT_OK_AND_ASSIGN(const v1::HubFrame again, Submit(ministry_, report));
    EXPECT_EQ(again.receipts().receipts_size(), 1) << again.ShortDebugString();
  };
  expect_conflict(1);
  hub_.Kill();
  ASSERT_OK(hub_.Serve());
  expect_conflict(1);
  hub_.Kill();
  std::filesystem::rename(hub_.data(), folder_ / "lost");
  ASSERT_OK(hub_.Command({"restore", backup, "--reason", "test"}));
  ASSERT_OK(hub_.Serve());
  expect_conflict(1);
  EXPECT_NE(hub_.log().find("id_conflict"), std::string::npos);
}

}  // namespace
}  // namespace noroshi::support
