#include "common/gomod/go_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::gomod {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Paths(const GoHeader& header) {
  std::vector<std::string> paths;
  for (const GoImport& import : header.imports) paths.push_back(import.path);
  return paths;
}
std::string NameOf(std::string_view text) { return ReadGoHeader(text, true).package; }

TEST(GoHeaderTest, ReadsClauseAndImports) {
  const GoHeader header = ReadGoHeader(
      "// Copyright\n\n//go:build linux\n\n/* doc */\npackage /* x */ main // y\n\nimport \"fmt\"\n"
      "import (\n\t_ \"a.test/b\" // why\n\tx `os`; . \"io\"\n)\n\nfunc main() {}\n",
      true);
  EXPECT_TRUE(header.readable);
  EXPECT_EQ(header.package, "main");
  EXPECT_EQ(header.constraints.go_build, "//go:build linux");
  EXPECT_TRUE(header.imports_readable);
  EXPECT_THAT(Paths(header), ElementsAre("fmt", "a.test/b", "os", "io"));
  EXPECT_TRUE(header.imports[1].blank);
  EXPECT_FALSE(header.imports[2].blank);
  EXPECT_FALSE(header.cgo);
}

TEST(GoHeaderTest, NamesAreThoseOfGosParser) {
  EXPECT_EQ(NameOf("\xEF\xBB\xBFpackage main\n"), "main");
  EXPECT_EQ(NameOf("package\nmain"), "main");
  EXPECT_EQ(NameOf("package main; var x int"), "main");
  EXPECT_EQ(NameOf("package main var x int"), "main");  // the reader of headers stops in front of the fault
  EXPECT_EQ(NameOf("package main import \"x\""), "");
  EXPECT_EQ(NameOf("package main\r\n\r\nfunc main() {}\r\n"), "main");
  EXPECT_EQ(NameOf(";package main"), "");
  EXPECT_EQ(NameOf("package func\n"), "");
  EXPECT_EQ(NameOf("package \"main\"\n"), "");
  EXPECT_EQ(NameOf("Package main\n"), "");
  EXPECT_EQ(NameOf("package main /* no end"), "");
  EXPECT_EQ(NameOf("// caf\xE9\npackage main\n"), "");  // no UTF-8
  EXPECT_EQ(NameOf("//line x.go:0\npackage main\n"), "");
  EXPECT_EQ(NameOf("//line x.go:7\npackage main\n"), "main");
  EXPECT_EQ(NameOf("package main\nfunc f() { \xE9 }\n"), "main");  // behind the header
  EXPECT_EQ(NameOf(""), "");
}

TEST(GoHeaderTest, NulMakesAFileUnreadable) {
  EXPECT_FALSE(ReadGoHeader(std::string_view("// a\0b\npackage main\n", 20), true).readable);
  EXPECT_TRUE(ReadGoHeader(std::string_view("package main\nvar x = 1 // \0\n", 28), true).readable);
  EXPECT_FALSE(ReadGoHeader("//go:build linux\n//go:build linux\npackage main\n", true).readable);
}

TEST(GoHeaderTest, BrokenImportsCountForNothing) {
  for (const char* imports : {"import \"os\n", "import (\"os\" \"fmt\")\n", "import \"a b\"\n", "import (\n\"os\"\n",
                              "import os\n", "import \"os\"; // \xFF\n"}) {
    const GoHeader header = ReadGoHeader(Cat("package main\nimport \"fmt\"\n", imports, "func main() {}\n"), true);
    EXPECT_EQ(header.package, "main") << imports;
    EXPECT_FALSE(header.imports_readable) << imports;
    EXPECT_THAT(Paths(header), IsEmpty()) << imports;
  }
}

TEST(GoHeaderTest, KeepsTheCommentInFrontOfImportC) {
  const GoHeader header = ReadGoHeader(
      "package main\n\n// not this\n\n// #include <a.h>\n/*\n#include <b.h>\n*/\nimport \"C\"\nimport \"fmt\"\n", true);
  EXPECT_TRUE(header.cgo);
  EXPECT_NE(header.preamble.find("#include <a.h>"), std::string::npos);
  EXPECT_NE(header.preamble.find("#include <b.h>"), std::string::npos);
  EXPECT_EQ(header.preamble.find("not this"), std::string::npos);
  EXPECT_EQ(ReadGoHeader("package main\n// #include <a.h>\n\nimport \"C\"\n", true).preamble, "");
  EXPECT_NE(ReadGoHeader("package main\n// #include <a.h>\nimport (\n\t\"C\"\n)\n", true).preamble, "");
  EXPECT_NE(ReadGoHeader("package main\nimport (\n\t\"os\"\n\t// #include <a.h>\n\t\"C\"\n)\n", true).preamble, "");
}

TEST(GoHeaderTest, SaysWhenTheTextEndsTooEarly) {
  const std::string text = "// licence\npackage main\n\nimport (\n\t\"fmt\"\n)\n\nfunc main() {}\n";
  const size_t header_end = text.find("func");
  for (size_t n = 0; n < text.size(); ++n) {
    const GoHeader header = ReadGoHeader(std::string_view(text).substr(0, n), false);
    EXPECT_EQ(header.truncated, n <= header_end) << n;
    EXPECT_EQ(header.package, header.truncated ? "" : "main");
  }
}

TEST(GoHeaderTest, HostileTextIsRead) {
  EXPECT_EQ(NameOf(std::string(1 << 20, '/')), "");
  EXPECT_EQ(NameOf(std::string(1 << 20, '(')), "");
  std::string imports = "package main\n";
  for (int i = 0; i < 200'000; ++i) imports += "import \"a\"\n";
  EXPECT_EQ(ReadGoHeader(imports, true).package, "main");
  std::string comments = "package main";
  for (int i = 0; i < 100'000; ++i) comments += "/**/";
  EXPECT_EQ(NameOf(comments), "main");
  EXPECT_EQ(NameOf(comments + "import \"os\"\n"), "");
}

}  // namespace
}  // namespace gofarm::gomod
