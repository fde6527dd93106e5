// One bad worker among others: what fails through its fault costs no job its result.
#include "coordinator/domain/ending.h"
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

// Plays the store's part of a farm in which some workers fail everything.
class Blame : public ::testing::Test {
 protected:
  struct Tries {
    domain::TryCounts counts;
    std::set<std::string> failed_on;
    std::string ended;  // "built", "failed"; empty: not yet
    int attempts = 0;
  };
  // Ends the attempt as its worker does, and gives back what the job does next.
  void End(const Sent<Offer>& offer) {
    const std::string worker = farm_.WorkerOf(offer);
    Tries& tries = tries_[offer.job];
    ++tries.attempts;
    const bool bad = bad_.contains(worker);
    domain::TryContext context = ContextOf(farm_.state, offer.token);
    if (bad) tries.failed_on.insert(worker);
    context.failed_on = static_cast<int>(tries.failed_on.size());
    const domain::EndDecision decided =
        domain::DecideEnd(bad ? domain::AttemptEnd{AttemptOutcome::kFailed, FailureClass::kProxyError, "no route"}
                              : domain::AttemptEnd{AttemptOutcome::kBuilt, FailureClass::kNone, ""},
                          false, context, tries.counts, 0.5);
    tries.counts = decided.retry.counts;
    std::optional<QueuedJob> requeued;
    if (decided.retry.again) {
      requeued = farm_.state.jobs.at(offer.job).job;
      requeued->not_before = farm_.now + decided.retry.wait;
      requeued->avoid_worker = decided.retry.avoid_worker ? worker : "";
    } else {
      tries.ended = bad ? "failed" : "built";
    }
    const StreamId stream = offer.stream;
    Take(farm_.Step(
        AttemptEnded{offer.token, offer.job, requeued, decided.end.outcome, decided.end.failure, "no route"}));
    Take(farm_.Step(ReadyReceived{stream, slots_, false}));
  }
  void Take(const std::vector<Effect>& effects) {
    for (const Sent<Offer>& offer : farm_.Win(effects)) {
      farm_.Run(offer);
      running_.push_back(offer);
    }
  }
  // Until all jobs ended, or `longest` is over. Workers answer after a second.
  void RunAll(int jobs, absl::Duration longest) {
    std::vector<QueuedJob> queue;
    for (int i = 0; i < jobs; ++i) queue.push_back(farm_.Job(100 + i));
    Take(farm_.Queue(queue));
    const absl::Time end = farm_.now + longest;
    while (farm_.now < end && ended() < jobs) {
      Take(farm_.Wait(absl::Seconds(1)));
      for (const auto& [stream, session] : farm_.state.streams) farm_.Step(HeartbeatReceived{stream});
      for (const Sent<Offer>& offer : std::exchange(running_, {})) End(offer);
    }
  }
  int ended() const {
    return static_cast<int>(
        std::count_if(tries_.begin(), tries_.end(), [](const auto& t) { return !t.second.ended.empty(); }));
  }
  int Count(const std::string& how) const {
    return static_cast<int>(
        std::count_if(tries_.begin(), tries_.end(), [&](const auto& t) { return t.second.ended == how; }));
  }

  Farm farm_;
  std::set<std::string> bad_;
  std::map<JobId, Tries> tries_;
  std::vector<Sent<Offer>> running_;
  int slots_ = 2;
};

TEST_F(Blame, OneBadWorkerBesideAHealthyOneFailsNoJob) {
  bad_ = {"bad"};
  farm_.Worker("bad", slots_);
  farm_.Worker("good", slots_);
  RunAll(300, absl::Minutes(30));
  EXPECT_EQ(Count("built"), 300);
  EXPECT_TRUE(farm_.state.health.at("bad").Suspect());
}

TEST_F(Blame, TwoBadWorkersBesideAHealthyOneFailNoJob) {
  bad_ = {"bad1", "bad2"};
  farm_.Worker("bad1", slots_);
  farm_.Worker("bad2", slots_);
  farm_.Worker("good", slots_);
  RunAll(300, absl::Minutes(30));
  EXPECT_EQ(Count("built"), 300);
}

TEST_F(Blame, WhereEveryWorkerFailsTheJobsEnd) {
  bad_ = {"a", "b"};
  farm_.Worker("a", slots_);
  farm_.Worker("b", slots_);
  RunAll(3, absl::Hours(12));
  EXPECT_EQ(Count("failed"), 3);
}

TEST_F(Blame, TheOnlyWorkerEndsThemToo) {
  bad_ = {"a"};
  farm_.Worker("a", slots_);
  RunAll(1, absl::Hours(12));
  EXPECT_EQ(Count("failed"), 1);
  EXPECT_EQ(tries_.begin()->second.attempts, domain::kInfraRetriesMax + 1);
}

TEST_F(Blame, ASuspectWorkerGetsOneProbeAtATimeAndIsSoundAgainAfterOneResult) {
  bad_ = {"w"};
  const StreamId w = farm_.Worker("w", 4);
  slots_ = 4;
  Take(farm_.Queue({farm_.Job(1), farm_.Job(2), farm_.Job(3)}));
  for (const Sent<Offer>& offer : std::exchange(running_, {})) End(offer);
  ASSERT_TRUE(farm_.state.health.at("w").Suspect());
  const WhyWaiting why = WhyItWaits(farm_.state, JobId{1}, farm_.now + absl::Seconds(3));
  EXPECT_EQ(why.reason, WaitReason::kBackoff);
  Take(farm_.Queue({farm_.Job(4), farm_.Job(5)}));
  EXPECT_THAT(running_, IsEmpty()) << "it is paused";
  EXPECT_THAT(WhyItWaits(farm_.state, JobId{4}, farm_.now).detail, HasSubstr("worker w: the last 3 jobs failed there"));
  Take(farm_.Live(domain::kProbeFirst + absl::Seconds(1)));
  ASSERT_EQ(running_.size(), 1u) << "one probe";
  bad_.clear();
  farm_.Step(HeartbeatReceived{w});
  for (const Sent<Offer>& offer : std::exchange(running_, {})) End(offer);
  EXPECT_FALSE(farm_.state.health.contains("w"));
  EXPECT_GE(running_.size(), 2u) << "all of its slots again";
}

TEST_F(Blame, AResultOfAnAttemptThatBeganBeforeThePauseEndsIt) {
  bad_ = {"w"};
  farm_.Worker("w", 4);
  slots_ = 4;
  Take(farm_.Queue({farm_.Job(1), farm_.Job(2), farm_.Job(3), farm_.Job(4)}));
  std::vector<Sent<Offer>> offers = std::exchange(running_, {});
  ASSERT_EQ(offers.size(), 4u);
  for (size_t i = 0; i < 3; ++i) End(offers[i]);
  Take(farm_.Queue({farm_.Job(9)}));
  EXPECT_THAT(running_, IsEmpty());
  bad_.clear();
  End(offers[3]);
  EXPECT_THAT(running_, ::testing::Not(IsEmpty()));
}

TEST_F(Blame, ANewSessionOfASuspectWorkerIsSuspectStill) {
  bad_ = {"w"};
  const StreamId w = farm_.Worker("w", 4);
  slots_ = 4;
  Take(farm_.Queue({farm_.Job(1), farm_.Job(2), farm_.Job(3)}));
  for (const Sent<Offer>& offer : std::exchange(running_, {})) End(offer);
  farm_.Step(GoodbyeReceived{w});
  farm_.Step(SessionsEnded{Answer::kDone, {.sessions = {SessionId{1}}}});
  farm_.Step(StreamClosed{w});
  farm_.Worker("w", 4);
  Take(farm_.Queue({farm_.Job(9)}));
  EXPECT_THAT(running_, IsEmpty());
}

TEST_F(Blame, AWorkerThatWentAwayOnceFailedOnce) {
  farm_.Worker("w", 8);
  Take(farm_.Queue({farm_.Job(1), farm_.Job(2), farm_.Job(3), farm_.Job(4)}));
  domain::ExpiredSessions gone{.sessions = {SessionId{1}}};
  for (const Sent<Offer>& offer : running_) {
    gone.lost.push_back(
        {.token = offer.token, .job = offer.job, .worker = "w", .requeued = farm_.Job(offer.job.value)});
  }
  farm_.Step(SessionsEnded{Answer::kDone, gone});
  EXPECT_EQ(farm_.state.health.at("w").in_a_row, 1);
}

TEST_F(Blame, ARepeatedReportCountsOnce) {
  farm_.Worker("w", 4);
  Take(farm_.Queue({farm_.Job(1)}));
  const AttemptEnded ended{running_[0].token,       JobId{1}, std::nullopt, AttemptOutcome::kFailed,
                           FailureClass::kInternal, ""};
  for (int i = 0; i < 5; ++i) farm_.Step(ended);
  EXPECT_EQ(farm_.state.health.at("w").in_a_row, 1);
}

}  // namespace
}  // namespace gofarm::dispatch
