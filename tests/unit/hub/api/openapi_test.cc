// The OpenAPI document: complete, and nothing in it that no route has.
#include <fstream>
#include <set>
#include <sstream>

#include "hub/access/policy.h"
#include "hub/api/call.h"
#include "hub/api/schema.h"
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::At;
using support::TextAt;
using testing::IsEmpty;

class OpenApiTest : public Office {
 protected:
  void SetUp() override {}  // The document is for everybody.
  json::value Document() { return Get({}, "/openapi.json"); }
};

// Names that "$ref": "#/components/<kind>/<name>" points to, anywhere below.
void CollectReferences(const json::value& value, const std::string& kind,
                       std::set<std::string>* names) {
  const std::string prefix = "#/components/" + kind + "/";
  if (value.is_array()) {
    for (const auto& item : value.as_array()) CollectReferences(item, kind, names);
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.as_object()) {
    if (key == "$ref" && std::string_view(member.as_string()).starts_with(prefix)) {
      names->insert(std::string(member.as_string()).substr(prefix.size()));
    }
    CollectReferences(member, kind, names);
  }
}

TEST_F(OpenApiTest, EveryRouteStandsInIt) {
  const json::value document = Document();
  std::set<std::string> operations;
  for (const Route& route : Routes()) {
    const std::string where = route.method + " " + route.pattern;
    EXPECT_FALSE(route.summary.empty()) << where;
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    const auto& operation = document.at("paths").at(route.pattern).at(method);
    EXPECT_EQ(TextAt(operation, "/summary"), route.summary);
    EXPECT_TRUE(operations.insert(TextAt(operation, "/operationId")).second) << where;
    const bool open = route.gate == Gate::kOpen;
    EXPECT_EQ(operation.at("security").as_array().empty(), open) << where;
    EXPECT_EQ(TextAt(operation, "/x-deed"), open ? "" : access::DeedName(route.deed)) << where;
    const bool says_answer = !route.response.empty() || !route.produces.empty();
    // What a GET without words answers is a redirection: only signing in elsewhere does.
    if (route.method == "GET" && !says_answer) {
      EXPECT_TRUE(route.pattern.starts_with("/sign-in/oidc")) << where << " answers what?";
    }
  }
}

TEST_F(OpenApiTest, EverySchemaExistsAndIsUsed) {
  const json::value document = Document();
  for (const char* kind : {"schemas", "parameters", "responses"}) {
    std::set<std::string> used;
    CollectReferences(document, kind, &used);
    std::set<std::string> present;
    for (const auto& [name, value] : document.at("components").at(kind).as_object()) {
      present.insert(name);
    }
    EXPECT_EQ(used, present) << kind;
  }
}

TEST_F(OpenApiTest, RequestsAreStrictAndAnswersSayWhatTheyHave) {
  for (const Route& route : Routes()) {
    for (const std::string& name : {route.request, route.response}) {
      if (name.empty()) continue;
      const auto& schema = Components().at("components").at("schemas").at(name).as_object();
      EXPECT_EQ(schema.at("type").as_string(), "object") << name;
      EXPECT_EQ(schema.at("additionalProperties"), json::value(false)) << name;
      for (const auto& [property, value] : schema.at("properties").as_object()) {
        EXPECT_FALSE(value.as_object().empty()) << name << "." << property;
      }
    }
  }
}

// ---- docs/api.md ----

std::string RolesTable() {
  using access::Actor;
  const auto may = [](v1::Role role, bool centre, bool received, access::Deed deed) {
    Actor actor;
    actor.kind = role == v1::ROLE_UNSPECIFIED ? Actor::Kind::kLocal : Actor::Kind::kPerson;
    actor.centre = centre;
    actor.organization = "own";
    actor.roles = {role};
    access::Object object;
    object.received = received;
    if (!centre && !received) object.owner = "own";
    return access::Decide(actor, deed, object).allowed ? " ○ |" : " |";
  };
  std::string table =
      "| deed | reader | analyst | approver | administrator | auditor | local | reporter: own | "
      "liaison: own | reporter: received | liaison: received |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (size_t d = 0; d < access::kDeeds; ++d) {
    const auto deed = static_cast<access::Deed>(d);
    table += "| `" + std::string(access::DeedName(deed)) + "` |";
    for (const v1::Role role : {v1::ROLE_READER, v1::ROLE_ANALYST, v1::ROLE_APPROVER,
                                v1::ROLE_ADMINISTRATOR, v1::ROLE_AUDITOR, v1::ROLE_UNSPECIFIED}) {
      table += may(role, true, false, deed);
    }
    for (const bool received : {false, true}) {
      for (const v1::Role role : {v1::ROLE_REPORTER, v1::ROLE_LIAISON}) {
        table += may(role, false, received, deed);
      }
    }
    table += '\n';
  }
  return table;
}

TEST(ApiDocumentTest, TheTableOfRolesIsThePolicys) {
  std::ifstream file(NOROSHI_API_DOCUMENT);
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  const std::string table = RolesTable();
  EXPECT_NE(text.str().find(table), std::string::npos) << "docs/api.md should have:\n" << table;
}

}  // namespace
}  // namespace noroshi::api
