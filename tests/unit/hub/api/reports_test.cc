// Reports and mails: filed, entered for others, shown, and hidden.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/crypto.h"
#include "common/submission/validate.h"
#include "tests/support/json.h"
#include "tests/unit/hub/api/desk.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::At;
using support::NumberAt;
using support::TextAt;
using testing::HasSubstr;
using testing::Not;

constexpr char kOwn[] = "kasumi-ministry";
constexpr char kOther[] = "shinko-agency";

json::object Report(const std::string& text, const std::string& tlp = "AMBER") {
  return {{"handling", json::object{{"tlp", tlp}}},
          {"incident", json::object{{"stage", "first"}, {"what_happened", text}}}};
}

class ReportsTest : public testing::Test {
 protected:
  void SetUp() override {
    desk_.AddOrganization("centre", v1::ORGANIZATION_KIND_CENTRE);
    desk_.AddOrganization(kOwn, v1::ORGANIZATION_KIND_MINISTRY, {"council"});
    desk_.AddOrganization(kOther, v1::ORGANIZATION_KIND_INCORPORATED_AGENCY, {"council"});
    reader_ = desk_.SignIn("reader", "centre", {v1::ROLE_READER});
    analyst_ = desk_.SignIn("analyst", "centre", {v1::ROLE_ANALYST, v1::ROLE_AUDITOR});
    reporter_ = desk_.SignIn("reporter", kOwn, {v1::ROLE_REPORTER});
    liaison_ = desk_.SignIn("liaison", kOwn, {v1::ROLE_LIAISON});
    stranger_ = desk_.SignIn("stranger", kOther, {v1::ROLE_LIAISON, v1::ROLE_REPORTER});
  }

  http::Response File(const Desk::Session& session, const json::value& body,
                      const std::string& key = "") {
    http::Request request;
    request.body = json::serialize(body);
    request.headers.Set("Content-Type", "application/json");
    if (!key.empty()) request.headers.Set("Idempotency-Key", key);
    return desk_.Send(session, "POST", "/reports", std::move(request));
  }
  http::Response FileMail(const Desk::Session& session, const std::string& mail,
                          http::Parameters query, const std::string& type = "message/rfc822") {
    http::Request request;
    request.body = mail;
    request.headers.Set("Content-Type", type);
    return desk_.Send(session, "POST", "/mails", std::move(request), query);
  }
  uint64_t MustFile(const Desk::Session& session, const json::value& body) {
    const http::Response answer = File(session, body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return static_cast<uint64_t>(NumberAt(Body(answer), "/sequence"));
  }
  http::Response Get(const Desk::Session& session, const std::string& path,
                     const http::Parameters& query = {}) {
    return desk_.Call(session, "GET", path, nullptr, query);
  }
  static std::string Path(uint64_t sequence) { return "/reports/" + std::to_string(sequence); }
  store::SubmissionRow Row(uint64_t sequence) {
    return desk_.store().Snapshot()->Submission(sequence).value().value();
  }
  json::value NewestAudit() {
    return At(Body(Get(analyst_, "/audit", {{"limit", "1"}})), "/entries/0");
  }
  void ExpectField(const http::Response& answer, const std::string& pointer) {
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_EQ(TextAt(Body(answer), "/errors/0/pointer"), pointer) << answer.body;
  }
  size_t Reports() {
    const auto entries = desk_.journal().entries();
    return std::count_if(entries.begin(), entries.end(), [](const auto& entry) {
      return entry.header.kind() == v1::ENTRY_KIND_INCIDENT_REPORT;
    });
  }
  // What an analyser would have found in a mail.
  void Analyse(uint64_t sequence, const std::string& fingerprint) {
    v1::AnalysisResult result;
    result.set_subject_sequence(sequence);
    result.set_analyser_version("analyser-7");
    result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
    result.mutable_mail()->set_subject("An invoice");
    result.mutable_mail()->set_from("Mallory <m@evil.example>");
    result.mutable_mail()->add_urls("http://evil.example/");
    result.mutable_mail()->set_text("Pay at once.");
    v1::MailTie* tie = result.mutable_mail()->mutable_sketch()->add_ties();
    tie->set_kind(v1::TIE_KIND_SAME_MAIL);
    tie->set_key(Sha256Of(fingerprint).substr(0, 16));
    desk_.Append(v1::ENTRY_KIND_ANALYSIS_RESULT, "", "", result.SerializeAsString());
  }

  Desk desk_;
  Desk::Session reader_, analyst_, reporter_, liaison_, stranger_;
};

// ---- filing ----

TEST_F(ReportsTest, AMemberFilesForItsOwnOrganisation) {
  const http::Response answer = File(reporter_, Report("The portal is down."));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const auto sequence = static_cast<uint64_t>(NumberAt(Body(answer), "/sequence"));
  EXPECT_EQ(*answer.headers.Find("Location"), "/api/v1" + Path(sequence));
  const store::SubmissionRow row = Row(sequence);
  EXPECT_EQ(Uuid::FromBytes(row.submission_id())->ToString(),
            TextAt(Body(answer), "/submission_id"));
  EXPECT_EQ(row.organization(), kOwn);
  EXPECT_EQ(row.agent(), "person:reporter");
  EXPECT_EQ(row.received_through(), "console");
  EXPECT_NE(row.case_id(), 0U);
  const json::value audit = NewestAudit();
  EXPECT_EQ(TextAt(audit, "/what"), "report_filed");
  EXPECT_EQ(TextAt(audit, "/actor"), "person:reporter");
  EXPECT_EQ(TextAt(audit, "/object"), Path(sequence));
  EXPECT_EQ(TextAt(audit, "/address"), "192.0.2.7");
  json::value mine = Body(Get(analyst_, "/audit", {{"actor", "person:reporter"}}));
  EXPECT_EQ(TextAt(mine, "/entries/0/what"), "report_filed");
}

TEST_F(ReportsTest, OneKeyMakesOneReport) {
  const http::Response first = File(reporter_, Report("once"), "key-1");
  ASSERT_EQ(first.status, 201) << first.body;
  const http::Response again = File(reporter_, Report("once"), "key-1");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(*again.headers.Find("Idempotency-Replayed"), "true");
  EXPECT_EQ(*again.headers.Find("Location"), *first.headers.Find("Location"));
  EXPECT_EQ(File(reporter_, Report("twice"), "key-1").status, 422);
  EXPECT_EQ(Reports(), 1U);
  EXPECT_EQ(File(liaison_, Report("once"), "key-1").status, 201) << "a key is its caller's own";
  EXPECT_EQ(Reports(), 2U);
}

TEST_F(ReportsTest, AnAgentThatClaimsACallIsNotBelieved) {
  v1::Submission submission;
  const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
  submission.set_id(id.bytes());
  submission.mutable_handling()->set_tlp(v1::TLP_GREEN);
  submission.mutable_incident()->set_title("t");
  submission.mutable_filing()->set_request_key("key");
  submission.mutable_filing()->set_address("203.0.113.1");
  const uint64_t before = desk_.journal().size();
  desk_.Append(v1::ENTRY_KIND_INCIDENT_REPORT, kOwn, "person", submission.SerializeAsString(), id);
  EXPECT_LT(NumberAt(NewestAudit(), "/sequence"), static_cast<int64_t>(before));
}

TEST_F(ReportsTest, TheCentreSaysForWhomAndHowItWasTold) {
  json::object body = Report("Told by telephone.");
  ExpectField(File(analyst_, body), "/organization");
  body["organization"] = "nobody";
  ExpectField(File(analyst_, body), "/organization");
  body["organization"] = kOwn;
  ExpectField(File(analyst_, body), "/received_through");
  body["received_through"] = "console";
  ExpectField(File(analyst_, body), "/received_through");
  body["received_through"] = "telephone";
  EXPECT_EQ(File(reader_, body).status, 403);
  const uint64_t sequence = MustFile(analyst_, body);
  EXPECT_EQ(Row(sequence).organization(), kOwn);
  EXPECT_EQ(Row(sequence).received_through(), "telephone");
  EXPECT_EQ(TextAt(NewestAudit(), "/actor"), "person:analyst");
  // Its organisation sees it, and that the centre wrote it, but not who there.
  const json::value seen = Body(Get(reporter_, Path(sequence)));
  EXPECT_EQ(TextAt(seen, "/agent"), "centre");
  EXPECT_EQ(TextAt(seen, "/filed/incident/what_happened"), "Told by telephone.");
  EXPECT_EQ(TextAt(Body(Get(analyst_, Path(sequence))), "/agent"), "person:analyst");
}

TEST_F(ReportsTest, AMemberSpeaksForNobodyElse) {
  json::object body = Report("x");
  body["organization"] = kOther;
  ExpectField(File(reporter_, body), "/organization");
  body["organization"] = kOwn;
  body["received_through"] = "fax";
  ExpectField(File(reporter_, body), "/received_through");
  EXPECT_EQ(Reports(), 0U);
}

TEST_F(ReportsTest, TheAdminSocketEntersToo) {
  json::object body = Report("By fax.");
  body["organization"] = kOther;
  body["received_through"] = "fax";
  const auto answer = desk_.api().HandleLocal(
      "root", {{"method", "POST"}, {"path", "/reports"}, {"body", std::move(body)}});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(TextAt(NewestAudit(), "/actor"), "admin:root");
}

TEST_F(ReportsTest, IntakesRulesHoldAndTheFieldIsNamed) {
  const auto with = [](std::string_view name, json::value value) {
    json::object body = Report("text");
    body["incident"].as_object()[name] = std::move(value);
    return body;
  };
  std::string wide;  // 171 characters of 3 bytes: more bytes than characters may be.
  for (int i = 0; i < 171; ++i) wide += "障";
  ExpectField(File(reporter_, with("title", json::string(wide))), "/incident/title");
  std::string wider;
  while (wider.size() <= submission::kTextBytesMax) wider += "障";
  ExpectField(File(reporter_, with("impact", json::string(wider))), "/incident/impact");
  ExpectField(File(reporter_, with("title", "two\nlines")), "/incident/title");
  ExpectField(File(reporter_, with("causes", json::array{"no-such-cause"})), "/incident/causes/0");
  ExpectField(File(reporter_, with("event_type", "no-such-type")), "/incident/event_type");
  ExpectField(File(reporter_, with("sector", "no-such-sector")), "/incident/sector");
  ExpectField(File(reporter_, with("stage", "follow_up")), "/incident/thread_id");
  ExpectField(File(reporter_, with("occurred_at", "yesterday")), "/incident/occurred_at");
  ExpectField(
      File(reporter_, with("detected_at", json::string(FormatUtc(desk_.now_ms() + 3'600'000)))),
      "/incident/detected_at");
  ExpectField(File(reporter_, with("what_happened", "")), "/incident/what_happened");
  EXPECT_EQ(File(reporter_, with("surprise", 1)).status, 422);
  EXPECT_EQ(File(reporter_, json::object{{"handling", json::object{}}}).status, 422);
  EXPECT_EQ(Reports(), 0U);
}

TEST_F(ReportsTest, WhatWasFiledIsShownAsItWas) {
  json::object body = Report("事象", "AMBER+STRICT");
  json::object& incident = body["incident"].as_object();
  incident["title"] = "<script>alert(1)</script>";
  incident["impact"] = "影響";
  incident["response"] = "対応";
  incident["expected_recovery"] = "夕方";
  incident["occurred_at"] = "2026-03-31T13:59:59.999Z";
  incident["detected_at"] = "2026-04-01T00:00:00.000Z";
  incident["affected_service"] = "portal";
  incident["figures"] = json::object{{"users", 0}, {"records_leaked", 12'345}};
  incident["on_behalf_of"] = "contractor";
  incident["support_requested"] = true;
  json::object& handling = body["handling"].as_object();
  handling["grade"] = "機密性2";
  handling["may_tell_police"] = true;
  const uint64_t sequence = MustFile(reporter_, body);
  const json::value shown = Body(Get(reporter_, Path(sequence)));
  for (const auto& [name, value] : incident) {
    EXPECT_EQ(At(shown, "/filed/incident/" + std::string(name)), value) << name;
  }
  for (const auto& [name, value] : handling) {
    EXPECT_EQ(At(shown, "/handling/" + std::string(name)), value) << name;
  }
  EXPECT_EQ(At(shown, "/handling/may_share_name"), json::value(false));
}

TEST_F(ReportsTest, AFollowUpJoinsItsThread) {
  const uint64_t first = MustFile(reporter_, Report("first"));
  const std::string thread = TextAt(Body(Get(reporter_, Path(first))), "/submission_id");
  json::object body = Report("second");
  body["incident"].as_object()["stage"] = "follow_up";
  body["incident"].as_object()["thread_id"] = thread;
  const uint64_t second = MustFile(liaison_, body);
  EXPECT_EQ(Row(second).case_id(), Row(first).case_id());
  const json::value seen = Body(Get(reporter_, Path(second)));
  EXPECT_EQ(TextAt(seen, "/relation"), "follow_up");
  EXPECT_EQ(TextAt(seen, "/case_reference"), thread);
}

// ---- mails ----

TEST_F(ReportsTest, AMailIsKeptAsItCame) {
  const std::string mail = std::string("Subject: x\r\n\r\n") + '\0' + "\xff\xfe body";
  const http::Response answer = FileMail(reporter_, mail,
                                         {{"tlp", "GREEN"},
                                          {"note", "届いた"},
                                          {"recipients", "12"},
                                          {"opened", "true"},
                                          {"replied", "false"}});
  ASSERT_EQ(answer.status, 201) << answer.body;
  const auto sequence = static_cast<uint64_t>(NumberAt(Body(answer), "/sequence"));
  v1::Submission kept;
  ASSERT_TRUE(kept.ParseFromString(desk_.journal().entries()[sequence].body));
  EXPECT_EQ(kept.mail().raw(), mail);
  Analyse(sequence, "f");
  const json::value shown = Body(Get(analyst_, Path(sequence)));
  EXPECT_EQ(At(shown, "/filed/mail/treatment"),
            json::value(json::object({{"opened", true}, {"replied", false}})));
  EXPECT_EQ(NumberAt(shown, "/filed/mail/recipients"), 12);
  EXPECT_EQ(TextAt(shown, "/filed/mail/note"), "届いた");
  EXPECT_EQ(TextAt(shown, "/mail/subject"), "An invoice");
  EXPECT_EQ(TextAt(shown, "/mail/text"), "Pay at once.");
  EXPECT_EQ(TextAt(shown, "/mail/urls/0"), "http://evil.example/");
  EXPECT_EQ(TextAt(shown, "/analyser_version"), "analyser-7");
}

TEST_F(ReportsTest, MailsThatBreakARuleAreRefused) {
  const http::Parameters good = {{"tlp", "GREEN"}};
  ExpectField(FileMail(reporter_, "m", {}), "/tlp");
  ExpectField(FileMail(reporter_, "m", {{"tlp", "PURPLE"}}), "/tlp");
  ExpectField(FileMail(reporter_, "m", {{"tlp", "GREEN"}, {"opened", "yes"}}), "/opened");
  ExpectField(FileMail(reporter_, "m", {{"tlp", "GREEN"}, {"recipients", "4294967296"}}),
              "/recipients");
  ExpectField(FileMail(reporter_, "m", {{"tlp", "GREEN"}, {"circle", "No Circle"}}), "/circle");
  ExpectField(FileMail(reporter_, "", good), "/body");
  ExpectField(FileMail(reporter_, std::string(submission::kMailBytesMax + 1, 'm'), good), "/body");
  EXPECT_EQ(FileMail(reporter_, "m", good, "application/json").status, 415);
  EXPECT_EQ(FileMail(reporter_, std::string(submission::kMailBytesMax, 'm'), good).status, 201);
}

// ---- who sees what ----

TEST_F(ReportsTest, ReportsOfOthersAreNotThere) {
  const uint64_t sequence = MustFile(reporter_, Report("Ours alone."));
  const uint64_t absent = sequence + 1000;
  for (const char* below : {"", "/marking"}) {
    const json::value body =
        *below == '\0' ? json::value(nullptr) : json::object{{"tlp", "CLEAR"}, {"reason", "r"}};
    const char* method = *below == '\0' ? "GET" : "POST";
    const auto hidden = desk_.Call(stranger_, method, Path(sequence) + below, body);
    const auto missing = desk_.Call(stranger_, method, Path(absent) + below, body);
    EXPECT_EQ(hidden.status, 404);
    EXPECT_EQ(hidden.body, missing.body) << "absent and hidden look alike";
  }
  for (const http::Parameters& query :
       {http::Parameters{}, http::Parameters{{"organization", kOwn}},
        http::Parameters{{"cursor", std::string(32, 'f')}}}) {
    const auto list = Get(stranger_, "/reports", query);
    EXPECT_EQ(list.status, 200) << list.body;
    EXPECT_EQ(list.body, R"({"reports":[],"next":null})");
  }
  EXPECT_EQ(ArrayAt(Body(Get(liaison_, "/reports")), "/reports").size(), 1U);
}

TEST_F(ReportsTest, AMemberIsToldNothingOfWhoElseReported) {
  const auto first = FileMail(reporter_, "m", {{"tlp", "GREEN"}});
  const auto second = FileMail(stranger_, "m", {{"tlp", "GREEN"}});
  const auto first_at = static_cast<uint64_t>(NumberAt(Body(first), "/sequence"));
  const auto second_at = static_cast<uint64_t>(NumberAt(Body(second), "/sequence"));
  Analyse(first_at, "same");
  Analyse(second_at, "same");
  ASSERT_EQ(Row(second_at).case_id(), Row(first_at).case_id());
  const json::value centre = Body(Get(analyst_, Path(second_at)));
  EXPECT_EQ(TextAt(centre, "/relation"), "exact");
  EXPECT_EQ(NumberAt(centre, "/case_id"), static_cast<int64_t>(Row(first_at).case_id()));
  EXPECT_EQ(TextAt(centre, "/links/0/kind"), "same_mail");
  EXPECT_EQ(NumberAt(centre, "/links/0/strength"), 100);
  EXPECT_EQ(NumberAt(centre, "/links/0/submission"), static_cast<int64_t>(first_at));
  for (const auto& answer : {Get(stranger_, Path(second_at)), Get(stranger_, "/reports")}) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, HasSubstr(R"("relation":"new_case")"));
    for (const char* word : {"case_id", "joined_reason", "strength", "same_mail", kOwn, "exact"}) {
      EXPECT_THAT(answer.body, Not(HasSubstr(word)));
    }
  }
  EXPECT_EQ(TextAt(Body(Get(stranger_, Path(second_at))), "/case_reference"),
            TextAt(Body(second), "/submission_id"));
}

TEST_F(ReportsTest, ReadingRedIsRecordedAndListsWithholdIt) {
  const uint64_t sequence = MustFile(reporter_, Report("For few.", "RED"));
  EXPECT_EQ(Get(reader_, Path(sequence)).status, 404);
  EXPECT_EQ(ArrayAt(Body(Get(reader_, "/reports")), "/reports").size(), 0U);
  const http::Response list = Get(analyst_, "/reports");
  EXPECT_EQ(At(Body(list), "/reports/0/withheld"), json::value(true));
  EXPECT_THAT(list.body, Not(HasSubstr("For few.")));
  EXPECT_EQ(TextAt(NewestAudit(), "/what"), "report_filed")
      << "a list that withholds is no reading";
  EXPECT_THAT(Get(analyst_, Path(sequence)).body, HasSubstr("For few."));
  EXPECT_EQ(TextAt(NewestAudit(), "/what"), "content_read");
  EXPECT_EQ(TextAt(NewestAudit(), "/object"), Path(sequence));
  // Without the record there is no content.
  desk_.journal().set_refusal(Error{ErrorCode::kNoSpace, "full"});
  const http::Response refused = Get(analyst_, Path(sequence));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, Not(HasSubstr("For few.")));
}

TEST_F(ReportsTest, ACircleIsForThoseWhoAreCleared) {
  json::object body = Report("Of the council.");
  body["handling"].as_object()["circle"] = "council";
  const uint64_t sequence = MustFile(reporter_, body);
  EXPECT_EQ(Get(analyst_, Path(sequence)).status, 404);
  const auto cleared = desk_.SignIn("cleared", "centre", {v1::ROLE_READER}, {"council"});
  EXPECT_EQ(Get(cleared, Path(sequence)).status, 200);
  body["organization"] = kOwn;
  body["received_through"] = "visit";
  EXPECT_EQ(File(analyst_, body).status, 403) << "nobody enters what it may not read";
}

TEST_F(ReportsTest, OnlyItsOrganisationLoosensAMarking) {
  const uint64_t sequence = MustFile(reporter_, Report("text", "AMBER"));
  const auto loosen = [&](const Desk::Session& session, const char* tlp) {
    return desk_.Call(session, "POST", Path(sequence) + "/marking",
                      json::object{{"tlp", tlp}, {"reason", "published"}});
  };
  EXPECT_EQ(loosen(reporter_, "GREEN").status, 403);
  EXPECT_EQ(loosen(analyst_, "GREEN").status, 403);
  EXPECT_EQ(loosen(stranger_, "GREEN").status, 404);
  EXPECT_EQ(loosen(liaison_, "RED").status, 422);
  EXPECT_EQ(Row(sequence).handling().tlp(), v1::TLP_AMBER);
  EXPECT_EQ(TextAt(Body(loosen(liaison_, "GREEN")), "/tlp"), "GREEN");
  EXPECT_EQ(TextAt(NewestAudit(), "/what"), "marking_loosened");
}

TEST_F(ReportsTest, ListsAreReadToTheEndPageByPage) {
  for (int i = 0; i < 5; ++i) MustFile(reporter_, Report(std::to_string(i)));
  FileMail(reporter_, "m", {{"tlp", "GREEN"}});
  for (const Desk::Session& session : {reporter_, analyst_}) {
    std::set<int64_t> seen;
    std::string cursor;
    int pages = 0;
    do {
      http::Parameters query = {{"limit", "2"}, {"kind", "incident_report"}};
      if (!cursor.empty()) query.emplace_back("cursor", cursor);
      const json::value page = Body(Get(session, "/reports", query));
      for (const auto& item : ArrayAt(page, "/reports")) {
        EXPECT_TRUE(seen.insert(NumberAt(item, "/sequence")).second);
      }
      cursor = TextAt(page, "/next");
    } while (!cursor.empty() && ++pages < 10);
    EXPECT_EQ(seen.size(), 5U);
  }
  EXPECT_EQ(Get(analyst_, "/reports", {{"cursor", "00"}}).status, 422);
  EXPECT_EQ(Get(analyst_, "/reports", {{"kind", "log_started"}}).status, 422);
}

TEST_F(ReportsTest, AnswersFitTheirSchemas) {
  const uint64_t red = MustFile(reporter_, Report("text", "RED"));
  const auto mail = FileMail(reporter_, "m", {{"tlp", "GREEN"}, {"opened", "true"}});
  const auto mail_at = static_cast<uint64_t>(NumberAt(Body(mail), "/sequence"));
  EXPECT_EQ(Misfits("ReportDetail", Get(reporter_, Path(mail_at))), "");
  Analyse(mail_at, "f");
  for (const Desk::Session& session : {reporter_, analyst_}) {
    EXPECT_EQ(Misfits("ReportPage", Get(session, "/reports")), "");
    EXPECT_EQ(Misfits("ReportDetail", Get(session, Path(red))), "");
    EXPECT_EQ(Misfits("ReportDetail", Get(session, Path(mail_at))), "");
  }
  const auto of_case = Get(analyst_, "/cases/" + std::to_string(red) + "/reports");
  ASSERT_EQ(of_case.status, 200) << of_case.body;
  EXPECT_EQ(Misfits("ReportPage", of_case), "");
}

TEST_F(ReportsTest, OfAnErasedReportNoTextIsLeft) {
  const uint64_t sequence = MustFile(reporter_, Report("Erase me."));
  v1::BodyErased erased;
  erased.set_sequence(sequence);
  desk_.Append(v1::ENTRY_KIND_BODY_ERASED, "", "admin:test", erased.SerializeAsString());
  desk_.journal().Erase(sequence);
  const http::Response answer = Get(reporter_, Path(sequence));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, Not(HasSubstr("Erase me.")));
  EXPECT_TRUE(At(Body(answer), "/filed").is_null());
  EXPECT_EQ(At(Body(answer), "/erased"), json::value(true));
}

}  // namespace
}  // namespace noroshi::api
