#include <gmock/gmock.h>

#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PersonsTest : public DeedScene {
 protected:
  std::string SignInAt(const std::string& session, int64_t step, const std::string& code = "") {
    v1::Action action = deeds::SignIn("ana", session);
    action.mutable_session_opened()->set_totp_step(step);
    if (!code.empty()) action.mutable_session_opened()->set_recovery_hash(HashOf(code));
    return Do(action);
  }
  std::string SetOrganization(const v1::OrganizationSet& organization) {
    v1::Action action;
    *action.mutable_organization_set() = organization;
    return Do(action, "root");
  }
};

TEST_F(PersonsTest, RolesFitTheKindOfTheOrganisation) {
  const std::vector<v1::Role> centre = {v1::ROLE_READER, v1::ROLE_ANALYST, v1::ROLE_APPROVER,
                                        v1::ROLE_ADMINISTRATOR, v1::ROLE_AUDITOR};
  const std::vector<v1::Role> member = {v1::ROLE_REPORTER, v1::ROLE_LIAISON};
  for (const v1::Role role : centre) {
    EXPECT_EQ(Do(deeds::Person("x", "centre", {role})), "") << role;
    EXPECT_EQ(Do(deeds::Person("y", "moj", {role})), kRefusedRoles) << role;
    EXPECT_EQ(Do(deeds::Person("y", "moj", {v1::ROLE_REPORTER, role})), kRefusedRoles) << role;
  }
  for (const v1::Role role : member) {
    EXPECT_EQ(Do(deeds::Person("z", "moj", {role})), "") << role;
    EXPECT_EQ(Do(deeds::Person("w", "centre", {role})), kRefusedRoles) << role;
  }
  EXPECT_EQ(Do(deeds::Person("w", "centre", {v1::ROLE_UNSPECIFIED})), kRefusedRoles);
  EXPECT_EQ(Do(deeds::Person("w", "moj", {static_cast<v1::Role>(99)})), kRefusedRoles);
  EXPECT_FALSE(View()->Person("y")->has_value());
  EXPECT_FALSE(View()->Person("w")->has_value());
}

TEST_F(PersonsTest, NobodyIsOfAnUnknownOrganisationOrHasAnIllFormedId) {
  EXPECT_EQ(Do(deeds::Person("x", "none", {v1::ROLE_REPORTER})), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Person("", "moj", {v1::ROLE_REPORTER})), kRefusedNotFound);
  EXPECT_EQ(Do(deeds::Person(std::string("a\0b", 3), "moj", {v1::ROLE_REPORTER})),
            kRefusedNotFound);
}

TEST_F(PersonsTest, OrganisationNeverChanges) {
  EXPECT_EQ(Do(deeds::Person("rep", "nict", {v1::ROLE_REPORTER})), kRefusedTaken);
  EXPECT_EQ(Person("rep").person().organization(), "moj");
  EXPECT_THAT(*View()->Ids(store::List::kPersonsOf, "moj", "", 10), ElementsAre("rep"));
  EXPECT_THAT(*View()->Ids(store::List::kPersonsOf, "nict", "", 10), IsEmpty());
}

TEST_F(PersonsTest, RecordIsReplacedAndSecretsStay) {
  Do(deeds::Password("ana", "hash"));
  const store::PersonRow before = Person("ana");
  EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_AUDITOR})), "");
  const store::PersonRow after = Person("ana");
  EXPECT_THAT(after.person().roles(), ElementsAre(v1::ROLE_AUDITOR));
  EXPECT_EQ(after.password_hash(), "hash");
  EXPECT_EQ(after.created_at_ms(), before.created_at_ms());
  EXPECT_EQ(after.version(), before.version() + 1);
  EXPECT_THAT(*View()->Ids(store::List::kPersonsOf, "centre", "", 10),
              ElementsAre("root", "app", "ana"));
}

TEST_F(PersonsTest, LastAdministratorStays) {
  EXPECT_EQ(Do(deeds::Person("root", "centre", {v1::ROLE_READER})), kRefusedLastAdministrator);
  EXPECT_EQ(Do(deeds::Person("root", "centre", {v1::ROLE_ADMINISTRATOR}, true)),
            kRefusedLastAdministrator);
  EXPECT_FALSE(Person("root").person().disabled());
  EXPECT_EQ(Do(deeds::Person("two", "centre", {v1::ROLE_ADMINISTRATOR}, true)), "");
  EXPECT_EQ(Do(deeds::Person("root", "centre", {v1::ROLE_READER})), kRefusedLastAdministrator)
      << "the other one is disabled";
  EXPECT_EQ(Do(deeds::Person("two", "centre", {v1::ROLE_ADMINISTRATOR})), "");
  EXPECT_EQ(View()->Meta()->administrators(), 2u);
  EXPECT_EQ(Do(deeds::Person("root", "centre", {v1::ROLE_READER})), "");
  EXPECT_EQ(Do(deeds::Person("two", "centre", {v1::ROLE_READER})), kRefusedLastAdministrator);
  EXPECT_EQ(View()->Meta()->administrators(), 1u);
}

TEST_F(PersonsTest, AdministratorsOfADisabledOrganisationDoNotCount) {
  auto second = Script::Org("centre-2", v1::ORGANIZATION_KIND_CENTRE);
  EXPECT_EQ(SetOrganization(second), "");
  EXPECT_EQ(Do(deeds::Person("two", "centre-2", {v1::ROLE_ADMINISTRATOR})), "");
  EXPECT_EQ(View()->Meta()->administrators(), 2u);
  second.set_disabled(true);
  EXPECT_EQ(SetOrganization(second), "");
  EXPECT_EQ(View()->Meta()->administrators(), 1u);
  EXPECT_EQ(Do(deeds::Person("root", "centre", {})), kRefusedLastAdministrator);
  auto first = Script::Org("centre", v1::ORGANIZATION_KIND_CENTRE);
  first.set_disabled(true);
  EXPECT_EQ(SetOrganization(first), kRefusedLastAdministrator);
  EXPECT_FALSE((*View()->Organization("centre"))->organization().disabled());
  second.set_disabled(false);
  EXPECT_EQ(SetOrganization(second), "");
  EXPECT_EQ(View()->Meta()->administrators(), 2u);
  EXPECT_EQ(SetOrganization(first), "");
}

TEST_F(PersonsTest, OrganisationWithPersonsStaysOnItsSide) {
  EXPECT_EQ(SetOrganization(Script::Org("moj", v1::ORGANIZATION_KIND_CENTRE)), kRefusedRoles);
  EXPECT_EQ(SetOrganization(Script::Org("centre", v1::ORGANIZATION_KIND_POLICE)), kRefusedRoles);
  script_.Organization(Script::Org("centre", v1::ORGANIZATION_KIND_POLICE));
  Follow();
  EXPECT_EQ((*View()->Organization("centre"))->organization().kind(), v1::ORGANIZATION_KIND_CENTRE);
  EXPECT_EQ(SetOrganization(Script::Org("moj", v1::ORGANIZATION_KIND_POLICE)), "");
  EXPECT_EQ(SetOrganization(Script::Org("bank", v1::ORGANIZATION_KIND_CENTRE)), "");
}

TEST_F(PersonsTest, OrganisationsAndAgentsThatDoNotFitAreRefusedInTheAudit) {
  EXPECT_EQ(SetOrganization(Script::Org("Not An Id", v1::ORGANIZATION_KIND_POLICE)),
            kRefusedNotFound);
  v1::Action revoked;
  revoked.mutable_agent_revoked()->set_organization("none");
  revoked.mutable_agent_revoked()->set_agent("a");
  EXPECT_EQ(Do(revoked), kRefusedNotFound);
  v1::Action token;
  token.mutable_agent_token_issued()->set_organization("none");
  token.mutable_agent_token_issued()->set_agent("a");
  token.mutable_agent_token_issued()->set_secret_sha256(HashOf("t"));
  EXPECT_EQ(Do(token), kRefusedNotFound);
  EXPECT_FALSE(View()->Token(HashOf("t"))->has_value());
  v1::Action marked;
  marked.mutable_alert_marked()->set_alert_id(IdOf("none"));
  marked.mutable_alert_marked()->set_mark(v1::DELIVERY_MARK_READ);
  EXPECT_EQ(Do(marked, "rep", "moj"), kRefusedNotFound);
}

// ---- sessions ----

TEST_F(PersonsTest, DisablingEndsSessionsAndNobodySignsIn) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "s1")), "");
  EXPECT_EQ(Do(deeds::SignIn("ana", "s2")), "");
  EXPECT_EQ(Do(deeds::SignIn("app", "other")), "");
  EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_ANALYST}, true)), "");
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_FALSE(HasSession("s2"));
  EXPECT_TRUE(HasSession("other"));
  EXPECT_EQ(Do(deeds::SignIn("ana", "s3")), kRefusedDisabled);
  EXPECT_FALSE(HasSession("s3"));
  EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_ANALYST})), "");
  EXPECT_EQ(Do(deeds::SignIn("ana", "s3")), "");
}

TEST_F(PersonsTest, LinksOfADisabledOrganisationAreVoid) {
  ASSERT_EQ(Do(deeds::Link("rep", "l", INT64_MAX)), "");
  auto moj = Script::Org("moj", v1::ORGANIZATION_KIND_MINISTRY);
  moj.set_disabled(true);
  script_.Organization(moj);
  moj.set_disabled(false);
  script_.Organization(moj);
  Follow();
  EXPECT_FALSE(View()->SignInLink(HashOf("l"))->has_value());
}

TEST_F(PersonsTest, NobodySignsInToADisabledOrganisationAndItsSessionsEnd) {
  EXPECT_EQ(Do(deeds::SignIn("rep", "s1"), "rep", "moj"), "");
  auto disabled = Script::Org("moj", v1::ORGANIZATION_KIND_MINISTRY);
  disabled.set_disabled(true);
  script_.Organization(disabled);
  Follow();
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_EQ(Do(deeds::SignIn("rep", "s2"), "rep", "moj"), kRefusedDisabled);
  EXPECT_FALSE(HasSession("s2"));
}

TEST_F(PersonsTest, UnknownPersonsDoNotSignIn) {
  EXPECT_EQ(Do(deeds::SignIn("nobody", "s")), kRefusedNotFound);
  EXPECT_FALSE(HasSession("s"));
}

TEST_F(PersonsTest, SessionKeepsHowItBegan) {
  v1::Action action = deeds::SignIn("ana", "s", 42);
  action.set_address("192.0.2.1");
  action.mutable_session_opened()->set_software("browser");
  journal_.set_time_ms(journal_.time_ms() + 5);
  EXPECT_EQ(Do(action), "");
  const store::SessionRow row = **View()->Session(HashOf("s"));
  EXPECT_EQ(row.person(), "ana");
  EXPECT_EQ(row.organization(), "centre");
  EXPECT_EQ(row.address(), "192.0.2.1");
  EXPECT_EQ(row.software(), "browser");
  EXPECT_EQ(row.expires_at_ms(), 42);
  EXPECT_EQ(row.opened_at_ms(), journal_.time_ms());
  EXPECT_EQ(row.sequence(), last_);
  EXPECT_EQ(Person("ana").last_sign_in_ms(), journal_.time_ms());
}

TEST_F(PersonsTest, OldestSessionEndsWhenThereAreTooMany) {
  for (size_t i = 1; i <= kSessionsPerPersonMax; ++i) {
    EXPECT_EQ(Do(deeds::SignIn("ana", "s" + std::to_string(i))), "");
  }
  EXPECT_TRUE(HasSession("s1"));
  EXPECT_EQ(Do(deeds::SignIn("ana", "more")), "");
  EXPECT_FALSE(HasSession("s1"));
  for (size_t i = 2; i <= kSessionsPerPersonMax; ++i) {
    EXPECT_TRUE(HasSession("s" + std::to_string(i))) << i;
  }
  EXPECT_TRUE(HasSession("more"));
  EXPECT_EQ(View()->Ids(store::List::kSessionsOf, "ana", "", 100)->size(), kSessionsPerPersonMax);
}

TEST_F(PersonsTest, ExpiredSessionsMakeRoomFirst) {
  const int64_t now = journal_.time_ms();
  EXPECT_EQ(Do(deeds::SignIn("ana", "oldest")), "");
  EXPECT_EQ(Do(deeds::SignIn("ana", "expired", now + 10)), "");
  for (size_t i = 3; i <= kSessionsPerPersonMax; ++i) {
    EXPECT_EQ(Do(deeds::SignIn("ana", "s" + std::to_string(i))), "");
  }
  journal_.set_time_ms(now + 10);
  EXPECT_EQ(Do(deeds::SignIn("ana", "more")), "");
  EXPECT_TRUE(HasSession("oldest"));
  EXPECT_FALSE(HasSession("expired"));
}

TEST_F(PersonsTest, SessionIdsAreUsedOnce) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "s")), "");
  EXPECT_EQ(Do(deeds::SignIn("app", "s")), kRefusedUsed);
  EXPECT_EQ((*View()->Session(HashOf("s")))->person(), "ana");
  EXPECT_THAT(*View()->Ids(store::List::kSessionsOf, "app", "", 10), IsEmpty());
  v1::Action empty = deeds::SignIn("ana", "x");
  empty.mutable_session_opened()->clear_session();
  EXPECT_EQ(Do(empty), kRefusedNotFound);
}

TEST_F(PersonsTest, EndedSessionIsGone) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "s1")), "");
  EXPECT_EQ(Do(deeds::SignIn("ana", "s2")), "");
  v1::Action action;
  action.mutable_session_ended()->set_session(HashOf("s1"));
  EXPECT_EQ(Do(action), "");
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_THAT(*View()->Ids(store::List::kSessionsOf, "ana", "", 10), ElementsAre(HashOf("s2")));
  EXPECT_EQ(Do(action), kRefusedNotFound);
}

// ---- secrets ----

TEST_F(PersonsTest, PasswordChangeEndsSessions) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "s1")), "");
  EXPECT_EQ(Do(deeds::SignIn("app", "other")), "");
  EXPECT_EQ(Do(deeds::Password("ana", "hash")), "");
  EXPECT_EQ(Person("ana").password_hash(), "hash");
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_TRUE(HasSession("other"));
  EXPECT_EQ(Do(deeds::Password("nobody", "hash")), kRefusedNotFound);
}

TEST_F(PersonsTest, PasswordChangeLeavesTheSessionInWhichItIsDone) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "here")), "");
  EXPECT_EQ(Do(deeds::SignIn("ana", "elsewhere")), "");
  v1::Action action = deeds::Password("ana", "hash");
  action.set_session(HashOf("here"));
  EXPECT_EQ(Do(action), "");
  EXPECT_TRUE(HasSession("here"));
  EXPECT_FALSE(HasSession("elsewhere"));
  v1::OrganizationSet centre = Script::Org("centre", v1::ORGANIZATION_KIND_CENTRE);
  centre.set_disabled(true);
  script_.Organization(Script::Org("second", v1::ORGANIZATION_KIND_CENTRE));
  EXPECT_EQ(Do(deeds::Person("two", "second", {v1::ROLE_ADMINISTRATOR})), "");
  script_.Organization(centre);
  Follow();
  EXPECT_FALSE(HasSession("here")) << "that was done in no session";
}

TEST_F(PersonsTest, PasswordChangeAndDisablingVoidLinks) {
  EXPECT_EQ(Do(deeds::Link("ana", "l", INT64_MAX)), "");
  EXPECT_EQ(Do(deeds::Link("app", "of-another", INT64_MAX)), "");
  EXPECT_EQ(Do(deeds::Password("ana", "hash")), "");
  EXPECT_EQ(Do(deeds::Password("ana", "stolen", "l")), kRefusedUsed);
  EXPECT_THAT(*View()->Ids(store::List::kLinksOf, "ana", "", 10), IsEmpty());
  EXPECT_TRUE(View()->SignInLink(HashOf("of-another"))->has_value());
  EXPECT_EQ(Do(deeds::Link("ana", "m", INT64_MAX)), "");
  EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_ANALYST}, true)), "");
  EXPECT_FALSE(View()->SignInLink(HashOf("m"))->has_value());
}

TEST_F(PersonsTest, AnotherIdentityEndsSessions) {
  EXPECT_EQ(Do(deeds::SignIn("ana", "s1")), "");
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp.example", "a", "cert"), "root"), "");
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_EQ(Do(deeds::SignIn("ana", "s2")), "");
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp.example", "a", "cert"), "root"), "");
  EXPECT_TRUE(HasSession("s2")) << "it is as before";
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp.example", "a", ""), "root"), "");
  EXPECT_FALSE(HasSession("s2"));
}

TEST_F(PersonsTest, LoginAtTheMachineBelongsToOnePerson) {
  v1::Action bound = deeds::Person("ana", "centre", {v1::ROLE_ANALYST});
  bound.mutable_person_set()->set_local_login("suzuki");
  EXPECT_EQ(Do(bound, "root"), "");
  EXPECT_EQ(**View()->PersonOfLogin("suzuki"), "ana");
  v1::Action taken = deeds::Person("app", "centre", {v1::ROLE_APPROVER});
  taken.mutable_person_set()->set_local_login("suzuki");
  EXPECT_EQ(Do(taken, "root"), kRefusedTaken);
  EXPECT_EQ(Do(deeds::Person("ana", "centre", {v1::ROLE_ANALYST}), "root"), "");
  EXPECT_FALSE(View()->PersonOfLogin("suzuki")->has_value());
  EXPECT_EQ(Do(taken, "root"), "");
}

TEST_F(PersonsTest, LinkIsUsedOnce) {
  EXPECT_EQ(Do(deeds::Link("ana", "l", INT64_MAX)), "");
  EXPECT_EQ(Do(deeds::Password("ana", "one", "l")), "");
  EXPECT_FALSE(View()->SignInLink(HashOf("l"))->has_value());
  EXPECT_EQ(Do(deeds::Password("ana", "two", "l")), kRefusedUsed);
  EXPECT_EQ(Person("ana").password_hash(), "one");
}

TEST_F(PersonsTest, LinkIsNotGoodAfterItsExpiryNorForSomebodyElse) {
  const int64_t expiry = journal_.time_ms() + 100;
  EXPECT_EQ(Do(deeds::Link("ana", "l", expiry)), "");
  EXPECT_EQ(Do(deeds::Password("app", "stolen", "l")), kRefusedUsed);
  EXPECT_EQ(Person("app").password_hash(), "");
  journal_.set_time_ms(expiry);
  EXPECT_EQ(Do(deeds::Password("ana", "late", "l")), kRefusedUsed);
  EXPECT_EQ(Person("ana").password_hash(), "");
  EXPECT_EQ(Do(deeds::Link("ana", "m", expiry + 1)), "");
  EXPECT_EQ(Do(deeds::Password("ana", "in time", "m")), "");
  EXPECT_EQ(Do(deeds::Link("nobody", "n", INT64_MAX)), kRefusedNotFound);
}

TEST_F(PersonsTest, OnlySecretsThatArePresentChange) {
  v1::Action both = deeds::Password("ana", "hash");
  both.mutable_person_secrets_set()->set_totp_sealed("totp");
  both.mutable_person_secrets_set()->add_recovery_hashes(HashOf("r1"));
  EXPECT_EQ(Do(both), "");
  EXPECT_EQ(SignInAt("s", 7), "");
  EXPECT_EQ(Do(deeds::Password("ana", "other")), "");
  EXPECT_EQ(Person("ana").password_hash(), "other");
  EXPECT_EQ(Person("ana").totp_sealed(), "totp");
  EXPECT_EQ(Person("ana").totp_step(), 7) << "a code that was used stays used";
  EXPECT_THAT(Person("ana").recovery_hashes(), ElementsAre(HashOf("r1")));

  v1::Action removed;
  removed.mutable_person_secrets_set()->set_person("ana");
  removed.mutable_person_secrets_set()->set_totp_sealed("");
  EXPECT_EQ(Do(removed), "");
  EXPECT_EQ(Person("ana").totp_sealed(), "");
  EXPECT_THAT(Person("ana").recovery_hashes(), IsEmpty()) << "codes go with their factor";
  EXPECT_EQ(Person("ana").password_hash(), "other");
}

TEST_F(PersonsTest, TotpStepIsUsedOnce) {
  EXPECT_EQ(SignInAt("s1", 100), "");
  EXPECT_EQ(SignInAt("s2", 100), kRefusedUsed);
  EXPECT_EQ(SignInAt("s3", 99), kRefusedUsed);
  EXPECT_FALSE(HasSession("s2"));
  EXPECT_EQ(SignInAt("s4", 101), "");
  EXPECT_EQ(Person("ana").totp_step(), 101);
}

TEST_F(PersonsTest, RecoveryCodeIsUsedOnce) {
  v1::Action codes;
  codes.mutable_person_secrets_set()->set_person("ana");
  for (const char* code : {"r1", "r2"}) {
    codes.mutable_person_secrets_set()->add_recovery_hashes(HashOf(code));
  }
  EXPECT_EQ(Do(codes), "");
  EXPECT_EQ(SignInAt("s1", 0, "none"), kRefusedUsed);
  EXPECT_EQ(SignInAt("s2", 0, "r1"), "");
  EXPECT_EQ(SignInAt("s3", 0, "r1"), kRefusedUsed);
  EXPECT_THAT(Person("ana").recovery_hashes(), UnorderedElementsAre(HashOf("r2")));
  EXPECT_FALSE(HasSession("s1"));
  EXPECT_TRUE(HasSession("s2"));
  EXPECT_FALSE(HasSession("s3"));
}

// ---- identities elsewhere ----

TEST_F(PersonsTest, IdentityBelongsToOnePerson) {
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp", "42", "cert")), "");
  EXPECT_EQ(*View()->PersonOfIdentity("https://idp", "42"), "ana");
  EXPECT_EQ(*View()->PersonOfCertificate(HashOf("cert")), "ana");
  EXPECT_EQ(Do(deeds::Identity("app", "https://idp", "42", "")), kRefusedTaken);
  EXPECT_EQ(Do(deeds::Identity("app", "", "", "cert")), kRefusedTaken);
  EXPECT_EQ(Do(deeds::Identity("app", "https://other", "42", "cert-2")), "");
  EXPECT_EQ(*View()->PersonOfIdentity("https://idp", "42"), "ana");
  EXPECT_EQ(*View()->PersonOfIdentity("https://other", "42"), "app");
  EXPECT_EQ(Do(deeds::Identity("nobody", "https://idp", "1", "")), kRefusedNotFound);
}

TEST_F(PersonsTest, IdentityReplacesTheOneBefore) {
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp", "42", "cert")), "");
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp", "42", "cert")), "") << "once more";
  EXPECT_EQ(Do(deeds::Identity("ana", "https://idp", "43", "")), "");
  EXPECT_FALSE(View()->PersonOfIdentity("https://idp", "42")->has_value());
  EXPECT_FALSE(View()->PersonOfCertificate(HashOf("cert"))->has_value());
  EXPECT_EQ(*View()->PersonOfIdentity("https://idp", "43"), "ana");
  EXPECT_EQ(Do(deeds::Identity("app", "https://idp", "42", "cert")), "") << "it is free again";
  EXPECT_EQ(Do(deeds::Identity("ana", "", "", "")), "");
  EXPECT_FALSE(View()->PersonOfIdentity("https://idp", "43")->has_value());
  EXPECT_EQ(Person("ana").subject(), "");
}

}  // namespace
}  // namespace noroshi::engine
