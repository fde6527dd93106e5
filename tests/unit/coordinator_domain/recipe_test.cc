#include "coordinator/domain/recipe.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/text.h"
#include "coordinator/domain/canonical.h"
#include "coordinator/domain/toolset.h"

namespace gofarm::domain {
namespace {

Recipe Hey() {
  return {.module = "github.com/rakyll/hey",
          .version = "v0.1.5",
          .target = Target::kX86_64,
          .toolset_digest = std::string(64, 'a'),
          .policy = CurrentPolicy()};
}

TEST(RecipeTest, TheSameRecipeHasTheSameDigest) { EXPECT_EQ(RecipeDigest(Hey()), RecipeDigest(Hey())); }

// A changed digest means that every farm builds everything anew: change this only together with kRecipeVersion.
TEST(RecipeTest, TheDigestDoesNotChangeByAccident) {
  EXPECT_EQ(RecipeDigest(Hey()), "2e272ec3f20074d961e4a0f1f6c1445207c5fd940781fb94fba55dd6c4f91623");
}

TEST(RecipeTest, EveryFieldCounts) {
  // A field that is added does not compile here until it has a line below.
  {
    [[maybe_unused]] const auto& [module, version, target, toolset_digest, policy] = Hey();
    [[maybe_unused]] const auto& [recipe_version, sandbox_layout, flags, variants] = policy;
  }
  std::set<std::string> digests = {RecipeDigest(Hey())};
  const auto differs = [&](auto change) {
    Recipe r = Hey();
    change(r);
    EXPECT_TRUE(digests.insert(RecipeDigest(r)).second) << CanonicalForm(r);
  };
  differs([](Recipe& r) { r.module = "github.com/rakyll/hey2"; });
  differs([](Recipe& r) { r.version = "v0.1.6"; });
  differs([](Recipe& r) { r.target = Target::kRiscv64; });
  differs([](Recipe& r) { r.toolset_digest[0] = 'b'; });
  differs([](Recipe& r) { r.policy.flags += " -x"; });
  differs([](Recipe& r) { r.policy.variants += " more"; });
  differs([](Recipe& r) { r.policy.sandbox_layout = 2; });
  differs([](Recipe& r) { r.policy.recipe_version = kRecipeVersion + 1; });
}

TEST(RecipeTest, ThePolicyNamesTheLayoutOfTheSandbox) { EXPECT_EQ(CurrentPolicy(7).sandbox_layout, 7); }

TEST(CanonicalTextTest, AValueCannotPassForAnotherField) {
  const std::string one = CanonicalText("k").Add("a", "x\nb 1:y").text();
  const std::string two = CanonicalText("k").Add("a", "x").Add("b", "y").text();
  EXPECT_NE(one, two);
}

Toolset Pins() {
  return {.name = "t",
          .go_versions = {"1.26.8"},
          .zig_version = "0.15.2",
          .archives = {{.kind = "go",
                        .version = "1.26.8",
                        .host_arch = "x86_64",
                        .source = "goproxy",
                        .locator = "l",
                        .sha256 = std::string(64, '1')},
                       {.kind = "zig",
                        .version = "0.15.2",
                        .host_arch = "x86_64",
                        .source = "pypi",
                        .locator = "z",
                        .sha256 = std::string(64, '2')}}};
}

TEST(ToolsetDigestTest, ArchivesAndWhereTheyComeFromAreNoPartOfIt) {
  const std::string digest = ToolsetDigest(Pins());
  const auto same = [&](auto change) {
    Toolset t = Pins();
    change(t);
    EXPECT_EQ(ToolsetDigest(t), digest) << CanonicalForm(t);
  };
  same([](Toolset& t) { std::swap(t.archives[0], t.archives[1]); });
  same([](Toolset& t) { t.digest = "whatever"; });
  same([](Toolset& t) { t.archives[0].source = "url"; });
  same([](Toolset& t) { t.archives[0].locator = "https://mirror.test/go.zip"; });
  same([](Toolset& t) {
    t.archives.push_back(t.archives[0]);
    t.archives.back().host_arch = "riscv64";
  });
}

TEST(ToolsetDigestTest, EveryPinCounts) {
  // As above: a new field needs a line below.
  { [[maybe_unused]] const auto& [name, go_versions, previous_go, zig_version, archives, digest] = Pins(); }
  std::set<std::string> digests = {ToolsetDigest(Pins())};
  const auto differs = [&](auto change) {
    Toolset t = Pins();
    change(t);
    EXPECT_TRUE(digests.insert(ToolsetDigest(t)).second) << CanonicalForm(t);
  };
  differs([](Toolset& t) { t.name = "u"; });
  differs([](Toolset& t) { t.go_versions.push_back("1.27.0"); });
  differs([](Toolset& t) { t.previous_go = "1.25.12"; });
  differs([](Toolset& t) { t.zig_version = "0.16.0"; });
}

TEST(KnownArchivesTest, MoreOfThemAndOtherPlacesAreFineAndAnotherFileIsNot) {
  Toolset now = Pins();
  EXPECT_TRUE(CheckKnownArchives(now, {}).ok());
  EXPECT_TRUE(CheckKnownArchives(now, Pins().archives).ok());
  now.archives[0].locator = "https://mirror.test/go.zip";
  now.archives.push_back({"zig", "0.15.2", "riscv64", "url", "u", std::string(64, '4')});
  EXPECT_TRUE(CheckKnownArchives(now, Pins().archives).ok());
  now.archives[1].sha256 = std::string(64, '5');
  const absl::Status status = CheckKnownArchives(now, Pins().archives);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const std::string said(status.message());
  EXPECT_NE(said.find(Cat("zig 0.15.2 for x86_64 hosts was ", std::string(64, '2'), " and is ", std::string(64, '5'))),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("another name"), std::string::npos) << said;
}

}  // namespace
}  // namespace gofarm::domain
