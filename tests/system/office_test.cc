// Two persons send an alert, and a reporter is asked: over HTTPS, with a real hub. And the
// document that describes it all, read by a validator of others (from PyPI: installed once
// into the build folder; that test skips without network).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/payloads.h"
#include "tests/support/persons.h"
#include "tests/support/process.h"
#include "tests/support/python.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {
namespace {

using testing::HasSubstr;
using testing::Not;

class OfficeTest : public testing::Test {
 protected:
  OfficeTest() : hub_(folder_.path()) {}

  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
  }

  std::unique_ptr<ApiClient> Person(ApiClient& administrator, const std::string& id,
                                    const std::string& organization,
                                    const std::vector<std::string>& roles) {
    auto client = SignInPerson(hub_, administrator, id, organization, roles);
    EXPECT_OK(client);
    return client.ok() ? std::move(*client) : std::make_unique<ApiClient>(hub_.data());
  }

  // The answer's body, which has this status.
  json::value Ask(ApiClient& client, const std::string& method, const std::string& path, int status,
                  const json::value& body = nullptr) {
    const auto answer = client.Call(method, path, body);
    EXPECT_OK(answer);
    if (!answer.ok()) return nullptr;
    EXPECT_EQ(answer->status, status) << method << " " << path << ": " << answer->body;
    return answer->value;
  }

  // Files a report as an agent of the ministry; its case.
  std::string FileReport() {
    const auto credentials = hub_.Certify("moj/agent");
    EXPECT_OK(credentials);
    WireOptions options;
    options.address = hub_.address();
    options.credentials = *credentials;
    auto client = Greet(options);
    EXPECT_OK(client);
    EXPECT_OK((*client)->SendBytes(SubmitFrame(MakeReport("defaced").SerializeAsString())));
    EXPECT_OK((*client)->Receive());
    EXPECT_OK(hub_.Settle());
    const auto cases = hub_.Ask({"case", "list"});
    EXPECT_OK(cases);
    return std::to_string(NumberAt(*cases, "/cases/0/case_id"));
  }

  TempDir folder_;
  HubUnderTest hub_;
};

TEST_F(OfficeTest, TwoPersonsSendAnAlertAndTheReporterIsAsked) {
  ASSERT_OK_AND_ASSIGN(const auto administrator, SignInAdministrator(hub_));
  const json::object record{{"name_ja", "法務省"}, {"name_en", "MOJ"}, {"kind", "ministry"}};
  Ask(*administrator, "PUT", "/organizations/moj", 201, record);
  const auto analyst = Person(*administrator, "tanaka", "centre", {"analyst"});
  const auto approver = Person(*administrator, "suzuki", "centre", {"approver"});
  const auto liaison = Person(*administrator, "sato", "moj", {"liaison"});

  const json::object draft{{"kind", "warning"},
                           {"tlp", "RED"},
                           {"to", json::array{"org:moj"}},
                           {"title_ja", "注意"},
                           {"title_en", "Beware"},
                           {"text_ja", "詳細"},
                           {"text_en", "Details"},
                           {"acknowledge_within", "4h"}};
  const json::value proposal = Ask(*analyst, "POST", "/alerts/proposals", 201, draft);
  const std::string decision = "/proposals/" + TextAt(proposal, "/proposal_id") + "/decision";
  Ask(*analyst, "POST", decision, 403, json::object{{"approved", true}});
  Ask(*approver, "POST", decision, 200, json::object{{"approved", true}});
  const std::string alert = "/alerts/" + TextAt(proposal, "/alert_id");
  EXPECT_THAT(json::serialize(Ask(*liaison, "GET", "/alerts", 200)), Not(HasSubstr("Beware")));
  EXPECT_EQ(TextAt(Ask(*liaison, "GET", alert, 200), "/text_en"), "Details");
  Ask(*liaison, "POST", alert + "/marks", 200, json::object{{"mark", "acted"}});
  const json::value deliveries = Ask(*analyst, "GET", alert + "/deliveries", 200);
  EXPECT_EQ(TextAt(deliveries, "/deliveries/0/state"), "acted");
  EXPECT_EQ(TextAt(deliveries, "/deliveries/0/person"), "sato");

  const json::value question = Ask(*analyst, "POST", "/cases/" + FileReport() + "/questions", 201,
                                   json::object{{"organization", "moj"}, {"text", "since when?"}});
  const std::string path = "/questions/" + TextAt(question, "/question_id");
  Ask(*liaison, "POST", path + "/answer", 200, json::object{{"text", "yesterday"}});
  EXPECT_EQ(TextAt(Ask(*analyst, "GET", path, 200), "/answer"), "yesterday");
}

// At the machine: the same rules, through the admin socket.
TEST_F(OfficeTest, TheCommandLineFollowsTheSameRules) {
  ASSERT_OK(hub_.Command(
      {"org", "add", "moj", "--kind", "ministry", "--name-ja", "法務省", "--name-en", "MOJ"}));
  ASSERT_OK_AND_ASSIGN(const Output wrong,
                       hub_.Try({"org", "add", "x", "--kind", "operator", "--name-ja", "x",
                                 "--name-en", "x", "--sector", "moon"}));
  EXPECT_NE(wrong.status, 0);
  EXPECT_THAT(wrong.err, HasSubstr("sector"));
  ASSERT_OK(hub_.Command({"org", "disable", "moj"}));
  ASSERT_OK_AND_ASSIGN(const Output refused, hub_.Try({"agent", "token", "moj/agent"}));
  EXPECT_NE(refused.status, 0);
  // Replacing the record does not enable what is disabled.
  ASSERT_OK(hub_.Command(
      {"org", "add", "moj", "--kind", "ministry", "--name-ja", "法務省", "--name-en", "Justice"}));
  ASSERT_OK_AND_ASSIGN(const auto shown, hub_.Ask({"org", "show", "moj"}));
  EXPECT_TRUE(At(shown, "/disabled").as_bool());
  EXPECT_EQ(TextAt(shown, "/name_en"), "Justice");
  ASSERT_OK(hub_.Command({"org", "enable", "moj"}));
  EXPECT_OK(hub_.Command({"agent", "token", "moj/agent"}));
  ASSERT_OK_AND_ASSIGN(const auto audit, hub_.Ask({"audit"}));
  EXPECT_EQ(TextAt(audit, "/entries/0/what"), "agent_token_issued");
  EXPECT_THAT(TextAt(audit, "/entries/0/actor"), HasSubstr("admin:"));
}

// ---- the document ----

TEST_F(OfficeTest, AValidatorOfOthersAcceptsTheDocument) {
  const auto programs =
      PythonPrograms(NOROSHI_OPENAPI_SOURCE "/requirements.txt", NOROSHI_OPENAPI_FOLDER);
  if (!programs.ok()) GTEST_SKIP() << "no validator: " << programs.error().message;
  const std::string python = *programs + "/python";
  ApiClient nobody(hub_.data());
  ASSERT_OK_AND_ASSIGN(const ApiAnswer document, nobody.Get("/openapi.json"));
  ASSERT_EQ(document.status, 200);
  EXPECT_EQ(document.headers.at("content-type"), "application/json");
  const std::string file = folder_ / "openapi.json";
  std::ofstream(file) << document.body;
  ASSERT_OK_AND_ASSIGN(const Output good,
                       RunCommand({python, "-m", "openapi_spec_validator", file}));
  EXPECT_EQ(good.status, 0) << good.out << good.err;

  // It would have seen a mistake.
  json::object broken = document.value.as_object();
  broken.erase("info");
  std::ofstream(file) << json::serialize(broken);
  ASSERT_OK_AND_ASSIGN(const Output bad,
                       RunCommand({python, "-m", "openapi_spec_validator", file}));
  EXPECT_NE(bad.status, 0);
}

}  // namespace
}  // namespace noroshi::support
