// The API of a running hub, over HTTPS: signing in, and analysts at work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/payloads.h"
#include "tests/support/persons.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ApiTest : public testing::Test {
 protected:
  ApiTest() : hub_(folder_.path()) {}

  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(administrator_, SignInAdministrator(hub_));
  }

  std::unique_ptr<ApiClient> Person(const std::string& id, const std::string& organization,
                                    const std::vector<std::string>& roles,
                                    const std::vector<std::string>& circles = {}) {
    auto client = SignInPerson(hub_, *administrator_, id, organization, roles, circles);
    EXPECT_OK(client);
    return client.ok() ? std::move(*client) : std::make_unique<ApiClient>(hub_.data());
  }

  // Files a report as the ministry's agent, and returns its case when it is applied.
  int64_t FileReport(const std::string& text, v1::Tlp tlp = v1::TLP_AMBER) {
    auto credentials = hub_.Certify("kasumi-ministry/agent" + std::to_string(++agents_));
    EXPECT_OK(credentials);
    v1::Submission submission = MakeReport(text);
    submission.mutable_handling()->set_tlp(tlp);
    WireOptions options;
    options.address = hub_.address();
    options.credentials = *credentials;
    auto client = Greet(options);
    EXPECT_OK(client);
    EXPECT_OK((*client)->SendBytes(SubmitFrame(submission.SerializeAsString())));
    EXPECT_OK((*client)->Receive());
    EXPECT_OK(hub_.Settle());
    const auto cases = hub_.Ask({"case", "list"});
    EXPECT_OK(cases);
    return NumberAt(*cases, "/cases/0/case_id");
  }

  std::string CasePath(int64_t id) { return "/cases/" + std::to_string(id); }

  TempDir folder_;
  HubUnderTest hub_;
  std::unique_ptr<ApiClient> administrator_;
  int agents_ = 0;
};

int StatusOf(const Result<ApiAnswer>& answer) {
  EXPECT_OK(answer);
  return answer.ok() ? answer->status : 0;
}

// ---- signing in ----

TEST_F(ApiTest, TheFirstAdministratorSignsInThroughTheLinkOnce) {
  ASSERT_OK_AND_ASSIGN(const ApiAnswer me, administrator_->Get("/session"));
  EXPECT_EQ(me.status, 200);
  EXPECT_EQ(TextAt(me.value, "/person/id"), "admin");
  EXPECT_EQ(TextAt(me.value, "/method"), "password+totp");
  EXPECT_EQ(administrator_->recovery_codes().size(), 10U);

  ApiClient other(hub_.data());
  EXPECT_FALSE(other.UseLink(hub_.first_link()).ok()) << "a link is good once";
}

TEST_F(ApiTest, ThePasswordAloneIsNotEnoughAtTheCentre) {
  ApiClient client(hub_.data());
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer answer,
      client.Call("POST", "/sign-in",
                  json::object{{"login", "admin"}, {"password", administrator_->password()}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(TextAt(answer.value, "/second_factor"), "totp");
  EXPECT_FALSE(answer.headers.contains("set-cookie"));
  EXPECT_EQ(StatusOf(client.Get("/session")), 401);
}

TEST_F(ApiTest, AWrongPasswordAndAnUnknownLoginLookAlike) {
  ApiClient client(hub_.data());
  const auto attempt = [&](const std::string& login) {
    return client.Call("POST", "/sign-in",
                       json::object{{"login", login}, {"password", "not this one, surely"}});
  };
  ASSERT_OK_AND_ASSIGN(const ApiAnswer wrong, attempt("admin"));
  ASSERT_OK_AND_ASSIGN(const ApiAnswer unknown, attempt("nobody"));
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.body, unknown.body);
}

TEST_F(ApiTest, GuessingIsSlowedDown) {
  ApiClient client(hub_.data());
  int refused = 0;
  for (int i = 0; i < 30 && refused == 0; ++i) {
    const auto answer = client.Call(
        "POST", "/sign-in", json::object{{"login", "admin"}, {"password", "guess number 12345"}});
    if (StatusOf(answer) == 429) refused = i;
  }
  EXPECT_GT(refused, 0) << "30 guesses in a row were all tried";
}

TEST_F(ApiTest, ACodeIsGoodOnceAndARecoveryCodeToo) {
  ASSERT_OK(administrator_->Call("DELETE", "/session"));
  ASSERT_OK(administrator_->SignIn());  // Takes a recovery code.
  ASSERT_OK_AND_ASSIGN(const ApiAnswer me, administrator_->Get("/session"));
  EXPECT_EQ(TextAt(me.value, "/method"), "password+recovery");
  EXPECT_EQ(NumberAt(me.value, "/person/recovery_codes_left"), 9);
}

TEST_F(ApiTest, SessionsAreListedAndEnd) {
  auto analyst = Person("tanaka", "centre", {"analyst"});
  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst->Get("/sessions"));
  ASSERT_EQ(ArrayAt(list.value, "/sessions").size(), 1U);
  const std::string id = TextAt(list.value, "/sessions/0/id");

  EXPECT_EQ(StatusOf(administrator_->Call("DELETE", "/persons/tanaka/sessions/" + id)), 204);
  EXPECT_EQ(StatusOf(analyst->Get("/session")), 401);
  EXPECT_EQ(StatusOf(administrator_->Get("/session")), 200);
}

TEST_F(ApiTest, ADisabledPersonIsOutAtOnce) {
  auto analyst = Person("tanaka", "centre", {"analyst"});
  const json::object disabled{{"organization", "centre"},
                              {"name", "tanaka"},
                              {"roles", json::array{"analyst"}},
                              {"disabled", true}};
  EXPECT_EQ(StatusOf(administrator_->Call("PUT", "/persons/tanaka", disabled)), 200);
  EXPECT_EQ(StatusOf(analyst->Get("/session")), 401);
  EXPECT_FALSE(analyst->SignIn().ok());
}

// What the journal cannot hold as text would stop the engine, at every start.
TEST_F(ApiTest, ABrowserMayCallItselfWhatItLikes) {
  auto analyst = Person("tanaka", "centre", {"analyst"});
  for (const std::string& name : {std::string("Caf\xe9/1.0"), std::string(255, 'x') + "\xc3\xa9"}) {
    analyst->SetUserAgent(name);
    ASSERT_OK(analyst->Call("DELETE", "/session"));
    ASSERT_OK(analyst->SignIn());
  }
  ASSERT_OK_AND_ASSIGN(const ApiAnswer sessions, analyst->Get("/sessions"));
  EXPECT_EQ(sessions.status, 200);
  EXPECT_EQ(TextAt(sessions.value, "/sessions/0/software"), std::string(255, 'x'));
  ASSERT_OK(hub_.Stop());
  ASSERT_OK(hub_.Serve());
  ASSERT_OK_AND_ASSIGN(const auto status, hub_.Settle());
  EXPECT_EQ(TextAt(status, "/health"), "ok");
}

TEST_F(ApiTest, SessionsSurviveARestart) {
  ASSERT_OK(hub_.Stop());
  // The port of the web server is a free one, and another after the start.
  ASSERT_OK(hub_.Serve());
  ASSERT_OK_AND_ASSIGN(const auto status, hub_.Ask({"status"}));
  EXPECT_EQ(TextAt(status, "/health"), "ok");
}

// ---- requests that another site makes ----

TEST_F(ApiTest, AChangeNeedsTheTokenOfTheSession) {
  const json::object body{{"kind", "incident"}, {"title", "t"}, {"tlp", "GREEN"}};
  auto analyst = Person("tanaka", "centre", {"analyst"});
  EXPECT_EQ(StatusOf(analyst->Call("POST", "/cases", body, {{"X-CSRF-Token", "wrong"}})), 403);
  EXPECT_EQ(StatusOf(analyst->Call("POST", "/cases", body, {{"Origin", "https://evil.example"}})),
            403);
  EXPECT_EQ(StatusOf(analyst->Call("POST", "/cases", body, {{"Sec-Fetch-Site", "cross-site"}})),
            403);
  EXPECT_EQ(StatusOf(analyst->Send("POST", "/cases", json::serialize(body), "text/plain")), 415);
  EXPECT_EQ(StatusOf(analyst->Call("POST", "/cases", body)), 201);
}

TEST_F(ApiTest, TheCookieIsForThisHostAndNoScript) {
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer changed,
      administrator_->Call("PUT", "/self/password",
                           json::object{{"present_password", administrator_->password()},
                                        {"password", "nine herons under the old bridge"}}));
  ASSERT_EQ(changed.status, 204);
  EXPECT_EQ(StatusOf(administrator_->Get("/session")), 200) << "only the other sessions end";
  ASSERT_OK_AND_ASSIGN(const ApiAnswer answer, administrator_->Call("DELETE", "/session"));
  ASSERT_EQ(answer.status, 204);
  const std::string& cookie = answer.headers.at("set-cookie");
  for (const char* part : {"__Host-noroshi=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"}) {
    EXPECT_THAT(cookie, HasSubstr(part));
  }
}

// ---- cases ----

TEST_F(ApiTest, AnAnalystTakesACaseFromNewToClosed) {
  const int64_t id = FileReport("The web server of the ministry was defaced.");
  auto analyst = Person("tanaka", "centre", {"analyst"});
  ASSERT_OK_AND_ASSIGN(const ApiAnswer fresh, analyst->Get(CasePath(id)));
  ASSERT_EQ(fresh.status, 200) << fresh.body;
  EXPECT_EQ(TextAt(fresh.value, "/status"), "new");
  const std::string etag = fresh.headers.at("etag");

  ASSERT_OK_AND_ASSIGN(const ApiAnswer assigned,
                       analyst->Call("PUT", CasePath(id) + "/assignee",
                                     json::object{{"assignee", "tanaka"}}, {{"If-Match", etag}}));
  ASSERT_EQ(assigned.status, 200) << assigned.body;
  EXPECT_EQ(TextAt(assigned.value, "/status"), "open");
  EXPECT_EQ(TextAt(assigned.value, "/assignee"), "tanaka");

  // Somebody who saw the case before that must look again.
  ASSERT_OK_AND_ASSIGN(const ApiAnswer stale,
                       analyst->Call("PUT", CasePath(id) + "/priority",
                                     json::object{{"priority", 1}}, {{"If-Match", etag}}));
  EXPECT_EQ(stale.status, 412) << stale.body;

  EXPECT_EQ(StatusOf(analyst->Call("PUT", CasePath(id) + "/classification",
                                   json::object{{"event_type", "no-such-type"}})),
            422);
  EXPECT_EQ(StatusOf(analyst->Call("POST", CasePath(id) + "/notes",
                                   json::object{{"text", "<script>alert(1)</script>"}})),
            200);
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer closed,
      analyst->Call(
          "POST", CasePath(id) + "/closure",
          json::object{{"resolution", "resolved"}, {"lessons", "Patch."}, {"severity", 2}}));
  ASSERT_EQ(closed.status, 200) << closed.body;
  EXPECT_EQ(TextAt(closed.value, "/status"), "closed");

  ASSERT_OK_AND_ASSIGN(const ApiAnswer history, analyst->Get(CasePath(id) + "/history"));
  std::vector<std::string> what;
  for (const auto& event : ArrayAt(history.value, "/events")) {
    what.push_back(TextAt(event, "/what"));
    EXPECT_EQ(TextAt(event, "/actor"), "person:tanaka");
  }
  EXPECT_THAT(what, testing::ElementsAre("case_assigned", "case_noted", "case_closed"));
  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst->Get("/cases?status=closed"));
  EXPECT_EQ(ArrayAt(list.value, "/cases").size(), 1U);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer none, analyst->Get("/cases?status=new"));
  EXPECT_THAT(ArrayAt(none.value, "/cases"), IsEmpty());
}

TEST_F(ApiTest, ARepeatedCallIsDoneOnce) {
  auto analyst = Person("tanaka", "centre", {"analyst"});
  const json::object body{{"kind", "vulnerability"}, {"title", "CVE"}, {"tlp", "GREEN"}};
  const ApiClient::Headers key = {{"Idempotency-Key", "a0eebc99"}};
  ASSERT_OK_AND_ASSIGN(const ApiAnswer first, analyst->Call("POST", "/cases", body, key));
  ASSERT_EQ(first.status, 201) << first.body;
  ASSERT_OK_AND_ASSIGN(const ApiAnswer again, analyst->Call("POST", "/cases", body, key));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.headers.at("idempotency-replayed"), "true");
  EXPECT_EQ(again.headers.at("location"), first.headers.at("location"));
  const json::object other{{"kind", "vulnerability"}, {"title", "other"}, {"tlp", "GREEN"}};
  EXPECT_EQ(StatusOf(analyst->Call("POST", "/cases", other, key)), 422);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst->Get("/cases"));
  EXPECT_EQ(ArrayAt(list.value, "/cases").size(), 1U);
}

TEST_F(ApiTest, RedContentIsReadByFewAndRecorded) {
  const int64_t id = FileReport("Something that only few may know.", v1::TLP_RED);
  auto reader = Person("reader1", "centre", {"reader"});
  auto analyst = Person("tanaka", "centre", {"analyst", "auditor"});
  EXPECT_EQ(StatusOf(reader->Get(CasePath(id))), 404);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer hidden, reader->Get("/cases"));
  EXPECT_THAT(ArrayAt(hidden.value, "/cases"), IsEmpty());

  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst->Get("/cases"));
  EXPECT_THAT(list.body, Not(HasSubstr("only few")));
  EXPECT_EQ(StatusOf(analyst->Get(CasePath(id))), 200);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer audit, analyst->Get("/audit?actor=person:tanaka&limit=1"));
  EXPECT_EQ(TextAt(audit.value, "/entries/0/what"), "content_read");
  EXPECT_EQ(TextAt(audit.value, "/entries/0/object"), CasePath(id));
}

TEST_F(ApiTest, MembersSeeNoCases) {
  const int64_t id = FileReport("A report of the ministry itself.");
  auto liaison = Person("sato", "kasumi-ministry", {"liaison"});
  EXPECT_EQ(StatusOf(liaison->Get("/cases")), 403);
  EXPECT_EQ(StatusOf(liaison->Get(CasePath(id))), 404);
  EXPECT_EQ(StatusOf(liaison->Get(CasePath(id + 1000))), 404) << "absent and hidden look alike";
}

// ---- errors ----

TEST_F(ApiTest, WrongFieldsAreNamed) {
  auto analyst = Person("tanaka", "centre", {"analyst"});
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer answer,
      analyst->Call("POST", "/cases",
                    json::object{{"kind", "incident"}, {"title", ""}, {"tlp", 3}}));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  EXPECT_THAT(answer.body, HasSubstr(R"("pointer":"/title")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("pointer":"/tlp")"));
  EXPECT_EQ(StatusOf(analyst->Get("/cases?limit=0")), 422);
  EXPECT_EQ(StatusOf(analyst->Get("/cases?limit=201")), 422);
  EXPECT_EQ(StatusOf(analyst->Get("/cases?cursor=zz")), 422);
  EXPECT_EQ(StatusOf(analyst->Get("/nothing")), 404);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer method, analyst->Call("DELETE", "/cases"));
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at("allow"), "GET, POST");
}

TEST_F(ApiTest, TheLastAdministratorStays) {
  const json::object less{
      {"organization", "centre"}, {"name", "x"}, {"roles", json::array{"reader"}}};
  EXPECT_EQ(StatusOf(administrator_->Call("PUT", "/persons/admin", less)), 409);
}

}  // namespace
}  // namespace noroshi::support
