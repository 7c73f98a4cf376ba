// Organisations and their agents: who sees and who changes them, and that nobody's change
// is lost.
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::NumberAt;
using support::TextAt;
using testing::ElementsAre;
using testing::HasSubstr;

class OrganizationsTest : public Office {
 protected:
  static json::object Record(const std::string& kind = "operator") {
    return {{"name_ja", "電力"}, {"name_en", "Power"}, {"kind", kind}};
  }
  // The status of a change by somebody who saw this ETag.
  int Put(const json::object& record, const std::string& etag) {
    http::Request request;
    request.body = json::serialize(record);
    request.headers.Set("Content-Type", "application/json");
    request.headers.Set("If-Match", etag);
    return desk_.Send(admin_, "PUT", "/organizations/moj", std::move(request)).status;
  }
  void Enrol(const std::string& organization, const std::string& agent) {
    v1::AgentTokenIssued issued;
    issued.set_organization(organization);
    issued.set_agent(agent);
    issued.set_secret_sha256(std::string(32, agent[0]));
    issued.set_expires_at_ms(INT64_MAX);
    desk_.Append(v1::ENTRY_KIND_AGENT_TOKEN_ISSUED, "", "", issued.SerializeAsString());
    v1::AgentCertified certified;
    certified.set_organization(organization);
    certified.set_agent(agent);
    certified.set_token_sha256(issued.secret_sha256());
    desk_.Append(v1::ENTRY_KIND_AGENT_CERTIFIED, "", "", certified.SerializeAsString());
  }
};

TEST_F(OrganizationsTest, MembersSeeTheirOwn) {
  EXPECT_THAT(Column(Get(reporter_, "/organizations"), "organizations", "id"), ElementsAre("moj"));
  Get(reporter_, "/organizations/moj");
  Get(reporter_, "/organizations/nict", 404);
  Get(reporter_, "/organizations/absent", 404);
  Get(reader_, "/organizations/absent", 404);
  const json::value first = Get(reader_, "/organizations", 200, {{"limit", "2"}});
  EXPECT_THAT(Column(first, "organizations", "id"), ElementsAre("centre", "moj"));
  const json::value rest =
      Get(reader_, "/organizations", 200, {{"limit", "2"}, {"cursor", TextAt(first, "/next")}});
  EXPECT_THAT(Column(rest, "organizations", "id"), ElementsAre("nict"));
}

TEST_F(OrganizationsTest, AdministratorsMakeAndChangeThem) {
  Call(analyst_, "PUT", "/organizations/power", 403, Record());
  Call(liaison_, "PUT", "/organizations/moj", 403, Record());
  Call(liaison_, "PUT", "/organizations/nict", 404, Record());
  const json::value made = Call(admin_, "PUT", "/organizations/power", 201, Record());
  EXPECT_EQ(NumberAt(made, "/version"), 1);
  json::object disabled = Record();
  disabled["disabled"] = true;
  const json::value changed = Call(admin_, "PUT", "/organizations/power", 200, disabled);
  EXPECT_EQ(NumberAt(changed, "/version"), 2);
  EXPECT_TRUE(changed.at("disabled").as_bool());
}

TEST_F(OrganizationsTest, WhatDoesNotFitIsRefused) {
  json::object record = Record();
  record["sector"] = "moon";
  EXPECT_THAT(json::serialize(Call(admin_, "PUT", "/organizations/power", 422, record)),
              HasSubstr("/sector"));
  record = Record();
  record["ceptoar"] = "banking";
  EXPECT_THAT(json::serialize(Call(admin_, "PUT", "/organizations/power", 422, record)),
              HasSubstr("/ceptoar"));
  EXPECT_THAT(json::serialize(Call(admin_, "PUT", "/organizations/power", 422, Record("ceptoar"))),
              HasSubstr("/ceptoar"));
  EXPECT_THAT(json::serialize(Call(admin_, "PUT", "/organizations/power", 422, Record("club"))),
              HasSubstr("/kind"));
  Call(admin_, "PUT", "/organizations/No Name", 422, Record());
}

TEST_F(OrganizationsTest, NobodysChangeIsLost) {
  const http::Response seen = desk_.Call(reader_, "GET", "/organizations/moj");
  const std::string etag = *seen.headers.Find("ETag");
  EXPECT_EQ(Put(Record("ministry"), etag), 200);
  EXPECT_EQ(Put(Record("ministry"), etag), 412);
  EXPECT_EQ(Put(Record("ministry"), "\"v2\""), 200);
  EXPECT_EQ(Put(Record("ministry"), "nonsense"), 412);
  EXPECT_EQ(Put(Record("ministry"), "*"), 200);
}

TEST_F(OrganizationsTest, AgentsAreListedAndCutOff) {
  for (const char* agent : {"a", "b", "c"}) Enrol("moj", agent);
  Enrol("nict", "d");
  Get(reporter_, "/organizations/moj/agents", 404);
  Get(other_, "/organizations/moj/agents", 404);
  const json::value first = Get(liaison_, "/organizations/moj/agents", 200, {{"limit", "2"}});
  EXPECT_THAT(Column(first, "agents", "agent"), ElementsAre("a", "b"));
  const json::value rest = Get(liaison_, "/organizations/moj/agents", 200,
                               {{"limit", "2"}, {"cursor", TextAt(first, "/next")}});
  EXPECT_THAT(Column(rest, "agents", "agent"), ElementsAre("c"));
  EXPECT_TRUE(rest.at("next").is_null()) << "the next agent is another organisation's";

  const json::object reason{{"reason", "stolen"}};
  Post(liaison_, "/organizations/moj/agents/a/revocation", reason, 403);
  Post(admin_, "/organizations/moj/agents/absent/revocation", reason, 404);
  Post(admin_, "/organizations/moj/agents/a/revocation", json::object{}, 422);
  const json::value revoked = Post(admin_, "/organizations/moj/agents/a/revocation", reason, 200);
  EXPECT_TRUE(revoked.at("revoked").as_bool());
  EXPECT_EQ(TextAt(Get(liaison_, "/organizations/moj/agents/a"), "/revoked_reason"), "stolen");
}

TEST_F(OrganizationsTest, TheTokenOfAnAgentThatNeverEnrolledIsRevoked) {
  Post(admin_, "/organizations/moj/agents/lost/tokens", nullptr, 201);
  Get(liaison_, "/organizations/moj/agents/lost", 404);
  const json::object reason{{"reason", "the token was lost"}};
  const json::value revoked =
      Post(admin_, "/organizations/moj/agents/lost/revocation", reason, 200);
  EXPECT_TRUE(revoked.at("revoked").as_bool());
  EXPECT_TRUE(desk_.store().Snapshot()->Ids(store::List::kTokensOf, "moj/lost", "", 10)->empty());
}

TEST_F(OrganizationsTest, ATokenEnrolsOneAgent) {
  const json::value token = Post(admin_, "/organizations/moj/agents/a/tokens", nullptr, 201);
  EXPECT_FALSE(TextAt(token, "/token").empty());
  Post(analyst_, "/organizations/moj/agents/a/tokens", nullptr, 403);
  Post(admin_, "/organizations/absent/agents/a/tokens", nullptr, 404);
  Post(admin_, "/organizations/moj/agents/A B/tokens", nullptr, 422);
  json::object disabled = Record("ministry");
  disabled["disabled"] = true;
  Call(admin_, "PUT", "/organizations/moj", 200, disabled);
  Post(admin_, "/organizations/moj/agents/a/tokens", nullptr, 409);
  // The secret is nowhere but in that answer.
  for (const auto& entry : desk_.journal().entries()) {
    EXPECT_EQ(entry.body.find(TextAt(token, "/token")), std::string::npos);
  }
}

}  // namespace
}  // namespace noroshi::api
