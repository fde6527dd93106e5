// What repositories are called, and text that services gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "coordinator/catalog/clean_text.h"
#include "coordinator/catalog/repository_name.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;

std::string OfUrl(std::string_view url) { return RepositoryOfUrl(url).value_or("none"); }
std::string OfModule(std::string_view module) { return RepositoryOfModule(module).value_or("none"); }

TEST(RepositoryNameTest, EveryFormOfALinkLeadsToTheSameName) {
  for (const char* url :
       {"https://github.com/BurntSushi/toml", "http://www.github.com/burntsushi/TOML/",
        "https://github.com/BurntSushi/toml.git", "git+https://github.com/BurntSushi/toml.git",
        "git@github.com:BurntSushi/toml.git", "ssh://git@github.com/BurntSushi/toml",
        "https://user:pw@github.com/BurntSushi/toml", "https://github.com/BurntSushi/toml/tree/master/cmd?x=1#readme",
        " https://github.com/BurntSushi/toml "}) {
    EXPECT_EQ(OfUrl(url), "github.com/burntsushi/toml") << url;
  }
  EXPECT_EQ(OfUrl("https://gitlab.com/group/sub/project/-/tree/main"), "gitlab.com/group/sub/project");
  EXPECT_EQ(OfUrl("https://gitlab.com/o/r/tree/main"), "gitlab.com/o/r");
  EXPECT_EQ(OfUrl("https://git.sr.ht/~user/repo"), "git.sr.ht/~user/repo");
  EXPECT_EQ(OfUrl("https://code.example.org/o/r/src"), "code.example.org/o/r");
}

TEST(RepositoryNameTest, WhatNamesNoneIsNone) {
  for (const char* url :
       {"", "https://", "https://github.com", "https://github.com/o", "o/r", "file:///o/r",
        "javascript://github.com/o/r", "https://localhost/o/r", "https://github.com/../r", "https://github.com/o/..",
        "https://github.com/o/r\" x", "https://github.com/o/.git", "https://github.com:99/o/r"}) {
    EXPECT_EQ(OfUrl(url), "none") << url;
  }
  EXPECT_EQ(OfUrl(Cat("https://github.com/o/", std::string(200, 'r'))), "none");
}

TEST(RepositoryNameTest, AModulePathLeadsToItsRepositoryWhereItsHostKeepsThem) {
  EXPECT_EQ(OfModule("github.com/o/r"), "github.com/o/r");
  EXPECT_EQ(OfModule("github.com/O/R/sub/v2"), "github.com/o/r");
  EXPECT_EQ(OfModule("github.com/o/r/v3"), "github.com/o/r");
  EXPECT_EQ(OfModule("github.com/o/r.git"), "github.com/o/r");
  EXPECT_EQ(OfModule("gitlab.com/o/r/v2"), "gitlab.com/o/r");
  EXPECT_EQ(OfModule("gitlab.com/group/sub/project"), "none") << "where the repository ends is not known";
  EXPECT_EQ(OfModule("gopkg.in/yaml.v3"), "github.com/go-yaml/yaml");
  EXPECT_EQ(OfModule("gopkg.in/alecthomas/kingpin.v2"), "github.com/alecthomas/kingpin");
  EXPECT_EQ(OfModule("golang.org/x/tools/gopls"), "github.com/golang/tools");
  EXPECT_EQ(OfModule("filippo.io/age"), "none");
  EXPECT_EQ(OfModule("github.com"), "none");
  EXPECT_EQ(OfModule("github.com/o"), "none");
  EXPECT_EQ(OfModule(""), "none");
}

TEST(RepositoryNameTest, OnlyGithubsAlphabetMayEnterAQuery) {
  EXPECT_EQ(GithubNameOf("github.com/o/r"), (GithubName{"o", "r"}));
  EXPECT_EQ(GithubNameOf("O-1/R._-2"), (GithubName{"O-1", "R._-2"}));
  EXPECT_EQ(GithubNameOf("person_company/r"), (GithubName{"person_company", "r"}));
  for (const char* bad : {"", "o", "o/", "/r", "-o/r", "o/..", "o/.", "o\"/r", "o/r\"", "o/r\\", "o/r/s",
                          "gitlab.com/o/r", "o/r\n", "o/~r", "\xc3\xb6/r", "o.x/r"}) {
    EXPECT_EQ(GithubNameOf(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(GithubNameOf(Cat(std::string(40, 'o'), "/r")), std::nullopt);
  EXPECT_EQ(GithubNameOf(Cat("o/", std::string(101, 'r'))), std::nullopt);
}

TEST(CleanTextTest, WhatCannotBeStoredOrShownIsGone) {
  EXPECT_EQ(CleanText(std::string_view("a\0b\x1b[31m\r\n\tc \xff d", 16), 100), "a b [31m c d");
  EXPECT_EQ(CleanText("  two   blanks ", 100), "two blanks");
  EXPECT_EQ(CleanText("\xe2\x80\xaetricked", 100), "tricked") << "what turns the direction of reading";
  EXPECT_EQ(CleanText("\xc3\xa4\xc3\xb6\xc3\xbc", 100), "\xc3\xa4\xc3\xb6\xc3\xbc");
  EXPECT_EQ(CleanText(std::string(5000, 'x'), 100).size(), 100u);
}

TEST(CleanTextTest, OnlyPagesAreHomepages) {
  EXPECT_EQ(CleanPageUrl(" https://x.example/a?b#c "), "https://x.example/a?b#c");
  EXPECT_EQ(CleanPageUrl("HTTP://x.example"), "HTTP://x.example");
  for (const char* bad : {"", "x.example", "javascript:alert(1)", "ftp://x.example", "https://x.example/a b"}) {
    EXPECT_EQ(CleanPageUrl(bad), "") << bad;
  }
  EXPECT_EQ(CleanPageUrl(Cat("https://x.example/", std::string(600, 'a'))), "");
}

TEST(CleanTextTest, LicencesAreOneExpression) {
  EXPECT_EQ(JoinLicenses({}), "");
  EXPECT_EQ(JoinLicenses({""}), "");
  EXPECT_EQ(JoinLicenses({"MIT"}), "MIT");
  EXPECT_EQ(JoinLicenses({"MIT", "MIT", "Apache-2.0"}), "MIT AND Apache-2.0");
  EXPECT_EQ(JoinLicenses({"MIT OR Apache-2.0"}), "MIT OR Apache-2.0");
  EXPECT_EQ(JoinLicenses({"MIT OR Apache-2.0", "0BSD"}), "(MIT OR Apache-2.0) AND 0BSD");
  EXPECT_EQ(JoinLicenses({"NOASSERTION"}), "non-standard");
  EXPECT_EQ(JoinLicenses({"non-standard", "UNKNOWN"}), "non-standard");
  EXPECT_EQ(JoinLicenses({"MIT; DROP TABLE"}), "non-standard");
  EXPECT_EQ(JoinLicenses({std::string(150, 'a'), std::string(150, 'b')}), std::string(150, 'a'));
}

TEST(CleanTextTest, TopicsAreFewAndShort) {
  EXPECT_THAT(CleanTopics({"cli", "cli", "", "a\nb"}), ElementsAre("cli", "a b"));
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back(Cat("t", i));
  EXPECT_EQ(CleanTopics(many).size(), kTopicsMax);
}

}  // namespace
}  // namespace gofarm::catalog
