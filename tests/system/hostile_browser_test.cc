// A hostile client of the API, where the real hub, its log and its password hashing
// matter. What concerns HTTP alone is tested at hub/http.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/persons.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

constexpr size_t kGuessers = 8;
constexpr size_t kGuessesEach = 30;

class HostileBrowserTest : public testing::Test {
 protected:
  HostileBrowserTest() : hub_(folder_.path()) {}
  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("moj", "ministry"));
    ASSERT_OK_AND_ASSIGN(administrator_, SignInAdministrator(hub_));
  }

  TempDir folder_;
  HubUnderTest hub_;
  std::unique_ptr<ApiClient> administrator_;
};

// Every way into a line of the log: path, query, fields of the header, texts of a body,
// content that is analysed, and names that a person chooses.
TEST_F(HostileBrowserTest, NoLineOfTheLogIsForged) {
  const std::string line = "x\n{\"level\":\"info\",\"event\":\"forged\"}\n\x1b[2J\x7f";
  const std::string escaped = "x%0A%7B%22event%22%3A%22forged%22%7D%0D%0A%1B%5B2J";
  ASSERT_OK_AND_ASSIGN(const auto reporter,
                       SignInPerson(hub_, *administrator_, "sato", "moj", {"reporter"}));
  for (ApiClient* client : {administrator_.get(), reporter.get()}) {
    client->SetUserAgent("forged\xff\xc3");
    for (const std::string& path :
         {"/" + escaped, "/cases/" + escaped, "/persons/" + escaped, "/cases?status=" + escaped,
          "/reports?cursor=" + escaped, "/sign-in/oidc/start?next=" + escaped}) {
      ASSERT_OK(client->Get(path));
      ASSERT_OK(client->Call("DELETE", path));
    }
    for (const char* path : {"/sign-in", "/sign-in/link/begin", "/cases", "/reports"}) {
      ASSERT_OK(client->Call("POST", path, json::object{{"login", line}, {"password", line}}));
      ASSERT_OK(client->Call("POST", path, json::object{{line, line}}));
      ASSERT_OK(client->Send("POST", path, line, "application/json"));
      ASSERT_OK(client->Send("POST", path, line, "text/plain"));
    }
    ASSERT_OK(client->Call("POST", "/sign-in/link/begin", json::object{{"link_token", line}}));
    ASSERT_OK(client->Call(
        "PUT", "/persons/eve",
        json::object{{"organization", "moj"}, {"name", line}, {"roles", json::array{"reporter"}}}));
    ASSERT_OK(client->Call("POST", "/reports",
                           json::object{{"handling", json::object{{"tlp", "GREEN"}}},
                                        {"incident", json::object{{"stage", "first"},
                                                                  {"title", line},
                                                                  {"what_happened", line}}}}));
    ASSERT_OK(client->Send("POST", "/samples?tlp=GREEN&name=" + escaped, line,
                           "application/octet-stream"));
    ASSERT_OK(client->Send("POST", "/mails?tlp=GREEN&note=" + escaped,
                           "Subject: " + line + "\r\n\r\n" + line, "message/rfc822"));
  }
  ASSERT_OK(hub_.Settle());
  ASSERT_OK(hub_.Stop());
  std::istringstream log(hub_.log());
  size_t lines = 0;
  for (std::string text; std::getline(log, text); ++lines) {
    const auto parsed = ParseJson(text);
    ASSERT_OK(parsed) << text;
    EXPECT_NE(TextAt(*parsed, "/event"), "forged");
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
  }
  EXPECT_GT(lines, 50U);
}

// Hashing is what guesses cost. Those who are signed in do not wait for it, whoever guesses
// is told to wait, and nobody gets a 500.
TEST_F(HostileBrowserTest, AFloodOfSignInsIsRefusedAndOthersWork) {
  std::atomic<size_t> refused = 0;
  std::atomic<size_t> strange = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> guessers;
  for (size_t g = 0; g < kGuessers; ++g) {
    guessers.emplace_back([&, g] {
      ApiClient client(hub_.data());
      for (size_t i = 0; i < kGuessesEach; ++i) {
        const std::string login = i % 2 == 0 ? "admin" : "person" + std::to_string(g);
        const auto answer =
            client.Call("POST", "/sign-in",
                        json::object{{"login", login}, {"password", "guess " + std::to_string(i)}});
        const int status = answer.ok() ? answer->status : 0;
        if (status == 429 || status == 503) ++refused;
        if (status != 403 && status != 429 && status != 503) ++strange;
      }
      over = true;
    });
  }
  size_t answered = 0;
  while (!over) {
    const auto session = administrator_->Get("/session");
    if (session.ok() && session->status == 200) ++answered;
  }
  for (std::thread& guesser : guessers) guesser.join();
  EXPECT_EQ(strange, 0U);
  EXPECT_GT(refused, kGuessers * kGuessesEach / 2) << "most guesses were tried";
  EXPECT_GT(answered, 0U);
  EXPECT_EQ(administrator_->Get("/session")->status, 200);
}

}  // namespace
}  // namespace noroshi::support
