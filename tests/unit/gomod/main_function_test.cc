#include "common/gomod/main_function.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::gomod {
namespace {

TEST(HasMainFunctionTest, FindsTheDeclaration) {
  for (const char* text : {
           "package main\nfunc main() {}\n",
           "package main\nimport (\n\t\"fmt\"\n)\nfunc helper() { if true { fmt.Println('{') } }\nfunc main()\n{}\n",
           "package main; func /* c */ main /* d */ ( ) {}",
           "package main\nvar x = struct{ a []int }{a: []int{1}}\nfunc main() {}",
           "package main\nvar s = `\nfunc fake() {\n`\nfunc main() {}",
           "package main\nvar r = '\\''\nvar q = '\"'\nvar t = \"\\\"{\"\nfunc main() {}",
           "package main\nvar f = func() { }\nfunc main() {}",
           "package main\nfunc g[T any](x T) {}\nfunc main() {}",
       }) {
    EXPECT_TRUE(HasMainFunction(text)) << text;
  }
}

TEST(HasMainFunctionTest, IsNotTakenInByLookalikes) {
  for (const char* text : {
           "",
           "package main\n",
           "package main\n// func main() {}\n",
           "package main\n/* func main() {} */\n",
           "package main\nvar s = `func main() {}`\n",
           "package main\nvar s = \"func main() {}\"\n",
           "package main\ntype T struct{}\nfunc (t T) main() {}\n",
           "package main\nfunc mainly() {}\nfunc Main() {}\nfunc xmain() {}\n",
           "package main\nfunc main[T any]() {}\n",
           "package main\nfunc main(x int) {}\n",
           "package main\nfunc f() { main := func() {}; main() }\n",
           "package main\nvar main = func() {}\n",
           "package main\nfunc test() {\n\tfunc main() {}\n}\n",
           "package main\nvar s = `unfinished func main() {}",
           "package main\n/* unfinished func main() {}",
       }) {
    EXPECT_FALSE(HasMainFunction(text)) << text;
  }
}

TEST(HasMainFunctionTest, DeepBracketsCostNoStack) {
  EXPECT_FALSE(HasMainFunction("package main\nvar x = " + std::string(1'000'000, '(') + "\nfunc main() {}"));
}

}  // namespace
}  // namespace gofarm::gomod
