// TLS as scanners see it: sslscan and testssl.sh against both doors of a running hub.
// At the agents' door they get no further than a stranger does: they see versions,
// ciphers, groups and the hub's certificate, and that one of theirs is asked for. Not
// asked is whether the hub's certificate is of a public CA (it is of the hub's own).
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>
#include <string>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

constexpr Milliseconds kScan{170'000};

enum class Door { kAgents, kWeb };

std::string NameOf(Door door) { return door == Door::kAgents ? "Agents" : "Web"; }
void PrintTo(Door door, std::ostream* out) { *out << NameOf(door); }

class ScannerTest : public testing::TestWithParam<Door> {
 protected:
  ScannerTest() : hub_(folder_.path()) {}
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
  }
  std::string Address() const {
    if (GetParam() == Door::kAgents) return hub_.address();
    const std::string file = ReadFile(hub_.data() + "/run/web_address");
    return file.substr(0, file.find('\n'));
  }
  TempDir folder_;
  HubUnderTest hub_;
};

INSTANTIATE_TEST_SUITE_P(Doors, ScannerTest, testing::Values(Door::kAgents, Door::kWeb),
                         [](const auto& door) { return NameOf(door.param); });

TEST_P(ScannerTest, SslscanFindsTls13Only) {
  const std::string sslscan = "/usr/bin/sslscan";
  if (::access(sslscan.c_str(), X_OK) != 0) GTEST_SKIP() << "sslscan is not installed";
  const std::string report = folder_ / "sslscan.xml";
  ASSERT_OK(RunCommand({sslscan, "--xml=" + report, Address()}, "", kScan));
  const std::string xml = ReadFile(report);
  for (const char* old :
       {R"(type="ssl" version="2")", R"(type="ssl" version="3")", R"(type="tls" version="1.0")",
        R"(type="tls" version="1.1")", R"(type="tls" version="1.2")"}) {
    EXPECT_NE(xml.find(fmt::format(R"(<protocol {} enabled="0")", old)), std::string::npos)
        << old << "\n"
        << xml;
  }
  EXPECT_NE(xml.find(R"(type="tls" version="1.3" enabled="1")"), std::string::npos) << xml;
  EXPECT_NE(xml.find(R"(cipher="TLS_AES_128_GCM_SHA256")"), std::string::npos) << xml;
  EXPECT_EQ(xml.find("vulnerable=\"1\""), std::string::npos) << xml;
  EXPECT_EQ(xml.find("sslversion=\"TLSv1.2\""), std::string::npos) << xml;
  ASSERT_OK(hub_.Stop());
}

// One finding of testssl.sh, as its JSON writes it.
struct Finding {
  std::string id;
  std::string severity;
  std::string text;
};

bool IsMoreThanInformation(const Finding& finding) {
  // Its own OpenSSL cannot speak GOST: says nothing of ours.
  if (finding.id == "engine_problem") return false;
  return finding.severity != "OK" && finding.severity != "INFO" && finding.severity != "DEBUG";
}

TEST_P(ScannerTest, TestsslFindsNothingAboveInformation) {
  const std::string testssl = "/usr/bin/testssl";
  if (::access(testssl.c_str(), X_OK) != 0) GTEST_SKIP() << "testssl.sh is not installed";
  const std::string report = folder_ / "testssl.json";
  const auto run =
      RunCommand({testssl, "--quiet", "--color", "0", "--warnings", "batch", "--connect-timeout",
                  "5", "--openssl-timeout", "5", "--protocols", "--std", "--pfs", "--headers",
                  "--vulnerable", "--jsonfile", report, Address()},
                 "", kScan);
  ASSERT_OK(run);
  const auto parsed = ParseJson(ReadFile(report));
  ASSERT_OK(parsed);
  size_t findings = 0;
  bool offers_tls13 = false;
  for (const json::value& value : parsed->as_array()) {
    const Finding finding{TextAt(value, "/id"), TextAt(value, "/severity"),
                          TextAt(value, "/finding")};
    ++findings;
    if (finding.id == "TLS1_3") offers_tls13 = finding.text.starts_with("offered");
    EXPECT_FALSE(IsMoreThanInformation(finding))
        << finding.id << ": " << finding.severity << ": " << finding.text;
  }
  EXPECT_GT(findings, 10U) << run->out;
  EXPECT_TRUE(offers_tls13) << run->out;
}

}  // namespace
}  // namespace noroshi::support
