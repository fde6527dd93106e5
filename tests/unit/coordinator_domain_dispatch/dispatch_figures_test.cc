// What those see of the dispatcher who watch the farm.
#include "coordinator/domain/dispatch_figures.h"

#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

int64_t Waiting(const DispatchFigures& figures, Target target, WaitReason reason) {
  return figures.targets[static_cast<size_t>(target) - 1].waiting[static_cast<size_t>(reason)];
}
int64_t Workers(const DispatchFigures& figures, WorkerCondition condition) {
  return figures.workers_by_condition[static_cast<size_t>(condition)];
}

TEST(DispatchFiguresTest, WithoutWorkersAndJobsEverythingIsZero) {
  const Farm farm;
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(figures.waiting + figures.offered + figures.running + figures.sessions + figures.slots, 0);
  EXPECT_EQ(figures.targets[0].oldest_queued, absl::InfiniteFuture());
  EXPECT_THAT(figures.workers, IsEmpty());
}

TEST(DispatchFiguresTest, EachTargetHasItsReasonsAndItsOldestJobWhateverItsPriority) {
  Farm farm;
  const QueuedJob oldest = farm.Job(10);
  farm.Queue({oldest});
  EXPECT_EQ(Waiting(FiguresOf(farm.state, farm.now), kX86, WaitReason::kNoWorker), 1);
  const absl::Time first = farm.now;
  farm.now += absl::Seconds(5);
  farm.Worker("a", 0, {kX86});
  farm.Queue({oldest, farm.Job(11, "", kX86, 7), farm.Job(12, "", kArm)});
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(Waiting(figures, kX86, WaitReason::kNoFreeSlot), 2);
  EXPECT_EQ(Waiting(figures, kArm, WaitReason::kNoWorkerForTarget), 1);
  EXPECT_EQ(figures.targets[0].oldest_queued, first) << "the urgent one came later";
  EXPECT_EQ(figures.targets[0].workers, 1);
  EXPECT_EQ(figures.targets[1].workers, 0);
  EXPECT_EQ(figures.waiting, 3);
}

TEST(DispatchFiguresTest, JobsThatAreTriedLaterAndJobsOnTheirWayToAWorkerWaitForThat) {
  Farm farm;
  QueuedJob later = farm.Job(10, "", kArm);
  later.not_before = farm.now + absl::Minutes(1);
  farm.Worker("a", 2, {kX86});
  const auto offers = farm.Win(farm.Queue({later, farm.Job(11), farm.Job(12)}));
  ASSERT_EQ(offers.size(), 2u);
  farm.Run(offers[0]);
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(Waiting(figures, kArm, WaitReason::kBackoff), 1);
  EXPECT_EQ(Waiting(figures, kX86, WaitReason::kOffered), 1);
  EXPECT_EQ(figures.targets[0].running, 1);
  EXPECT_EQ(figures.counters.offers_made, 2);
  EXPECT_EQ(figures.counters.offers_accepted, 1);
  EXPECT_EQ(figures.slots, 2);
  EXPECT_EQ(figures.busy_slots, 1);
  EXPECT_EQ(Workers(figures, WorkerCondition::kBusy), 1);
  farm.Wait(absl::Minutes(2));
  EXPECT_EQ(Waiting(FiguresOf(farm.state, farm.now), kArm, WaitReason::kBackoff), 0) << "its time has come";
}

TEST(DispatchFiguresTest, RefusalsAreCountedByReason) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Step(RefuseReceived{offer.stream, offer.token, RefuseReason::kDiskFull, ""});
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(figures.counters.offers_refused, 1);
  EXPECT_EQ(figures.counters.refused_for[static_cast<size_t>(RefuseReason::kDiskFull)], 1);
  EXPECT_EQ(figures.counters.refused_for[static_cast<size_t>(RefuseReason::kDraining)], 0);
}

TEST(DispatchFiguresTest, WorkersAreThereByHowTheyStand) {
  Farm farm;
  farm.Worker("idle", 1);
  farm.Step(ReadyReceived{farm.Worker("drains", 1), 1, true});
  farm.Step(StreamClosed{farm.Worker("gone", 1)});
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(Workers(figures, WorkerCondition::kIdle), 1);
  EXPECT_EQ(Workers(figures, WorkerCondition::kDraining), 1);
  EXPECT_EQ(Workers(figures, WorkerCondition::kLost), 1);
  ASSERT_EQ(figures.workers.size(), 3u);
  EXPECT_EQ(figures.workers[1].name, "gone");
  EXPECT_FALSE(figures.workers[1].is_up);
  EXPECT_EQ(figures.sessions, 2);
}

TEST(DispatchFiguresTest, BeyondItsBoundWorkersAreOnlyCounted) {
  Farm farm;
  for (size_t i = 0; i < kWorkersFiguredMax + 3; ++i) farm.Worker("w" + std::to_string(1000 + i), 1);
  const DispatchFigures figures = FiguresOf(farm.state, farm.now);
  EXPECT_EQ(figures.workers.size(), kWorkersFiguredMax);
  EXPECT_EQ(figures.workers_left_out, 3);
  EXPECT_EQ(figures.workers.front().name, "w1000");
  EXPECT_EQ(figures.workers.back().name, "w1499");
  EXPECT_EQ(Workers(figures, WorkerCondition::kIdle), static_cast<int64_t>(kWorkersFiguredMax + 3));
}

}  // namespace
}  // namespace gofarm::dispatch
