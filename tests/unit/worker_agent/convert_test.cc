#include "worker/agent/convert.h"

#include <gmock/gmock.h>
#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/text.h"
#include "worker/agent/slot.h"

namespace gofarm::agent {
namespace {

Toolset SomeToolset() {
  return {.name = "t",
          .go_versions = {"1.26.8"},
          .zig_version = "0.15.2",
          .archives = {{"go", "1.26.8", "x86_64", "goproxy", "x@y", "aa"},
                       {"zig", "0.15.2", "x86_64", "pypi", "z==1", "bb"}},
          .digest = "dd"};
}

TEST(AcceptedTest, HasWhatTheOfferHasAndWhatTheWorkerAdds) {
  Offer offer{.token = AttemptToken{7}, .module = "a.test/m", .target = Target::kRiscv64};
  offer.limits.wall = absl::Seconds(5);
  const build::AcceptedOffer accepted = Accepted(offer, SomeToolset(), 3, 1000);
  EXPECT_EQ(accepted.token, AttemptToken{7});
  EXPECT_EQ(accepted.module, "a.test/m");
  EXPECT_EQ(accepted.target, Target::kRiscv64);
  EXPECT_EQ(accepted.limits.wall, absl::Seconds(5));
  EXPECT_EQ(accepted.pins.digest, SomeToolset().digest);
  EXPECT_EQ(accepted.slot, 3);
  EXPECT_EQ(accepted.limits.memory_bytes, 1000) << "none was stated";
}

TEST(AcceptedTest, TheWorkersOwnMemoryCapHolds) {
  Offer offer;
  offer.limits.memory_bytes = 5000;
  EXPECT_EQ(Accepted(offer, SomeToolset(), 0, 1000).limits.memory_bytes, 1000);
  offer.limits.memory_bytes = 500;
  EXPECT_EQ(Accepted(offer, SomeToolset(), 0, 1000).limits.memory_bytes, 500);
}

TEST(CanBuildOnTest, NeedsAnArchiveOfEveryToolForThisHost) {
  Toolset toolset = SomeToolset();
  EXPECT_TRUE(CanBuildOn(toolset, "x86_64"));
  EXPECT_FALSE(CanBuildOn(toolset, "aarch64"));
  toolset.go_versions.push_back("1.27.0");
  EXPECT_FALSE(CanBuildOn(toolset, "x86_64"));
}

TEST(ToolsetFromProtoTest, HasTheArchivesOfThisHostAlone) {
  v1::Toolset in;
  in.set_name("t");
  in.set_digest("dd");
  for (const char* arch : {"x86_64", "riscv64"}) {
    v1::Archive& archive = *in.add_archives();
    archive.set_kind("zig");
    archive.set_version("0.15.2");
    archive.set_host_arch(arch);
  }
  const Toolset toolset = ToolsetFromProto(in, "riscv64");
  EXPECT_EQ(toolset.digest, "dd");
  ASSERT_EQ(toolset.archives.size(), 1u);
  EXPECT_EQ(toolset.archives[0].host_arch, "riscv64");
}

TEST(ProgressToProtoTest, EveryMessageHoldsEveryPhaseReachedSoFarOnce) {
  AttemptControl control(AttemptToken{5});
  const absl::Time start = absl::UnixEpoch();
  EXPECT_TRUE(control.SetProgress({.phase = Phase::kSeed}, start));
  EXPECT_TRUE(control.SetProgress({.phase = Phase::kFetch}, start + absl::Seconds(1)));
  EXPECT_TRUE(control.SetProgress({.phase = Phase::kSeed, .detail = "C++ too"}, start + absl::Seconds(2)));
  EXPECT_TRUE(control.SetProgress({.phase = Phase::kBuild, .variant = "install"}, start + absl::Seconds(3)));
  EXPECT_FALSE(control.SetProgress({.phase = Phase::kBuild, .variant = "install", .detail = "next"}, start));
  v1::Progress out;
  ProgressToProto(control.token(), control.Look(start + absl::Seconds(7)), out);
  EXPECT_EQ(out.token(), 5);
  EXPECT_EQ(out.phase(), v1::PHASE_BUILD);
  EXPECT_EQ(out.phase_seconds(), 4);
  EXPECT_EQ(out.detail(), "next");
  EXPECT_THAT(out.phases(), testing::ElementsAre(v1::PHASE_SEED, v1::PHASE_FETCH, v1::PHASE_BUILD));
}

}  // namespace
}  // namespace gofarm::agent
