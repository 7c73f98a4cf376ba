// Every route and verb, as everybody, at everything: what the API answers is what the
// policy says about that very object. The policy itself is tested beside its table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/access/policy.h"
#include "hub/api/call.h"
#include "hub/api/schema.h"
#include "tests/unit/hub/api/desk.h"

namespace noroshi::api {
namespace {

using access::Deed;

constexpr char kOwn[] = "kasumi-ministry";
constexpr char kOther[] = "shinko-agency";
constexpr char kCircle[] = "council";

// One set of objects of the same marking.
struct Things {
  std::string name;
  std::string owner;
  v1::Tlp tlp = v1::TLP_GREEN;
  bool circle = false;
  bool delivered_to_own = false;
  std::map<std::string, std::string> ids;  // By the name of the path's parameter.
};

struct Walker {
  std::string name;
  Desk::Session session;
  access::Actor actor;
  // At the admin socket.
  bool is_local() const { return actor.kind == access::Actor::Kind::kLocal; }
};

// What the admin socket's caller gets, as an answer of HTTP.
http::Response AsHttp(const Result<json::object>& answer) {
  http::Response response;
  if (answer.ok()) {
    response.status = answer->empty() ? 204 : 200;
    response.body = json::serialize(*answer);
    return response;
  }
  const std::map<ErrorCode, int> statuses = {
      {ErrorCode::kDenied, 403}, {ErrorCode::kNotFound, 404}, {ErrorCode::kInternal, 500}};
  const auto status = statuses.find(answer.error().code);
  response.status = status == statuses.end() ? 422 : status->second;
  response.body = answer.error().message;
  return response;
}

std::string KindOf(const Things& things) {
  return things.owner == kOwn ? "ministry" : "incorporated_agency";
}

// What a body of each schema needs at least.
json::value SampleBody(const std::string& schema, const Things& things) {
  const auto number = [&](const std::string& id) { return std::stoull(things.ids.at(id)); };
  const std::string password = "correct horse battery staple 7";
  const std::map<std::string, json::value> bodies = {
      {"", nullptr},
      {"SignIn", json::object{{"login", "nobody"}, {"password", password}}},
      {"LinkBegin", json::object{{"link_token", std::string(43, 'A')}}},
      {"LinkFinish", json::object{{"link_token", std::string(43, 'A')},
                                  {"enrolment", "00"},
                                  {"code", "000000"},
                                  {"password", password}}},
      {"PasswordChange", json::object{{"present_password", password}, {"password", password}}},
      {"TotpFinish",
       json::object{{"present_password", password}, {"enrolment", "00"}, {"code", "000000"}}},
      {"PersonPut", json::object{{"organization", things.owner},
                                 {"name", "somebody"},
                                 {"roles", json::array{"reporter"}}}},
      {"PersonIdentity", json::object{{"issuer", ""}, {"subject", ""}}},
      {"PersonCertify", json::object{{"csr", "no request"}}},
      {"CaseOpen", json::object{{"kind", "incident"}, {"title", "t"}, {"tlp", "GREEN"}}},
      {"CaseAssign", json::object{{"assignee", ""}}},
      {"CaseClassify", json::object{}},
      {"CasePrioritise", json::object{{"priority", 2}}},
      {"CaseNote", json::object{{"text", "n"}}},
      {"CaseJoin", json::object{{"from", 1}, {"reason", "r"}}},
      {"CaseSplit",
       json::object{{"reports", json::array{number("sequence")}}, {"title", "t"}, {"reason", "r"}}},
      {"CaseClose", json::object{{"resolution", "resolved"}}},
      {"CaseReopen", json::object{{"reason", "r"}}},
      {"ReportFile", json::object{{"handling", json::object{{"tlp", "GREEN"}}},
                                  {"incident", json::object{{"stage", "first"}, {"title", "t"}}}}},
      {"MarkingLoosen", json::object{{"tlp", "RED"}, {"reason", "r"}}},
      {"SampleTake", json::object{{"purpose", "p"}}},
      {"AnalysisAsk", json::object{{"text", "t"}}},
      {"AnalysisMove", json::object{{"state", "accepted"}}},
      {"OrganizationPut", json::object{{"name_ja", "n"},
                                       {"name_en", "n"},
                                       {"kind", KindOf(things)},
                                       {"circles", json::array{kCircle}}}},
      {"AgentRevoke", json::object{{"reason", "r"}}},
      {"AudienceAsk", json::object{{"tlp", "GREEN"}, {"to", json::array{"all"}}}},
      {"AlertPropose", json::object{{"kind", "warning"},
                                    {"tlp", "GREEN"},
                                    {"to", json::array{"all"}},
                                    {"title_ja", "t"},
                                    {"title_en", "t"},
                                    {"text_ja", "t"},
                                    {"text_en", "t"}}},
      {"ProposalDecide", json::object{{"approved", true}}},
      {"AlertMark", json::object{{"mark", "read"}}},
      {"QuestionAsk", json::object{{"organization", things.owner}, {"text", "t"}}},
      {"QuestionAnswer", json::object{{"text", "t"}}},
      {"QuestionWithdraw", json::object{{"reason", "r"}}},
  };
  const auto found = bodies.find(schema);
  EXPECT_NE(found, bodies.end()) << "the test knows no body for schema " << schema;
  return found == bodies.end() ? json::value(nullptr) : found->second;
}

class WalkTest : public testing::Test {
 protected:
  void SetUp() override {
    desk_.AddOrganization("centre", v1::ORGANIZATION_KIND_CENTRE);
    desk_.AddOrganization(kOwn, v1::ORGANIZATION_KIND_MINISTRY, {kCircle});
    desk_.AddOrganization(kOther, v1::ORGANIZATION_KIND_INCORPORATED_AGENCY, {kCircle});
    for (const char* owner : {kOwn, kOther}) {
      for (const v1::Tlp tlp : {v1::TLP_GREEN, v1::TLP_AMBER, v1::TLP_RED}) {
        for (const bool circle : {false, true}) Make(owner, tlp, circle);
      }
    }
    walkers_.push_back({"nobody", {}, {}});
    BindTheOperator();
    walkers_.push_back({"local", {}, {}});
    walkers_.back().actor.kind = access::Actor::Kind::kLocal;
    walkers_.back().actor.id = "admin:operator";
    for (int role = v1::ROLE_READER; role <= v1::ROLE_LIAISON; ++role) {
      for (const bool cleared : {false, true}) AddWalker(static_cast<v1::Role>(role), cleared);
    }
  }

  void AddWalker(v1::Role role, bool cleared) {
    const bool centre = role <= v1::ROLE_AUDITOR;
    Walker walker;
    walker.name = "w" + std::to_string(role) + (cleared ? "c" : "");
    walker.actor.kind = access::Actor::Kind::kPerson;
    walker.actor.centre = centre;
    walker.actor.organization = centre ? "centre" : kOwn;
    walker.actor.roles = {role};
    if (cleared) walker.actor.circles = {kCircle};
    walker.session =
        desk_.SignIn(walker.name, walker.actor.organization, {role}, walker.actor.circles);
    walker.actor.id = "person:" + walker.name;
    walkers_.push_back(std::move(walker));
  }

  void Make(const std::string& owner, v1::Tlp tlp, bool circle) {
    Things things;
    things.owner = owner;
    things.tlp = tlp;
    things.circle = circle;
    things.name = owner + "/" + std::to_string(tlp) + (circle ? "/circle" : "");
    MakeReport(&things);
    MakeSample(&things);
    things.ids["organization_id"] = owner;
    things.ids["person_id"] = "of-" + owner;
    things.ids["agent_id"] = "agent";
    if (things_.empty() || things_.back().owner != owner) {
      desk_.SignIn("of-" + owner, owner, {v1::ROLE_REPORTER});
      // Cut off before it ever enrolled: it has a row.
      v1::AgentRevoked revoked;
      revoked.set_organization(owner);
      revoked.set_agent("agent");
      desk_.Append(v1::ENTRY_KIND_AGENT_REVOKED, "", "admin:test", revoked.SerializeAsString());
    }
    MakeAlert(&things);
    MakeQuestion(&things);
    things.ids["session_id"] = std::string(64, '0');
    things_.push_back(std::move(things));
  }

  std::string NewId(const std::string& parameter, Things* things) {
    const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
    things->ids[parameter] = id.ToString();
    return id.bytes();
  }

  // One that was sent to the owner, and one that is proposed.
  void MakeAlert(Things* things) {
    v1::AlertIssued issued;
    v1::Alert& alert = *issued.mutable_alert();
    alert.set_alert_id(NewId("alert_id", things));
    alert.set_kind(v1::ALERT_KIND_WARNING);
    alert.set_tlp(things->tlp);
    alert.set_title_ja(things->name);
    if (things->circle) alert.set_circle(kCircle);
    issued.add_audience("org:" + things->owner);
    desk_.Append(v1::ENTRY_KIND_ALERT_ISSUED, "", "admin:test", issued.SerializeAsString());
    things->delivered_to_own = things->owner == kOwn;
    v1::Action action;
    v1::ProposalMade& made = *action.mutable_proposal_made();
    made.set_proposal_id(NewId("proposal_id", things));
    *made.mutable_alert() = issued;
    made.mutable_alert()->mutable_alert()->set_alert_id(
        SystemRandom().UuidV7(desk_.now_ms()).bytes());
    desk_.Append(action);
  }

  void MakeQuestion(Things* things) {
    v1::Action action;
    v1::QuestionAsked& asked = *action.mutable_question_asked();
    asked.set_question_id(NewId("question_id", things));
    asked.set_case_id(std::stoull(things->ids.at("case_id")));
    asked.set_organization(things->owner);
    asked.set_text(things->name);
    desk_.Append(action);
  }

  void MakeReport(Things* things) {
    const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
    v1::Submission submission;
    submission.set_id(id.bytes());
    submission.set_created_at_ms(desk_.now_ms());
    submission.mutable_handling()->set_tlp(things->tlp);
    if (things->circle) submission.mutable_handling()->set_circle(kCircle);
    submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
    submission.mutable_incident()->set_what_happened(things->name);
    const uint64_t sequence = desk_.Append(v1::ENTRY_KIND_INCIDENT_REPORT, things->owner, "agent",
                                           submission.SerializeAsString(), id);
    things->ids["sequence"] = std::to_string(sequence);
    things->ids["case_id"] = std::to_string(sequence);
  }

  void MakeSample(Things* things) {
    const std::string content = "sample of " + things->name;
    v1::Action stored;
    v1::SampleStored& sample = *stored.mutable_sample_stored();
    sample.set_sample_id(SystemRandom().UuidV7(desk_.now_ms()).bytes());
    sample.set_organization(things->owner);
    sample.set_name("sample");
    sample.set_sha256(Sha256Of(content));
    sample.set_size(content.size());
    sample.mutable_handling()->set_tlp(things->tlp);
    if (things->circle) sample.mutable_handling()->set_circle(kCircle);
    sample.set_content(content);
    desk_.Append(stored);
    v1::Action requested;
    requested.mutable_analysis_requested()->set_sample_id(sample.sample_id());
    requested.mutable_analysis_requested()->set_request_id(
        SystemRandom().UuidV7(desk_.now_ms()).bytes());
    desk_.Append(requested);
    things->ids["sample_id"] = Uuid::FromBytes(sample.sample_id())->ToString();
    things->ids["request_id"] =
        Uuid::FromBytes(requested.analysis_requested().request_id())->ToString();
  }

  // What the path is about, by the first parameter that it names.
  access::Object ObjectOf(const Route& route, const Things& things, const Walker& walker) {
    access::Object object;
    const auto names = [&](std::string_view parameter) {
      return route.pattern.find("{" + std::string(parameter) + "}") != std::string::npos;
    };
    const auto mark = [&] {
      object.tlp = things.tlp;
      if (things.circle) object.circles = {kCircle};
    };
    if (names("alert_id") || route.pattern == "/alerts") {
      object.received = !walker.actor.centre && (things.delivered_to_own || !names("alert_id"));
      // A delivery is the organisation's own, and no content. That there is an alert may
      // be known wherever it was sent.
      if (route.deed == Deed::kDeliveryRead && object.received) object.owner = kOwn;
      const bool notice = object.received && route.method == "GET";
      if (names("alert_id") && !notice) mark();
      return object;
    }
    if (names("proposal_id")) return mark(), object;
    if (names("question_id")) return object.owner = things.owner, mark(), object;
    if (names("case_id")) return mark(), object;
    if (names("sequence") || names("sample_id") || names("request_id"))
      return object.owner = things.owner, mark(), object;
    if (names("person_id") || names("organization_id")) return object.owner = things.owner, object;
    // Of lists and of what is made anew: the caller's own, or the centre's.
    if (route.request == "PersonPut") return object.owner = things.owner, object;
    object.owner = walker.actor.organization;
    return object;
  }

  std::string PathOf(const Route& route, const Things& things) {
    std::string path = route.pattern;
    while (path.find('{') != std::string::npos) {
      const size_t begin = path.find('{');
      const size_t end = path.find('}');
      const std::string name = path.substr(begin + 1, end - begin - 1);
      const auto id = things.ids.find(name);
      EXPECT_NE(id, things.ids.end()) << "the test knows no " << name << " of " << route.pattern;
      path.replace(begin, end - begin + 1, id == things.ids.end() ? "x" : id->second);
    }
    return path;
  }

  // What needs two persons is asked for in the name of the one to whom the login belongs.
  void BindTheOperator() {
    const auto bound =
        desk_.api().HandleLocal("operator", {{"method", "PUT"},
                                             {"path", "/persons/operator"},
                                             {"body",
                                              {{"organization", "centre"},
                                               {"name", "Operator"},
                                               {"roles", json::array{"analyst", "approver"}},
                                               {"local_login", "operator"}}}});
    ASSERT_TRUE(bound.ok()) << bound.error().message;
  }

  http::Response AskLocally(const Route& route, const std::string& path, const Things& things) {
    json::object call{{"method", route.method}, {"path", path}};
    if (!route.request.empty()) call["body"] = SampleBody(route.request, things);
    if (route.pattern == "/search") call["query"] = json::object{{"q", things.owner}};
    return AsHttp(desk_.api().HandleLocal("operator", call));
  }

  http::Response Ask(const Route& route, const std::string& path, const Things& things,
                     const Walker& walker) {
    if (walker.is_local()) return AskLocally(route, path, things);
    if (route.content_type.empty()) {
      http::Parameters query;
      if (route.pattern == "/search") query = {{"q", things.owner}};
      return desk_.Call(walker.session, route.method, path, SampleBody(route.request, things),
                        query);
    }
    http::Request request;
    request.headers.Set("Content-Type", route.content_type);
    request.body = "Subject: t\r\n\r\nt";
    http::Parameters query{{"tlp", "GREEN"}};
    if (route.pattern == "/samples") query.emplace_back("name", "n");
    return desk_.Send(walker.session, route.method, path, std::move(request), query);
  }

  void Check(const Route& route, const Things& things, const Walker& walker) {
    if (route.method == "DELETE" && route.pattern == "/session") return;  // Ends the walk.
    // The admin socket carries no other content than JSON.
    if (walker.is_local() && !route.content_type.empty()) return;
    const std::string path = PathOf(route, things);
    const http::Response answer = Ask(route, path, things, walker);
    const std::string where = walker.name + ": " + route.method + " " + route.pattern + " of " +
                              things.name + " -> " + std::to_string(answer.status) + " " +
                              answer.body;
    ASSERT_NE(answer.status, 500) << where;
    if (route.gate == Gate::kOpen) return;
    if (walker.session.token.empty() && !walker.is_local()) {
      ASSERT_EQ(answer.status, 401) << where;
      return;
    }
    const access::Object object = ObjectOf(route, things, walker);
    const Deed deed = route.DeedOf(walker.actor.centre || walker.is_local());
    if (access::Decide(walker.actor, deed, object).allowed) {
      ASSERT_NE(answer.status, 401) << where;
      // A session that is not there, and one's own wrong password, are no policy; nor that
      // who runs the machine has no session.
      const bool of_its_own = route.pattern.find("{session_id}") != std::string::npos ||
                              route.pattern.starts_with("/self/") ||
                              (walker.is_local() && route.deed == Deed::kSelf);
      if (!of_its_own) {
        ASSERT_NE(answer.status, 403) << where;
        ASSERT_NE(answer.status, 404) << where;
      }
      CheckShape(route, answer, where);
      return;
    }
    access::Object known = object;
    if (object.received) known.tlp = v1::TLP_CLEAR, known.circles.clear();
    const bool visible = access::Decide(walker.actor, access::ReadingDeed(deed), known).allowed;
    const bool names_one = route.pattern.find('{') != std::string::npos;
    // Who runs the machine learns nothing by hearing that something is there.
    const bool tells = visible || !names_one || walker.is_local();
    ASSERT_EQ(answer.status, tells ? 403 : 404) << where;
  }

  void CheckShape(const Route& route, const http::Response& answer, const std::string& where) {
    // A journal in memory makes no receipts.
    if (answer.status >= 300 || route.response.empty() || route.response == "ReportReceipt") return;
    for (const FieldError& error : CheckAgainst(route.response, Body(answer))) {
      ADD_FAILURE() << where << "\n" << error.pointer << ": " << error.detail;
    }
    ++shapes_;
  }

  Desk desk_;
  size_t shapes_ = 0;
  std::vector<Things> things_;
  std::vector<Walker> walkers_;
};

TEST_F(WalkTest, EveryRouteAsksThePolicyAboutTheVeryObject) {
  size_t cells = 0;
  for (const Route& route : Routes()) {
    for (const Things& things : things_) {
      for (const Walker& walker : walkers_) {
        Check(route, things, walker);
        if (HasFailure()) return;
        ++cells;
      }
    }
  }
  std::printf("%zu cells, %zu answers of the form that the document says\n", cells, shapes_);
  EXPECT_GE(cells, 5'000U);
}

}  // namespace
}  // namespace noroshi::api
