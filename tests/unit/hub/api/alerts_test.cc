// Alerts: who proposes, who decides, who reads, and what an organisation sees.
#include "hub/engine/engine.h"
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::NumberAt;
using support::TextAt;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using AlertsTest = Office;

size_t AlertCount(Desk& desk) { return desk.store().Snapshot()->Alerts(0, 100)->size(); }

// ---- two persons ----

TEST_F(AlertsTest, WhoProposesDoesNotDecide) {
  const auto both = desk_.SignIn("both", "centre", {v1::ROLE_ANALYST, v1::ROLE_APPROVER});
  const json::value proposal = Post(both, "/alerts/proposals", Draft("GREEN", {"org:moj"}), 201);
  const std::string path = "/proposals/" + TextAt(proposal, "/proposal_id");
  const json::value refused = Post(both, path + "/decision", json::object{{"approved", true}}, 403);
  EXPECT_THAT(TextAt(refused, "/detail"), HasSubstr("another person"));
  Post(analyst_, path + "/decision", json::object{{"approved", true}}, 403);
  Post(admin_, path + "/decision", json::object{{"approved", true}}, 404);
  Post(liaison_, path + "/decision", json::object{{"approved", true}}, 404);
  EXPECT_EQ(AlertCount(desk_), 0U);
  Post(approver_, path + "/decision", json::object{{"approved", true}}, 200);
  EXPECT_EQ(AlertCount(desk_), 1U);
}

TEST_F(AlertsTest, AtTheSocketAPersonProposesAndNobodyDecides) {
  const auto local = [&](const std::string& path, json::object body) {
    return desk_.api().HandleLocal("suzuki",
                                   {{"method", "POST"}, {"path", path}, {"body", std::move(body)}});
  };
  const auto unknown = local("/alerts/proposals", Draft("GREEN", {"org:moj"}));
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kDenied);
  EXPECT_THAT(unknown.error().message, HasSubstr("'suzuki' belongs to none"));
  json::object record{{"organization", "centre"},
                      {"name", "鈴木"},
                      {"roles", json::array{"analyst", "approver"}},
                      {"local_login", "suzuki"}};
  const auto suzuki = desk_.SignIn("suzuki-k", "centre", {v1::ROLE_READER});
  Call(admin_, "PUT", "/persons/suzuki-k", 200, record);
  const auto proposal = local("/alerts/proposals", Draft("GREEN", {"org:moj"}));
  ASSERT_TRUE(proposal.ok()) << proposal.error().message;
  EXPECT_EQ(TextAt(*proposal, "/proposed_by"), "person:suzuki-k");
  const std::string decision = "/proposals/" + TextAt(*proposal, "/proposal_id") + "/decision";
  EXPECT_FALSE(local(decision, {{"approved", true}}).ok());
  Post(suzuki, decision, json::object{{"approved", true}}, 403);
  EXPECT_EQ(AlertCount(desk_), 0U);
  Post(approver_, decision, json::object{{"approved", true}}, 200);
  EXPECT_EQ(AlertCount(desk_), 1U);
  // What the person may not do, its login does not do either; nor that of one disabled.
  record["roles"] = json::array{"reader"};
  Call(admin_, "PUT", "/persons/suzuki-k", 200, record);
  EXPECT_FALSE(local("/alerts/proposals", Draft("GREEN", {"org:moj"})).ok());
  record["roles"] = json::array{"analyst"};
  record["disabled"] = true;
  Call(admin_, "PUT", "/persons/suzuki-k", 200, record);
  EXPECT_FALSE(local("/alerts/proposals", Draft("GREEN", {"org:moj"})).ok());
}

TEST_F(AlertsTest, ApprovalSendsOnce) {
  const json::value proposal = Propose(Draft("GREEN", {"org:moj"}));
  const std::string path = "/proposals/" + TextAt(proposal, "/proposal_id") + "/decision";
  Post(approver_, path, json::object{{"approved", true}}, 200);
  Post(approver_, path, json::object{{"approved", true}}, 409);
  Post(approver_, path, json::object{{"approved", false}}, 409);
  EXPECT_EQ(AlertCount(desk_), 1U);
  const json::value alert = Get(analyst_, "/alerts/" + TextAt(proposal, "/alert_id"));
  EXPECT_EQ(TextAt(alert, "/issued_by"), "person:analyst, person:approver");
  EXPECT_EQ(TextAt(alert, "/recipients/0/organization"), "moj");
}

TEST_F(AlertsTest, RejectionSendsNothing) {
  const json::value proposal = Propose(Draft("GREEN", {"org:moj"}));
  const std::string path = "/proposals/" + TextAt(proposal, "/proposal_id");
  const json::value decided = Post(approver_, path + "/decision",
                                   json::object{{"approved", false}, {"reason", "too early"}}, 200);
  EXPECT_EQ(TextAt(decided, "/state"), "rejected");
  EXPECT_EQ(TextAt(decided, "/decided_reason"), "too early");
  EXPECT_EQ(AlertCount(desk_), 0U);
  Get(analyst_, "/alerts/" + TextAt(proposal, "/alert_id"), 404);
  EXPECT_THAT(ArrayAt(Get(analyst_, "/proposals", 200, {{"state", "open"}}), "/proposals"),
              IsEmpty());
  EXPECT_EQ(ArrayAt(Get(analyst_, "/proposals"), "/proposals").size(), 1U);
}

// A deadline that ran while the proposal waited would be over before anybody has it.
TEST_F(AlertsTest, TheDeadlineBeginsWithTheApproval) {
  json::object draft = Draft("GREEN", {"org:moj"});
  draft["acknowledge_within"] = "4h";
  const json::value proposal = Propose(draft);
  desk_.journal().set_time_ms(desk_.now_ms() + 24 * 3'600'000);
  Post(approver_, "/proposals/" + TextAt(proposal, "/proposal_id") + "/decision",
       json::object{{"approved", true}}, 200);
  const json::value alert = Get(analyst_, "/alerts/" + TextAt(proposal, "/alert_id"));
  EXPECT_EQ(TextAt(alert, "/acknowledge_by"), FormatUtc(desk_.now_ms() + 4 * 3'600'000));
}

TEST_F(AlertsTest, WhatCannotBeSentIsRefusedAtTheProposal) {
  const auto refused = [&](std::string_view name, json::value value) {
    json::object draft = Draft("GREEN", {"org:moj"});
    draft[name] = std::move(value);
    return json::serialize(Post(analyst_, "/alerts/proposals", draft, 422));
  };
  EXPECT_THAT(refused("to", json::array{"everybody"}), HasSubstr("/to"));
  EXPECT_THAT(refused("to", json::array{}), HasSubstr("/to"));
  EXPECT_THAT(refused("tlp", "PINK"), HasSubstr("/tlp"));
  EXPECT_THAT(refused("kind", "rumour"), HasSubstr("/kind"));
  EXPECT_THAT(refused("title_ja", ""), HasSubstr("/title_ja"));
  EXPECT_THAT(refused("case_id", 4711), HasSubstr("/case_id"));
  EXPECT_THAT(refused("acknowledge_within", "soon"), HasSubstr("/acknowledge_within"));
  EXPECT_THAT(refused("acknowledge_within", "367d"), HasSubstr("/acknowledge_within"));
  EXPECT_THAT(refused("rule", "x"), HasSubstr("rule"));
}

// Each text by itself is within its characters; together they have too many bytes.
TEST_F(AlertsTest, TextsThatNobodyCouldReadAreRefusedAtTheProposal) {
  for (const auto& [name, text] : {std::pair("title_ja", "一\n二"),
                                   {"title_en", " \t"},
                                   {"text_ja", "\x01"},
                                   {"text_en", "\x7f"}}) {
    json::object draft = Draft("GREEN", {"all"});
    draft[name] = text;
    const json::value problem = Post(analyst_, "/alerts/proposals", draft, 422);
    EXPECT_THAT(TextAt(problem, "/detail"), testing::StartsWith(std::string(name) + ": "));
  }
  json::object draft = Draft("GREEN", {"all"});
  draft["text_ja"] = "一\n\t二\r\n";
  Post(analyst_, "/alerts/proposals", draft, 201);
}

TEST_F(AlertsTest, WhatNoFrameCarriesIsRefusedAtTheProposal) {
  json::object draft = Draft("GREEN", {"org:moj"});
  std::string text;
  for (int i = 0; i < 65'536; ++i) text += "狼";
  draft["text_ja"] = text;
  draft["text_en"] = std::string(engine::kAlertBytesMax - text.size() - 256, 'x');
  Propose(draft);
  draft["text_en"] = std::string(engine::kAlertBytesMax - text.size(), 'x');
  EXPECT_THAT(json::serialize(Post(analyst_, "/alerts/proposals", draft, 422)),
              HasSubstr("can be sent"));
}

TEST_F(AlertsTest, ACircleIsForThoseClearedForIt) {
  const auto uncleared = desk_.SignIn("uncleared", "centre", {v1::ROLE_ANALYST});
  json::object draft = Draft("AMBER", {"org:moj"});
  draft["circle"] = "council";
  Post(uncleared, "/alerts/proposals", draft, 403);
  const json::value proposal = Propose(draft);
  const std::string path = "/proposals/" + TextAt(proposal, "/proposal_id");
  Get(uncleared, path, 404);
  EXPECT_THAT(ArrayAt(Get(uncleared, "/proposals"), "/proposals"), IsEmpty());
  const std::string list = json::serialize(Get(approver_, "/proposals"));
  EXPECT_THAT(list, Not(HasSubstr("secret")));
  EXPECT_THAT(list, HasSubstr("\"withheld\":true"));
  Get(approver_, path);
  EXPECT_THAT(Readings(), ElementsAre("person:approver " + path));
}

// ---- the audience ----

TEST_F(AlertsTest, ThePreviewIsWhatIsThenSent) {
  desk_.AddOrganization("npa", v1::ORGANIZATION_KIND_POLICE);
  const uint64_t case_id = Report("moj", v1::TLP_AMBER);
  for (const char* tlp : {"GREEN", "AMBER", "AMBER+STRICT", "RED"}) {
    json::object draft = Draft(tlp, {"all", "org:moj", "kind:police"});
    draft["case_id"] = case_id;
    json::object ask;
    for (const char* name : {"tlp", "to", "case_id"}) ask[name] = draft.at(name);
    const json::value preview = Post(analyst_, "/alerts/audience", ask, 200);
    if (preview.at("recipients").as_array().empty()) {
      EXPECT_THAT(json::serialize(Post(analyst_, "/alerts/proposals", draft, 422)),
                  HasSubstr("marking_loosened"));
      continue;
    }
    const json::value alert = Get(analyst_, "/alerts/" + Send(draft));
    EXPECT_EQ(preview.at("recipients"), alert.at("recipients")) << tlp;
    EXPECT_EQ(preview.at("excluded"), alert.at("excluded")) << tlp;
    EXPECT_FALSE(preview.at("recipients").as_array().empty() &&
                 preview.at("excluded").as_array().empty())
        << tlp;
    EXPECT_EQ(preview.at("notice").as_bool(), std::string(tlp) == "RED");
  }
  Post(reader_, "/alerts/audience", json::object{{"tlp", "GREEN"}, {"to", json::array{"all"}}},
       403);
}

TEST_F(AlertsTest, WhatReachesNobodyIsNotProposed) {
  for (const char* unknown : {"org:mojj", "sector:moon", "ceptoar:moon", "circle:moon"}) {
    const json::object draft = Draft("GREEN", {"org:moj", unknown});
    const json::object ask{{"tlp", "GREEN"}, {"to", draft.at("to")}};
    for (const json::value& refused : {Post(analyst_, "/alerts/proposals", draft, 422),
                                       Post(analyst_, "/alerts/audience", ask, 422)}) {
      EXPECT_EQ(TextAt(refused, "/errors/0/pointer"), "/to");
      EXPECT_THAT(TextAt(refused, "/errors/0/detail"), HasSubstr(unknown));
    }
  }
  EXPECT_THAT(json::serialize(Post(analyst_, "/alerts/proposals", Draft("RED", {"all"}), 422)),
              HasSubstr("moj (tlp_red), nict (tlp_red)"));
  EXPECT_THAT(
      json::serialize(Post(analyst_, "/alerts/proposals", Draft("GREEN", {"kind:police"}), 422)),
      HasSubstr("nobody"));
}

TEST_F(AlertsTest, ARefusalNamesAFewOfThoseWhoMayNotHaveIt) {
  for (int i = 0; i < 10; ++i) {
    desk_.AddOrganization("a" + std::to_string(i), v1::ORGANIZATION_KIND_OPERATOR);
  }
  EXPECT_THAT(json::serialize(Post(analyst_, "/alerts/proposals", Draft("RED", {"all"}), 422)),
              HasSubstr("a7 (tlp_red) and 4 more"));
}

TEST_F(AlertsTest, WhatReachesNobodyAnyMoreIsNotApproved) {
  const uint64_t case_id = Report("moj", v1::TLP_GREEN);
  json::object draft = Draft("GREEN", {"org:nict"});
  draft["case_id"] = case_id;
  const std::string path = "/proposals/" + TextAt(Propose(draft), "/proposal_id");
  Post(analyst_, "/cases/" + std::to_string(case_id) + "/join",
       json::object{{"from", Report("moj", v1::TLP_AMBER)}, {"reason", "same"}}, 200);
  EXPECT_THAT(
      json::serialize(Post(approver_, path + "/decision", json::object{{"approved", true}}, 409)),
      HasSubstr("nict (marking_loosened)"));
  EXPECT_EQ(TextAt(Get(analyst_, path), "/state"), "open");
  Post(approver_, path + "/decision", json::object{{"approved", false}}, 200);
}

// ---- what an organisation sees ----

TEST_F(AlertsTest, AMemberSeesWhatWasSentToIt) {
  const std::string ours = Send(Draft("AMBER", {"org:moj"}));
  const std::string theirs = Send(Draft("AMBER", {"org:nict"}));
  EXPECT_THAT(Column(Get(reporter_, "/alerts"), "alerts", "alert_id"), ElementsAre(ours));
  EXPECT_THAT(Column(Get(other_, "/alerts"), "alerts", "alert_id"), ElementsAre(theirs));
  EXPECT_THAT(Column(Get(reader_, "/alerts"), "alerts", "alert_id"), ElementsAre(theirs, ours));
  Get(reporter_, "/alerts/" + theirs, 404);
  Get(reporter_, "/alerts/" + theirs + "/deliveries", 404);
  Post(reporter_, "/alerts/" + theirs + "/marks", json::object{{"mark", "read"}}, 404);
  Get(reporter_, "/alerts/00000000-0000-0000-0000-000000000000", 404);
  const json::value alert = Get(reporter_, "/alerts/" + ours);
  EXPECT_EQ(TextAt(alert, "/text_ja"), "本文の秘密");
  EXPECT_EQ(TextAt(alert, "/delivery/state"), "queued");
}

TEST_F(AlertsTest, AMemberLearnsNothingOfTheOffice) {
  const uint64_t case_id = Report("moj");
  json::object draft = Draft("GREEN", {"all", "kind:police"});
  draft["case_id"] = case_id;
  const std::string id = Send(draft);
  for (const std::string path : {"/alerts", "/deliveries"}) {
    const std::string text = json::serialize(Get(reporter_, path));
    for (const char* word : {"case_id", "audience", "excluded", "recipient", "rule", "issued_by",
                             "analyst", "approver", "nict"}) {
      EXPECT_THAT(text, Not(HasSubstr(word))) << path;
    }
  }
  const std::string text = json::serialize(Get(reporter_, "/alerts/" + id));
  for (const char* word : {"case_id", "audience", "excluded", "recipient", "rule", "issued_by",
                           "analyst", "approver", "nict"}) {
    EXPECT_THAT(text, Not(HasSubstr(word)));
  }
}

TEST_F(AlertsTest, RedIsReadByLiaisonsAndRecorded) {
  const std::string id = Send(Draft("RED", {"org:moj"}));
  for (const Session& who : {reporter_, liaison_}) {
    const std::string list = json::serialize(Get(who, "/alerts"));
    EXPECT_THAT(list, Not(HasSubstr("題\"")));
    EXPECT_THAT(list, HasSubstr("内容を伏せた発信があります"));
    EXPECT_THAT(json::serialize(Get(who, "/deliveries")), Not(HasSubstr("題\"")));
  }
  const json::value notice = Get(reporter_, "/alerts/" + id);
  EXPECT_TRUE(notice.at("withheld").as_bool());
  EXPECT_THAT(json::serialize(notice), Not(HasSubstr("秘密")));
  EXPECT_THAT(Readings(), IsEmpty()) << "a notice is no content";
  Post(reporter_, "/alerts/" + id + "/marks", json::object{{"mark", "read"}}, 403);

  const json::value content = Get(liaison_, "/alerts/" + id);
  EXPECT_FALSE(content.at("withheld").as_bool());
  EXPECT_EQ(TextAt(content, "/text_ja"), "本文の秘密");
  EXPECT_THAT(Readings(), ElementsAre("person:liaison /alerts/" + id));
  Get(other_, "/alerts/" + id, 404);
  Get(reader_, "/alerts/" + id, 404);
  EXPECT_THAT(Readings().size(), 1U);
}

TEST_F(AlertsTest, ACircleIsReadByThePersonsClearedForIt) {
  const auto cleared = desk_.SignIn("cleared", "moj", {v1::ROLE_REPORTER}, {"council"});
  json::object draft = Draft("AMBER", {"org:moj"});
  draft["circle"] = "council";
  const std::string id = Send(draft);
  EXPECT_THAT(json::serialize(Get(liaison_, "/alerts/" + id)), Not(HasSubstr("秘密")));
  EXPECT_THAT(json::serialize(Get(cleared, "/alerts")), Not(HasSubstr("題\"")));
  EXPECT_THAT(json::serialize(Get(cleared, "/alerts/" + id)), HasSubstr("秘密"));
  EXPECT_THAT(Readings(), ElementsAre("person:cleared /alerts/" + id));
}

TEST_F(AlertsTest, ExercisesSayThatTheyAreOne) {
  json::object draft = Draft("GREEN", {"org:moj"});
  draft["exercise_id"] = "drill-1";
  const std::string id = Send(draft);
  EXPECT_THAT(TextAt(Get(reporter_, "/alerts/" + id), "/title_en"), HasSubstr("[EXERCISE]"));
  EXPECT_THAT(TextAt(Get(reporter_, "/alerts"), "/alerts/0/title_en"), HasSubstr("[EXERCISE]"));
}

// ---- deliveries ----

TEST_F(AlertsTest, AMarkIsThePersonsAndTheCentreSeesIt) {
  const std::string id = Send(Draft("GREEN", {"all"}));
  const json::value delivery = Post(reporter_, "/alerts/" + id + "/marks",
                                    json::object{{"mark", "acted"}, {"note", "patched"}}, 200);
  EXPECT_EQ(TextAt(delivery, "/state"), "acted");
  Post(analyst_, "/alerts/" + id + "/marks", json::object{{"mark", "read"}}, 403);
  Post(reporter_, "/alerts/" + id + "/marks", json::object{{"mark", "queued"}}, 422);

  const json::value own = Get(reporter_, "/alerts/" + id + "/deliveries");
  EXPECT_THAT(Column(own, "deliveries", "organization"), ElementsAre("moj"));
  const json::value first = Get(analyst_, "/alerts/" + id + "/deliveries", 200, {{"limit", "1"}});
  EXPECT_THAT(Column(first, "deliveries", "organization"), ElementsAre("moj"));
  EXPECT_EQ(TextAt(first, "/deliveries/0/person"), "reporter");
  EXPECT_EQ(TextAt(first, "/deliveries/0/note"), "patched");
  EXPECT_EQ(TextAt(first, "/deliveries/0/reason"), "all");
  const json::value rest = Get(analyst_, "/alerts/" + id + "/deliveries", 200,
                               {{"limit", "2"}, {"cursor", TextAt(first, "/next")}});
  EXPECT_THAT(Column(rest, "deliveries", "organization"), ElementsAre("nict"));
  EXPECT_TRUE(rest.at("next").is_null());
}

TEST_F(AlertsTest, ListsGoOnWithTheCursor) {
  std::vector<std::string> sent;
  for (int i = 0; i < 5; ++i) {
    sent.insert(sent.begin(), Send(Draft("GREEN", {"org:moj"})));
    Report("moj");  // Others in between: updates come only with an analysis, cases at once.
  }
  for (const Session& who : {reporter_, reader_}) {
    std::vector<std::string> seen;
    http::Parameters query = {{"limit", "2"}};
    while (true) {
      const json::value page = Get(who, "/alerts", 200, query);
      for (const auto& id : Column(page, "alerts", "alert_id")) seen.push_back(id);
      if (page.at("next").is_null()) break;
      query = {{"limit", "2"}, {"cursor", TextAt(page, "/next")}};
    }
    EXPECT_EQ(seen, sent) << who.person;
  }
  Get(reporter_, "/alerts", 422, {{"cursor", "00"}});
}

TEST_F(AlertsTest, TheOutboxHasAllThatWasSent) {
  const uint64_t case_id = Report("moj", v1::TLP_RED);
  v1::AnalysisResult result;
  result.set_subject_sequence(case_id);
  result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
  desk_.Append(v1::ENTRY_KIND_ANALYSIS_RESULT, "", "", result.SerializeAsString());
  const std::string alert = Send(Draft("GREEN", {"org:moj"}));
  Post(analyst_, "/cases/" + std::to_string(case_id) + "/questions",
       json::object{{"organization", "moj"}, {"text", "when?"}}, 201);
  const json::value outbox = Get(liaison_, "/deliveries");
  EXPECT_THAT(Column(outbox, "deliveries", "kind"), ElementsAre("question", "alert", "update"));
  EXPECT_EQ(TextAt(outbox, "/deliveries/1/alert/alert_id"), alert);
  EXPECT_EQ(TextAt(outbox, "/deliveries/2/update/submission_id"), last_submission_);
  // Their own words are RED: read one by one, on record.
  EXPECT_TRUE(outbox.at("deliveries").at(0).at("question").at("withheld").as_bool());
  EXPECT_TRUE(outbox.at("deliveries").at(2).at("update").at("withheld").as_bool());
  EXPECT_THAT(ArrayAt(Get(other_, "/deliveries"), "/deliveries"), IsEmpty());
}

}  // namespace
}  // namespace noroshi::api
