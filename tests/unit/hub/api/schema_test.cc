#include "hub/api/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace noroshi::api {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

auto Says(const std::string& pointer, const std::string& detail) {
  return AllOf(Field(&FieldError::pointer, pointer), Field(&FieldError::detail, detail));
}

TEST(SchemaTest, EachErrorNamesTheFieldAndWhatToDo) {
  EXPECT_THAT(CheckAgainst("SignIn", boost::json::parse(R"({"login": "hanako"})")),
              ElementsAre(Says("/password", "is missing")));
  EXPECT_THAT(CheckAgainst("SignIn", boost::json::parse(R"({"login": "h", "password": 1})")),
              ElementsAre(Says("/password", "has the wrong type; it must be: string")));
  EXPECT_THAT(CheckAgainst("SignIn", boost::json::parse(R"({"login": "A B", "password": "x"})")),
              ElementsAre(Says("/login", "must match: ^[a-z0-9][a-z0-9._-]{0,63}$")));
  EXPECT_THAT(
      CheckAgainst("SignIn",
                   boost::json::parse(R"({"login": "h", "password": "x", "a/b~': '": 1})")),
      ElementsAre(Says("/a~1b~0': '",
                       "is not known here; known are: login, password, code, recovery_code")));
}

TEST(SchemaTest, ErrorsFurtherInStandAlone) {
  const auto errors = CheckAgainst(
      "ReportFile",
      boost::json::parse(R"({"handling": {"tlp": "amber"}, "incident": {"title": "t"}})"));
  EXPECT_THAT(errors, Contains(AllOf(Field(&FieldError::pointer, "/handling/tlp"),
                                     Field(&FieldError::detail, StartsWith("must be one of: ")),
                                     Field(&FieldError::detail, HasSubstr("AMBER")))));
  EXPECT_THAT(errors, Contains(Says("/incident/stage", "is missing")));
  for (const FieldError& error : errors) {
    EXPECT_THAT(error.detail, Not(StartsWith("Failed to validate")));
  }
}

TEST(SchemaTest, ALongKeyIsCut) {
  const auto errors =
      CheckAgainst("SignIn", boost::json::parse(R"({"login": "h", "password": "x", ")" +
                                                std::string(4000, 'k') + R"(": 1})"));
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors.front().pointer, SizeIs(1 + 128));
}

TEST(SchemaTest, ErrorsHaveALimit) {
  std::string causes = "1";
  for (size_t i = 0; i < kFieldErrorsMax; ++i) causes += ", 1";
  EXPECT_THAT(CheckAgainst("IncidentFile", boost::json::parse(R"({"causes": [)" + causes + "]}")),
              SizeIs(kFieldErrorsMax));
}

TEST(SchemaTest, WhatFitsHasNone) {
  EXPECT_THAT(CheckAgainst("SignIn", boost::json::parse(R"({"login": "hanako", "password": "x"})")),
              IsEmpty());
}

}  // namespace
}  // namespace noroshi::api
