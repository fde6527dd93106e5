#include "coordinator/catalog/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;

ModuleSources All() {
  ModuleSources sources{.module = "filippo.io/age"};
  sources.depsdev_version = DepsdevVersion{
      .licenses = {"BSD-3-Clause"}, .repository = "github.com/filosottile/age", .homepage = "https://deps.example"};
  sources.depsdev_project = DepsdevProject{.id = "github.com/filosottile/age",
                                           .stars = 10,
                                           .license = "MIT",
                                           .description = "old words",
                                           .homepage = "https://old.example"};
  sources.github = GithubRepository{.id = 7,
                                    .full_name = "FiloSottile/age",
                                    .description = "A tool",
                                    .license = "non-standard",
                                    .topics = {"cli"},
                                    .stars = 11,
                                    .archived = true,
                                    .pushed_at = absl::FromUnixSeconds(1'700'000'000)};
  sources.pkgsite_module = PkgsiteModule{.repository = "github.com/filosottile/age", .licenses = {"Apache-2.0"}};
  sources.pkgsite_importers = 42;
  sources.pkgsite_versions = std::vector<PkgsiteVersion>{
      {.version = "v1.1.0", .deprecated = true, .deprecation = "use v2", .retracted = true}, {.version = "v1.0.0"}};
  return sources;
}

TEST(MergeTest, EachFactComesFromWhoKnowsItBest) {
  const ModuleFacts facts = Merge(All());
  EXPECT_TRUE(facts.known);
  EXPECT_EQ(facts.repository, "github.com/filosottile/age");
  EXPECT_EQ(facts.url, "https://github.com/FiloSottile/age");
  EXPECT_EQ(facts.former, "");
  EXPECT_EQ(facts.stars, 11);
  EXPECT_EQ(facts.description, "A tool");
  EXPECT_EQ(facts.homepage, "https://old.example") << "GitHub has none";
  EXPECT_EQ(facts.license, "BSD-3-Clause");
  EXPECT_THAT(facts.topics, ElementsAre("cli"));
  EXPECT_EQ(facts.archived, true);
  EXPECT_EQ(facts.fork, false);
  EXPECT_EQ(facts.importers, 42);
  EXPECT_TRUE(facts.deprecated);
  EXPECT_EQ(facts.deprecation, "use v2");
  EXPECT_THAT(facts.retracted, ElementsAre("v1.1.0"));
  EXPECT_EQ(facts.said_by, (std::map<std::string, std::string>{{"repository", "github"},
                                                               {"stars", "github"},
                                                               {"archived", "github"},
                                                               {"fork", "github"},
                                                               {"topics", "github"},
                                                               {"pushed_at", "github"},
                                                               {"description", "github"},
                                                               {"homepage", "depsdev"},
                                                               {"license", "depsdev"},
                                                               {"importers", "pkgsite"},
                                                               {"deprecated", "pkgsite"},
                                                               {"retracted", "pkgsite"}}));
}

TEST(MergeTest, ThePackagesThatPkgsiteKnowsAsProgramsAreAHint) {
  ModuleSources sources = All();
  EXPECT_TRUE(Merge(sources).main_packages.empty());
  sources.pkgsite_programs = std::vector<PkgsitePackage>{{.path = "filippo.io/age/cmd/age"}};
  EXPECT_THAT(Merge(sources).main_packages, ElementsAre("filippo.io/age/cmd/age"));
  EXPECT_EQ(Merge(sources).said_by.at("main_packages"), "pkgsite");
  sources.pkgsite_programs = std::vector<PkgsitePackage>(kMainPackagesMax + 1, {.path = "filippo.io/age/cmd/age"});
  EXPECT_EQ(Merge(sources).main_packages.size(), kMainPackagesMax);
}

TEST(MergeTest, WithoutGithubDepsdevSpeaksForTheRepository) {
  ModuleSources sources = All();
  sources.github.reset();
  const ModuleFacts facts = Merge(sources);
  EXPECT_TRUE(facts.known);
  EXPECT_EQ(facts.url, "https://github.com/filosottile/age");
  EXPECT_EQ(facts.stars, 10);
  EXPECT_EQ(facts.description, "old words");
  EXPECT_EQ(facts.archived, std::nullopt) << "nobody said so";
  EXPECT_EQ(facts.said_by.at("stars"), "depsdev");
}

TEST(MergeTest, ALicenceThatIsRecognisedWinsOverOneThatIsNot) {
  ModuleSources sources = All();
  sources.depsdev_version->licenses = {"non-standard"};
  EXPECT_EQ(Merge(sources).license, "Apache-2.0");
  EXPECT_EQ(Merge(sources).said_by.at("license"), "pkgsite");
  sources.pkgsite_module.reset();
  EXPECT_EQ(Merge(sources).license, "MIT") << "GitHub recognises none, the project does";
  sources.depsdev_project.reset();
  EXPECT_EQ(Merge(sources).license, "non-standard");
  EXPECT_EQ(Merge(sources).said_by.at("license"), "depsdev");
  EXPECT_EQ(Merge({.module = "github.com/o/r"}).license, std::nullopt);
}

TEST(MergeTest, ARenamedRepositoryKeepsItsFormerName) {
  ModuleSources sources{.module = "github.com/old/name"};
  sources.github = GithubRepository{.full_name = "New/Name"};
  const ModuleFacts facts = Merge(sources);
  EXPECT_EQ(facts.repository, "github.com/new/name");
  EXPECT_EQ(facts.former, "github.com/old/name");
}

TEST(MergeTest, TheRepositoryIsNamedByWhoKnowsAndByThePathLast) {
  ModuleSources sources{.module = "github.com/o/r/sub/v2"};
  EXPECT_EQ(RepositoryOf(sources).name, "github.com/o/r");
  EXPECT_EQ(RepositoryOf(sources).said_by, "path");
  sources.pkgsite_module = PkgsiteModule{.repository = "github.com/p/p"};
  EXPECT_EQ(RepositoryOf(sources).name, "github.com/p/p");
  sources.origin_url = "https://github.com/Origin/X";
  EXPECT_EQ(RepositoryOf(sources).name, "github.com/origin/x");
  EXPECT_EQ(RepositoryOf(sources).said_by, "proxy");
  sources.depsdev_version = DepsdevVersion{.repository = "github.com/d/d"};
  EXPECT_EQ(RepositoryOf(sources).name, "github.com/d/d");
  EXPECT_EQ(RepositoryOf({.module = "vanity.example/x"}).name, "");
}

TEST(MergeTest, AGuessFromThePathIsNoKnowledge) {
  EXPECT_FALSE(Merge({.module = "github.com/o/r"}).known);
  EXPECT_EQ(Merge({.module = "github.com/o/r"}).repository, "github.com/o/r");
  ModuleSources gone{.module = "github.com/o/r", .github_missing = true};
  gone.depsdev_version = DepsdevVersion{.repository = "github.com/o/r"};
  EXPECT_FALSE(Merge(gone).known) << "its name is known, it is not";
  EXPECT_TRUE(Merge(gone).gone);
  // Neither GitHub nor deps.dev looks there: who found it must do.
  ModuleSources elsewhere{.module = "vanity.example/x"};
  elsewhere.pkgsite_module = PkgsiteModule{.repository = "codeberg.org/o/r"};
  EXPECT_TRUE(Merge(elsewhere).known);
}

}  // namespace
}  // namespace gofarm::catalog
