// Labels, drains and removals as the dispatcher knows them.
#include <utility>

#include "coordinator/domain/drain.h"
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

Labels Zone(const std::string& zone) { return {{"zone", zone}}; }

// A worker with these labels.
StreamId Labelled(Farm& farm, const std::string& name, Labels labels, int slots = 1) {
  const StreamId stream{++farm.streams};
  farm.Step(HelloReceived{
      stream,
      {.name = name, .instance = "i", .pid = 7, .targets = {kX86, kArm}, .slots = slots, .labels = std::move(labels)}});
  farm.Opened(stream);
  farm.Step(ReadyReceived{stream, slots, false});
  return stream;
}

QueuedJob Asking(const Farm& farm, int64_t id, Labels labels) {
  QueuedJob job = farm.Job(id);
  job.labels = std::move(labels);
  return job;
}

std::vector<Effect> Drain(Farm& farm, const std::string& worker, bool drained, int64_t change) {
  return farm.Step(DrainsChanged{{{worker, {.drained = drained, .change = change}}}});
}

WhyWaiting Why(const Farm& farm, int64_t job) { return WhyItWaits(farm.state, JobId{job}, farm.now); }

// ---- labels ---------------------------------------------------------------------------------------------------------

TEST(LabelTest, AJobGoesOnlyToWorkersWithAllLabelsItAsksFor) {
  Farm farm;
  farm.Worker("plain", 4);
  Labelled(farm, "a", {{"zone", "a"}, {"disk", "fast"}});
  Labelled(farm, "b", {{"zone", "b"}, {"disk", "fast"}});
  const auto offers = farm.Win(farm.Queue({Asking(farm, 10, {{"zone", "b"}, {"disk", "fast"}})}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(offers[0]), "b");
  EXPECT_THAT(All<Claim>(farm.Queue({Asking(farm, 11, Zone("b"))})), IsEmpty()) << "b is busy, the others lack it";
  EXPECT_EQ(Why(farm, 11).reason, WaitReason::kNoFreeSlot);
}

TEST(LabelTest, AJobThatWaitsForALabelHoldsUpNoOther) {
  Farm farm;
  farm.Worker("plain", 1);
  const auto offers = farm.Win(farm.Queue({Asking(farm, 10, Zone("b")), farm.Job(11)}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].job, JobId{11});
}

TEST(LabelTest, WhichLabelIsMissingIsSaid) {
  Farm farm;
  Labelled(farm, "a", {{"zone", "a"}});
  Labelled(farm, "fast", {{"disk", "fast"}});
  farm.Queue(
      {Asking(farm, 10, {{"zone", "b"}, {"disk", "fast"}}), Asking(farm, 11, {{"zone", "a"}, {"disk", "fast"}})});
  EXPECT_EQ(Why(farm, 10).reason, WaitReason::kNoWorkerForTarget);
  EXPECT_EQ(Why(farm, 10).detail, "no connected worker that takes jobs for x86_64 has the label zone=b");
  EXPECT_EQ(Why(farm, 11).detail,
            "no connected worker that takes jobs for x86_64 has all of the labels disk=fast,zone=a");
}

TEST(LabelTest, TheSourceOfAModuleDrawsNoJobToAWorkerWithoutItsLabels) {
  Farm farm;
  farm.Worker("plain", 2);
  Labelled(farm, "b", Zone("b"), 2);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m")}));
  ASSERT_EQ(first.size(), 1u);
  QueuedJob second = farm.Job(11, "example.com/m", kArm);
  second.labels = Zone("b");
  const auto offers = farm.Win(farm.Queue({second}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(offers[0]), "b");
}

TEST(LabelTest, AWorkerThatIsToBeSparedIsAskedAllTheSameWhenNoOtherHasTheLabels) {
  Farm farm;
  farm.Worker("plain", 2);
  Labelled(farm, "b", Zone("b"));
  QueuedJob job = Asking(farm, 10, Zone("b"));
  job.avoid_worker = "b";
  EXPECT_EQ(farm.Win(farm.Queue({job})).size(), 1u);
}

// ---- drains ---------------------------------------------------------------------------------------------------------

TEST(DrainTest, ADrainedWorkerGetsNoJobsUntilItIsUndrained) {
  Farm farm;
  const StreamId a = farm.Worker("a", 2);
  farm.Run(farm.Win(farm.Queue({farm.Job(10)})).at(0));
  Drain(farm, "a", true, 1);
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(11)})), IsEmpty());
  EXPECT_EQ(Why(farm, 11).reason, WaitReason::kDraining);
  EXPECT_THAT(Why(farm, 11).detail, HasSubstr("worker a is drained: gofarm worker undrain a"));
  farm.Step(ReadyReceived{a, 1, false});
  EXPECT_THAT(All<Claim>(farm.last), IsEmpty()) << "what a worker says of itself changes nothing";
  EXPECT_EQ(farm.state.jobs.at(JobId{10}).phase, JobPhase::kRunning) << "what it runs goes on";
  EXPECT_EQ(All<Claim>(Drain(farm, "a", false, 2)).size(), 1u);
}

TEST(DrainTest, AWorkerThatIsBeingStoppedIsSaidToBe) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  farm.Step(ReadyReceived{a, 1, /*draining=*/true});
  farm.Queue({farm.Job(10)});
  EXPECT_EQ(Why(farm, 10).reason, WaitReason::kDraining);
  EXPECT_THAT(Why(farm, 10).detail, HasSubstr("worker a is being stopped"));
}

TEST(DrainTest, WhileAnotherWorkerTakesJobsADrainIsNoReasonToWait) {
  Farm farm;
  farm.Worker("a", 1);
  farm.Worker("b", 1);
  Drain(farm, "a", true, 1);
  const auto offers = farm.Win(farm.Queue({farm.Job(10), farm.Job(11)}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(offers[0]), "b");
  EXPECT_EQ(Why(farm, 11).reason, WaitReason::kNoFreeSlot);
}

TEST(DrainTest, AClaimThatIsWonAfterTheDrainIsNoOffer) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = farm.Queue({farm.Job(10)});
  ASSERT_EQ(All<Claim>(claims).size(), 1u);
  Drain(farm, "a", true, 1);
  EXPECT_THAT(farm.Win(claims), IsEmpty());
  EXPECT_EQ(All<StoreReturn>(farm.last).size(), 1u);
}

TEST(DrainTest, TheStoreSaysOfANewSessionWhetherItsWorkerIsDrained) {
  Farm farm;
  farm.Worker("a", 1, {kX86}, {.drain = {.drained = true, .change = 7}});
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(10)})), IsEmpty());
}

TEST(DrainTest, TheLaterChangeHoldsInWhateverOrderTheNewsCome) {
  Farm farm;
  farm.Worker("a", 1);
  Drain(farm, "a", false, 9);
  Drain(farm, "a", true, 8);
  EXPECT_EQ(farm.Win(farm.Queue({farm.Job(10)})).size(), 1u);
}

TEST(DrainTest, ADrainThatOvertakesTheAnswerToAHelloHolds) {
  Farm farm;
  const StreamId a = farm.Hello("a", 1);
  Drain(farm, "a", true, 4);
  farm.Opened(a, {.drain = {.drained = false, .change = 3}});
  farm.Step(ReadyReceived{a, 1, false});
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(10)})), IsEmpty());
}

TEST(DrainTest, NewsOfAWorkerThatNobodyKnowsChangeNothing) {
  Farm farm;
  farm.Worker("a", 1);
  Drain(farm, "gone", true, 1);
  EXPECT_EQ(farm.Win(farm.Queue({farm.Job(10)})).size(), 1u);
}

// ---- removal --------------------------------------------------------------------------------------------------------

TEST(RemovalTest, AConnectedWorkerMustBeDrainedAndIdle) {
  Farm farm;
  farm.Worker("a", 2);
  EXPECT_TRUE(MayRemove(farm.state, "unknown", farm.now).ok()) << "the store knows better";
  EXPECT_EQ(MayRemove(farm.state, "a", farm.now).code(), absl::StatusCode::kFailedPrecondition);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Run(offer);
  Drain(farm, "a", true, 1);
  EXPECT_THAT(std::string(MayRemove(farm.state, "a", farm.now).message()), HasSubstr("is connected and has 1 job"));
  farm.Step(AttemptEnded{.token = offer.token, .job = JobId{10}, .requeued = {}, .detail = ""});
  EXPECT_TRUE(MayRemove(farm.state, "a", farm.now).ok());
  EXPECT_TRUE(IsThere(farm.state, "a", farm.now));
}

TEST(RemovalTest, AHostThatVanishedWithoutAWordMayBeRemovedSoon) {
  Farm farm;
  farm.Worker("a", 1);
  farm.Run(farm.Win(farm.Queue({farm.Job(10)})).at(0));
  EXPECT_FALSE(MayRemove(farm.state, "a", farm.now).ok());
  farm.now += kNameHeld;
  EXPECT_TRUE(MayRemove(farm.state, "a", farm.now).ok());
  EXPECT_FALSE(IsThere(farm.state, "a", farm.now));
}

TEST(RemovalTest, WhatARemovedWorkerRanGoesToOthersAtOnce) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Run(offer);
  farm.Worker("b", 1);
  const auto effects = farm.Step(
      WorkerRemoved{"a", {.sessions = {SessionId{1}}, .lost = {{offer.token, JobId{10}, "a", farm.Job(10), false}}}});
  EXPECT_EQ(All<Close>(effects).at(0).stream, a);
  EXPECT_EQ(All<NoteLost>(effects).size(), 1u);
  const auto offers = farm.Win(effects);
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(offers[0]), "b");
  EXPECT_THAT(farm.state.former, IsEmpty()) << "nobody remembers it";
  EXPECT_THAT(farm.state.health, IsEmpty()) << "it was no fault of its";
}

TEST(RemovalTest, NewsOfARemovalTouchNoWorkerThatCameBackMeanwhile) {
  Farm farm;
  farm.Worker("a", 1);
  farm.Worker("a", 1, {kX86}, {.superseded = {SessionId{1}}});
  farm.Step(WorkerRemoved{"a", {.sessions = {SessionId{1}}, .lost = {}}});
  EXPECT_EQ(farm.Win(farm.Queue({farm.Job(10)})).size(), 1u);
}

}  // namespace
}  // namespace gofarm::dispatch
