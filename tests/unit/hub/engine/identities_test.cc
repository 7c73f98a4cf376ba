#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

class IdentitiesTest : public Scene {
 protected:
  std::optional<store::AgentRow> Agent(const std::string& agent = "a") const {
    return *View()->Agent("moj", agent);
  }
};

TEST_F(IdentitiesTest, OrganisationIsCreatedThenReplaced) {
  EXPECT_EQ(View()->Meta()->organizations(), 3u);
  script_.Alert(Script::Warning('w', v1::TLP_GREEN, "org:moj"));
  auto changed = Script::Org("moj", v1::ORGANIZATION_KIND_MINISTRY, "finance");
  changed.set_name_en("Renamed");
  script_.Organization(changed);
  EXPECT_TRUE(Follow().identities_changed);
  const auto row = **View()->Organization("moj");
  EXPECT_EQ(row.organization().name_en(), "Renamed");
  script_.Alert(Script::Warning('x', v1::TLP_GREEN, "org:moj"));
  Follow();
  EXPECT_EQ(Outbox("moj").back().first, 2u) << "its outbox goes on";
  EXPECT_EQ(View()->Meta()->organizations(), 3u);
}

TEST_F(IdentitiesTest, NameThatIsNoIdentifierIsIgnored) {
  script_.Organization(Script::Org("Bad Name", v1::ORGANIZATION_KIND_MINISTRY));
  script_.Organization(Script::Org("", v1::ORGANIZATION_KIND_MINISTRY));
  EXPECT_FALSE(Follow().identities_changed);
  EXPECT_EQ(View()->Meta()->organizations(), 3u);
}

TEST_F(IdentitiesTest, TokenBuysOneCertificate) {
  const std::string token(32, 't');
  script_.Token("moj", "a", token);
  Follow();
  EXPECT_TRUE(View()->Token(token)->has_value());
  script_.Certify("moj", "a", "s1", token);
  script_.Certify("moj", "a", "s2", token);
  Follow();
  EXPECT_EQ(Agent()->serial(), "s1");
  EXPECT_FALSE(View()->Token(token)->has_value());
}

TEST_F(IdentitiesTest, TokenIsGoodForItsAgentOnly) {
  const std::string token(32, 't');
  script_.Token("moj", "a", token);
  script_.Certify("moj", "b", "s1", token);
  script_.Certify("nict", "a", "s1", token);
  script_.Certify("moj", "a", "s1", std::string(32, 'u'));
  Follow();
  EXPECT_FALSE(Agent("a"));
  EXPECT_FALSE(Agent("b"));
  EXPECT_TRUE(View()->Token(token)->has_value());
}

TEST_F(IdentitiesTest, ExpiredTokenBuysNothing) {
  const std::string token(32, 't');
  script_.Token("moj", "a", token);
  journal_.set_time_ms(journal_.time_ms() + 1000);
  script_.Certify("moj", "a", "s1", token);
  Follow();
  EXPECT_FALSE(Agent());
}

TEST_F(IdentitiesTest, RenewalKeepsThePreviousCertificateUntilTheNext) {
  script_.Enrol("moj", "a", "s1");
  script_.Certify("moj", "a", "s2", "");
  Follow();
  EXPECT_EQ(Agent()->serial(), "s2");
  EXPECT_EQ(Agent()->previous_serial(), "s1");
  script_.Certify("moj", "a", "s3", "");
  Follow();
  EXPECT_EQ(Agent()->serial(), "s3");
  EXPECT_EQ(Agent()->previous_serial(), "s2");
  script_.Enrol("moj", "a", "s4");
  Follow();
  EXPECT_EQ(Agent()->serial(), "s4");
  EXPECT_EQ(Agent()->previous_serial(), "");
}

// However many answers were lost on their way.
TEST_F(IdentitiesTest, RenewalKeepsTheCertificateThatAskedForIt) {
  script_.Enrol("moj", "a", "s1");
  for (const char* serial : {"s2", "s3"}) {
    v1::AgentCertified certified;
    certified.set_organization("moj");
    certified.set_agent("a");
    certified.set_serial(serial);
    certified.set_asked_with_serial("s1");
    script_.Add(v1::ENTRY_KIND_AGENT_CERTIFIED, certified);
    Follow();
    EXPECT_EQ(Agent()->serial(), serial);
    EXPECT_EQ(Agent()->previous_serial(), "s1");
  }
}

TEST_F(IdentitiesTest, RevokedAgentNeedsANewToken) {
  const std::string old_token(32, 'o');
  script_.Enrol("moj", "a", "s1");
  script_.Token("moj", "a", old_token);
  script_.Revoke("moj", "a");
  script_.Certify("moj", "a", "s2", "");         // A renewal,
  script_.Certify("moj", "a", "s3", old_token);  // and a token from before.
  Follow();
  EXPECT_TRUE(Agent()->revoked());
  EXPECT_EQ(Agent()->revoked_reason(), "lost");
  EXPECT_EQ(Agent()->serial(), "s1");
  script_.Enrol("moj", "a", "s4");
  Follow();
  EXPECT_FALSE(Agent()->revoked());
  EXPECT_EQ(Agent()->serial(), "s4");
}

TEST_F(IdentitiesTest, RevokingBeforeEnrolmentVoidsTheToken) {
  const std::string token(32, 't');
  script_.Token("moj", "a", token);
  script_.Revoke("moj", "a");
  script_.Certify("moj", "a", "s1", token);
  Follow();
  EXPECT_TRUE(Agent()->revoked());
  EXPECT_EQ(Agent()->serial(), "");
  EXPECT_FALSE(View()->Token(Sha256Of(token))->has_value());
  EXPECT_TRUE(View()->Ids(store::List::kTokensOf, "moj/a", "", 10)->empty());
}

TEST_F(IdentitiesTest, TokensAreListedUntilTheyAreUsedOrExpire) {
  script_.Token("moj", "a", std::string(32, 't'));
  Follow();
  EXPECT_EQ(View()->Ids(store::List::kTokensOf, "moj/a", "", 10)->size(), 1u);
  script_.Certify("moj", "a", "s1", std::string(32, 't'));
  Follow();
  EXPECT_TRUE(View()->Ids(store::List::kTokensOf, "moj/a", "", 10)->empty());
  script_.Token("moj", "a", std::string(32, 'u'));
  journal_.set_time_ms(journal_.time_ms() + int64_t{365} * 24 * 3600 * 1000);
  script_.Token("moj", "a", std::string(32, 'v'));
  Follow();
  EXPECT_FALSE(View()->Token(Sha256Of(std::string(32, 'u')))->has_value());
  EXPECT_EQ(View()->Ids(store::List::kTokensOf, "moj/a", "", 10)->size(), 1u);
}

TEST_F(IdentitiesTest, UnknownOrganisationsGetNoAgents) {
  script_.Enrol("npa", "a", "s1");
  script_.Revoke("npa", "a");
  script_.Certify("moj", "a", "s1", "");
  Follow();
  EXPECT_TRUE(View()->Agents("", "", 10)->empty());
}

TEST_F(IdentitiesTest, RestoreChangesTheLogAndIsRemembered) {
  EXPECT_EQ(View()->Meta()->log_id(), journal_.log_id());
  EXPECT_EQ(View()->Meta()->hub_name(), "test");
  v1::LogRestored restored;
  restored.set_log_id(std::string(16, 'N'));
  restored.set_old_log_id(journal_.log_id());
  restored.set_old_tree_size(3);
  script_.Add(v1::ENTRY_KIND_LOG_RESTORED, restored);
  Follow();
  EXPECT_EQ(View()->Meta()->log_id(), std::string(16, 'N'));
  const auto restores = *View()->Restores(10);
  ASSERT_EQ(restores.size(), 1u);
  EXPECT_EQ(restores[0].old_log_id(), journal_.log_id());
  EXPECT_EQ(restores[0].old_tree_size(), 3u);
}

}  // namespace
}  // namespace noroshi::engine
