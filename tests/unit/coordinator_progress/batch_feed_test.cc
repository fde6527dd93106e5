// One feed for all who watch a batch: what it costs the store, what late and slow watchers get, how it ends.
#include "coordinator/service/batch_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "coordinator/service/batch_steps.h"

namespace gofarm::service {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr BatchId kBatch{3};
constexpr absl::Duration kPatience = absl::Seconds(20);
const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);
// Nothing but news and the test's own calls make it read.
constexpr FeedPace kStill = {.least = absl::ZeroDuration(),
                             .refresh = absl::Hours(1),
                             .heartbeat = absl::Hours(1),
                             .cancel_patience = absl::Hours(1)};

// The store: one batch; counts how often it is read.
class FakeSource final : public BatchSource {
 public:
  absl::StatusOr<domain::Batch> GetBatch(const Scope&, BatchId id) override {
    const absl::MutexLock lock(&mutex_);
    ++reads_;
    if (!failure_.ok()) return failure_;
    if (id != kBatch) return absl::NotFoundError("no batch 4");
    return batch_;
  }
  absl::Status ListJobs(const Scope&, const domain::JobFilter& filter, int64_t limit,
                        const Pages<domain::Job>& pages) override {
    std::vector<domain::Job> page;
    {
      const absl::MutexLock lock(&mutex_);
      for (const domain::Job& job : jobs_) {
        if (static_cast<int64_t>(page.size()) < limit && (!filter.state || job.state == *filter.state)) {
          page.push_back(job);
        }
      }
    }
    pages(std::move(page));
    return absl::OkStatus();
  }
  absl::Status ListJobIds(const Scope&, BatchId, const Pages<JobId>& pages) override {
    std::vector<JobId> page;
    {
      const absl::MutexLock lock(&mutex_);
      for (const domain::Job& job : jobs_) page.push_back(job.id);
    }
    pages(std::move(page));
    return absl::OkStatus();
  }

  void SetJobs(std::vector<domain::Job> jobs) {
    const absl::MutexLock lock(&mutex_);
    jobs_ = std::move(jobs);
    batch_.id = kBatch;
    batch_.jobs = {};
    for (const domain::Job& job : jobs_) {
      if (job.state == JobState::kQueued) ++batch_.jobs.queued;
      if (job.state == JobState::kRunning) ++batch_.jobs.running;
      if (job.state == JobState::kBuilt) ++batch_.jobs.built;
      if (job.state == JobState::kFailed) ++batch_.jobs.failed;
    }
    if (batch_.jobs.queued + batch_.jobs.running == 0) batch_.state = BatchState::kDone;
  }
  void SetState(BatchState state) {
    const absl::MutexLock lock(&mutex_);
    batch_.state = state;
  }
  void Fail(absl::Status failure) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(failure);
  }
  int reads() const {
    const absl::MutexLock lock(&mutex_);
    return reads_;
  }

 private:
  mutable absl::Mutex mutex_;
  domain::Batch batch_ ABSL_GUARDED_BY(mutex_);
  std::vector<domain::Job> jobs_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

domain::JobRef Ref(int64_t id) { return {JobId{id}, "example.com/m", "v1.0.0", Target::kX86_64}; }

domain::Job Stored(int64_t id, JobState state) {
  domain::Job job;
  job.id = JobId{id};
  job.module = "example.com/m";
  job.version = "v1.0.0";
  job.state = state;
  return job;
}

Progress In(std::vector<Phase> phases) {
  Progress p;
  p.phase = phases.back();
  p.phases = std::move(phases);
  return p;
}

class BatchFeedTest : public ::testing::Test {
 protected:
  void Open(FeedPace pace = kStill) {
    feeds_ = std::make_unique<BatchFeeds>(
        source_, board_, [](const domain::Job& job) { return "waits: job " + std::to_string(job.id.value); }, pace);
  }
  std::unique_ptr<BatchWatcher> Watch(BatchId batch = kBatch) {
    absl::StatusOr<std::unique_ptr<BatchWatcher>> watcher = feeds_->Watch(batch);
    EXPECT_TRUE(watcher.ok()) << watcher.status();
    return *std::move(watcher);
  }
  static domain::BatchUpdate Next(BatchWatcher& watcher) {
    const auto update = watcher.Next(Scope::For(kPatience));
    EXPECT_TRUE(update.ok() && update->has_value()) << update.status();
    return update.ok() && update->has_value() ? **update : domain::BatchUpdate{};
  }
  static std::vector<std::string> Steps(const domain::BatchUpdate& update) {
    std::vector<std::string> out;
    for (const domain::JobEvent& e : update.events) {
      out.emplace_back(std::visit([](auto step) { return Name(step); }, e.step));
    }
    return out;
  }
  // Steps until one of that name was among them.
  static std::vector<std::string> StepsUntil(BatchWatcher& watcher, const std::string& wanted) {
    std::vector<std::string> out;
    const Scope scope = Scope::For(kPatience);
    while (!scope.Done() && std::find(out.begin(), out.end(), wanted) == out.end()) {
      for (std::string& step : Steps(Next(watcher))) out.push_back(std::move(step));
    }
    return out;
  }

  FakeSource source_;
  ProgressBoard board_;
  std::unique_ptr<BatchFeeds> feeds_;
};

TEST_F(BatchFeedTest, ManyWatchersCostOneReadingATick) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open();
  std::vector<std::unique_ptr<BatchWatcher>> watchers;
  for (int i = 0; i < 50; ++i) watchers.push_back(Watch());
  for (const auto& watcher : watchers) EXPECT_THAT(Steps(Next(*watcher)), ElementsAre("queued"));
  EXPECT_EQ(source_.reads(), 1);
  board_.Started(AttemptToken{5}, Ref(1), "w1", kNoon);
  for (const auto& watcher : watchers) {
    const domain::BatchUpdate update = Next(*watcher);
    EXPECT_THAT(Steps(update), ElementsAre("running"));
    ASSERT_EQ(update.running.size(), 1u);
    EXPECT_EQ(update.running[0].worker, "w1");
  }
  EXPECT_EQ(source_.reads(), 2);
}

TEST_F(BatchFeedTest, AFeedEndsWithItsLastWatcher) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open();
  std::unique_ptr<BatchWatcher> first = Watch(), second = Watch();
  EXPECT_EQ(feeds_->open(), 1u);
  first.reset();
  EXPECT_EQ(feeds_->open(), 1u);
  Next(*second);
  second.reset();
  EXPECT_EQ(feeds_->open(), 0u);
  const int reads = source_.reads();
  board_.Publish(Ref(1), JobState::kCancelled, "");  // nobody hears
  EXPECT_EQ(source_.reads(), reads);
  EXPECT_THAT(Steps(Next(*Watch())), ElementsAre("queued")) << "a new one begins with what the store says";
}

TEST_F(BatchFeedTest, AWatcherThatComesLateGetsTheFactsAndThenTheNews) {
  domain::Job running = Stored(1, JobState::kRunning);
  running.attempts.emplace_back();
  running.attempts.back().token = AttemptToken{5};
  running.attempts.back().worker = "w1";
  source_.SetJobs({running, Stored(2, JobState::kQueued)});
  board_.Started(AttemptToken{5}, Ref(1), "w1", kNoon);
  board_.Report(AttemptToken{5}, "w1", In({Phase::kFetch, Phase::kBuild}));
  Open();
  const auto first = Watch();
  EXPECT_THAT(Steps(Next(*first)), ElementsAre("queued", "running", "fetch", "build", "queued"));
  board_.Report(AttemptToken{5}, "w1", In({Phase::kFetch, Phase::kBuild, Phase::kCheck}));
  EXPECT_THAT(StepsUntil(*first, "check"), ElementsAre("check"));
  const auto late = Watch();
  EXPECT_THAT(Steps(Next(*late)), ElementsAre("queued", "running", "fetch", "build", "check", "queued"));
  EXPECT_EQ(source_.reads(), 2) << "its facts come from the feed";
}

TEST_F(BatchFeedTest, ASlowWatcherGetsWhatIsKnownAgainInsteadOfALongQueue) {
  std::vector<domain::Job> jobs;
  for (int64_t n = 1; n <= 10; ++n) jobs.push_back(Stored(n, JobState::kQueued));
  source_.SetJobs(jobs);
  Open();
  const auto slow = Watch();
  const auto quick = Watch();
  Next(*slow);
  Next(*quick);
  int64_t token = 0;
  const int64_t attempts = static_cast<int64_t>(kFeedEventsMax);  // two events each: far more than are kept
  for (int64_t n = 1; n <= attempts; ++n) {
    board_.Started(AttemptToken{++token}, Ref(1), "w1", kNoon);
    board_.Ended(AttemptToken{token}, {}, n < attempts ? JobState::kQueued : JobState::kBuilt, "");
  }
  jobs[0].state = JobState::kBuilt;
  source_.SetJobs(jobs);
  EXPECT_THAT(StepsUntil(*quick, "built"), Contains("built"));
  const domain::BatchUpdate update = Next(*slow);
  EXPECT_EQ(update.events.size(), 12u) << "ten jobs queued, one of them built by its last attempt";
  EXPECT_EQ(update.events[1].token, AttemptToken{attempts});
  EXPECT_EQ(update.batch.jobs.queued + update.batch.jobs.built, 10);
}

TEST_F(BatchFeedTest, ManyStepsGoInSeveralUpdates) {
  std::vector<domain::Job> jobs;
  for (int64_t n = 1; n <= static_cast<int64_t>(kBackfillJobsMax) + 500; ++n) {
    jobs.push_back(Stored(n, JobState::kBuilt));
  }
  source_.SetJobs(jobs);
  Open();
  const auto watcher = Watch();
  EXPECT_EQ(Next(*watcher).events.size(), kEventsPerUpdate);
  EXPECT_EQ(Next(*watcher).events.size(), kEventsPerUpdate);
  const auto end = watcher->Next(Scope::For(kPatience));
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value()) << "two steps of the first thousand jobs";
}

TEST_F(BatchFeedTest, StepsWithLongDetailsGoInUpdatesThatAreBoundedByBytes) {
  constexpr int64_t kJobs = 600;
  std::vector<domain::Job> jobs;
  for (int64_t n = 1; n <= kJobs; ++n) jobs.push_back(Stored(n, JobState::kQueued));
  source_.SetJobs(jobs);
  Open();
  const auto watcher = Watch();
  EXPECT_EQ(Next(*watcher).events.size(), static_cast<size_t>(kJobs));
  for (const domain::Job& job : jobs) {
    const AttemptToken token{job.id.value};
    board_.Started(token, {job.id, job.module, job.version, job.target}, "w", kNoon);
    board_.Report(token, "w", {.phase = Phase::kBuild, .detail = std::string(4'096, 'd'), .phases = {Phase::kBuild}});
  }
  int updates = 0;
  size_t builds = 0;
  while (builds < kJobs) {
    const domain::BatchUpdate update = Next(*watcher);
    ++updates;
    size_t bytes = 0;
    for (const domain::JobEvent& event : update.events) {
      bytes += event.detail.size();
      builds += std::holds_alternative<Phase>(event.step) ? 1 : 0;
    }
    EXPECT_LE(bytes, kUpdateEventBytesMax);
  }
  EXPECT_GE(updates, 3) << "2.4 MiB of details";
}

TEST_F(BatchFeedTest, ItEndsWhenAllJobsHaveEndedAlsoWhenTheBoardNeverSaidSo) {
  source_.SetJobs({Stored(1, JobState::kQueued), Stored(2, JobState::kQueued)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(10)});
  const auto watcher = Watch();
  EXPECT_THAT(Steps(Next(*watcher)), ElementsAre("queued", "queued"));
  source_.SetJobs({Stored(1, JobState::kBuilt), Stored(2, JobState::kFailed)});
  std::vector<std::string> steps;
  for (;;) {
    const auto update = watcher->Next(Scope::For(kPatience));
    ASSERT_TRUE(update.ok()) << update.status();
    if (!update->has_value()) break;
    for (std::string& step : Steps(**update)) steps.push_back(std::move(step));
  }
  EXPECT_THAT(steps, ElementsAre("built", "failed"));
}

TEST_F(BatchFeedTest, AnEndThatTheBoardMissedIsReadFromTheStore) {
  source_.SetJobs({Stored(1, JobState::kQueued), Stored(2, JobState::kQueued)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(10)});
  const auto watcher = Watch();
  Next(*watcher);
  source_.SetJobs({Stored(1, JobState::kFailed), Stored(2, JobState::kQueued)});
  EXPECT_THAT(StepsUntil(*watcher, "failed"), ElementsAre("failed"));
}

TEST_F(BatchFeedTest, ARetriedJobIsWatchedInThePlaceOfTheOldOne) {
  source_.SetJobs({Stored(1, JobState::kFailed), Stored(2, JobState::kQueued)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(10)});
  const auto watcher = Watch();
  EXPECT_THAT(Steps(Next(*watcher)), ElementsAre("queued", "failed", "queued"));
  source_.SetJobs({Stored(2, JobState::kQueued), Stored(3, JobState::kQueued)});
  EXPECT_THAT(StepsUntil(*watcher, "queued"), ElementsAre("queued"));
  board_.Started(AttemptToken{5}, Ref(3), "w1", kNoon);
  EXPECT_THAT(StepsUntil(*watcher, "running"), ElementsAre("running"));
}

TEST_F(BatchFeedTest, ACancelledBatchIsGivenTimeForItsLastJobs) {
  source_.SetJobs({Stored(1, JobState::kRunning)});
  source_.SetState(BatchState::kCancelled);
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(5), .cancel_patience = absl::Milliseconds(50)});
  const auto watcher = Watch();
  const absl::Time began = absl::Now();
  for (;;) {
    const auto update = watcher->Next(Scope::For(kPatience));
    ASSERT_TRUE(update.ok()) << update.status();
    if (!update->has_value()) break;
    EXPECT_EQ((*update)->batch.state, BatchState::kCancelled);
  }
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(50));
}

TEST_F(BatchFeedTest, WhatNothingRunsForIsSaid) {
  source_.SetJobs({Stored(4, JobState::kQueued)});
  Open();
  EXPECT_EQ(Next(*Watch()).waiting, "waits: job 4");
}

TEST_F(BatchFeedTest, AQuietBatchIsHeardOfByTheHeartbeat) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(5), .heartbeat = absl::Milliseconds(100)});
  const absl::Time began = absl::Now();
  const auto watcher = Watch();
  Next(*watcher);
  EXPECT_THAT(Next(*watcher).events, IsEmpty());
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(100)) << "unchanged counts are read often and published seldom";
}

TEST_F(BatchFeedTest, AtMostSoManyUpdatesASecond) {
  source_.SetJobs({Stored(1, JobState::kRunning)});
  Open({.least = absl::Milliseconds(50), .refresh = absl::Milliseconds(1)});
  const absl::Time began = absl::Now();
  const auto watcher = Watch();
  board_.Started(AttemptToken{5}, Ref(1), "w1", kNoon);
  for (int i = 0; i < 5; ++i) Next(*watcher);
  const int reads = source_.reads();
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(4 * 50));
  EXPECT_LE(reads, (absl::Now() - began) / absl::Milliseconds(50) + 1);
}

TEST(PaceAfterTest, CountsOfAHugeBatchTakeAFifthOfTheTimeAtMost) {
  EXPECT_EQ(PaceAfter(absl::Milliseconds(100), absl::Milliseconds(2)), absl::Milliseconds(100));
  EXPECT_EQ(PaceAfter(absl::Milliseconds(100), absl::Seconds(1)), absl::Seconds(4));
}

TEST_F(BatchFeedTest, AnUnknownBatchAndAStoreThatFailsEndTheWatch) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(5)});
  EXPECT_TRUE(absl::IsNotFound(Watch(BatchId{4})->Next(Scope::For(kPatience)).status()));
  const auto watcher = Watch();
  Next(*watcher);
  source_.Fail(absl::UnavailableError("the database is away"));
  EXPECT_TRUE(absl::IsUnavailable(watcher->Next(Scope::For(kPatience)).status()));
  source_.Fail(absl::OkStatus());
  EXPECT_THAT(Steps(Next(*Watch())), ElementsAre("queued")) << "who comes back finds a new feed";
  EXPECT_EQ(feeds_->open(), 1u) << "the old one has a watcher still";
}

TEST_F(BatchFeedTest, AStopEndsTheWaitAtOnce) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open();
  const auto watcher = Watch();
  Next(*watcher);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(watcher->Next(Scope::For(kPatience, stop.get_token())).status()));
  stopper.join();
}

TEST_F(BatchFeedTest, TooManyWatchersAndTooManyFeedsAreRefused) {
  source_.SetJobs({Stored(1, JobState::kQueued)});
  Open();
  std::vector<std::unique_ptr<BatchWatcher>> watchers;
  for (int i = 0; i < kWatchersMax; ++i) watchers.push_back(Watch());
  EXPECT_TRUE(absl::IsResourceExhausted(feeds_->Watch(kBatch).status()));
  watchers.pop_back();
  EXPECT_TRUE(feeds_->Watch(kBatch).ok());
  for (int64_t n = 1; n < static_cast<int64_t>(kFeedsMax); ++n) watchers.push_back(Watch(BatchId{100 + n}));
  EXPECT_EQ(feeds_->open(), kFeedsMax);
  EXPECT_TRUE(absl::IsResourceExhausted(feeds_->Watch(BatchId{99}).status()));
}

TEST_F(BatchFeedTest, WatchersComeAndGoWhileTheBoardChanges) {
  source_.SetJobs({Stored(1, JobState::kRunning)});
  Open({.least = absl::ZeroDuration(), .refresh = absl::Milliseconds(1)});
  std::atomic<bool> stop{false};
  std::thread reporter([&] {
    for (int64_t n = 1; !stop; ++n) {
      board_.Started(AttemptToken{n}, Ref(1), "w1", kNoon);
      board_.Report(AttemptToken{n}, "w1", In({Phase::kFetch}));
      board_.Ended(AttemptToken{n}, {}, JobState::kQueued, "");
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto watcher = Watch();
        EXPECT_THAT(Steps(Next(*watcher)), Contains("queued"));
        Next(*watcher);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  stop = true;
  reporter.join();
  EXPECT_EQ(feeds_->open(), 0u);
}

}  // namespace
}  // namespace gofarm::service
