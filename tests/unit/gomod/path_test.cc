#include "common/gomod/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::gomod {
namespace {

using testing::HasSubstr;

TEST(CheckModulePathTest, TakesRealPaths) {
  for (const char* path : {"github.com/BurntSushi/toml", "filippo.io/age", "go.etcd.io/etcd/etcdctl/v3",
                           "gopkg.in/yaml.v3", "gopkg.in/check.v1", "golang.org/x/tools", "example.com/a~b/c_d-e",
                           "example.com/m/v10", "gopkg.in/yaml.v2-unstable", "k8s.io/v"}) {
    EXPECT_TRUE(CheckModulePath(path).ok()) << CheckModulePath(path);
  }
}

TEST(CheckModulePathTest, RefusesOthersAndNamesTheFault) {
  const struct {
    std::string path;
    const char* fault;
  } cases[] = {
      {"", "is empty"},
      {std::string("example.com/a\x1b[31m"), "control character"},
      {std::string("example.com/a\0b", 15), "control character"},
      {"example.com/a\nb", "control character"},
      {"example.com/a\x7f", "control character"},
      {"example.com/../b", "\"..\" is not allowed"},
      {"../b", "\"..\" is not allowed"},
      {"example.com/./b", "\".\" is not allowed"},
      {"/etc/passwd", "leading slash"},
      {"example.com/a/", "trailing slash"},
      {"example.com//a", "double slash"},
      {"GitHub.com/a/b", "upper case in the first element"},
      {"toml", "missing dot in the first element"},
      {"-x.com/a", "leading dash"},
      {"example.com/.hidden", "leading dot"},
      {"example.com/a.", "trailing dot"},
      {"example.com/a b", "' ' is not allowed"},
      {"example.com/a@b", "'@' is not allowed"},
      {"example.com/\xc3\xa9", "is not allowed"},
      {"exa_mple.com/a", "not allowed in the first element"},
      {"example.com/con.x", "reserved name"},
      {"example.com/progra~1", "tilde"},
      {"example.com/m/v1", "/vN"},
      {"example.com/m/v0", "/vN"},
      {"example.com/m/v02", "/vN"},
      {"example.com/m/v2.1", "/vN"},
      {"gopkg.in/yaml", "/vN"},
      {"example.com/" + std::string(2000, 'a'), "longer than"},
  };
  for (const auto& c : cases) {
    const absl::Status status = CheckModulePath(c.path);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
}

TEST(CheckModulePathTest, MessagesCarryNoControlCharacter) {
  const std::string message(CheckModulePath("example.com/a\x1b[31m").message());
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_THAT(message, HasSubstr("\\x1b"));
}

TEST(CheckImportPathTest, AllowsPlusAndNeedsNoDot) {
  EXPECT_TRUE(CheckImportPath("net/http").ok());
  EXPECT_TRUE(CheckImportPath("example.com/cmd/c++").ok());
  EXPECT_FALSE(CheckImportPath("example.com/../c").ok());
}

TEST(CheckFilePathTest, RefusesWhatLeavesTheFolder) {
  EXPECT_TRUE(CheckFilePath("cmd/my tool/main[1].go").ok());
  EXPECT_TRUE(CheckFilePath("docs/\xc3\xa9t\xc3\xa9.md").ok());
  for (const char* path : {"../x", "a/../../x", "/x", "a//b", "a\\b", "a:b", "a\"b", "a\x01"}) {
    EXPECT_FALSE(CheckFilePath(path).ok()) << path;
  }
}

TEST(CheckPathMajorTest, TheVersionFollowsTheEndingOfThePath) {
  const struct {
    const char* path;
    const char* version;
    bool fits;
  } cases[] = {
      {"example.com/m", "v0.1.0", true},
      {"example.com/m", "v1.9.9", true},
      {"example.com/m", "v2.0.0", false},
      {"example.com/m", "v2.0.0+incompatible", true},
      {"example.com/m/v2", "v2.3.4", true},
      {"example.com/m/v2", "v1.0.0", false},
      {"example.com/m/v2", "v2.0.0-20191109021931-daa7c04131f5", true},
      {"gopkg.in/yaml.v2", "v2.4.0", true},
      {"gopkg.in/yaml.v2", "v3.0.0", false},
      {"gopkg.in/yaml.v2-unstable", "v2.4.0", true},
      {"gopkg.in/check.v1", "v0.0.0-20161208181325-20d25e280405", true},
  };
  for (const auto& c : cases) EXPECT_EQ(CheckPathMajor(c.path, c.version).ok(), c.fits) << c.path << " " << c.version;
  EXPECT_THAT(std::string(CheckPathMajor("example.com/m/v2", "v1.0.0").message()), HasSubstr("should be v2, not v1"));
}

TEST(EscapeTest, UpperCaseBecomesBangAndLowerCaseAndBack) {
  EXPECT_EQ(*EscapePath("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
  EXPECT_EQ(*UnescapePath("github.com/!burnt!sushi/toml"), "github.com/BurntSushi/toml");
  EXPECT_EQ(*EscapeVersion("v1.0.0-RC1"), "v1.0.0-!r!c1");
  EXPECT_FALSE(EscapePath("github.com/!bang").ok());
  EXPECT_EQ(UnescapeVersion(*EscapeVersion("v1.0.0-RC1")), "v1.0.0-RC1");
  EXPECT_FALSE(UnescapePath("github.com/BurntSushi").ok());
  EXPECT_FALSE(UnescapePath("github.com/a!").ok());
  EXPECT_FALSE(UnescapePath("github.com/!1").ok());
  EXPECT_FALSE(EscapeVersion("v1/../x").ok());
  EXPECT_FALSE(EscapeVersion("v1!").ok());
  EXPECT_FALSE(EscapeVersion("..").ok());
}

TEST(ProgramNameTest, IsTheLastElementOrTheOneBeforeTheMajor) {
  EXPECT_EQ(ProgramName("filippo.io/age/cmd/age-keygen"), "age-keygen");
  EXPECT_EQ(ProgramName("github.com/mikefarah/yq/v4"), "yq");
  EXPECT_EQ(ProgramName("example.com/v1"), "v1");
  EXPECT_EQ(ProgramName("example.com/tool/v0"), "v0");
  EXPECT_EQ(ProgramName("gopkg.in/tool.v2"), "tool.v2");
}

TEST(IsInModuleTest, OnlyWholeElementsCount) {
  EXPECT_TRUE(IsInModule("example.com/m", "example.com/m"));
  EXPECT_TRUE(IsInModule("example.com/m/cmd", "example.com/m"));
  EXPECT_FALSE(IsInModule("example.com/mm", "example.com/m"));
}

TEST(ParseModuleSpecTest, SplitsAndChecksBothParts) {
  EXPECT_EQ(ParseModuleSpec("filippo.io/age")->version, "");
  EXPECT_EQ(ParseModuleSpec("filippo.io/age@latest")->version, "");
  EXPECT_EQ(ParseModuleSpec("filippo.io/age@v1.3.2")->version, "v1.3.2");
  EXPECT_EQ(ParseModuleSpec("filippo.io/age@v1.3.2")->module, "filippo.io/age");
  for (const char* text : {"filippo.io/age@", "filippo.io/age@v1", "filippo.io/age@main", "filippo.io/age@v2.0.0",
                           "@v1.0.0", "filippo.io/age@v1.0.0@v1.0.0", "filippo.io/../age@v1.0.0"}) {
    EXPECT_FALSE(ParseModuleSpec(text).ok()) << text;
  }
}

TEST(MatchPrefixPatternsTest, AGlobIsMatchedAgainstAsManyElementsAsItHas) {
  EXPECT_TRUE(MatchPrefixPatterns("*.corp.example.com,rsc.io/private", "git.corp.example.com/xyzzy"));
  EXPECT_TRUE(MatchPrefixPatterns("*.corp.example.com,rsc.io/private", "rsc.io/private/quux"));
  EXPECT_FALSE(MatchPrefixPatterns("*.corp.example.com,rsc.io/private", "rsc.io/privateer"));
  EXPECT_FALSE(MatchPrefixPatterns("rsc.io/private", "rsc.io"));
  EXPECT_TRUE(MatchPrefixPatterns("example.com/[a-c]?/", "example.com/bx/y"));
  EXPECT_FALSE(MatchPrefixPatterns("example.com/[^a-c]", "example.com/b"));
  EXPECT_TRUE(MatchPrefixPatterns("*", "example.com/b"));
  EXPECT_FALSE(MatchPrefixPatterns("", "example.com/b"));
}

}  // namespace
}  // namespace gofarm::gomod
