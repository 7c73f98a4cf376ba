// Two persons send an alert, and a reporter is asked: over HTTPS, with a real hub. And the
// document that describes it all, read by a validator of others (from PyPI: installed once
// into the build folder; that test skips without network).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

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

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string FileText(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

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
  std::string FileReport(const std::string& text = "defaced") {
    const auto credentials = hub_.Certify("moj/agent");
    EXPECT_OK(credentials);
    WireOptions options;
    options.address = hub_.address();
    options.credentials = *credentials;
    auto client = Greet(options);
    EXPECT_OK(client);
    EXPECT_OK((*client)->SendBytes(SubmitFrame(MakeReport(text).SerializeAsString())));
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

TEST_F(OfficeTest, APersonsRecordChangesOnlyInWhatIsGiven) {
  ASSERT_OK(hub_.AddOrganization("moj", "ministry"));
  ASSERT_OK(hub_.Command({"person", "set", "zed", "--organization", "moj", "--name", "zed",
                          "--role", "liaison", "--circle", "council", "--language", "en"}));
  ASSERT_OK(hub_.Command({"person", "set", "zed", "--disabled"}));
  ASSERT_OK(hub_.Command({"person", "set", "zed", "--name", "Zed", "--role", "reporter"}));
  ASSERT_OK_AND_ASSIGN(json::value zed, hub_.Ask({"person", "show", "zed"}));
  EXPECT_EQ(TextAt(zed, "/name"), "Zed");
  EXPECT_EQ(TextAt(zed, "/roles/0"), "reporter");
  EXPECT_EQ(TextAt(zed, "/circles/0"), "council");
  EXPECT_EQ(TextAt(zed, "/language"), "en");
  EXPECT_TRUE(At(zed, "/disabled").as_bool());
  ASSERT_OK(hub_.Command({"person", "set", "zed", "--enabled", "--no-circle"}));
  ASSERT_OK_AND_ASSIGN(zed, hub_.Ask({"person", "show", "zed"}));
  EXPECT_FALSE(At(zed, "/disabled").as_bool());
  EXPECT_TRUE(ArrayAt(zed, "/circles").empty());
  ASSERT_OK_AND_ASSIGN(const Output incomplete, hub_.Try({"person", "set", "new"}));
  EXPECT_NE(incomplete.status, 0);
  EXPECT_THAT(incomplete.err, HasSubstr("organization"));
}

// At the machine the same holds as for persons: lists withhold, and readings are recorded.
TEST_F(OfficeTest, ReadingRedAtTheMachineIsRecorded) {
  ASSERT_OK_AND_ASSIGN(const auto administrator, SignInAdministrator(hub_));
  ASSERT_OK(hub_.AddOrganization("moj", "ministry"));
  const auto liaison = Person(*administrator, "sato", "moj", {"liaison"});
  const json::value report =
      Ask(*liaison, "POST", "/reports", 201,
          json::object{{"handling", json::object{{"tlp", "RED"}}},
                       {"incident", json::object{{"stage", "first"}, {"title", "大臣室の端末"}}}});
  const std::string id = std::to_string(NumberAt(report, "/sequence"));
  ASSERT_OK_AND_ASSIGN(const std::string list, hub_.Command({"--json", "case", "list"}));
  EXPECT_THAT(list, HasSubstr("\"case_id\":" + id));
  EXPECT_THAT(list, Not(HasSubstr("大臣室")));
  ASSERT_OK_AND_ASSIGN(const std::string table, hub_.Command({"case", "list"}));
  EXPECT_THAT(table, HasSubstr("open it to read"));
  const auto readings = [&] {
    std::string found;
    const auto audit = hub_.Ask({"audit"});
    EXPECT_OK(audit);
    for (const auto& entry : ArrayAt(*audit, "/entries")) {
      if (TextAt(entry, "/what") == "content_read") found += TextAt(entry, "/object") + " ";
    }
    return found;
  };
  EXPECT_EQ(readings(), "");
  ASSERT_OK_AND_ASSIGN(const std::string shown, hub_.Command({"case", "show", id}));
  EXPECT_THAT(shown, HasSubstr("大臣室の端末"));
  EXPECT_THAT(readings(), HasSubstr("/cases/" + id + " "));

  ASSERT_OK_AND_ASSIGN(const json::value sent,
                       IssueAlert(hub_, {"--kind", "warning", "--tlp", "RED", "--to", "org:moj",
                                         "--title-ja", "赤い題", "--title-en", "RED title",
                                         "--text-ja", "詳細", "--text-en", "Details"}));
  EXPECT_EQ(TextAt(sent, "/title_ja"), "赤い題");
  EXPECT_EQ(TextAt(sent, "/recipients/0/organization"), "moj");
  EXPECT_THAT(readings(), HasSubstr("/alerts/"));
  ASSERT_OK_AND_ASSIGN(const std::string alerts, hub_.Command({"--json", "alert", "list"}));
  EXPECT_THAT(alerts, HasSubstr(TextAt(sent, "/alert_id")));
  EXPECT_THAT(alerts, Not(HasSubstr("赤い題")));
}

// At the machine: a login speaks for one person, and decides nothing.
TEST_F(OfficeTest, TheCommandLineIsOneOfTwoPersonsAtMost) {
  ASSERT_OK(hub_.AddOrganization("moj", "ministry"));
  const std::vector<std::string> issue = {
      "alert",      "issue",  "--kind",    "warning", "--tlp",     "GREEN",   "--title-ja", "注意",
      "--title-en", "Beware", "--text-ja", "詳細",    "--text-en", "Details", "--to",       "all"};
  ASSERT_OK_AND_ASSIGN(const Output nobody, hub_.Try(issue));
  EXPECT_NE(nobody.status, 0);
  EXPECT_THAT(nobody.err, HasSubstr("two persons"));
  ASSERT_OK_AND_ASSIGN(const json::value sent, IssueAlert(hub_, {issue.begin() + 2, issue.end()}));
  EXPECT_EQ(TextAt(sent, "/issued_by"), "person:test-proposer, person:test-approver");

  // Who proposed at the machine does not decide when signed in.
  ASSERT_OK_AND_ASSIGN(const json::value proposal, hub_.Ask(issue));
  ASSERT_OK(hub_.Command({"person", "set", "test-proposer", "--organization", "centre", "--name",
                          "x", "--role", "analyst", "--role", "approver"}));
  ASSERT_OK_AND_ASSIGN(const json::value link, hub_.Ask({"person", "link", "test-proposer"}));
  ApiClient proposer(hub_.data());
  ASSERT_OK(proposer.UseLink(TextAt(link, "/link")));
  const std::string decision = "/proposals/" + TextAt(proposal, "/proposal_id") + "/decision";
  Ask(proposer, "POST", decision, 403, json::object{{"approved", true}});
  ASSERT_OK_AND_ASSIGN(const json::value open, hub_.Ask({"alert", "proposals"}));
  EXPECT_EQ(ArrayAt(open, "/proposals").size(), 1U);
}

TEST_F(OfficeTest, ReportsAreFoundByWhatTheySay) {
  ASSERT_OK_AND_ASSIGN(const auto administrator, SignInAdministrator(hub_));
  ASSERT_OK(hub_.AddOrganization("moj", "ministry"));
  ASSERT_OK(hub_.AddOrganization("nict", "incorporated_agency"));
  const auto liaison = Person(*administrator, "sato", "moj", {"liaison"});
  const auto stranger = Person(*administrator, "kato", "nict", {"liaison"});
  const std::string id = FileReport("通信先 hxxps://login.evil[.]example/a を確認した");
  const auto is_found = [](const json::value& answer) { return !ArrayAt(answer, "/hits").empty(); };
  ASSERT_OK_AND_ASSIGN(
      const json::value found,
      hub_.AskUntil("the index", {"search", "evil.example", "--type", "case"}, is_found));
  EXPECT_EQ(TextAt(found, "/hits/0/location"), "/api/v1/cases/" + id);
  ASSERT_OK_AND_ASSIGN(const std::string shown, hub_.Command({"search", "通信先"}));
  EXPECT_THAT(shown, HasSubstr("/api/v1/cases/" + id));
  const std::string query = "/search?q=hxxps%3A%2F%2Flogin.evil%5B.%5Dexample%2Fa";
  EXPECT_EQ(ArrayAt(Ask(*liaison, "GET", query, 200), "/hits").size(), 1U);
  EXPECT_EQ(ArrayAt(Ask(*stranger, "GET", query, 200), "/hits").size(), 0U);

  // After a crash, and after the index is lost.
  hub_.Kill();
  ASSERT_OK(hub_.Serve());
  EXPECT_OK(hub_.AskUntil("the index", {"search", "evil.example"}, is_found));
  ASSERT_OK(hub_.Stop());
  fs::remove_all(hub_.data() + "/search");
  ASSERT_OK(hub_.Serve());
  EXPECT_OK(hub_.AskUntil("the index", {"search", "evil.example"}, is_found));
}

// The key is made where the person is, and the hub signs for it; as docs/sign-in.md says.
TEST_F(OfficeTest, APersonSignsInWithACertificateOfItsOwn) {
  ASSERT_OK(hub_.Command({"person", "set", "tanaka", "--organization", "centre", "--name", "田中",
                          "--role", "analyst"}));
  const std::string key = folder_ / "tanaka.key";
  const std::string csr = folder_ / "tanaka.csr";
  const std::string pem = folder_ / "tanaka.pem";
  ASSERT_OK_AND_ASSIGN(const Output made,
                       RunCommand({"/usr/bin/openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                                   "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=tanaka",
                                   "-keyout", key, "-out", csr}));
  ASSERT_EQ(made.status, 0) << made.err;
  ASSERT_OK_AND_ASSIGN(const std::string certificate,
                       hub_.Command({"person", "certificate", "tanaka", "--csr", csr}));
  std::ofstream(pem) << certificate;
  const auto web = FileText(hub_.data() + "/run/web_address");
  const std::string url =
      "https://" + web.substr(0, web.find('\n')) + "/api/v1/sign-in/certificate";
  const auto sign_in = [&](const std::vector<std::string>& with) {
    std::vector<std::string> command = {
        "/usr/bin/curl", "--silent", "--cacert", hub_.data() + "/ca/ca.pem", "-X", "POST", url};
    command.insert(command.end(), with.begin(), with.end());
    const auto output = RunCommand(command);
    EXPECT_OK(output);
    return output.ok() ? output->out : "";
  };
  EXPECT_THAT(sign_in({"--cert", pem, "--key", key}), HasSubstr("\"method\":\"certificate\""));
  EXPECT_THAT(sign_in({}), HasSubstr("403"));
  // Another one takes its place.
  ASSERT_OK(hub_.Command({"person", "certificate", "tanaka", "--csr", csr}));
  EXPECT_THAT(sign_in({"--cert", pem, "--key", key}), HasSubstr("403"));
  ASSERT_OK_AND_ASSIGN(const Output no_request,
                       hub_.Try({"person", "certificate", "tanaka", "--csr", key}));
  EXPECT_NE(no_request.status, 0);
  EXPECT_THAT(no_request.err, HasSubstr("csr"));
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
