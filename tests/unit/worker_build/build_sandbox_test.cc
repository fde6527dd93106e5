#include "worker/build/build_sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/text.h"

namespace gofarm::build {
namespace {

using testing::ElementsAre;

exec::SandboxSpec SpecOf(bool source, bool shared_go_cache) {
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
                       .out = "/h/out",
                       .job = "/h/job",
                       .source = source ? "/h/src" : "",
                       .caches = "/h/caches",
                       .seed = kSeed,
                       .shared_go_cache = shared_go_cache});
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

TEST(BuildSandboxTest, TheSharedGoCacheIsTheOnlyFolderOfOthersThatABuildMayWrite) {
  const exec::SandboxSpec spec = SpecOf(/*source=*/false, /*shared_go_cache=*/true);
  EXPECT_THAT(Writable(spec), ElementsAre("/h/job>/job", "/h/out>/out", "/shared/go>/gocache"));
  ASSERT_EQ(spec.overlays.size(), 1u);
  EXPECT_EQ(spec.overlays[0].lower, "/seed/zig");
  EXPECT_EQ(spec.overlays[0].dest, "/zigcache");
}

}  // namespace
}  // namespace gofarm::build
