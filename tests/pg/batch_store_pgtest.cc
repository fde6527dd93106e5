#include <gmock/gmock.h>

#include <atomic>
#include <pqxx/pqxx>
#include <set>
#include <thread>

#include "coordinator/store/batch_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

class BatchStoreTest : public FarmTest {
 protected:
  const store::CheckRetry any_retry_ = [](const store::EndedJob&) { return absl::OkStatus(); };
};

TEST_F(BatchStoreTest, ABatchQueuesItsJobsInTheOrderOfTheList) {
  auto inserted = batches_->Insert(
      Now(), Request(), Wanted({"example.com/b", "example.com/a"}, {Target::kX86_64, Target::kRiscv64}), toolset_.name);
  ASSERT_TRUE(inserted.ok()) << inserted.status();
  EXPECT_EQ(inserted->new_jobs, 4);
  EXPECT_EQ(inserted->batch.state, BatchState::kRunning);
  EXPECT_EQ(inserted->batch.jobs.queued, 4);
  const auto queue = dispatch_->LoadQueue(Now(), JobId{}, 10);
  ASSERT_TRUE(queue.ok()) << queue.status();
  ASSERT_EQ(queue->jobs.size(), 4u);
  EXPECT_EQ(queue->jobs[0].module, "example.com/b");
  EXPECT_EQ(queue->jobs[1].target, Target::kRiscv64);
  EXPECT_EQ(queue->jobs[2].module, "example.com/a");
}

TEST_F(BatchStoreTest, ARepeatedRequestIdGetsTheFirstAnswer) {
  const domain::SubmitRequest request = Request();
  const auto first = batches_->Insert(Now(), request, Wanted({"example.com/a"}), toolset_.name);
  const auto second = batches_->Insert(Now(), request, Wanted({"example.com/other"}), toolset_.name);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->repeated);
  EXPECT_EQ(second->batch.id, first->batch.id);
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 1);
}

TEST_F(BatchStoreTest, ARequestIdThatComesAgainWithOtherContentIsRefused) {
  domain::SubmitRequest request = Request();
  request.content_sha256 = std::string(64, 'a');
  const auto first = batches_->Insert(Now(), request, Wanted({"example.com/a"}), toolset_.name);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(batches_->Insert(Now(), request, Wanted({"example.com/a"}), toolset_.name)->repeated);
  request.content_sha256 = std::string(64, 'b');
  const absl::Status other = batches_->Insert(Now(), request, Wanted({"example.com/b"}), toolset_.name).status();
  EXPECT_TRUE(absl::IsAlreadyExists(other)) << other;
  EXPECT_TRUE(
      absl::IsAlreadyExists(batches_->FindByRequestId(Now(), request.request_id, request.content_sha256).status()));
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 1);
  Sql("UPDATE batches SET content_sha256 = NULL");
  EXPECT_TRUE(batches_->Insert(Now(), request, Wanted({"example.com/b"}), toolset_.name)->repeated)
      << "of a batch from before nobody knows it";
}

TEST_F(BatchStoreTest, ARequestIdIsForgottenAfterItsRetentionAndItsBatchStays) {
  const domain::SubmitRequest old = Request();
  const domain::SubmitRequest recent = Request();
  const BatchId old_batch = batches_->Insert(Now(), old, Wanted({"example.com/a"}), toolset_.name)->batch.id;
  const BatchId recent_batch = batches_->Insert(Now(), recent, Wanted({"example.com/a"}), toolset_.name)->batch.id;
  const auto age = [&](BatchId batch, absl::Duration by) {
    Sql(Cat("UPDATE batches SET created_at = now() - interval '", absl::ToInt64Seconds(by),
            " seconds' WHERE id = ", batch.value));
  };
  age(old_batch, store::kRequestIdRetention + absl::Minutes(1));
  age(recent_batch, store::kRequestIdRetention - absl::Minutes(1));
  const auto forgotten = batches_->ForgetRequestIds(Now(), store::kRequestIdRetention);
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_EQ(*forgotten, 1);
  EXPECT_EQ(*batches_->ForgetRequestIds(Now(), store::kRequestIdRetention), 0) << "nothing is left to forget";
  EXPECT_EQ(batches_->Get(Now(), old_batch)->jobs.queued, 1);
  EXPECT_EQ(*batches_->FindByRequestId(Now(), old.request_id, ""), std::nullopt);
  const auto again = batches_->Insert(Now(), old, Wanted({"example.com/a"}), toolset_.name);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->repeated);
  EXPECT_NE(again->batch.id, old_batch);
  EXPECT_TRUE(batches_->Insert(Now(), recent, Wanted({"example.com/a"}), toolset_.name)->repeated);
}

TEST_F(BatchStoreTest, CountsAreKeptWhenABatchHasEndedAndHoldUntilARetry) {
  const SessionId session = Hello("w").session;
  const auto kept = [&] { return Count("SELECT count(*) FROM batch_counts"); };
  const auto batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const BatchId other = Submit({"example.com/b"}).batch.id;
  EXPECT_EQ(batches_->List(Now(), 0)->size(), 2u);
  EXPECT_EQ(kept(), 1) << "the other one runs";
  for (int i = 0; i < 2; ++i) {
    const auto seen = batches_->Get(Now(), batch.batch.id);
    ASSERT_TRUE(seen.ok()) << seen.status();
    EXPECT_EQ(seen->state, BatchState::kDone);
    EXPECT_EQ(seen->jobs, (domain::JobCounts{.failed = 1}));
  }
  const auto retried = batches_->RetryFailed(Now(), batch.batch.id, any_retry_);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->batch.jobs, (domain::JobCounts{.queued = 1}));
  EXPECT_EQ(retried->batch.state, BatchState::kRunning);
  EXPECT_EQ(kept(), 0);
  const JobId again = OnlyJob(batch.batch.id);
  Complete(BuiltReport(Run(again, session), again, {"example.com/a"}));
  EXPECT_EQ(batches_->Get(Now(), batch.batch.id)->jobs, (domain::JobCounts{.built = 1}));
  EXPECT_EQ(batches_->Get(Now(), batch.batch.id)->executables, 1) << "the kept ones";
  EXPECT_EQ(kept(), 1);
  const JobId waits = OnlyJob(other);
  ASSERT_TRUE(batches_->CancelJob(Now(), waits).ok());
  EXPECT_EQ(batches_->Get(Now(), other)->jobs, (domain::JobCounts{.cancelled = 1}));
  ASSERT_TRUE(batches_->RetryJob(Now(), waits, any_retry_).ok());
  EXPECT_EQ(batches_->Get(Now(), other)->jobs, (domain::JobCounts{.queued = 1}));
}

TEST_F(BatchStoreTest, ARetryUnderWayKeepsNobodyWaitingAndNothingWrong) {
  const SessionId session = Hello("w").session;
  const BatchId batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, session).batch.id;
  pqxx::connection db(url_);
  pqxx::work retry(db);
  retry.exec(Cat("SELECT id FROM batches WHERE id = ", batch.value, " FOR UPDATE"));
  EXPECT_EQ(batches_->Get(Now(), batch)->jobs.failed, 1);
  EXPECT_EQ(Count("SELECT count(*) FROM batch_counts"), 0) << "what a retry may be changing is not kept";
}

TEST_F(BatchStoreTest, EqualDigestsInOneBatchCountOnce) {
  EXPECT_EQ(Submit({"example.com/a", "example.com/a"}).batch.jobs.queued, 1);
}

TEST_F(BatchStoreTest, ASecondSubmissionJoinsWaitingRunningAndBuiltJobs) {
  const SessionId session = Hello("w").session;
  const auto first = Submit({"example.com/a"});
  const JobId job = OnlyJob(first.batch.id);
  EXPECT_EQ(OnlyJob(Submit({"example.com/a"}).batch.id), job);
  const AttemptToken token = Run(job, session);
  EXPECT_EQ(OnlyJob(Submit({"example.com/a"}).batch.id), job);
  Complete(BuiltReport(token, job, {"example.com/a"}));
  const auto last = Submit({"example.com/a"});
  EXPECT_EQ(OnlyJob(last.batch.id), job);
  EXPECT_EQ(last.new_jobs, 0);
  EXPECT_EQ(last.batch.state, BatchState::kDone);
  EXPECT_EQ(last.batch.executables, 1);
  EXPECT_EQ(Job(job).batches.size(), 4u);
}

// The join rules for every class, as the database applies them.
TEST_F(BatchStoreTest, AFailedJobIsJoinedOrMadeAnewByItsClass) {
  const SessionId session = Hello("w").session;
  for (int i = 1; i <= domain::kFailureClasses; ++i) {
    const auto failure = static_cast<FailureClass>(i);
    const std::string module = Cat("example.com/m", i);
    const JobId job = OnlyJob(SubmitAndFail(module, failure, session).batch.id);
    const bool joined = OnlyJob(Submit({module}).batch.id) == job;
    EXPECT_EQ(joined, domain::Joins(JobState::kFailed, failure)) << Name(failure);
  }
}

TEST_F(BatchStoreTest, ForceMakesANewGenerationAndTheOldBatchKeepsItsJob) {
  const auto first = Submit({"example.com/a"});
  const auto forced = Submit({"example.com/a"}, /*force=*/true);
  EXPECT_NE(OnlyJob(first.batch.id), OnlyJob(forced.batch.id));
  EXPECT_EQ(Job(OnlyJob(forced.batch.id)).generation, 2);
  EXPECT_EQ(OnlyJob(Submit({"example.com/a"}).batch.id), OnlyJob(forced.batch.id)) << "joins the latest generation";
}

TEST_F(BatchStoreTest, SubmissionsAtOnceMakeOneJobEachUnlessForced) {
  constexpr int kThreads = 6;
  std::vector<std::thread> threads;
  std::vector<domain::SubmitRequest> requests;
  for (int i = 0; i < kThreads; ++i) requests.push_back(Request());
  std::vector<domain::WantedJob> forward = Wanted({"example.com/a", "example.com/b", "example.com/c", "example.com/d"});
  std::vector<domain::WantedJob> backward(forward.rbegin(), forward.rend());
  std::atomic<int> failures = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto done = batches_->Insert(Now(), requests[i], i % 2 ? forward : backward, toolset_.name);
      if (!done.ok()) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 4);
  EXPECT_EQ(Count("SELECT count(*) FROM queue"), 4);
  EXPECT_EQ(Count("SELECT count(*) FROM batch_jobs"), 4 * kThreads);

  threads.clear();
  for (domain::SubmitRequest& request : requests) {
    request = Request(/*force=*/true);
    threads.emplace_back([&] {
      if (!batches_->Insert(Now(), request, forward, toolset_.name).ok()) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 4 + 4 * kThreads);
  EXPECT_EQ(Count("SELECT max(generation) FROM jobs"), 1 + kThreads);
}

TEST_F(BatchStoreTest, AnUrgentSubmissionRaisesWhatItJoins) {
  Submit({"example.com/a", "example.com/b"});
  ASSERT_TRUE(batches_->Insert(Now(), Request(false, /*priority=*/5), Wanted({"example.com/b"}), toolset_.name).ok());
  EXPECT_EQ(dispatch_->LoadQueue(Now(), JobId{}, 10)->jobs.at(0).module, "example.com/b");
}

TEST_F(BatchStoreTest, CancelEndsOnlyJobsThatNoOtherLiveBatchWants) {
  const SessionId session = Hello("w").session;
  const auto first = Submit({"example.com/alone", "example.com/shared", "example.com/running"});
  const auto other = Submit({"example.com/shared"});
  const JobId running = JobsOf(first.batch.id)[2].id;
  const AttemptToken token = Run(running, session);

  const auto cancelled = batches_->Cancel(Now(), first.batch.id);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->batch.state, BatchState::kCancelled);
  ASSERT_EQ(cancelled->jobs.cancelled.size(), 1u);
  EXPECT_EQ(cancelled->jobs.cancelled[0].module, "example.com/alone");
  ASSERT_EQ(cancelled->jobs.to_cancel.size(), 1u);
  EXPECT_EQ(cancelled->jobs.to_cancel[0].token, token);
  EXPECT_EQ(Job(OnlyJob(other.batch.id)).state, JobState::kQueued);
  EXPECT_EQ(Job(running).state, JobState::kRunning) << "until its worker ended it";

  domain::CompletedAttempt ended{.token = token, .job = running};
  ended.outcome = AttemptOutcome::kCancelled;
  Complete(ended);
  EXPECT_EQ(Job(running).state, JobState::kCancelled);

  ASSERT_TRUE(batches_->Cancel(Now(), other.batch.id).ok());
  EXPECT_EQ(Job(OnlyJob(other.batch.id)).state, JobState::kCancelled) << "the last batch that wanted it is gone";
  EXPECT_EQ(Count("SELECT count(*) FROM queue"), 0);
}

TEST_F(BatchStoreTest, AJobThatIsBeingCancelledIsNotJoined) {
  const SessionId session = Hello("w").session;
  const auto first = Submit({"example.com/a"});
  const JobId job = OnlyJob(first.batch.id);
  Run(job, session);
  ASSERT_TRUE(batches_->Cancel(Now(), first.batch.id).ok());
  EXPECT_NE(OnlyJob(Submit({"example.com/a"}).batch.id), job);
}

// A submission that joins and a cancel of the only other batch, at once and often: whoever joined must see its job
// live, or must have made a new one.
TEST_F(BatchStoreTest, ASubmissionNeverJoinsAJobThatACancelTakesAway) {
  for (int i = 0; i < 25; ++i) {
    const std::string module = Cat("example.com/m", i);
    const auto first = Submit({module});
    const domain::SubmitRequest request = Request();
    absl::StatusOr<store::InsertedBatch> joined = absl::UnknownError("not run");
    std::thread submit([&] { joined = batches_->Insert(Now(), request, Wanted({module}), toolset_.name); });
    const auto cancelled = batches_->Cancel(Now(), first.batch.id);
    submit.join();
    ASSERT_TRUE(cancelled.ok()) << cancelled.status();
    ASSERT_TRUE(joined.ok()) << joined.status();
    EXPECT_EQ(Job(OnlyJob(joined->batch.id)).state, JobState::kQueued) << i;
  }
}

TEST_F(BatchStoreTest, CancellingADoneBatchChangesNothing) {
  const SessionId session = Hello("w").session;
  const auto batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const domain::Job before = Job(OnlyJob(batch.batch.id));
  const auto cancelled = batches_->Cancel(Now(), batch.batch.id);
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->batch.state, BatchState::kDone);
  EXPECT_EQ(cancelled->batch.jobs.failed, 1);
  EXPECT_THAT(cancelled->jobs.cancelled, ::testing::IsEmpty());
  EXPECT_THAT(cancelled->jobs.to_cancel, ::testing::IsEmpty());
  EXPECT_EQ(Count("SELECT count(*) FROM batches WHERE cancelled_at IS NOT NULL"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM jobs WHERE cancel_requested"), 0);
  const domain::Job after = Job(OnlyJob(batch.batch.id));
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.state, JobState::kFailed);
  EXPECT_EQ(after.failure_class, FailureClass::kCompileError);
  EXPECT_EQ(after.ended_at, before.ended_at);
  EXPECT_EQ(after.attempts.size(), before.attempts.size());
  EXPECT_EQ(batches_->Cancel(Now(), BatchId{999999}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BatchStoreTest, RetryGivesFailedAndPartialJobsANewGenerationInTheSameBatch) {
  const SessionId session = Hello("w").session;
  const auto batch = Submit({"example.com/built", "example.com/failed", "example.com/partial"});
  const std::vector<domain::Job> before = JobsOf(batch.batch.id);
  Complete(BuiltReport(Run(before[0].id, session), before[0].id, {"example.com/built"}));
  Complete(FailedReport(Run(before[1].id, session), before[1].id, FailureClass::kCompileError));
  domain::CompletedAttempt partial = BuiltReport(Run(before[2].id, session), before[2].id, {"example.com/partial/x"});
  partial.outcome = AttemptOutcome::kPartial;
  partial.failure_class = FailureClass::kLinkError;
  partial.failed_programs = {
      {.import_path = "example.com/partial/y", .name = "y", .failure_class = FailureClass::kLinkError}};
  Complete(partial);

  const auto retried = batches_->RetryFailed(Now(), batch.batch.id, any_retry_);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->retried, 2);
  EXPECT_EQ(retried->batch.state, BatchState::kRunning);
  EXPECT_EQ(retried->batch.jobs.built, 1);
  EXPECT_EQ(retried->batch.jobs.queued, 2);
  EXPECT_EQ(retried->batch.jobs.failed, 0);
  EXPECT_TRUE(Job(before[1].id).batches.empty()) << "the old link is replaced";
  EXPECT_EQ(Job(before[1].id).state, JobState::kFailed) << "the old job stays as it was";
}

TEST_F(BatchStoreTest, RetryJoinsTheRetryOfAnotherBatch) {
  const SessionId session = Hello("w").session;
  const auto one = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const auto two = Submit({"example.com/a"});
  ASSERT_TRUE(batches_->RetryFailed(Now(), one.batch.id, any_retry_).ok());
  ASSERT_TRUE(batches_->RetryFailed(Now(), two.batch.id, any_retry_).ok());
  EXPECT_EQ(OnlyJob(one.batch.id), OnlyJob(two.batch.id));
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 2);
}

TEST_F(BatchStoreTest, RetryOfAJobReplacesItInEveryLiveBatch) {
  const SessionId session = Hello("w").session;
  const auto one = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const auto two = Submit({"example.com/a"});
  const auto successor = batches_->RetryJob(Now(), OnlyJob(one.batch.id), any_retry_);
  ASSERT_TRUE(successor.ok()) << successor.status();
  EXPECT_EQ(OnlyJob(one.batch.id), successor->id);
  EXPECT_EQ(OnlyJob(two.batch.id), successor->id);
  EXPECT_EQ(batches_->RetryJob(Now(), successor->id, any_retry_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(BatchStoreTest, CancelOfAJobIsImmediateWhileItWaits) {
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  const auto cancelled = batches_->CancelJob(Now(), job);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->cancelled.size(), 1u);
  EXPECT_EQ(Job(job).state, JobState::kCancelled);
  EXPECT_EQ(batches_->CancelJob(Now(), job).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(batches_->CancelJob(Now(), JobId{999999}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BatchStoreTest, ListIsNewestFirst) {
  Submit({"example.com/a"});
  const BatchId second = Submit({"example.com/b"}).batch.id;
  EXPECT_EQ(batches_->List(Now(), 0)->size(), 2u);
  ASSERT_EQ(batches_->List(Now(), 1)->size(), 1u);
  EXPECT_EQ(batches_->List(Now(), 1)->at(0).id, second);
}

TEST_F(BatchStoreTest, WhatRunsIsFoundHoweverManyNewerBatchesEnded) {
  const SessionId session = Hello("w").session;
  const BatchId first = Submit({"example.com/long"}).batch.id;
  const BatchId second = Submit({"example.com/longer"}).batch.id;
  for (int i = 0; i < 3; ++i) SubmitAndFail(Cat("example.com/short", i), FailureClass::kCompileError, session);
  const BatchId third = Submit({"example.com/unwanted"}).batch.id;
  ASSERT_TRUE(batches_->Cancel(Now(), third).ok());
  const auto running = [&](int64_t limit) {
    const auto batches = batches_->ListRunning(Now(), limit);
    EXPECT_TRUE(batches.ok()) << batches.status();
    std::vector<BatchId> ids;
    if (batches.ok()) {
      for (const domain::Batch& batch : *batches) ids.push_back(batch.id);
    }
    return ids;
  };
  EXPECT_THAT(running(1), ::testing::ElementsAre(second));
  EXPECT_EQ(Count("SELECT count(*) FROM batch_counts"), 3) << "what ended is not counted again";
  EXPECT_THAT(running(2), ::testing::ElementsAre(second, first));
  EXPECT_THAT(running(50), ::testing::ElementsAre(second, first));
  EXPECT_THAT(running(0), ::testing::ElementsAre(second, first));
  ASSERT_TRUE(batches_->Cancel(Now(), first).ok());
  const JobId last = OnlyJob(second);
  Complete(BuiltReport(Run(last, session), last, {"example.com/longer"}));
  EXPECT_THAT(running(50), ::testing::IsEmpty());
}

}  // namespace
}  // namespace gofarm::testing
