#include "coordinator/publish/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "tests/unit/coordinator_publish/samples.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;
using ::testing::UnorderedElementsAre;
using Paths = std::vector<std::string>;

TEST(HostNameTest, TargetsHaveTheNamesOfTheIndex) {
  EXPECT_EQ(HostName(Target::kX86_64), "x86_64-Linux");
  EXPECT_EQ(HostName(Target::kLoongarch64), "loongarch64-Linux");
  for (const Target target : kAllTargets) EXPECT_EQ(ParseHostName(HostName(target)), target);
  EXPECT_EQ(ParseHostName("x86_64"), std::nullopt);
  EXPECT_EQ(ParseHostName("x86_64-Darwin"), std::nullopt);
}

TEST(RepositoryTest, ThePathOfTheReferenceWhereNothingIsLost) {
  EXPECT_EQ(RepositoryPath("github.com/fortio/logc", "logc"), "github/fortio/logc/logc");
  EXPECT_EQ(RepositoryPath("github.com/BurntSushi/toml", "toml-test-decoder"),
            "github/burntsushi/toml/toml-test-decoder");
  EXPECT_EQ(RepositoryPath("gitlab.com/mergetb/facility/mars", "sled"), "gitlab/mergetb/facility/mars/sled");
  EXPECT_EQ(RepositoryFolder("github.com/google/flatbuffers/v2"), "github/google/flatbuffers/v2");
}

TEST(RepositoryTest, WhatLosesMoreThanUpperCaseGetsAnEnding) {
  EXPECT_THAT(RepositoryFolder("go.etcd.io/etcd/etcdctl/v3"), MatchesRegex("misc/etcd/etcdctl/v3-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryFolder("github.com/Meme_Api/x_y"), MatchesRegex("github/meme/api/x/y-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryFolder("mygithub.com/a/b"), MatchesRegex("github/a/b-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryFolder("git.sr.ht/~user/tool"), MatchesRegex("sourcehut/user/tool-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryFolder("example.com"), MatchesRegex("misc/example.com-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryFolder("github.com/a/b", /*twin=*/true), MatchesRegex("github/a/b-[0-9a-f]{8}"));
  // One that looks as if it had an ending cannot pass for one that has.
  EXPECT_THAT(RepositoryFolder("github.com/a/b-0123abcd"), MatchesRegex("github/a/b-0123abcd-[0-9a-f]{8}"));
  EXPECT_NE(RepositoryFolder("github.com/a/b_c"), RepositoryFolder("github.com/a/b/c"));
  EXPECT_NE(RepositoryFolder("a.org/etcd"), RepositoryFolder("b.org/etcd"));
}

TEST(RepositoryTest, LongPathsAreCutAndStillTellApart) {
  const std::string module = Cat("github.com/a/", std::string(900, 'x'));
  EXPECT_LE(RepositoryFolder(module).size(), kFolderMax);
  EXPECT_NE(RepositoryFolder(module), RepositoryFolder(module + "y"));
  EXPECT_TRUE(IsRepositoryName(RepositoryPath(module, "x")));
  EXPECT_LE(RepositoryPath(module, std::string(kProgramMax, 'p')).size(), kFolderMax + 1 + kProgramMax);
}

TEST(RepositoryTest, TheGrammarOfTheSpecification) {
  for (const std::string name : {"a", "a/b", "a.b/c_d/e__f/g---h", "1/2"}) EXPECT_TRUE(IsRepositoryName(name)) << name;
  for (const std::string name :
       {"", "/a", "a/", "a//b", "A", "a..b", "a___b", "-a", "a-", "a.-b", "a b", "a/../b", "ä"}) {
    EXPECT_FALSE(IsRepositoryName(name)) << name;
  }
  EXPECT_FALSE(IsRepositoryName(std::string(256, 'a')));
}

TEST(PkgIdTest, TheFormOfAPublishedIndex) {
  EXPECT_EQ(PkgId("github.com/fortio/logc"), "github.com_fortio_logc");
  EXPECT_EQ(PkgId("github.com/BurntSushi/toml"), "github.com_BurntSushi_toml");
  // "-" becomes "_" as well, so something else could have the same id.
  EXPECT_THAT(PkgId("github.com/a/b-c"), MatchesRegex("github.com_a_b_c-[0-9a-f]{8}"));
  EXPECT_NE(PkgId("github.com/a/b-c"), PkgId("github.com/a/b_c"));
  EXPECT_LE(PkgId(Cat("github.com/a/", std::string(900, 'x'))).size(), kPkgIdMax);
}

TEST(FindTwinsTest, PathsThatDifferInUpperCaseOnly) {
  const std::vector<std::string> modules = {"github.com/a/b", "github.com/A/b", "github.com/a/c", "github.com/a/c"};
  EXPECT_THAT(FindTwins(modules), UnorderedElementsAre("github.com/a/b", "github.com/A/b"));
  EXPECT_NE(RepositoryFolder("github.com/a/b", true), RepositoryFolder("github.com/A/b", true));
  EXPECT_NE(absl::AsciiStrToLower(PkgId("github.com/a/b", true)), absl::AsciiStrToLower(PkgId("github.com/A/b", true)));
}

TEST(ProgramNamesTest, BaseNamesAsGoInstallGivesThem) {
  EXPECT_THAT(ProgramNames("filippo.io/age", Paths{"filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen"}),
              ElementsAre("age", "age-keygen"));
  EXPECT_THAT(ProgramNames("go.etcd.io/etcd/etcdctl/v3", Paths{"go.etcd.io/etcd/etcdctl/v3"}), ElementsAre("etcdctl"));
}

TEST(ProgramNamesTest, OfOneBaseNameTheNearestToTheRootKeepsIt) {
  const Paths paths = {"e.org/m/examples/x/server", "e.org/m/tools/server", "e.org/m/cmd/server", "e.org/m/cmd/Server"};
  const std::vector<std::string> names = ProgramNames("e.org/m", paths);
  EXPECT_THAT(names, ElementsAre(MatchesRegex("server-[0-9a-f]{8}"), MatchesRegex("server-[0-9a-f]{8}"),
                                 MatchesRegex("server-[0-9a-f]{8}"), "Server"));
  EXPECT_NE(names[0], names[1]);
  // In any order.
  const Paths turned(paths.rbegin(), paths.rend());
  const std::vector<std::string> again = ProgramNames("e.org/m", turned);
  EXPECT_EQ(std::vector<std::string>(again.rbegin(), again.rend()), names);
  EXPECT_THAT(ProgramNames("e.org/m", Paths{"e.org/m/cmd/m", "e.org/m"}),
              ElementsAre(MatchesRegex("m-[0-9a-f]{8}"), "m"));
}

TEST(ProgramNamesTest, OddNamesAreMadeFit) {
  const Paths paths = {"e.org/m/a~b",
                       "e.org/m/.hidden",
                       "e.org/m/-x",
                       "e.org/m/~",
                       "e.org/m/a+b",
                       "e.org/m/x-0123abcd",
                       Cat("e.org/m/", std::string(500, 'l'))};
  const std::vector<std::string> names = ProgramNames("e.org/m", paths);
  for (size_t i = 0; i < names.size(); ++i) EXPECT_TRUE(IsProgramName(names[i])) << paths[i] << " is " << names[i];
  EXPECT_THAT(names[1], MatchesRegex("hidden-[0-9a-f]{8}"));
  EXPECT_EQ(names[4], "a+b");
  EXPECT_THAT(RepositoryPath("github.com/a/b", "a+b"), MatchesRegex("github/a/b/a-b-[0-9a-f]{8}"));
  EXPECT_THAT(RepositoryPath("github.com/a/b", "_"), MatchesRegex("github/a/b/x-[0-9a-f]{8}"));
  EXPECT_THAT(names[5], MatchesRegex("x-0123abcd-[0-9a-f]{8}"));
  for (const std::string bad : {"", ".", "..", "-rf", ".profile", "a/b", "a b", "a\n", "a;b", "$x", "ä"}) {
    EXPECT_FALSE(IsProgramName(bad)) << bad;
  }
}

TEST(TagTest, PlusBecomesMinusAndEveryTagIsValid) {
  EXPECT_EQ(TargetTag("v0.1.0", Target::kX86_64), "v0.1.0-x86_64-Linux");
  EXPECT_EQ(VersionTag("v2.0.0+incompatible"), "v2.0.0-incompatible");
  EXPECT_NE(VersionTag("v2.0.0+incompatible"), VersionTag("v2.0.0-incompatible"));
  EXPECT_EQ(RecordVersion("v1.0.0-RC1"), "v1.0.0-rc1");
  const std::string longest = Cat("v1.0.0-", std::string(249, 'a'));
  EXPECT_TRUE(IsTag(TargetTag(longest, Target::kLoongarch64)));
  EXPECT_NE(VersionTag(longest), VersionTag(longest.substr(0, 200)));
  for (const std::string bad : {"", "-a", ".a", "a+b", "a b", "a/b"}) EXPECT_FALSE(IsTag(bad)) << bad;
  EXPECT_FALSE(IsTag(std::string(129, 'a')));
}

TEST(FamilyTest, TheElementBeforeTheMajorVersion) {
  EXPECT_EQ(PlainFamily("go.etcd.io/etcd/etcdctl/v3"), "etcdctl");
  EXPECT_EQ(PlainFamily("github.com/BurntSushi/toml"), "toml");
  EXPECT_EQ(PlainFamily("gopkg.in/yaml.v3"), "yaml");
  EXPECT_THAT(PlainFamily("git.sr.ht/~"), MatchesRegex("module-[0-9a-f]{8}"));
}

TEST(FamilyTest, TheOwnerIsAddedWhereFamilyAndNameAreShared) {
  const std::vector<ModuleProgram> programs = {{"github.com/a/server", "server"}, {"github.com/b/server", "server"},
                                               {"gitlab.com/b/server", "server"}, {"github.com/c/server", "other"},
                                               {"github.com/d/tools", "SERVER"},  {"github.com/a/server", "alone"},
                                               {"github.com/a/server", "server"}};
  EXPECT_THAT(SettleFamilies(programs),
              ElementsAre("a.server", MatchesRegex("b.server-[0-9a-f]{8}"), MatchesRegex("b.server-[0-9a-f]{8}"),
                          "server", "tools", "server", "a.server"));
}

TEST(KindTest, ByWholeFoldersOnly) {
  EXPECT_EQ(KindOf("github.com/BurntSushi/toml/cmd/toml-test-decoder"), Kind::kProgram);
  EXPECT_EQ(KindOf("github.com/hashicorp/go-plugin/examples/grpc/plugin-go-grpc"), Kind::kExample);
  EXPECT_EQ(KindOf("github.com/fullstorydev/grpcurl/internal/testing/cmd/testserver"), Kind::kTestHelper);
  EXPECT_EQ(KindOf("e.org/m/_examples/x"), Kind::kExample);
  EXPECT_EQ(KindOf("e.org/m/Demo/x"), Kind::kExample);
  EXPECT_EQ(KindOf("e.org/m/samples/test/x"), Kind::kExample);
  EXPECT_EQ(KindOf("e.org/m/testdata/x"), Kind::kTestHelper);
  EXPECT_EQ(KindOf("github.com/test/tool"), Kind::kProgram);  // an owner is no folder
  EXPECT_EQ(KindOf("e.org/m/contest/attest"), Kind::kProgram);
  EXPECT_EQ(Name(Kind::kTestHelper), "test_helper");
}

// One path component that needs no quoting.
bool IsPlain(std::string_view text) {
  return !text.empty() && absl::ascii_isalnum(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
         });
}

// Programs as modules have them: at the root, below cmd, of one base name in several folders, with odd names.
std::vector<std::string> MakeProgramPaths(const std::string& module, std::mt19937_64& random) {
  static const std::vector<std::string> kFolders = {"cmd", "tools", "examples/basic", "internal/testing/cmd", "Cmd"};
  static const std::vector<std::string> kNames = {"server", "Server", "client", "cli", "main.go.x",   "a_b",
                                                  "a-b",    "a+b",    "a.b",    "x~y", "gen-0a1b2c3d"};
  std::set<std::string> paths = {module};
  const size_t count = random() % 6;
  for (size_t i = 0; i < count; ++i) {
    paths.insert(Cat(module, "/", kFolders[random() % kFolders.size()], "/", kNames[random() % kNames.size()]));
  }
  paths.insert(Cat(module, "/cmd/", gomod::ProgramName(module)));
  return {paths.begin(), paths.end()};
}

TEST(NamesProperty, RealModulesWithMadePrograms) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  std::mt19937_64 random(seed);
  std::vector<std::string> modules = RealModules();
  ASSERT_GE(modules.size(), 7381u);
  // Neighbours that the mapping could take for them.
  for (size_t i = 0, n = modules.size(); i < n; i += 3) {
    std::string changed = modules[i];
    const size_t slash = changed.rfind('/');
    switch (random() % 4) {
      case 0:
        changed[slash] = '_';
        break;
      case 1:
        std::replace(changed.begin() + static_cast<std::ptrdiff_t>(changed.find('/')), changed.end(), '-', '_');
        break;
      case 2:
        changed = Cat("mirror.example", changed.substr(changed.find('/')));
        break;
      default:
        changed = Cat(changed.substr(0, changed.find('/')), absl::AsciiStrToUpper(changed.substr(changed.find('/'))));
    }
    if (gomod::CheckModulePath(changed).ok()) modules.push_back(changed);
  }
  std::sort(modules.begin(), modules.end());
  modules.erase(std::unique(modules.begin(), modules.end()), modules.end());
  const absl::flat_hash_set<std::string> twins = FindTwins(modules);
  EXPECT_GE(twins.size(), 10u);  // five pairs stand in the corpus itself

  std::map<std::string, std::string> folders, ids, repositories;
  std::vector<ModuleProgram> programs;
  std::vector<std::string> owners;
  for (const std::string& module : modules) {
    const bool twin = twins.contains(module);
    const std::string folder = RepositoryFolder(module, twin), id = PkgId(module, twin);
    EXPECT_TRUE(folders.emplace(folder, module).second) << folder << " of " << module << " and " << folders[folder];
    EXPECT_TRUE(ids.emplace(absl::AsciiStrToLower(id), module).second) << id << " of " << module << " and " << ids[id];
    EXPECT_TRUE(IsPlain(id)) << module;
    EXPECT_LE(id.size(), kPkgIdMax);
    const std::vector<std::string> paths = MakeProgramPaths(module, random);
    const std::vector<std::string> names = ProgramNames(module, paths);
    ASSERT_EQ(names.size(), paths.size());
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string repository = RepositoryPath(module, names[i], twin);
      EXPECT_TRUE(repositories.emplace(repository, paths[i]).second)
          << repository << " of " << paths[i] << " and " << repositories[repository];
      EXPECT_TRUE(IsRepositoryName(Cat("registry/prefix/", repository))) << repository;
      EXPECT_LE(repository.size(), kFolderMax + 1 + kProgramMax);
      EXPECT_TRUE(IsProgramName(names[i])) << names[i];
      programs.push_back({.module = module, .name = names[i]});
      owners.push_back(paths[i]);
    }
  }
  const std::vector<std::string> families = SettleFamilies(programs);
  std::map<std::string, std::string> pairs;
  for (size_t i = 0; i < programs.size(); ++i) {
    const std::string pair = Cat(families[i], "/", absl::AsciiStrToLower(programs[i].name));
    EXPECT_TRUE(pairs.emplace(pair, owners[i]).second) << pair << " of " << owners[i] << " and " << pairs[pair];
    EXPECT_TRUE(IsPlain(families[i]) && absl::AsciiStrToLower(families[i]) == families[i]) << owners[i];
    EXPECT_LE(families[i].size(), kFamilyMax);
  }

  // The order in which modules become known changes nothing.
  std::vector<size_t> order(programs.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  std::vector<ModuleProgram> shuffled;
  for (const size_t i : order) shuffled.push_back(programs[i]);
  const std::vector<std::string> again = SettleFamilies(shuffled);
  for (size_t i = 0; i < order.size(); ++i) ASSERT_EQ(again[i], families[order[i]]) << owners[order[i]];
  std::shuffle(modules.begin(), modules.end(), random);
  EXPECT_EQ(FindTwins(modules), twins);
}

}  // namespace
}  // namespace gofarm::publish
