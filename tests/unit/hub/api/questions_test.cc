// Questions to a reporter: who asks, who answers, who reads them.
#include "tests/unit/hub/api/office.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::TextAt;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class QuestionsTest : public Office {
 protected:
  json::value Ask(uint64_t case_id, json::object more = {}, int status = 201) {
    json::object body{{"organization", "moj"}, {"text", "いつ気付きましたか"}};
    for (const auto& [name, value] : more) body[name] = value;
    return Post(analyst_, "/cases/" + std::to_string(case_id) + "/questions", body, status);
  }
};

TEST_F(QuestionsTest, AQuestionIsAskedAndAnsweredOnce) {
  const uint64_t case_id = Report("moj");
  const json::value question = Ask(case_id, {{"answer_by", "2099-01-01T00:00:00Z"}});
  const std::string path = "/questions/" + TextAt(question, "/question_id");
  EXPECT_EQ(TextAt(question, "/answer_by"), "2099-01-01T00:00:00.000Z");
  Post(other_, path + "/answer", json::object{{"text", "we were not asked"}}, 404);
  Post(reader_, path + "/answer", json::object{{"text", "readers do not"}}, 403);
  const json::value answered =
      Post(reporter_, path + "/answer", json::object{{"text", "昨日"}}, 200);
  EXPECT_EQ(TextAt(answered, "/state"), "answered");
  EXPECT_EQ(TextAt(answered, "/answered_by"), "person:reporter");
  Post(reporter_, path + "/answer", json::object{{"text", "again"}}, 409);
  EXPECT_EQ(TextAt(Get(analyst_, path), "/answer"), "昨日");
}

TEST_F(QuestionsTest, AMemberNeitherAsksNorWithdraws) {
  const uint64_t case_id = Report("moj");
  Post(liaison_, "/cases/" + std::to_string(case_id) + "/questions",
       json::object{{"organization", "moj"}, {"text", "t"}}, 404);
  const std::string path = "/questions/" + TextAt(Ask(case_id), "/question_id");
  Post(liaison_, path + "/withdrawal", json::object{{"reason", "r"}}, 403);
  Post(other_, path + "/withdrawal", json::object{{"reason", "r"}}, 404);
  Post(reader_, path + "/withdrawal", json::object{{"reason", "r"}}, 403);
  const json::value withdrawn =
      Post(approver_, path + "/withdrawal", json::object{{"reason", "settled"}}, 200);
  EXPECT_EQ(TextAt(withdrawn, "/state"), "withdrawn");
  EXPECT_EQ(TextAt(Get(reporter_, path), "/withdrawn_reason"), "settled");
  Post(reporter_, path + "/answer", json::object{{"text", "too late"}}, 409);
}

TEST_F(QuestionsTest, OnlyAReporterOfTheCaseIsAsked) {
  const uint64_t case_id = Report("moj");
  EXPECT_THAT(json::serialize(Ask(case_id, {{"organization", "nict"}}, 422)),
              HasSubstr("/organization"));
  EXPECT_THAT(json::serialize(Ask(case_id, {{"answer_by", "tomorrow"}}, 422)),
              HasSubstr("/answer_by"));
  EXPECT_THAT(json::serialize(Ask(case_id, {{"answer_by", "2001-01-01T00:00:00Z"}}, 422)),
              HasSubstr("/answer_by"));
  // One character has three bytes: within the characters, beyond the bytes.
  std::string text;
  for (int i = 0; i < 5'462; ++i) text += "狼";
  EXPECT_THAT(json::serialize(Ask(case_id, {{"text", text}}, 422)), HasSubstr("/text"));
  Ask(case_id, {{"text", text.substr(3)}});
  Ask(case_id + 1'000, {}, 404);
}

TEST_F(QuestionsTest, AMemberSeesItsOwnAndNoCaseNumber) {
  const uint64_t case_id = Report("moj");
  const std::string reference = last_submission_;
  const std::string id = TextAt(Ask(case_id), "/question_id");
  const json::value question = Get(reporter_, "/questions/" + id);
  EXPECT_EQ(TextAt(question, "/case_reference"), reference);
  for (const json::value& seen : {question, Get(reporter_, "/questions")}) {
    EXPECT_THAT(json::serialize(seen), Not(HasSubstr("case_id")));
    EXPECT_THAT(json::serialize(seen), Not(HasSubstr("analyst")));
  }
  Get(other_, "/questions/" + id, 404);
  EXPECT_THAT(ArrayAt(Get(other_, "/questions"), "/questions"), IsEmpty());
  // Nor does it find out by asking for one.
  EXPECT_EQ(
      ArrayAt(Get(reporter_, "/questions", 200, {{"case_id", "999999"}}), "/questions").size(), 1U);
  Get(admin_, "/questions/" + id, 404);
}

TEST_F(QuestionsTest, WhatTheCentreWroteDownIsTheCentres) {
  const std::string path = "/questions/" + TextAt(Ask(Report("moj")), "/question_id");
  Post(analyst_, path + "/answer", json::object{{"text", "by telephone"}}, 200);
  EXPECT_EQ(TextAt(Get(reporter_, path), "/answered_by"), "centre");
  EXPECT_EQ(TextAt(Get(analyst_, path), "/answered_by"), "person:analyst");
}

TEST_F(QuestionsTest, ListsAreFiltered) {
  const uint64_t first = Report("moj");
  const uint64_t second = Report("nict");
  const std::string open = TextAt(Ask(first), "/question_id");
  const std::string theirs = TextAt(Ask(second, {{"organization", "nict"}}), "/question_id");
  const std::string done = TextAt(Ask(first), "/question_id");
  Post(reporter_, "/questions/" + done + "/answer", json::object{{"text", "t"}}, 200);
  const auto ids = [&](const Session& who, const http::Parameters& query) {
    return Column(Get(who, "/questions", 200, query), "questions", "question_id");
  };
  // Ids of one millisecond are in no order.
  EXPECT_THAT(ids(reader_, {}), UnorderedElementsAre(done, theirs, open));
  EXPECT_THAT(ids(reader_, {{"state", "open"}}), UnorderedElementsAre(theirs, open));
  EXPECT_THAT(ids(reader_, {{"organization", "moj"}}), UnorderedElementsAre(done, open));
  EXPECT_THAT(ids(reader_, {{"case_id", std::to_string(second)}}), ElementsAre(theirs));
  EXPECT_THAT(ids(reporter_, {{"state", "asked"}}), ElementsAre(open));
  EXPECT_THAT(ids(reporter_, {{"organization", "nict"}}), UnorderedElementsAre(done, open));
  Get(reader_, "/questions", 422, {{"state", "lost"}});
  Get(reader_, "/questions", 422, {{"case_id", "x"}});
}

TEST_F(QuestionsTest, WordsAboutARedReportAreReadOneByOne) {
  const std::string path = "/questions/" + TextAt(Ask(Report("moj", v1::TLP_RED)), "/question_id");
  Get(reader_, path, 404);
  EXPECT_THAT(ArrayAt(Get(reader_, "/questions"), "/questions"), IsEmpty());
  EXPECT_THAT(json::serialize(Get(analyst_, "/questions")), Not(HasSubstr("いつ")));
  EXPECT_THAT(json::serialize(Get(reporter_, "/questions")), Not(HasSubstr("いつ")));
  EXPECT_THAT(Readings(), IsEmpty());
  EXPECT_EQ(TextAt(Get(reporter_, path), "/text"), "いつ気付きましたか");
  Get(analyst_, path);
  EXPECT_THAT(Readings(), ElementsAre("person:reporter " + path, "person:analyst " + path));
}

}  // namespace
}  // namespace noroshi::api
