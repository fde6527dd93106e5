#include "worker/build/build_sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/text.h"

namespace gofarm::build {
namespace {

using testing::ElementsAre;

exec::SandboxSpec SpecOf(bool source, bool shared_go_cache, const std::string& cold = "") {
  static const std::vector<std::string> kModules = {"a.b/c@v1.0.0"};
  static const Seed kSeed = {.gocache = "/seed/go", .zigcache = "/seed/zig", .shared_gocache = "/shared/go"};
  PlannedTry planned;
  planned.working_directory = "/src";
  planned.needs_source = source;
  PlannedCall call;
  call.argv = {"/go/bin/go", "build"};
  return BuildSandbox(planned, call,
                      {.go = "/h/go",
                       .zig = "/h/zig",
                       .mod_cache = "/h/mod",
                       .mod_view = "/h/view",
                       .modules = kModules,
                       .out = "/h/out",
                       .job = "/h/job",
                       .source = source ? "/h/src" : "",
                       .caches = "/h/caches",
                       .seed = kSeed,
                       .shared_go_cache = shared_go_cache,
                       .cold = cold});
}

// "host>inside", those that a build can write to.
std::set<std::string> Writable(const exec::SandboxSpec& spec) {
  std::set<std::string> out;
  for (const exec::BindMount& bind : spec.binds) {
    if (bind.writable) out.insert(Cat(bind.source, ">", bind.dest));
  }
  return out;
}

TEST(BuildSandboxTest, ABuildWritesItsOwnFoldersOnlyAndAllOfThemCountAsItsOutput) {
  const exec::SandboxSpec spec = SpecOf(/*source=*/true, /*shared_go_cache=*/false);
  EXPECT_THAT(Writable(spec), ElementsAre("/h/job>/job", "/h/out>/out", "/h/src>/src"));
  EXPECT_THAT(spec.watched, ElementsAre("/h/out", "/h/job", "/h/src", "/h/caches"));
  ASSERT_EQ(spec.overlays.size(), 2u);
  for (const exec::OverlayMount& overlay : spec.overlays) {
    EXPECT_TRUE(overlay.keep) << "the next try finds what this one compiled";
    EXPECT_TRUE(overlay.scratch.starts_with("/h/caches/")) << overlay.scratch;
  }
  EXPECT_FALSE(spec.network);
  EXPECT_THAT(spec.argv, ElementsAre("/go/bin/go", "build"));
  EXPECT_EQ(spec.working_directory, "/src");
}

// Whatever a source names (.incbin, #include), only the modules of its listing are there.
TEST(BuildSandboxTest, ABuildSeesTheModulesOfItsListing) {
  std::vector<std::string> seen;
  for (const exec::BindMount& bind : SpecOf(/*source=*/false, /*shared_go_cache=*/true).binds) {
    if (bind.dest.starts_with("/mod")) seen.push_back(Cat(bind.source, ">", bind.dest));
  }
  EXPECT_THAT(seen, ElementsAre("/h/view>/mod", "/h/mod/a.b/c@v1.0.0>/mod/a.b/c@v1.0.0"));
}

TEST(BuildSandboxTest, EditedFilesStandOverTheirOriginals) {
  static const Seed kSeed;
  static const std::vector<std::string> kModules = {"a.b/c@v1.0.0"};
  PlannedTry planned;
  planned.overlay = {{"/mod/a.b/c@v1.0.0/main.go", "package main\n"}};
  const exec::SandboxSpec spec =
      BuildSandbox(planned, {}, {.mod_cache = "/h/mod", .modules = kModules, .job = "/h/job", .seed = kSeed});
  EXPECT_EQ(spec.binds.back().source, "/h/job/overlay/0.go");
  EXPECT_EQ(spec.binds.back().dest, "/mod/a.b/c@v1.0.0/main.go");
  EXPECT_FALSE(spec.binds.back().writable);
}

// Neither what this worker compiled before nor what it makes itself for all builds enters a build with cold caches.
TEST(BuildSandboxTest, WithColdCachesNothingLiesBelowThem) {
  const exec::SandboxSpec spec = SpecOf(/*source=*/true, /*shared_go_cache=*/true, "/h/caches/cold");
  ASSERT_EQ(spec.overlays.size(), 2u);
  for (const exec::OverlayMount& overlay : spec.overlays) {
    EXPECT_EQ(overlay.lower, "/h/caches/cold");
    EXPECT_TRUE(overlay.keep);
  }
  EXPECT_EQ(spec.overlays[0].dest, "/zigcache");
  EXPECT_EQ(spec.overlays[1].dest, "/gocache");
  EXPECT_NE(spec.overlays[0].scratch, spec.overlays[1].scratch);
}

// What a build adds to the cache that others read counts as its output, and reaches it only when the build has ended.
TEST(BuildSandboxTest, ABuildWritesNoFolderOfOthers) {
  const exec::SandboxSpec spec = SpecOf(/*source=*/false, /*shared_go_cache=*/true);
  EXPECT_THAT(Writable(spec), ElementsAre("/h/job>/job", "/h/out>/out"));
  ASSERT_EQ(spec.overlays.size(), 2u);
  EXPECT_EQ(spec.overlays[0].lower, "/seed/zig");
  EXPECT_EQ(spec.overlays[0].dest, "/zigcache");
  EXPECT_EQ(spec.overlays[1].lower, "/shared/go");
  EXPECT_EQ(spec.overlays[1].dest, "/gocache");
  EXPECT_EQ(SpecOf(/*source=*/false, /*shared_go_cache=*/false).overlays[1].lower, "/seed/go");
}

}  // namespace
}  // namespace gofarm::build
