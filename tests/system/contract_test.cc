// The API against its own OpenAPI document: schemathesis (from PyPI, installed once into
// the build folder; the test skips without network) calls every operation of a running
// hub as each role, with what fits the document and with what does not. No answer is a
// 500, of another form than the document says, or tells of the hub's inside; none fails
// to come.
//
// NOROSHI_CONTRACT_EXAMPLES: calls of each kind for each operation and role.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

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

constexpr char kCentre[] = "centre";
constexpr char kMinistry[] = "kasumi-ministry";
constexpr Milliseconds kRun{1'800'000};

std::string Examples() {
  const char* wanted = std::getenv("NOROSHI_CONTRACT_EXAMPLES");  // NOLINT(concurrency-mt-unsafe)
  return wanted == nullptr ? "1" : wanted;
}

class ContractTest : public testing::Test {
 protected:
  ContractTest() : hub_(folder_.path()) {}

  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization(kMinistry, "ministry"));
    ASSERT_OK(hub_.AddOrganization("shinko-agency", "incorporated_agency"));
    ASSERT_OK_AND_ASSIGN(administrator_, SignInAdministrator(hub_));
  }

  std::unique_ptr<ApiClient> Person(const std::string& organization, const std::string& role) {
    auto client = SignInPerson(hub_, *administrator_, "the-" + role, organization, {role});
    EXPECT_OK(client);
    return client.ok() ? std::move(*client) : std::make_unique<ApiClient>(hub_.data());
  }

  // Something made by a call: its id, which later calls name.
  void Make(ApiClient& client, const std::string& path, const json::value& body,
            const std::vector<std::string>& ids) {
    const auto made = client.Call("POST", path, body);
    ASSERT_OK(made);
    ASSERT_EQ(made->status, 201) << path << ": " << made->body;
    for (const std::string& id : ids) known_[id] = json::array{TextAt(made->value, "/" + id)};
  }

  void FileReport() {
    ASSERT_OK_AND_ASSIGN(const Credentials credentials,
                         hub_.Certify(std::string(kMinistry) + "/agent"));
    WireOptions options;
    options.address = hub_.address();
    options.credentials = credentials;
    ASSERT_OK_AND_ASSIGN(const auto client, Greet(options));
    ASSERT_OK(client->SendBytes(SubmitFrame(MakeReport("defaced").SerializeAsString())));
    ASSERT_OK(client->Receive());
    ASSERT_OK(hub_.Settle());
    ASSERT_OK_AND_ASSIGN(const auto cases, hub_.Ask({"case", "list"}));
    const std::string id = std::to_string(NumberAt(cases, "/cases/0/case_id"));
    known_["case_id"] = json::array{id};
    known_["sequence"] = json::array{id};
  }

  // One of everything, so that a call can be about something.
  void MakeThings(ApiClient& analyst, ApiClient& reporter) {
    known_["organization_id"] = json::array{"shinko-agency"};
    known_["agent_id"] = json::array{"agent"};
    ASSERT_NO_FATAL_FAILURE(FileReport());
    const json::object draft{{"kind", "warning"},        {"tlp", "GREEN"},
                             {"to", json::array{"all"}}, {"title_ja", "注意"},
                             {"title_en", "Beware"},     {"text_ja", "詳細"},
                             {"text_en", "Details"}};
    Make(analyst, "/alerts/proposals", draft, {"proposal_id", "alert_id"});
    const std::string case_id(known_["case_id"].at(0).as_string());
    Make(analyst, "/cases/" + case_id + "/questions",
         json::object{{"organization", kMinistry}, {"text", "since when?"}}, {"question_id"});
    const auto stored =
        reporter.Send("POST", "/samples?name=a.exe&tlp=GREEN", "MZ", "application/octet-stream");
    ASSERT_OK(stored);
    known_["sample_id"] = json::array{TextAt(stored->value, "/sample_id")};
    Make(reporter, "/samples/" + TextAt(stored->value, "/sample_id") + "/requests",
         json::object{{"text", "what is it?"}}, {"request_id"});
  }

  // Every operation of the document, as this person.
  void Walk(const std::string& programs, const std::string& role, const ApiClient& client) {
    // What lies at the limits of each schema is the same for all: once is enough.
    const std::string phases = role == "analyst" ? "coverage,fuzzing" : "fuzzing";
    const std::string known = "NOROSHI_KNOWN=" + json::serialize(known_);
    const std::string config = NOROSHI_CONTRACT_SOURCE "/schemathesis.toml";
    const std::string checks =
        "not_a_server_error,response_schema_conformance,content_type_conformance,"
        "status_code_conformance,tells_nothing_of_its_inside";
    std::vector<std::string> command = {
        "/usr/bin/env", "--chdir=" + folder_.path(),  // It leaves files.
        known, "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH=" NOROSHI_CONTRACT_SOURCE,
        "PYTHONDONTWRITEBYTECODE=1", programs + "/st", "--config-file", config, "run",
        folder_ / "openapi.json", "--url", client.base(), "--tls-verify",
        hub_.data() + "/ca/ca.pem", "--checks", checks, "--phases", phases, "--max-examples",
        Examples(), "--seed", "1", "--request-timeout", "20", "--continue-on-failure",
        "--no-shrink", "--warnings", "off", "--suppress-health-check", "all",
        // A stream without end; and what ends this walk.
        "--exclude-path", "/events", "--exclude-operation-id", "delete_session"};
    for (const auto& [name, value] : client.session_headers()) {
      command.insert(command.end(), {"--header", fmt::format("{}: {}", name, value)});
    }
    ASSERT_OK_AND_ASSIGN(const Output output, RunCommand(command, "", kRun));
    EXPECT_EQ(output.status, 0) << role << "\n" << output.out << output.err;
    ASSERT_TRUE(hub_.process()->Running());
  }

  TempDir folder_;
  HubUnderTest hub_;
  std::unique_ptr<ApiClient> administrator_;
  json::object known_;
};

TEST_F(ContractTest, EveryAnswerToEveryRoleIsAsTheDocumentSays) {
  const auto programs =
      PythonPrograms(NOROSHI_CONTRACT_SOURCE "/requirements.txt", NOROSHI_CONTRACT_FOLDER);
  if (!programs.ok()) GTEST_SKIP() << "no schemathesis: " << programs.error().message;
  std::map<std::string, std::unique_ptr<ApiClient>> clients;
  for (const char* role : {"reader", "analyst", "approver", "administrator", "auditor"}) {
    clients[role] = Person(kCentre, role);
  }
  for (const char* role : {"reporter", "liaison"}) clients[role] = Person(kMinistry, role);
  clients["nobody"] = std::make_unique<ApiClient>(hub_.data());
  ASSERT_OK_AND_ASSIGN(const ApiAnswer document, clients["nobody"]->Get("/openapi.json"));
  WriteFile(folder_ / "openapi.json", document.body);
  ASSERT_NO_FATAL_FAILURE(MakeThings(*clients["analyst"], *clients["reporter"]));
  for (const auto& [role, client] : clients) {
    ASSERT_NO_FATAL_FAILURE(Walk(*programs, role, *client));
  }
  ASSERT_OK(hub_.Stop());
}

}  // namespace
}  // namespace noroshi::support
