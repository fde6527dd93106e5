#include "cli/list_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Written(const ListEntry& entry) {
  return std::to_string(entry.line) + " " + entry.module + " " + entry.version;
}
std::vector<std::string> Written(const Parsed& parsed) {
  std::vector<std::string> out;
  for (const ListEntry& entry : parsed.entries) out.push_back(Written(entry));
  return out;
}

TEST(ListFileTest, BlankLinesAndCommentsCountAsLinesOnly) {
  Parsed parsed;
  ParseList("# modules\n\n  github.com/rakyll/hey@v0.1.5  # load\r\n\tfilippo.io/age\ngithub.com/a/b@latest", parsed);
  EXPECT_THAT(parsed.errors, IsEmpty());
  EXPECT_THAT(Written(parsed),
              ElementsAre("3 github.com/rakyll/hey v0.1.5", "4 filippo.io/age ", "5 github.com/a/b latest"));
}

TEST(ListFileTest, EveryFaultIsToldWithItsLineAndTheEntryKept) {
  Parsed parsed;
  ParseList(
      "github.com/rakyll/hey@v0.1.5\nGitHub.com/x/y\n\n# comment\ngithub.com/a/b@1.2\ngithub.com/a\x1b[31mb@v1.0.0\n"
      "github.com/../../etc/passwd@v1.0.0\ngithub.com/a/b@\n",
      parsed);
  EXPECT_THAT(parsed.errors,
              ElementsAre(::testing::AllOf(HasSubstr("line 2:"), HasSubstr("upper case")), HasSubstr("line 5:"),
                          ::testing::AllOf(HasSubstr("line 6:"), HasSubstr("control")),
                          ::testing::AllOf(HasSubstr("line 7:"), HasSubstr("..")), HasSubstr("line 8:")));
  EXPECT_EQ(parsed.entries.size(), 6u);
  // "@" with nothing behind it must not become "latest" on its way.
  EXPECT_EQ(parsed.entries.back().version, "@");
}

TEST(ListFileTest, WhatIsNotUtf8TravelsEscaped) {
  Parsed parsed;
  ParseList("github.com/a/\xff\xfe@v1.0.0\n", parsed);
  ASSERT_EQ(parsed.entries.size(), 1u);
  EXPECT_EQ(parsed.entries[0].module, "github.com/a/\\xff\\xfe");
  EXPECT_EQ(parsed.errors.size(), 1u);
}

TEST(ListFileTest, ArgumentsCountFromOne) {
  Parsed parsed;
  ParseArguments({"github.com/a/b", "nonsense"}, parsed);
  EXPECT_THAT(parsed.errors, ElementsAre(HasSubstr("line 2:")));
}

TEST(TargetsTest, NamesAndListsOfThemAreTakenOnce) {
  std::vector<std::string> errors;
  EXPECT_THAT(ParseTargets({"riscv64", "x86_64, riscv64"}, errors), ElementsAre(Target::kRiscv64, Target::kX86_64));
  EXPECT_THAT(errors, IsEmpty());
}

TEST(TargetsTest, AnUnknownOneIsNamedWithThoseThatAreKnown) {
  std::vector<std::string> errors;
  ParseTargets({"sparc"}, errors);
  EXPECT_THAT(errors, ElementsAre(::testing::AllOf(HasSubstr("sparc"), HasSubstr("loongarch64"))));
}

TEST(ReadListTest, AnUnreadableFileIsNamed) {
  const absl::StatusOr<std::string> text = ReadList("/no/such/list");
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("/no/such/list"));
}

}  // namespace
}  // namespace gofarm::cli
