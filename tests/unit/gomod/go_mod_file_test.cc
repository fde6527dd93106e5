#include "common/gomod/go_mod_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::gomod {
namespace {

constexpr char kWhole[] = R"(// Package header, no deprecation of ours.

// Use example.com/m/v2.
//
// Deprecated: moved to example.com/m/v2,
// which is faster.
module "example.com/m" // the module

go 1.21.3
toolchain go1.26.8
godebug default=go1.21

require example.com/a v1.0.0
require (
	example.com/b v1.1.0 // indirect
	example.com/c v0.0.0-20191109021931-daa7c04131f5 // indirect; kept for x
)
replace example.com/a => ../a
replace (
	example.com/b v1.1.0 => example.com/fork v1.1.1
	example.com/c => `./c`
)
exclude example.com/d v1.2.3
exclude (
)
// Block reason.
retract (
	v1.0.1
	// Own reason.
	[v1.1.0, v1.2.0] // and more
)
retract v1.3.0 // broken
tool example.com/m/cmd/gen
ignore ./node_modules
)";

TEST(ParseGoModTest, ReadsTheDirectivesTheFarmActsOn) {
  const auto file = ParseGoMod(kWhole);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->module, "example.com/m");
  EXPECT_EQ(file->go, "1.21.3");
  EXPECT_EQ(file->toolchain, "go1.26.8");
  EXPECT_TRUE(file->deprecated);
  EXPECT_EQ(file->deprecation, "moved to example.com/m/v2,\nwhich is faster.\nthe module");

  ASSERT_EQ(file->requirements.size(), 3u);
  EXPECT_FALSE(file->requirements[0].indirect);
  EXPECT_TRUE(file->requirements[1].indirect);
  EXPECT_TRUE(file->requirements[2].indirect);

  ASSERT_EQ(file->replacements.size(), 3u);
  EXPECT_TRUE(file->replacements[0].is_folder());
  EXPECT_EQ(file->replacements[1].old_module.version, "v1.1.0");
  EXPECT_EQ(file->replacements[1].new_module.path, "example.com/fork");
  EXPECT_FALSE(file->replacements[1].is_folder());
  EXPECT_EQ(file->replacements[2].new_module.path, "./c");

  ASSERT_EQ(file->exclusions.size(), 1u);
  EXPECT_EQ(file->exclusions[0].version, "v1.2.3");

  ASSERT_EQ(file->retractions.size(), 3u);
  EXPECT_EQ(file->retractions[0].range.low, "v1.0.1");
  EXPECT_EQ(file->retractions[0].reason, "Block reason.");
  EXPECT_EQ(file->retractions[1].range.high, "v1.2.0");
  EXPECT_EQ(file->retractions[1].reason, "Own reason.\nand more");
  EXPECT_EQ(file->retractions[2].reason, "broken");
  EXPECT_TRUE(IsInAny(file->RetractedRanges(), "v1.1.5"));
  EXPECT_FALSE(IsInAny(file->RetractedRanges(), "v1.2.1"));
}

TEST(ParseGoModTest, TheSynthesizedFormAndWindowsLineEndsAreFine) {
  EXPECT_EQ(ParseGoMod("module example.com/m")->module, "example.com/m");
  EXPECT_EQ(ParseGoMod("module example.com/m\r\n\r\ngo 1.20\r\n")->go, "1.20");
}

TEST(ParseGoModTest, FaultsNameTheirLine) {
  const struct {
    const char* text;
    const char* fault;
  } cases[] = {
      {"module a.b/c\nmodule a.b/d\n", "go.mod:2: a second module line"},
      {"module a.b/c\n\nreplace x.y/z\n", "go.mod:3: usage: replace"},
      {"replace x.y/z => w.v/u\n", "go.mod:1: a replacement without a version"},
      {"retract v1.0.0 v1.1.0\n", "go.mod:1: usage: retract"},
      {"require (\n\ta.b/c v1.0.0\n", "without its \")\""},
      {"module \"a.b/c\n", "go.mod:1: string without its end"},
      {"module a.b/c /* no */\n", "only // comments"},
      {"require (\n) x\n", "go.mod:2: text after"},
  };
  for (const auto& c : cases) {
    const auto file = ParseGoMod(c.text);
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(file.status().message()), testing::HasSubstr(c.fault));
  }
}

TEST(ParseGoModTest, AFileOfTooManyDirectivesIsRefused) {
  std::string text;
  for (size_t i = 0; i <= kGoModDirectivesMax; ++i) text += "exclude a.b/c v1.0.0\n";
  EXPECT_EQ(ParseGoMod(text).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ParseGoModTest, ToolAndIgnoreLinesAreKept) {
  const auto file = ParseGoMod("module a.b/c\n\ntool x.y/z/cmd\n\nignore (\n\t./docs\n\tgen\n)\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tools, testing::ElementsAre("x.y/z/cmd"));
  EXPECT_TRUE(IsIgnoredFolder(*file, "docs"));
  EXPECT_TRUE(IsIgnoredFolder(*file, "docs/deep"));
  EXPECT_FALSE(IsIgnoredFolder(*file, "a/docs"));
  EXPECT_FALSE(IsIgnoredFolder(*file, "docs2"));
  EXPECT_TRUE(IsIgnoredFolder(*file, "a/gen/b"));
  EXPECT_FALSE(IsIgnoredFolder(*file, "a/gen2"));
  EXPECT_FALSE(IsIgnoredFolder(*file, ""));
}

TEST(EditGoModTest, DropsFolderReplacementsAndLeavesEverythingElseAsItStands) {
  const GoModEdit drop = {.drop_folder_replacements = true};
  const auto text = EditGoMod(kWhole, drop);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, testing::Not(testing::HasSubstr("../a")));
  EXPECT_THAT(*text, testing::Not(testing::HasSubstr("./c")));
  EXPECT_THAT(*text, testing::HasSubstr("replace (\n\texample.com/b v1.1.0 => example.com/fork v1.1.1\n)\n"));
  EXPECT_EQ(ParseGoMod(*text)->replacements.size(), 1u);
  EXPECT_EQ(ParseGoMod(*text)->requirements.size(), 3u);
  EXPECT_EQ(*EditGoMod("module a.b/c\n\ngo 1.2", drop), "module a.b/c\n\ngo 1.2");
  EXPECT_EQ(*EditGoMod(kWhole, {}), kWhole);
}

TEST(EditGoModTest, RaisesGoLineAndRequirementsAndReplacesByVersions) {
  const auto text = EditGoMod("module a.b/c\ngo 1.16 // old\nreplace a.b/d => ../d",
                              {.drop_folder_replacements = true,
                               .go = "1.22",
                               .requirements = {{"a.b/e", "v1.2.3"}},
                               .replacements = {{{"a.b/d", ""}, {"a.b/d", "v0.0.0-20260102030405-0123456789ab"}, 0}}});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text,
            "module a.b/c\ngo 1.22\nrequire a.b/e v1.2.3\n"
            "replace a.b/d => a.b/d v0.0.0-20260102030405-0123456789ab\n");
  const auto file = ParseGoMod(*text, GoModRule::kMain);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->go, "1.22");
  EXPECT_FALSE(file->replacements[0].is_folder());
}

TEST(ParseGoModTest, OfTheMainModuleTakesOnlyWhatGoTakes) {
  EXPECT_TRUE(ParseGoMod(kWhole, GoModRule::kMain).ok());
  for (const char* text : {"module a.b/c\ngo 1.21.0.1\n", "module a.b/c\ngo v1.21\n",
                           "module a.b/c\ngo 1.21\ngo 1.22\n", "module a.b/c\ngo 1\n", "module a.b/c\ngo 1.21rc\n",
                           "module a.b/c\nfuture x\n", "module a.b/c\nfuture (\n x y\n)\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseGoMod(text, GoModRule::kMain).status())) << text;
    EXPECT_TRUE(ParseGoMod(text).ok()) << text;
  }
}

TEST(ParseOwnGoModTest, WhatIsBuiltNamesItselfOrAnotherPath) {
  EXPECT_EQ(ParseOwnGoMod("module a.b/c\ngo 1.21\n", "a.b/c")->go, "1.21");
  EXPECT_EQ(ParseOwnGoMod("module grypy\n", "a.b/c")->module, "grypy") << "a build gives it that name";
  const struct {
    const char* text;
    const char* fault;
  } cases[] = {
      {"", "go.mod has no module line"},
      {"go 1.21\n", "go.mod has no module line"},
      {"\xEF\xBB\xBFmodule a.b/c\n", "go.mod:1: unknown directive"},
      {"module a.b/c\nfuture x\n", "go.mod:2: unknown directive"},
      {"module a.b/c\ngo 1.2x\n", "go.mod:2: invalid go version"},
      {"module ../z\n", "go.mod declares its path as ../z: "},
  };
  for (const auto& c : cases) {
    const auto file = ParseOwnGoMod(c.text, "a.b/c");
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(file.status().message()), testing::HasSubstr(c.fault));
  }
}

}  // namespace
}  // namespace gofarm::gomod
