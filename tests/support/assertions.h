// ASSERT_OK, EXPECT_OK and ASSERT_OK_AND_ASSIGN: a Result that must not be an error.
#pragma once

#include <gtest/gtest.h>

#include "common/base/result.h"

namespace noroshi::support {

template <typename T>
testing::AssertionResult IsOk(const Result<T>& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << ToString(result.error().code) << ": " << result.error().message;
}

}  // namespace noroshi::support

#define ASSERT_OK(expression) ASSERT_TRUE(::noroshi::support::IsOk(expression))
#define EXPECT_OK(expression) EXPECT_TRUE(::noroshi::support::IsOk(expression))
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  ASSERT_OK_AND_ASSIGN_IMPL_(NOROSHI_CONCAT_(noroshi_assert_, __LINE__), declaration, expression)
#define ASSERT_OK_AND_ASSIGN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                       \
  ASSERT_OK(result);                                                \
  declaration = std::move(result).value()
