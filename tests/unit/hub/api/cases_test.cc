// Cases: what readers see when submissions join and leave.
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::TextAt;
using testing::HasSubstr;
using testing::Not;

class CasesTest : public Office {
 protected:
  static std::string Path(uint64_t case_id) { return "/cases/" + std::to_string(case_id); }
  void Join(uint64_t from, uint64_t into) {
    Post(analyst_, Path(into) + "/join", json::object{{"from", from}, {"reason", "REASONSECRET"}},
         200);
  }
  void Split(uint64_t case_id, uint64_t report) {
    Post(analyst_, Path(case_id) + "/split",
         json::object{{"reports", json::array{report}},
                      {"title", "another matter"},
                      {"reason", "REASONSECRET"}},
         201);
  }
  void Note(uint64_t case_id, const std::string& text) {
    Post(analyst_, Path(case_id) + "/notes", json::object{{"text", text}}, 200);
  }
  // All that a reader may see of it, in one text; what it may not see is answered 404.
  std::string Seen(const Session& who, uint64_t case_id) {
    desk_.AwaitIndex();
    std::string seen;
    for (const std::string& path :
         {Path(case_id), Path(case_id) + "/history", Path(case_id) + "/reports",
          std::string("/cases"), std::string("/questions")}) {
      seen += desk_.Call(who, "GET", path).body;
    }
    for (const char* word : {"NOTESECRET", "ASKSECRET"}) {
      seen += desk_.Call(who, "GET", "/search", nullptr, {{"q", word}}).body;
    }
    return seen;
  }
};

TEST_F(CasesTest, ReadersSeeNothingOfARedReportThatWasSplitOff) {
  const uint64_t red = Report("moj", v1::TLP_RED);
  const uint64_t green = Report("nict", v1::TLP_GREEN);
  Join(green, red);
  Note(red, "NOTESECRET");
  const json::value question =
      Post(analyst_, Path(red) + "/questions",
           json::object{{"organization", "moj"}, {"text", "ASKSECRET"}}, 201);
  Split(red, red);
  EXPECT_THAT(Seen(analyst_, red), HasSubstr("NOTESECRET"));
  EXPECT_THAT(Seen(reader_, red), Not(HasSubstr("SECRET")));
  Get(reader_, Path(red), 404);
  Get(reader_, Path(red) + "/history", 404);
  Get(reader_, "/questions/" + TextAt(question, "/question_id"), 404);
}

TEST_F(CasesTest, ReadersSeeNothingOfACaseThatWasJoinedAway) {
  const json::value opened =
      Post(analyst_, "/cases",
           json::object{{"kind", "incident"}, {"title", "by hand"}, {"tlp", "GREEN"}}, 201);
  const auto hand = opened.at("case_id").to_number<uint64_t>();
  Join(Report("moj", v1::TLP_RED), hand);
  Note(hand, "NOTESECRET");
  Join(hand, Report("nict", v1::TLP_GREEN));
  EXPECT_THAT(Seen(analyst_, hand), HasSubstr("NOTESECRET"));
  EXPECT_THAT(Seen(reader_, hand), Not(HasSubstr("SECRET")));
  Get(reader_, Path(hand), 404);
}

TEST_F(CasesTest, WhyCasesWereJoinedOrSplitIsReadWhereTheStricterOneIs) {
  const uint64_t red = Report("moj", v1::TLP_RED);
  const uint64_t green = Report("nict", v1::TLP_GREEN);
  Join(green, red);
  EXPECT_THAT(Seen(analyst_, red), HasSubstr("REASONSECRET"));
  EXPECT_THAT(Seen(reader_, green), Not(HasSubstr("SECRET")));
  Split(red, green);
  const json::value report = Get(reader_, "/reports/" + std::to_string(green));
  EXPECT_THAT(json::serialize(report), Not(HasSubstr("SECRET")));
  const auto split = report.at("case_id").to_number<uint64_t>();
  EXPECT_THAT(Seen(reader_, split), HasSubstr("another matter"));
  EXPECT_THAT(Seen(reader_, split), Not(HasSubstr("SECRET")));
}

TEST_F(CasesTest, TheOwnerLoosensIt) {
  const uint64_t red = Report("moj", v1::TLP_RED);
  Join(Report("nict", v1::TLP_GREEN), red);
  Split(red, red);
  Get(reader_, Path(red), 404);
  Post(liaison_, "/reports/" + std::to_string(red) + "/marking",
       json::object{{"tlp", "GREEN"}, {"reason", "published"}}, 200);
  EXPECT_EQ(TextAt(Get(reader_, Path(red)), "/tlp"), "GREEN");
}

TEST_F(CasesTest, TheNameOfASampleIsReadAtTheSample) {
  const uint64_t case_id = Report("moj", v1::TLP_GREEN);
  http::Request request;
  request.body = "MZ";
  request.headers.Set("Content-Type", "application/octet-stream");
  const auto stored = desk_.Send(
      liaison_, "POST", "/samples", std::move(request),
      {{"name", "NAMESECRET-minister.exe"}, {"tlp", "RED"}, {"report", std::to_string(case_id)}});
  ASSERT_EQ(stored.status, 201) << stored.body;
  Note(case_id, "indexed again");
  const std::string id = TextAt(Body(stored), "/sample_id");
  EXPECT_EQ(TextAt(Get(reader_, Path(case_id) + "/history"), "/events/0/text"), id);
  EXPECT_EQ(TextAt(Get(analyst_, "/samples/" + id), "/name"), "NAMESECRET-minister.exe");
  EXPECT_THAT(Seen(reader_, case_id), Not(HasSubstr("SECRET")));
  EXPECT_THAT(Get(reader_, "/search", 200, {{"q", "NAMESECRET"}}).at("hits").as_array(),
              testing::IsEmpty());
}

TEST_F(CasesTest, WhatIsHiddenAndWhatIsAbsentIsAnsweredAlike) {
  const std::string hidden = Path(Report("moj", v1::TLP_RED));
  const std::string absent = Path(99'999);
  for (const Session& who : {reader_, liaison_, admin_}) {
    for (const std::string& path : {hidden, absent}) {
      Get(who, path, 404);
      Post(who, path + "/notes", json::object{{"text", "t"}}, 404);
      Post(who, path + "/questions", json::object{{"organization", "moj"}, {"text", "t"}}, 404);
    }
  }
  Post(reader_, Path(Report("moj")) + "/notes", json::object{{"text", "t"}}, 403);
  const std::string red = "/alerts/" + Send(Draft("RED", {"org:moj"}));
  for (const std::string& path : {red, "/alerts/" + last_submission_}) {
    Post(reader_, path + "/marks", json::object{{"mark", "read"}}, 404);
  }
  const std::string asked =
      "/questions/" + TextAt(Post(analyst_, hidden + "/questions",
                                  json::object{{"organization", "moj"}, {"text", "t"}}, 201),
                             "/question_id");
  for (const std::string& path : {asked, "/questions/" + last_submission_}) {
    Post(reader_, path + "/withdrawal", json::object{{"reason", "r"}}, 404);
  }
  const std::string request = "/analysis-requests/" + last_submission_;
  Post(reader_, request + "/state", json::object{{"state", "accepted"}}, 404);
}

TEST_F(CasesTest, FiltersThatAreNoneAreRefused) {
  const uint64_t case_id = Report("moj");
  const auto refused = [&](const std::string& path, const char* name, const char* value) {
    const json::value answer = Get(analyst_, path, 422, {{name, value}});
    EXPECT_EQ(TextAt(answer, "/errors/0/pointer"), std::string("/") + name);
    return TextAt(answer, "/errors/0/detail");
  };
  EXPECT_THAT(refused("/cases", "organisation", "nict"), HasSubstr("organization"));
  EXPECT_THAT(refused(Path(case_id), "x", "1"), HasSubstr("none"));
  for (const char* value : {"high", "9", "0", "12"}) {
    EXPECT_THAT(refused("/cases", "priority", value), HasSubstr("1, 2, 3, 4"));
  }
  EXPECT_THAT(refused("/cases", "status", "foo"), HasSubstr("new, open, closed, joined"));
  for (const char* list : {"/history", "/reports"}) refused(Path(case_id) + list, "cursor", "00");
  Get(analyst_, "/cases", 200, {{"status", "new"}, {"priority", "1"}});
}

TEST_F(CasesTest, AConflictNamesThePresentState) {
  const uint64_t one = Report("moj");
  const uint64_t two = Report("nict");
  const auto close = [&](uint64_t id) {
    return json::serialize(
        Post(analyst_, Path(id) + "/closure", json::object{{"resolution", "resolved"}}, 409));
  };
  Post(analyst_, Path(one) + "/closure", json::object{{"resolution", "resolved"}}, 200);
  EXPECT_THAT(close(one), HasSubstr("case " + std::to_string(one) + " is closed"));
  const json::object join{{"from", two}, {"reason", "r"}};
  EXPECT_THAT(json::serialize(Post(analyst_, Path(one) + "/join", join, 409)),
              HasSubstr("reopen it first (case " + std::to_string(one) + " is closed)"));
  Post(analyst_, Path(one) + "/reopening", json::object{{"reason", "r"}}, 200);
  Join(one, two);
  EXPECT_THAT(close(one), HasSubstr("was joined into case " + std::to_string(two)));
  const uint64_t three = Report("bank");
  const json::object again{{"from", one}, {"reason", "r"}};
  EXPECT_THAT(json::serialize(Post(analyst_, Path(three) + "/join", again, 409)),
              HasSubstr("case " + std::to_string(one) + " was joined into"));
  const json::object itself{{"from", three}, {"reason", "r"}};
  Post(analyst_, Path(three) + "/join", itself, 422);
}

}  // namespace
}  // namespace noroshi::api
