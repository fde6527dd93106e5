#include "coordinator/domain/worker_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::domain {
namespace {

using ::testing::HasSubstr;
using F = FailureClass;
using O = AttemptOutcome;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

void Fail(WorkerHealth& health, int times, F failure = F::kProxyError) {
  for (int i = 0; i < times; ++i) NoteEnd(health, O::kFailed, failure, "no route", kNow);
}

TEST(WorkerHealthTest, SomeFailuresInARowMakeItSuspect) {
  WorkerHealth health;
  Fail(health, kSuspectAfter - 1);
  EXPECT_FALSE(health.Suspect());
  EXPECT_EQ(health.paused_until, absl::InfinitePast());
  Fail(health, 1, F::kToolchainBroken);
  EXPECT_TRUE(health.Suspect());
  EXPECT_EQ(health.paused_until, kNow + kProbeFirst);
  EXPECT_THAT(WhySuspect(health, kNow), HasSubstr("the last 3 jobs failed there through no fault of theirs, the last "
                                                  "one as toolchain_broken (no route); it is tried again in 5s"));
  EXPECT_THAT(WhySuspect(health, kNow + kProbeFirst), HasSubstr("one job at a time"));
}

TEST(WorkerHealthTest, PausesGrowWithEachProbeUpToALimit) {
  WorkerHealth health;
  Fail(health, kSuspectAfter);
  absl::Duration last = kProbeFirst;
  for (int i = 0; i < 20; ++i) {
    const absl::Time now = health.paused_until;
    NoteEnd(health, O::kFailed, F::kProxyError, "", now);
    const absl::Duration pause = health.paused_until - now;
    EXPECT_EQ(pause, std::min(2 * last, kProbeLongest));
    last = pause;
  }
  EXPECT_EQ(last, kProbeLongest);
}

TEST(WorkerHealthTest, ManySlotsThatFailAtOnceMakeOnePause) {
  WorkerHealth health;
  Fail(health, 64);
  EXPECT_EQ(health.paused_until, kNow + kProbeFirst);
}

TEST(WorkerHealthTest, AVerdictAboutAJobMakesItSoundAgain) {
  struct Verdict {
    O outcome;
    F failure;
  };
  for (const Verdict& verdict : {Verdict{O::kBuilt, F::kNone}, Verdict{O::kNothingToBuild, F::kNone},
                                 Verdict{O::kPartial, F::kLinkError}, Verdict{O::kFailed, F::kCompileError},
                                 Verdict{O::kFailed, F::kSourceUnavailable}, Verdict{O::kFailed, F::kOutputLimit}}) {
    WorkerHealth health;
    Fail(health, kSuspectAfter + 2);
    NoteEnd(health, verdict.outcome, verdict.failure, "", kNow);
    EXPECT_EQ(health.in_a_row, 0) << Name(verdict.outcome) << " " << Name(verdict.failure);
    EXPECT_EQ(health.paused_until, absl::InfinitePast());
  }
}

TEST(WorkerHealthTest, WhatMayBeTheJobsFaultOrNobodysChangesNothing) {
  struct End {
    O outcome;
    F failure;
  };
  for (const End& end : {End{O::kFailed, F::kTimeout}, End{O::kFailed, F::kSilence}, End{O::kFailed, F::kOutOfMemory},
                         End{O::kCancelled, F::kNone}}) {
    WorkerHealth health;
    Fail(health, 2);
    NoteEnd(health, end.outcome, end.failure, "", kNow);
    EXPECT_EQ(health.in_a_row, 2) << Name(end.outcome) << " " << Name(end.failure);
  }
}

TEST(WorkerHealthTest, APartialResultOfAFullDiskAndALostAttemptCount) {
  WorkerHealth health;
  NoteEnd(health, O::kPartial, F::kDiskFull, "", kNow);
  NoteEnd(health, O::kLost, F::kWorkerLost, "", kNow);
  EXPECT_EQ(health.in_a_row, 2);
  EXPECT_EQ(health.failure, F::kWorkerLost);
}

TEST(WorkerHealthTest, TextsAreClipped) {
  WorkerHealth health;
  NoteEnd(health, O::kFailed, F::kInternal, std::string(100'000, 'x'), kNow);
  EXPECT_LE(health.detail.size(), kHealthDetailMax);
  NoteEnd(health, O::kFailed, F::kInternal, "first\nsecond", kNow);
  EXPECT_EQ(health.detail, "first");
}

}  // namespace
}  // namespace gofarm::domain
