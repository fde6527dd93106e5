#include "common/licences/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::licences {
namespace {

using ::testing::ElementsAre;

std::string Same(std::string_view text) {
  const absl::StatusOr<Expression> parsed = Expression::Parse(text);
  return parsed.ok() ? parsed->ToString() : std::string(parsed.status().message());
}

TEST(ExpressionTest, OneFormForOneMeaning) {
  EXPECT_EQ(Same("MIT"), "MIT");
  EXPECT_EQ(Same("MIT AND Apache-2.0"), "Apache-2.0 AND MIT");
  EXPECT_EQ(Same("(MIT)"), "MIT");
  EXPECT_EQ(Same("MIT or Apache-2.0"), "Apache-2.0 OR MIT");
  EXPECT_EQ(Same("MIT OR MIT"), "MIT");
  EXPECT_EQ(Same("ISC AND (MIT OR Apache-2.0)"), "ISC AND (Apache-2.0 OR MIT)");
  EXPECT_EQ(Same("MIT OR Apache-2.0 AND ISC"), "(Apache-2.0 AND ISC) OR MIT");
  EXPECT_EQ(Same("(MIT AND ISC) OR (MIT AND Zlib)"), "MIT AND (ISC OR Zlib)");
  EXPECT_EQ(Same("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT"),
            "GPL-2.0-only WITH Classpath-exception-2.0 OR MIT");
  EXPECT_EQ(Same("GPL-2.0+"), "GPL-2.0+");
  for (const char* text : {"MIT", "ISC AND (Apache-2.0 OR MIT)", "(Apache-2.0 AND ISC) OR MIT"}) {
    EXPECT_EQ(Same(Same(text)), Same(text));
  }
}

TEST(ExpressionTest, WhatIsNone) {
  for (const char* text :
       {"", " ", "AND", "MIT AND", "MIT MIT", "(MIT", "MIT)", "MIT WITH", "OR MIT", "MIT | ISC", "()"}) {
    const absl::StatusOr<Expression> parsed = Expression::Parse(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(Expression::Parse(std::string(kExpressionBytesMax + 1, 'a')).ok());
  EXPECT_TRUE(Expression::Parse(std::string(kExpressionBytesMax, 'a')).ok());
  const auto nested = [](size_t depth) { return Cat(std::string(depth, '('), "A", std::string(depth, ')')); };
  EXPECT_FALSE(Expression::Parse(nested(kExpressionDepthMax + 1)).ok());
  EXPECT_TRUE(Expression::Parse(nested(kExpressionDepthMax)).ok());
  // A product of choices grows without bound.
  std::string product = "(A0 OR B0)";
  for (int i = 1; i < 30; ++i) product += Cat(" AND (A", i, " OR B", i, ")");
  EXPECT_FALSE(Expression::Parse(product).ok());
}

TEST(ExpressionTest, Joins) {
  Expression all = Expression::Of("MIT");
  all.And(Expression::AnyOf({"MIT", "Apache-2.0"}));
  all.And(Expression::Of("MIT"));
  all.And(Expression());
  EXPECT_EQ(all.ToString(), "MIT AND (Apache-2.0 OR MIT)");
  EXPECT_THAT(all.Ids(), ElementsAre("Apache-2.0", "MIT"));
  EXPECT_EQ(Expression().ToString(), "");
  EXPECT_TRUE(Expression::AnyOf({}).empty());
}

}  // namespace
}  // namespace gofarm::licences
