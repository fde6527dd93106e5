#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"
#include "common/godetect/parser_child.h"
#include "common/godetect/tree_parser.h"
#include "common/gomod/main_function.h"

namespace gofarm::godetect {
namespace {

using ::testing::HasSubstr;

TEST(AskTreeTest, FindsTheDeclaration) {
  EXPECT_EQ(AskTree("package main\nfunc main() {}\n"), TreeAnswer::kMain);
  EXPECT_EQ(AskTree("\xEF\xBB\xBFpackage main\r\nfunc /* x */ main ( /* y */ ) {\r\n}\r\n"), TreeAnswer::kMain);
  for (const char* text :
       {"package main\n", "package main\nfunc (T) main() {}\n", "package main\nfunc main[T any]() {}\n",
        "package main\nfunc main(x int) {}\n", "package main\nvar main = func() {}\n",
        "package main\nvar s = `\nfunc main() {}\n`\n", "package main\n/*\nfunc main() {}\n*/\n",
        "package main\nfunc f() { func() { main() }() }\n"}) {
    EXPECT_EQ(AskTree(text), TreeAnswer::kNoMain) << text;
    EXPECT_FALSE(gomod::HasMainFunction(text)) << text;
  }
}

TEST(AskTreeTest, LeavesWhatItDoesNotUnderstandToTheScanner) {
  // Valid since Go 1.24; an error to this grammar.
  EXPECT_EQ(AskTree("package main\ntype A[P any] = []P\nfunc main() {}\n"), TreeAnswer::kUndecided);
  EXPECT_TRUE(DeclaresMain("package main\ntype A[P any] = []P\nfunc main() {}\n"));
  EXPECT_TRUE(DeclaresMain("package main\nvar x = @\nfunc main() {}\n"));
  EXPECT_FALSE(DeclaresMain("package main\nvar x = @\nfunc (T) main() {}\n"));
}

TEST(AskTreeTest, LimitsLeaveItToTheScanner) {
  const std::string text = Cat("package main\nfunc main() {}\n", std::string(100'000, '\n'), "var x = 1\n");
  EXPECT_EQ(AskTree(text), TreeAnswer::kMain);
  EXPECT_EQ(AskTree(text, {.text_bytes = 1000}), TreeAnswer::kUndecided);
  std::string many = "package main\nfunc main() {}\n";
  for (int i = 0; i < 5000; ++i) many += Cat("var x", i, " = f(1, 2, 3)\n");
  EXPECT_EQ(AskTree(many), TreeAnswer::kMain);
  EXPECT_EQ(AskTree(many, {.memory_bytes = 1 << 20}), TreeAnswer::kUndecided);
  EXPECT_TRUE(DeclaresMain(many, {.memory_bytes = 1 << 20}));
}

TEST(ParserChildTest, AnswersTextAfterText) {
  ParserChild child(Scope::For(absl::Minutes(2)), {}, GOFARM_TEST_PARSER);
  EXPECT_TRUE(*child.DeclaresMain("package main\nfunc main() {}\n"));
  EXPECT_FALSE(*child.DeclaresMain(""));
  EXPECT_TRUE(*child.DeclaresMain(Cat("package main\n", std::string(3 << 20, '\n'), "func main() {}\n")));
  EXPECT_EQ(child.starts(), 1);
}

// The runtime of Debian 12 ends its process on the first of these.
TEST(ParserChildTest, DeepNestingIsAnswered) {
  ParserChild child(Scope::For(absl::Minutes(2)), {}, GOFARM_TEST_PARSER);
  for (const size_t depth : {size_t{66} << 10, size_t{400'000}}) {
    const auto found = child.DeclaresMain(Cat("package main\nfunc main() {}\nvar x = ", std::string(depth, '[')));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(*found);
  }
  EXPECT_EQ(child.starts(), 1);
}

TEST(ParserChildTest, AChildThatRunsOutOfMemoryIsStartedAnew) {
  // Less than the text itself takes.
  ParserChild child(Scope::For(absl::Minutes(2)), {.memory_bytes = 96 << 20}, GOFARM_TEST_PARSER);
  EXPECT_TRUE(*child.DeclaresMain("package main\nfunc main() {}\n"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::string many = "package main\nfunc main() {}\n";
  while (many.size() < (6 << 20)) many += "var x = f(1, 2, 3)\n";
  const auto found = child.DeclaresMain(many);
  EXPECT_TRUE(absl::IsAborted(found.status())) << found.status();
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("signal"));
  EXPECT_TRUE(*child.DeclaresMain("package main\nfunc main() {}\n"));
  EXPECT_EQ(child.starts(), 2);
#endif
}

TEST(ParserChildTest, ATextThatIsTooLargeIsRefused) {
  ParserChild child(Scope::For(absl::Minutes(2)), {}, GOFARM_TEST_PARSER);
  EXPECT_TRUE(absl::IsAborted(child.DeclaresMain(std::string(kParserTextMax + 1, ' ')).status()));
  EXPECT_EQ(child.starts(), 0);
}

TEST(ParserChildTest, AProgramThatIsNoParserIsAnError) {
  ParserChild child(Scope::For(absl::Minutes(2)), {}, "/bin/true");
  EXPECT_TRUE(absl::IsAborted(child.DeclaresMain("package main\n").status()));
  ParserChild none(Scope::For(absl::Minutes(2)), {}, "/nonexistent/parser");
  EXPECT_TRUE(absl::IsNotFound(none.DeclaresMain("package main\n").status()));
}

TEST(ParserChildTest, TheScopeEndsIt) {
  ParserChild child(Scope::For(absl::ZeroDuration()), {}, GOFARM_TEST_PARSER);
  EXPECT_TRUE(absl::IsDeadlineExceeded(child.DeclaresMain("package main\n").status()));
}

}  // namespace
}  // namespace gofarm::godetect
