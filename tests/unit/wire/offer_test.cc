#include "common/wire/offer.h"

#include <gmock/gmock.h>
#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gofarm::wire {
namespace {

TEST(OfferTest, ComesBackAsItWas) {
  const Offer offer{.token = AttemptToken{7},
                    .job = JobId{8},
                    .module = "a.test/m",
                    .version = "v1.2.3",
                    .target = Target::kRiscv64,
                    .toolset = "2026-11",
                    .siblings = {Target::kX86_64, Target::kAarch64},
                    .deadline = absl::Minutes(50),
                    .limits = {.wall = absl::Seconds(11),
                               .silence = absl::Seconds(12),
                               .memory_bytes = 13,
                               .log_bytes = 14,
                               .output_bytes = 15,
                               .processes = 16},
                    .cold_caches = true};
  v1::Offer travels;
  ToProto(offer, travels);
  // A field that is added does not compile here until it is compared below.
  const auto& [token, job, module, version, target, toolset, siblings, deadline, limits, cold_caches] =
      OfferFromProto(travels);
  EXPECT_EQ(token, offer.token);
  EXPECT_EQ(job, offer.job);
  EXPECT_EQ(module, offer.module);
  EXPECT_EQ(version, offer.version);
  EXPECT_EQ(target, offer.target);
  EXPECT_EQ(toolset, offer.toolset);
  EXPECT_EQ(siblings, offer.siblings);
  EXPECT_EQ(deadline, offer.deadline);
  EXPECT_TRUE(cold_caches);
  const auto& [wall, silence, memory_bytes, log_bytes, output_bytes, processes] = limits;
  EXPECT_EQ(wall, absl::Seconds(11));
  EXPECT_EQ(silence, absl::Seconds(12));
  EXPECT_EQ(memory_bytes, 13);
  EXPECT_EQ(log_bytes, 14);
  EXPECT_EQ(output_bytes, 15);
  EXPECT_EQ(processes, 16);
}

TEST(OfferTest, NumbersThatMakeNoSenseStateNothing) {
  v1::Offer offer;
  offer.add_sibling_targets(v1::TARGET_X86_64);
  offer.add_sibling_targets(static_cast<v1::Target>(99));
  offer.set_deadline_seconds(std::nan(""));
  offer.mutable_limits()->set_wall_seconds(-1);
  offer.mutable_limits()->set_silence_seconds(1e300);
  offer.mutable_limits()->set_memory_bytes(-5);
  const Offer read = OfferFromProto(offer);
  EXPECT_THAT(read.siblings, ::testing::ElementsAre(Target::kX86_64));
  EXPECT_EQ(read.deadline, absl::ZeroDuration());
  EXPECT_EQ(read.limits.wall, BuildLimits{}.wall);
  EXPECT_EQ(read.limits.silence, BuildLimits{}.silence);
  EXPECT_EQ(read.limits.memory_bytes, 0);
  EXPECT_EQ(read.limits.processes, BuildLimits{}.processes);
}

}  // namespace
}  // namespace gofarm::wire
