#include "hub/identity/authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/crypto/crypto.h"
#include "common/tls/token.h"
#include "tests/unit/common/tls_pki.h"

namespace noroshi::identity {
namespace {

using testing_support::TestClock;

constexpr int64_t kNowMs = 1'795'000'000'000;

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "authorityXXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    options_ = {root_ + "/ca", &SystemFileSystem(), &clock_, &SystemRandom()};
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<CertificateAuthority> Create() {
    auto authority = CertificateAuthority::Create(options_, "Test hub");
    EXPECT_TRUE(authority.ok());
    return std::move(*authority);
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  static std::string Csr() {
    return tls::MakeCsr(tls::GeneratePrivateKeyPem().value(), "x").value();
  }

  std::string root_;
  TestClock clock_{kNowMs};
  AuthorityOptions options_;
};

TEST_F(AuthorityTest, CreatesOnceAndOpensAgain) {
  const auto created = Create();
  EXPECT_EQ(CertificateAuthority::Create(options_, "Again").error().code, ErrorCode::kConflict);
  const auto opened = CertificateAuthority::Open(options_).value();
  EXPECT_EQ(opened->ca_der(), created->ca_der());
  const auto info = tls::ReadCertificate(created->ca_der()).value();
  EXPECT_TRUE(info.is_ca);
  EXPECT_EQ(info.not_after_ms, kNowMs + kCaLifeMs);
  EXPECT_EQ(info.not_before_ms, kNowMs - kBackdateMs);
}

TEST_F(AuthorityTest, FilesAreForTheOwnerOnly) {
  ASSERT_TRUE(Create()->Server({"localhost"}).ok());
  EXPECT_EQ(ModeOf(options_.folder), 0700U);
  for (const char* name : {"/ca.key.pem", "/ca.pem", "/server.pem"}) {
    EXPECT_EQ(ModeOf(options_.folder + name), 0600U) << name;
  }
}

TEST_F(AuthorityTest, OpenSaysWhatIsMissingOrWrong) {
  EXPECT_EQ(CertificateAuthority::Open(options_).error().code, ErrorCode::kNotFound);
  Create();
  const std::string other = tls::GeneratePrivateKeyPem().value();
  ASSERT_TRUE(SystemFileSystem().WriteDurably(options_.folder + "/ca.key.pem", other, 0600).ok());
  EXPECT_EQ(CertificateAuthority::Open(options_).error().code, ErrorCode::kCorruption);
}

TEST_F(AuthorityTest, HalfMadeCaIsMadeAgain) {
  ASSERT_TRUE(SystemFileSystem().MakeFolder(options_.folder, 0700).ok());
  ASSERT_TRUE(SystemFileSystem().WriteDurably(options_.folder + "/ca.key.pem", "cut", 0600).ok());
  EXPECT_TRUE(CertificateAuthority::Create(options_, "Test hub").ok());
}

TEST_F(AuthorityTest, AgentsLiveThirtyDays) {
  const auto authority = Create();
  const auto issued = authority->IssueAgent({"mof", "agent-1"}, Csr()).value();
  const auto info = tls::ReadCertificate(issued.der).value();
  EXPECT_EQ(tls::AgentIdentity(info).value().ToUri(), "noroshi://mof/agent-1");
  EXPECT_EQ(info.not_after_ms, kNowMs + kAgentLifeMs);
  EXPECT_EQ(issued.not_after_ms, info.not_after_ms);
  EXPECT_EQ(issued.serial, info.serial);
  EXPECT_EQ(issued.sha256, Sha256Of(issued.der));
  EXPECT_NE(authority->IssueAgent({"mof", "agent-1"}, Csr())->serial, issued.serial);
}

TEST_F(AuthorityTest, BadRequestsAreRefused) {
  const auto authority = Create();
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, "garbage").error().code, ErrorCode::kInvalid);
  std::string forged = Csr();
  forged.back() ^= 1;  // The last byte belongs to the signature.
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, forged).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, Csr() + "x").error().code, ErrorCode::kInvalid);
  const std::string large(tls::kCsrBytesMax + 1, '0');
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, large).error().code, ErrorCode::kInvalid);
}

TEST_F(AuthorityTest, NothingOutlivesTheCa) {
  const auto authority = Create();
  clock_.Advance(kCaLifeMs - kDayMs);
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, Csr())->not_after_ms, kNowMs + kCaLifeMs);
  clock_.Advance(kDayMs);
  EXPECT_EQ(authority->IssueAgent({"mof", "a"}, Csr()).error().code, ErrorCode::kUnavailable);
}

TEST_F(AuthorityTest, ServerCertificateIsKeptThenRenewed) {
  const auto authority = Create();
  const auto first = authority->Server({"localhost", "127.0.0.1"}).value();
  EXPECT_TRUE(first.renewed);
  EXPECT_EQ(first.not_after_ms, kNowMs + kServerLifeMs);
  const auto again = authority->Server({"localhost", "127.0.0.1"}).value();
  EXPECT_FALSE(again.renewed);
  EXPECT_EQ(again.chain_pem, first.chain_pem);
  const auto leaf = tls::CertificatesFromPem(again.chain_pem)->front();
  EXPECT_TRUE(tls::PrivateKeyFits(again.key_pem, leaf).ok());

  clock_.Advance(kServerLifeMs / 3 * 2 - kDayMs);
  EXPECT_FALSE(authority->Server({"localhost", "127.0.0.1"})->renewed);
  clock_.Advance(kDayMs);
  EXPECT_TRUE(authority->Server({"localhost", "127.0.0.1"})->renewed);
}

TEST_F(AuthorityTest, ServerCertificateFollowsItsNames) {
  const auto authority = Create();
  ASSERT_TRUE(authority->Server({"localhost"})->renewed);
  EXPECT_TRUE(authority->Server({"localhost", "hub.example"})->renewed);
  EXPECT_FALSE(authority->Server({"localhost", "hub.example"})->renewed);
  EXPECT_EQ(authority->Server({"bad name"}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(authority->Server({}).error().code, ErrorCode::kInvalid);
  // A damaged file is replaced.
  ASSERT_TRUE(
      SystemFileSystem().WriteDurably(options_.folder + "/server.pem", "damaged", 0600).ok());
  EXPECT_TRUE(authority->Server({"localhost", "hub.example"})->renewed);
}

TEST_F(AuthorityTest, TokensNameTheHubAndKeepTheirSecret) {
  const auto authority = Create();
  const auto made = authority->NewToken("hub.example:8443").value();
  const auto token = tls::ParseToken(made.text).value();
  EXPECT_EQ(token.hub_address, "hub.example:8443");
  EXPECT_EQ(token.ca_sha256, Sha256Of(authority->ca_der()));
  EXPECT_EQ(Sha256Of(token.secret), made.secret_sha256);
  EXPECT_NE(authority->NewToken("hub.example:8443")->text, made.text);
  EXPECT_EQ(authority->NewToken("no port").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace noroshi::identity
