#include "coordinator/domain/recipe.h"

#include <gtest/gtest.h>

#include <set>

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

TEST(ToolsetDigestTest, IgnoresTheOrderOfArchivesAndTheDigestItself) {
  Toolset other = Pins();
  std::swap(other.archives[0], other.archives[1]);
  other.digest = "whatever";
  EXPECT_EQ(ToolsetDigest(Pins()), ToolsetDigest(other));
}

TEST(ToolsetDigestTest, EveryPinCounts) {
  // As above: a new field needs a line below.
  {
    [[maybe_unused]] const auto& [name, go_versions, previous_go, zig_version, archives, digest] = Pins();
    [[maybe_unused]] const auto& [kind, version, host_arch, source, locator, sha256] = archives[0];
  }
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
  differs([](Toolset& t) { t.archives.pop_back(); });
  differs([](Toolset& t) { t.archives[1].kind = "go"; });
  differs([](Toolset& t) { t.archives[1].version = "0.16.0"; });
  differs([](Toolset& t) { t.archives[1].host_arch = "aarch64"; });
  differs([](Toolset& t) { t.archives[1].source = "url"; });
  differs([](Toolset& t) { t.archives[1].locator = "y"; });
  differs([](Toolset& t) { t.archives[1].sha256[0] = '3'; });
}

}  // namespace
}  // namespace gofarm::domain
