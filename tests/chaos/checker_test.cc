// The controls of the chaos test: a sound run has no fault, and each way to lose or double something is found. Also
// that the plan of sabotage depends on its seed alone and leaves no deed out.
#include "tests/chaos/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/chaos/plan.h"

namespace gofarm::chaos {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;

absl::Time At(int seconds) { return absl::FromUnixSeconds(1'000 + seconds); }

// Two batches. Job 1: lost by w1, then built by w2, whose first answer did not arrive. Job 2 failed for good.
struct SoundRun {
  SoundRun() {
    const Wanted m1{"example.com/m1", "v1.0.0", 1}, m2{"example.com/m2", "v1.0.0", 1};
    told.batches["r1"] = {.wanted = {m1, m2}, .ids = {1}};
    told.batches["r2"] = {.wanted = {m1}, .ids = {2}};
    told.offers = {{10, 1, "w1"}, {11, 1, "w2"}, {12, 2, "w1"}, {13, 2, "w2"}};
    const Story built{AttemptOutcome::kBuilt, FailureClass::kNone, "aa"};
    const Story failed{AttemptOutcome::kFailed, FailureClass::kCompileError, ""};
    told.completions = {
        {11, 1, "w2", built, false, At(60), At(61), Reply::kNone, {}},
        {11, 1, "w2", built, false, At(62), At(63), Reply::kTaken, JobState::kBuilt},
        {10, 1, "w1", built, false, At(64), At(65), Reply::kRefused, {}},
        {12, 2, "w1", failed, false, At(5), At(6), Reply::kTaken, JobState::kFailed},
    };
    told.signs = {{10, 1, At(1), At(2)}, {10, 1, At(3), At(4)}, {11, 1, At(50), At(51)}, {11, 1, At(60), At(63)}};
    told.jobs = {{"r1", 1, m1, JobState::kRunning}, {"r2", 1, m1, JobState::kBuilt}};
    told.logs[11] = "hello\n";
    stored.jobs[1] = {.what = m1, .state = JobState::kBuilt, .result_token = 11};
    stored.jobs[2] = {
        .what = m2, .state = JobState::kFailed, .failure = FailureClass::kCompileError, .result_token = 12};
    stored.attempts[10] = {
        .job = 1, .worker = "w1", .outcome = AttemptOutcome::kLost, .started = At(1), .ended = At(40)};
    stored.attempts[11] = {.job = 1,
                           .worker = "w2",
                           .outcome = AttemptOutcome::kBuilt,
                           .answered_state = JobState::kBuilt,
                           .answered = true,
                           .started = At(45),
                           .ended = At(60),
                           .executables = {"aa"}};
    stored.attempts[12] = {.job = 2,
                           .worker = "w1",
                           .outcome = AttemptOutcome::kFailed,
                           .failure = FailureClass::kCompileError,
                           .answered_state = JobState::kFailed,
                           .answered = true,
                           .started = At(1),
                           .ended = At(5)};
    stored.batches[1] = {.request_id = "r1", .jobs = {1, 2}, .counts = {{JobState::kBuilt, 1}, {JobState::kFailed, 1}}};
    stored.batches[2] = {.request_id = "r2", .jobs = {1}, .counts = {{JobState::kBuilt, 1}}};
    stored.downloads["aa"] = "aa";
    stored.logs[11] = "hello\nworld\n";
  }
  Told told;
  Stored stored;
};

TEST(CheckerTest, ASoundRunHasNoFault) {
  const SoundRun run;
  EXPECT_THAT(Check(run.told, run.stored), IsEmpty());
}

TEST(CheckerTest, EveryLossAndEveryDoublingIsFound) {
  const std::pair<const char*, std::function<void(SoundRun&)>> cases[] = {
      {"batch lost", [](SoundRun& r) { r.stored.batches.erase(2); }},
      {"batch doubled", [](SoundRun& r) { r.stored.batches[3] = r.stored.batches[2]; }},
      {"batch of nobody", [](SoundRun& r) { r.stored.batches[2].request_id = "r9"; }},
      {"batch cancelled by nobody", [](SoundRun& r) { r.stored.batches[2].cancelled = true; }},
      {"cancel lost", [](SoundRun& r) { r.told.batches["r2"].cancel_answered = true; }},
      {"request answered differently", [](SoundRun& r) { r.told.batches["r2"].ids.insert(7); }},
      {"request id taken twice", [](SoundRun& r) { r.told.batches["r2"].altered_taken = true; }},
      {"job lost", [](SoundRun& r) { r.stored.jobs.erase(2); }},
      {"job lost", [](SoundRun& r) { r.stored.batches[1].jobs.pop_back(); }},
      {"job doubled", [](SoundRun& r) { r.stored.jobs[3] = r.stored.jobs[2]; }},
      {"job of nobody", [](SoundRun& r) { r.stored.batches[2].jobs.push_back(2); }},
      {"job not ended", [](SoundRun& r) { r.stored.jobs[2].state = JobState::kRunning; }},
      {"job cancelled by nobody", [](SoundRun& r) { r.stored.jobs[2].state = JobState::kCancelled; }},
      {"counts", [](SoundRun& r) { r.stored.batches[1].counts[JobState::kBuilt] = 2; }},
      {"queue not empty", [](SoundRun& r) { r.stored.queue_rows = 1; }},
      {"leases left", [](SoundRun& r) { r.stored.lease_rows = 1; }},
      // A second completion of job 2, by another worker, was taken as well.
      {"two results",
       [](SoundRun& r) {
         r.told.completions.push_back({13,
                                       2,
                                       "w2",
                                       {AttemptOutcome::kBuilt, FailureClass::kNone, "bb"},
                                       false,
                                       At(9),
                                       At(10),
                                       Reply::kTaken,
                                       JobState::kBuilt});
         r.stored.attempts[13] = {.job = 2,
                                  .worker = "w2",
                                  .outcome = AttemptOutcome::kBuilt,
                                  .answered_state = JobState::kBuilt,
                                  .answered = true,
                                  .started = At(6),
                                  .ended = At(9),
                                  .executables = {"bb"}};
       }},
      {"result of nobody", [](SoundRun& r) { r.stored.jobs[1].result_token = 10; }},
      {"result changed", [](SoundRun& r) { r.stored.jobs[1].state = JobState::kPartial; }},
      {"ended by nobody",
       [](SoundRun& r) {
         r.stored.attempts.erase(12);
         r.told.completions.pop_back();
       }},
      {"completion lost", [](SoundRun& r) { r.stored.attempts.erase(12); }},
      {"completion of another job", [](SoundRun& r) { r.told.completions.back().job = 1; }},
      {"answers differ", [](SoundRun& r) { r.told.completions.back().job_state = JobState::kQueued; }},
      {"attempt not ended", [](SoundRun& r) { r.stored.attempts[10].outcome = AttemptOutcome::kRunning; }},
      {"executables doubled",
       [](SoundRun& r) {
         r.stored.attempts[11].executables = {"aa", "aa"};
       }},
      {"result of nobody", [](SoundRun& r) { r.stored.attempts[11].executables = {"bb"}; }},
      {"result of nobody",
       [](SoundRun& r) { r.told.completions.erase(r.told.completions.begin(), r.told.completions.begin() + 2); }},
      // Another story, told after the first was taken, stands in its place.
      {"result of nobody",
       [](SoundRun& r) {
         ToldCompletion late = r.told.completions[1];
         late.story.sha256 = "bb";
         late.asked = At(70);
         r.told.completions.push_back(late);
         r.stored.attempts[11].executables = {"bb"};
       }},
      {"attempt of another", [](SoundRun& r) { r.stored.attempts[10].worker = "w2"; }},
      {"attempt of another", [](SoundRun& r) { r.told.offers.erase(r.told.offers.begin()); }},
      {"offer doubled",
       [](SoundRun& r) {
         r.told.offers.push_back({10, 1, "w2"});
       }},
      {"two attempts at once", [](SoundRun& r) { r.stored.attempts[10].ended = At(46); }},
      {"two attempts at once",
       [](SoundRun& r) {
         r.told.signs.push_back({10, 1, At(55), At(56)});
       }},
      {"job lost", [](SoundRun& r) { r.told.jobs[0].id = 9; }},
      {"result changed", [](SoundRun& r) { r.told.jobs[1].state = JobState::kFailed; }},
      // A newer try of the same was shown in the batch.
      {"retry lost",
       [](SoundRun& r) {
         r.stored.jobs[3] = r.stored.jobs[2];
         r.told.jobs[0] = {"r1", 3, r.stored.jobs[2].what, JobState::kQueued};
       }},
      {"artifact lost", [](SoundRun& r) { r.stored.downloads["aa"] = "bb"; }},
      {"log lost", [](SoundRun& r) { r.stored.logs[11] = "hel"; }},
  };
  for (const auto& [rule, sabotage] : cases) {
    SoundRun run;
    sabotage(run);
    EXPECT_THAT(Check(run.told, run.stored), Contains(StartsWith(rule)));
  }
}

TEST(CheckerTest, WhatTheFarmFoundUntrueAndWhatNobodyCancelledIsExplained) {
  SoundRun run;
  ToldCompletion& told = run.told.completions.back();
  StoredAttempt& stored = run.stored.attempts[12];
  told.reply = Reply::kRefused;
  told.untrue = true;
  told.story = {AttemptOutcome::kBuilt, FailureClass::kNone, "cc"};
  stored.failure = FailureClass::kToolchainBroken;
  EXPECT_THAT(Check(run.told, run.stored), IsEmpty());
  told.untrue = false;
  EXPECT_THAT(Check(run.told, run.stored), Contains(StartsWith("result of nobody"))) << "it was true";
  told.story = {AttemptOutcome::kCancelled, FailureClass::kNone, ""};
  stored.failure = FailureClass::kInternal;
  EXPECT_THAT(Check(run.told, run.stored), IsEmpty());
}

TEST(CheckerTest, ManyFaultsOfOneKindAreCounted) {
  SoundRun run;
  for (int64_t id = 100; id < 120; ++id) run.stored.jobs[id].what.module = std::to_string(id);
  const std::vector<std::string> faults = Check(run.told, run.stored);
  EXPECT_EQ(faults.size(), kFaultsMax + 1);
  EXPECT_THAT(faults, Contains("job not ended: 20 times in all"));
}

TEST(PlanTest, TheSameSeedGivesTheSameDeeds) {
  for (int64_t i = 0; i < 100; ++i) {
    const DeedPlan a = PlanDeed(7, "w1", i, 0), b = PlanDeed(7, "w1", i, 0);
    EXPECT_EQ(a.deed, b.deed);
    EXPECT_EQ(a.work, b.work);
    EXPECT_EQ(PlanBlow(7, i).after, PlanBlow(7, i).after);
    EXPECT_EQ(PlanOrder(7, "c1", i).modules, PlanOrder(7, "c1", i).modules);
  }
  int same = 0;
  for (int64_t i = 0; i < 100; ++i) same += PlanDeed(7, "w1", i, 0).work == PlanDeed(8, "w1", i, 0).work ? 1 : 0;
  EXPECT_LT(same, 5);
}

TEST(PlanTest, EveryDeedAndEveryBlowComesAndAJobIsSparedAtLast) {
  std::set<Deed> deeds;
  std::set<Blow> blows;
  for (int64_t i = 0; i < 40'000; ++i) {
    deeds.insert(PlanDeed(1, "w1", i, 0).deed);
    blows.insert(PlanBlow(1, i).blow);
    const Deed spared = PlanDeed(1, "w1", i, kFailuresMax).deed;
    EXPECT_NE(spared, Deed::kFailForNow);
    EXPECT_NE(spared, Deed::kForget);
  }
  EXPECT_EQ(deeds.size(), static_cast<size_t>(kDeeds));
  EXPECT_EQ(blows.size(), static_cast<size_t>(kBlows));
}

}  // namespace
}  // namespace gofarm::chaos
