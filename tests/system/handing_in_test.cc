// Reports, mails and samples handed in over HTTPS to a running hub.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "tests/support/archives.h"
#include "tests/support/assertions.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/persons.h"
#include "tests/support/temp_dir.h"

namespace noroshi::support {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr size_t kContentBytesMax = size_t{24} * 1024 * 1024;

class HandingInTest : public testing::Test {
 protected:
  HandingInTest() : hub_(folder_.path()) {}

  void SetUp() override {
    ASSERT_OK(hub_.Init());
    ASSERT_OK(hub_.Serve());
    ASSERT_OK(hub_.AddOrganization("kasumi-ministry", "ministry"));
    ASSERT_OK_AND_ASSIGN(administrator_, SignInAdministrator(hub_));
    ASSERT_OK_AND_ASSIGN(member_, SignInPerson(hub_, *administrator_, "sato", "kasumi-ministry",
                                               {"reporter", "liaison"}));
    ASSERT_OK_AND_ASSIGN(analyst_,
                         SignInPerson(hub_, *administrator_, "tanaka", "centre", {"analyst"}));
  }

  // What was handed in through the API is state like all other: it follows from the
  // journal.
  void ExpectSound() {
    ASSERT_OK(hub_.Settle());
    ASSERT_OK_AND_ASSIGN(const auto verified, hub_.Ask({"verify"}));
    EXPECT_EQ(ArrayAt(verified, "/findings").size(), 0U) << json::serialize(verified);
  }

  TempDir folder_;
  HubUnderTest hub_;
  std::unique_ptr<ApiClient> administrator_, member_, analyst_;
};

TEST_F(HandingInTest, AReportIsFiledOnceAndProven) {
  const json::object body{
      {"handling", json::object{{"tlp", "AMBER"}}},
      {"incident", json::object{{"stage", "first"}, {"what_happened", "The portal is down."}}}};
  const ApiClient::Headers key = {{"Idempotency-Key", "a0eebc99"}};
  ASSERT_OK_AND_ASSIGN(const ApiAnswer first, member_->Call("POST", "/reports", body, key));
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(TextAt(first.value, "/leaf_hash").size(), 64U);
  ASSERT_OK_AND_ASSIGN(const ApiAnswer again, member_->Call("POST", "/reports", body, key));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.headers.at("location"), first.headers.at("location"));
  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst_->Get("/reports"));
  EXPECT_EQ(ArrayAt(list.value, "/reports").size(), 1U);
  ExpectSound();
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer seen,
      analyst_->Get("/reports/" + std::to_string(NumberAt(first.value, "/sequence"))));
  EXPECT_EQ(TextAt(seen.value, "/filed/incident/what_happened"), "The portal is down.");
  EXPECT_EQ(At(seen.value, "/analysed"), json::value(true));
}

TEST_F(HandingInTest, AMailIsAnalysedLikeAnAgents) {
  const std::string mail =
      "From: Mallory <m@evil.example>\r\nSubject: Invoice\r\n\r\nSee http://evil.example/pay\r\n";
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer filed,
      member_->Send("POST", "/mails?tlp=GREEN&opened=true&note=%E5%B1%8A", mail, "message/rfc822"));
  ASSERT_EQ(filed.status, 201) << filed.body;
  ExpectSound();
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer seen,
      member_->Get("/reports/" + std::to_string(NumberAt(filed.value, "/sequence"))));
  EXPECT_EQ(TextAt(seen.value, "/mail/subject"), "Invoice");
  EXPECT_EQ(TextAt(seen.value, "/mail/urls/0"), "http://evil.example/pay");
  EXPECT_THAT(TextAt(seen.value, "/mail/text"), HasSubstr("See "));
  EXPECT_EQ(TextAt(seen.value, "/filed/mail/note"), "届");
  EXPECT_THAT(seen.body, Not(HasSubstr("case_id")));
}

TEST_F(HandingInTest, TheLargestSampleGoesInAndOutAndALargerOneDoesNot) {
  std::string content(kContentBytesMax, 'x');
  content.replace(0, 2, "MZ");
  const std::string path = "/samples?name=..%2F..%2Fa.exe&tlp=AMBER";
  const std::string type = "application/octet-stream";
  ASSERT_OK_AND_ASSIGN(const ApiAnswer stored, member_->Send("POST", path, content, type));
  ASSERT_EQ(stored.status, 201) << stored.body;
  ASSERT_OK_AND_ASSIGN(
      const ApiAnswer taken,
      analyst_->Call("POST", "/samples/" + TextAt(stored.value, "/sample_id") + "/content",
                     json::object{{"purpose", "to be analysed"}}));
  ASSERT_EQ(taken.status, 200) << taken.body.substr(0, 200);
  EXPECT_EQ(taken.headers.at("content-type"), "application/zip");
  EXPECT_EQ(taken.headers.at("x-content-type-options"), "nosniff");
  ASSERT_OK_AND_ASSIGN(const OpenedArchive opened, OpenArchive(taken.body, "infected"));
  ASSERT_EQ(opened.status, 0);
  EXPECT_EQ(opened.files.at(ToHex(Sha256Of(content)) + ".bin"), content);
  ExpectSound();

  content.push_back('x');
  const auto refused = member_->Send("POST", path, content, type);
  // The hub answers before it has read everything; the rest may then meet a closed door.
  if (refused.ok()) {
    EXPECT_EQ(refused->status, 413) << refused->body;
  }
  ASSERT_OK_AND_ASSIGN(const ApiAnswer list, analyst_->Get("/samples"));
  EXPECT_EQ(ArrayAt(list.value, "/samples").size(), 1U);
}

}  // namespace
}  // namespace noroshi::support
