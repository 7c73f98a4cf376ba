// Signing in: refusals look alike, and say when to come back.
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::TextAt;
using testing::HasSubstr;

constexpr char kPassword[] = "correct horse battery staple 9";

class SignInTest : public Office {
 protected:
  void SetUp() override {
    Office::SetUp();
    identity::PasswordHasher hasher{&SystemRandom(), {8 * 1024, 1}};
    v1::Action action;
    action.mutable_person_secrets_set()->set_person("liaison");
    action.mutable_person_secrets_set()->set_password_hash(*hasher.Hash(kPassword));
    desk_.Append(action);
  }
  http::Response SignIn(const std::string& password) {
    return desk_.Call({}, "POST", "/sign-in",
                      json::object{{"login", "liaison"}, {"password", password}});
  }
  void Disable(const std::string& id) {
    v1::OrganizationSet organization =
        (*desk_.store().Snapshot()->Organization(id))->organization();
    organization.set_disabled(true);
    desk_.Append(v1::ENTRY_KIND_ORGANIZATION_SET, "", "admin:test",
                 organization.SerializeAsString());
  }
};

TEST_F(SignInTest, AtADisabledOrganisationTheRightPasswordLooksLikeAWrongOne) {
  EXPECT_EQ(SignIn(kPassword).status, 200);
  Disable("moj");
  const http::Response right = SignIn(kPassword);
  EXPECT_EQ(right.status, 403);
  EXPECT_EQ(right.body, SignIn("another one altogether").body);
}

TEST_F(SignInTest, ALinkOfADisabledOrganisationLooksLikeAnUnknownOne) {
  const auto begin = [&](const std::string& token) {
    return desk_.Call({}, "POST", "/sign-in/link/begin", json::object{{"link_token", token}});
  };
  Disable("moj");
  // Made after that: nothing has voided it.
  const std::string link = TextAt(Post(admin_, "/persons/liaison/links", nullptr, 201), "/link");
  const http::Response refused = begin(link.substr(link.find('#') + 1));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body, begin("unknown").body);
}

TEST_F(SignInTest, WhoIsToWaitIsToldHowLong) {
  http::Response answer = SignIn("wrong");
  for (int i = 0; answer.status == 403 && i < 100; ++i) answer = SignIn("wrong");
  ASSERT_EQ(answer.status, 429) << answer.body;
  const std::string* wait = answer.headers.Find("Retry-After");
  ASSERT_NE(wait, nullptr);
  EXPECT_THAT(answer.body, HasSubstr("wait " + *wait + " s"));
  EXPECT_NE(*wait, "5");
}

}  // namespace
}  // namespace noroshi::api
