#include "coordinator/catalog/source_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = SourceEntry::Kind;

std::vector<std::string> Names(const SourceList& list) {
  std::vector<std::string> out;
  for (const SourceEntry& entry : list.entries) {
    const std::string kind = entry.kind == Kind::kModule ? "module " : "repository ";
    out.push_back(Cat(kind, entry.name, entry.version.empty() ? "" : "@", entry.version));
  }
  return out;
}

TEST(SourceListsTest, MarkdownItemsInAllTheirVariants) {
  const SourceList list = ParseSourceList(
                              "# Awesome Go\n"
                              "\n"
                              "[![Build](https://x.example/b.svg)](https://github.com/avelino/awesome-go)\n"
                              "- [Command Line](#command-line)\n"
                              "  - [Standard CLI](#standard-cli)\n"
                              "\n"
                              "## Command Line\n"
                              "_Libraries for building tools._\n"
                              "- [cobra](https://github.com/spf13/cobra) - Commander for modern CLI.\r\n"
                              "- [kong](http://github.com/Alecthomas/Kong/)  \n"
                              "* [dash](https://github.com/o/dash.git) \xe2\x80\x93 With an en dash\n"
                              "- [part](https://github.com/o/mono/tree/main/tools/part) - A part of a repository.\n"
                              "- [lab](https://gitlab.com/group/sub/project) - Elsewhere.\n"
                              "- [vanity](https://upper.io/db) - A host of its own.\n"
                              "- [doc](https://pkg.go.dev/golang.org/x/tools/gopls) - A page of a module.\n"
                              "- [again](https://github.com/SPF13/Cobra) - The same.\n"
                              "- [Page](https://x.example/#anchor \"title\") - No module.\n"
                              "- no link\n"
                              "\n"
                              "# Resources\n"
                              "- [Book](https://github.com/o/book) - Not a program.\n",
                              "awesome-go")
                              .value();
  EXPECT_THAT(Names(list), ElementsAre("repository github.com/spf13/cobra", "repository github.com/alecthomas/kong",
                                       "repository github.com/o/dash", "repository github.com/o/mono",
                                       "repository gitlab.com/group/sub/project", "module upper.io/db",
                                       "module golang.org/x/tools/gopls", "module x.example"));
  EXPECT_EQ(list.repeated, 1);
  EXPECT_EQ(list.skipped_count, 0);
  const SourceEntry& cobra = list.entries[0];
  EXPECT_EQ(cobra.origin, "awesome-go");
  EXPECT_EQ(cobra.section, "Command Line");
  EXPECT_EQ(cobra.description, "Commander for modern CLI.");
  EXPECT_EQ(cobra.line, 9);
  EXPECT_EQ(list.entries[1].description, "");
  EXPECT_EQ(list.entries[2].description, "With an en dash");
}

TEST(SourceListsTest, PlainListsOfModulesAndRepositories) {
  const SourceList list = ParseSourceList(
                              "# tools of ours\n"
                              "github.com/rakyll/hey\n"
                              "github.com/BurntSushi/toml@v1.6.0   # pinned\n"
                              "filippo.io/age@latest\n"
                              "spf13/cobra\n"
                              "https://github.com/junegunn/fzf\n"
                              "git@github.com:o/r.git\n"
                              "\n"
                              "github.com/rakyll/hey\n"
                              "not a module\n"
                              "../etc/passwd\n"
                              "github.com/o/r@not-a-version",
                              "ours.txt")
                              .value();
  EXPECT_THAT(Names(list), ElementsAre("module github.com/rakyll/hey", "module github.com/BurntSushi/toml@v1.6.0",
                                       "module filippo.io/age", "repository github.com/spf13/cobra",
                                       "repository github.com/junegunn/fzf", "repository github.com/o/r"));
  EXPECT_EQ(list.repeated, 1);
  EXPECT_EQ(list.skipped_count, 3);
  EXPECT_THAT(list.skipped[0], HasSubstr("line 10: neither a module nor a repository: not a module"));
}

TEST(SourceListsTest, AModuleAndItsRepositoryAreTwoThings) {
  const SourceList list = ParseSourceList("github.com/o/r\nhttps://github.com/o/r2\n", "x").value();
  EXPECT_EQ(list.entries[0].kind, Kind::kModule);
  EXPECT_EQ(list.entries[1].kind, Kind::kRepository);
}

TEST(SourceListsTest, ARepositorysCapitalsAreKeptForItsModulesPath) {
  const SourceList list =
      ParseSourceList("https://GitHub.com/BurntSushi/toml.git\nFiloSottile/age\ngithub.com/Burnt/Sushi\n", "x").value();
  ASSERT_EQ(list.entries.size(), 3u);
  EXPECT_EQ(list.entries[0].name, "github.com/burntsushi/toml");
  EXPECT_EQ(list.entries[0].path, "github.com/BurntSushi/toml");
  EXPECT_EQ(list.entries[1].path, "github.com/FiloSottile/age");
  EXPECT_EQ(list.entries[2].path, "github.com/Burnt/Sushi");
}

TEST(SourceListsTest, AnythingIsTakenWithoutHarm) {
  EXPECT_TRUE(ParseSourceList("", "x").value().entries.empty());
  EXPECT_TRUE(ParseSourceList("\n\n\n", "x").value().entries.empty());
  const SourceList odd =
      ParseSourceList(std::string_view("- [a](\n- [](\xff)\n- [x](https://e\0vil/\x1b)\n[\n- [", 44), "x").value();
  EXPECT_TRUE(odd.entries.empty());
  const SourceList terminal = ParseSourceList("\x1b[31m\n", "x").value();
  EXPECT_THAT(terminal.skipped, ElementsAre("line 1: neither a module nor a repository: \\x1b[31m"));
  const SourceList lengthy = ParseSourceList(Cat(std::string(10'000, 'a'), "\ngithub.com/o/r\n"), "x").value();
  EXPECT_EQ(lengthy.entries.size(), 1u);
  EXPECT_EQ(lengthy.skipped_count, 1);
  std::string bad;
  for (int i = 0; i < 1000; ++i) bad += "bad line\n";
  EXPECT_EQ(ParseSourceList(bad, "x").value().skipped.size(), kSkippedShownMax);
  EXPECT_EQ(ParseSourceList(bad, "x").value().skipped_count, 1000);
}

TEST(SourceListsTest, ListsAreBounded) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseSourceList(std::string(kSourceListBytesMax + 1, '\n'), "x").status()));
  std::string many;
  for (size_t i = 0; i <= kSourceEntriesMax; ++i) many += Cat("e.org/m", i, "\n");
  EXPECT_TRUE(absl::IsInvalidArgument(ParseSourceList(many, "x").status()));
  many.resize(many.rfind("\n", many.size() - 2) + 1);
  EXPECT_EQ(ParseSourceList(many, "x").value().entries.size(), kSourceEntriesMax);
}

}  // namespace
}  // namespace gofarm::catalog
