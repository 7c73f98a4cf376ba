// Requests against their schemas: whatever the body, the answer comes soon, says little
// and is bounded.
#include "hub/api/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <set>

#include "hub/api/call.h"

namespace noroshi::api {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr size_t kBodyBytes = 1'000'000;  // About what a body may have.

auto OneError(const std::string& pointer, const testing::Matcher<std::string>& detail) {
  return testing::AllOf(Field(&FieldError::pointer, pointer), Field(&FieldError::detail, detail));
}

auto Says(const std::string& pointer, const std::string& detail) {
  return ElementsAre(OneError(pointer, detail));
}

json::array Repeated(size_t count, const json::value& item) {
  json::array items;
  items.reserve(count);
  for (size_t i = 0; i < count; ++i) items.push_back(item);
  return items;
}

json::object Split(json::array reports) {
  return {{"reports", std::move(reports)}, {"title", "t"}, {"reason", "r"}};
}

TEST(SchemaTest, EachErrorNamesTheFieldAndWhatToDo) {
  EXPECT_THAT(CheckAgainst("SignIn", json::parse(R"({"login": "hanako"})")),
              Says("/password", "is missing"));
  EXPECT_THAT(CheckAgainst("SignIn", json::parse(R"({"login": "h", "password": 1})")),
              Says("/password", "has the wrong type; it must be: string"));
  EXPECT_THAT(CheckAgainst("SignIn", json::parse(R"({"login": "A B", "password": "x"})")),
              Says("/login", "must match: ^[a-z0-9][a-z0-9._-]{0,63}$"));
  EXPECT_THAT(
      CheckAgainst("SignIn", json::parse(R"({"login": "h", "password": "x", "a/b~': '": 1})")),
      Says("/a~1b~0': '", "is not known here; known are: login, password, code, recovery_code"));
}

TEST(SchemaTest, ErrorsFurtherInStandAlone) {
  const auto errors = CheckAgainst(
      "ReportFile", json::parse(R"({"handling": {"tlp": "amber"}, "incident": {"title": "t"}})"));
  EXPECT_THAT(errors, Contains(OneError("/handling/tlp", StartsWith("must be one of: CLEAR"))));
  EXPECT_THAT(errors, Contains(OneError("/incident/stage", "is missing")));
  for (const FieldError& error : errors) {
    EXPECT_THAT(error.detail, Not(StartsWith("Failed to validate")));
  }
}

TEST(SchemaTest, ALongKeyIsCut) {
  const auto errors = CheckAgainst("SignIn", json::parse(R"({"login": "h", "password": "x", ")" +
                                                         std::string(4000, 'k') + R"(": 1})"));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors.front().pointer.size(), 1 + 128U);
}

TEST(SchemaTest, WhatFitsHasNoErrors) {
  json::array most;
  for (int i = 1; i <= 1000; ++i) most.push_back(i);
  EXPECT_THAT(CheckAgainst("CaseSplit", Split(most)), IsEmpty());
}

// Compared each with each, half a million items would take hours and every pair its line.
TEST(SchemaTest, TooManyItemsAreNotComparedAtAll) {
  EXPECT_THAT(CheckAgainst("CaseSplit", Split(Repeated(kBodyBytes / 2, 7))),
              Says("/reports", "at most 1000 items"));
}

TEST(SchemaTest, ItemsThatRepeatAreOneError) {
  EXPECT_THAT(CheckAgainst("CaseSplit", Split(Repeated(1000, 7))),
              Says("/reports", "each item once"));
}

TEST(SchemaTest, ManyWrongItemsAreFewErrors) {
  json::array wrong;
  for (int i = 0; i < 1000; ++i) wrong.push_back(json::string(std::to_string(i)));
  EXPECT_EQ(CheckAgainst("CaseSplit", Split(wrong)).size(), kFieldErrorsMax);
}

// std::regex would end the process: it takes stack for every character.
TEST(SchemaTest, LongTextsDoNotReachAPattern) {
  const std::string password(kBodyBytes, 'x');
  EXPECT_THAT(CheckAgainst("SampleTake", json::object{{"purpose", "p"}, {"password", password}}),
              Says("/password", "at most 128 characters"));
  const std::string digits(kBodyBytes, '1');
  const json::object question{{"organization", "moj"}, {"text", "t"}, {"answer_by", digits}};
  EXPECT_THAT(CheckAgainst("QuestionAsk", question), Says("/answer_by", "at most 24 characters"));
  EXPECT_THAT(CheckAgainst("SignIn", json::object{{"login", digits}, {"password", "p"}}),
              Says("/login", "at most 256 characters"));
}

// Of answer_by's format only the handler speaks; its type is the schema's matter.
TEST(SchemaTest, WhateverStandsWhereATimeBelongsIsAnswered) {
  const auto ask = [](json::value answer_by) {
    return CheckAgainst(
        "QuestionAsk",
        json::object{{"organization", "moj"}, {"text", "t"}, {"answer_by", std::move(answer_by)}});
  };
  EXPECT_THAT(ask("2026-02-30T00:00:00Z"), IsEmpty());
  EXPECT_THAT(ask("tomorrow"), IsEmpty());
  for (const json::value& wrong :
       {json::value(json::array{nullptr, nullptr}), json::value(json::object{}), json::value(7)}) {
    EXPECT_THAT(ask(wrong), testing::Contains(Field(&FieldError::pointer, "/answer_by")));
  }
}

TEST(SchemaTest, TooManyFieldsAreOneError) {
  json::object body{{"text", "n"}};
  for (size_t i = 0; i < kBodyBytes / 10; ++i) body[std::to_string(i)] = 0;
  EXPECT_THAT(CheckAgainst("CaseNote", body), Says("", "at most 1 fields"));
}

// Every array, string and object that a request may hold says how large it may be.
void ExpectBounded(const json::object& schema, const std::string& where) {
  if (const json::value* reference = schema.if_contains("$ref")) {
    const std::string name(reference->as_string());
    const auto& target = NamedSchemas().at(name.substr(name.rfind('/') + 1));
    return ExpectBounded(target.as_object(), name);
  }
  const json::value* type = schema.if_contains("type");
  ASSERT_NE(type, nullptr) << where;
  if (*type == "string") {
    EXPECT_TRUE(schema.contains("maxLength") || schema.contains("pattern") ||
                schema.contains("enum"))
        << where;
  } else if (*type == "array") {
    EXPECT_TRUE(schema.contains("maxItems")) << where;
    ExpectBounded(schema.at("items").as_object(), where + "/*");
  } else if (*type == "object") {
    const json::value* more = schema.if_contains("additionalProperties");
    EXPECT_TRUE(more != nullptr && *more == false) << where;
    for (const auto& [name, member] : schema.at("properties").as_object()) {
      ExpectBounded(member.as_object(), where + "/" + std::string(name));
    }
  } else {
    const std::set<std::string_view> simple = {"integer", "number", "boolean"};
    EXPECT_TRUE(simple.contains(std::string_view(type->as_string()))) << where;
  }
}

TEST(SchemaTest, EveryRequestIsBounded) {
  for (const Route& route : Routes()) {
    if (route.request.empty()) continue;
    ExpectBounded(NamedSchemas().at(route.request).as_object(), route.request);
  }
}

}  // namespace
}  // namespace noroshi::api
