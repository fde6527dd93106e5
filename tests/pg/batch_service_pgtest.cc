// Submissions and completions through the services, down to the database.
#include <map>
#include <set>
#include <variant>

#include "common/base/clock.h"
#include "common/metrics/metrics.h"
#include "coordinator/service/attempt_service.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/job_news.h"
#include "coordinator/service/query_service.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

class FakeProxy final : public service::ModuleProxy {
 public:
  service::VersionAnswer Check(const Scope&, const std::string&, const std::string& version) override {
    return {.state = version == "v1.99.99" || gone ? service::VersionState::kAbsent : service::VersionState::kThere};
  }
  absl::StatusOr<std::string> Latest(const Scope&, const std::string&) override { return latest; }

  bool gone = false;  // every version, from now on
  std::string latest = "v1.5.0";
};

// What the dispatcher is given.
class FakeDispatch final : public service::DispatchPort {
 public:
  absl::Status Post(dispatch::Event event) override {
    if (const auto* cancel = std::get_if<dispatch::CancelRequested>(&event))
      cancels.insert(cancel->tokens.begin(), cancel->tokens.end());
    if (std::holds_alternative<dispatch::AttemptEnded>(event)) ++ended;
    if (const auto* gone = std::get_if<dispatch::JobsRemoved>(&event))
      removed.insert(gone->jobs.begin(), gone->jobs.end());
    return absl::OkStatus();
  }
  void QueueChanged(JobId lowest) override { queue_changes.push_back(lowest); }
  domain::TryContext ContextOf(AttemptToken) const override { return context; }

  std::vector<JobId> queue_changes;  // from which job on
  std::set<AttemptToken> cancels;
  std::set<JobId> removed;
  int ended = 0;
  domain::TryContext context;
};

class BatchServiceTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    toolset_.digest = domain::ToolsetDigest(toolset_);
    Restart({toolset_}, domain::CurrentPolicy());
    attempt_service_ = std::make_unique<service::AttemptService>(
        *attempts_,
        [this](const std::string& sha256) -> absl::StatusOr<int64_t> {
          const auto blob = blobs_.find(sha256);
          if (blob == blobs_.end()) return absl::NotFoundError("no blob");
          return blob->second;
        },
        [this](const Executable& executable, Target target) -> absl::Status {
          if (target != Target::kX86_64) return absl::InternalError("the job's target");
          return wrong_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(Cat(executable.name, ": ", wrong_));
        },
        nullptr, dispatch_, fence_, news_);
  }
  // A coordinator with another configuration or of another release.
  void Restart(const std::vector<Toolset>& toolsets, const domain::RecipePolicy& policy) {
    service_ = std::make_unique<service::BatchService>(
        *batches_, *queries_, proxy_,
        service::BatchRules{.toolset = toolsets[0], .toolsets = toolsets, .policy = policy, .goprivate = ""}, news_);
  }
  domain::SubmitRequest List(const std::vector<std::pair<std::string, std::string>>& modules) {
    domain::SubmitRequest request = Request();
    request.name = "";
    request.targets = {Target::kX86_64};
    int line = 0;
    for (const auto& [module, version] : modules) {
      request.entries.push_back({.line = ++line, .module = module, .version = version});
    }
    return request;
  }

  FakeProxy proxy_;
  service::ProgressBoard board_;
  service::AttemptFence fence_{
      [this](const Scope& scope, AttemptToken token) { return queries_->FactsOf(scope, token); }, RealClock()};
  metrics::Registry registry_;
  service::JobMetrics metrics_{registry_, RealClock()};
  FakeDispatch dispatch_;
  service::JobNews news_{board_, fence_, dispatch_, metrics_};
  std::map<std::string, int64_t> blobs_;
  std::string wrong_;  // with every executable
  std::unique_ptr<service::BatchService> service_;
  std::unique_ptr<service::AttemptService> attempt_service_;
};

TEST_F(BatchServiceTest, ASubmissionStoresItsBatchAndTellsTheDispatcher) {
  const auto receipt = service_->Submit(Now(), List({{"example.com/a", "v1.0.0"}, {"example.com/b", "latest"}}));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->batch.jobs.queued, 2);
  EXPECT_EQ(receipt->batch.name, "2 modules");
  EXPECT_EQ(JobsOf(receipt->batch.id)[1].version, "v1.5.0") << "the resolved version is recorded";
  EXPECT_EQ(dispatch_.queue_changes, std::vector<JobId>{JobsOf(receipt->batch.id)[0].id});
  EXPECT_EQ(board_.Newest(), 2) << "both are shown as queued";
}

TEST_F(BatchServiceTest, TheDispatcherHearsFromWhichJobOnTheQueueChanged) {
  const JobId older = OnlyJob(service_->Submit(Now(), List({{"example.com/a", "v1.0.0"}}))->batch.id);
  dispatch_.queue_changes.clear();
  domain::SubmitRequest request = List({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.0.0"}});
  const auto mixed = service_->Submit(Now(), request);
  ASSERT_TRUE(mixed.ok()) << mixed.status();
  const JobId newer = JobsOf(mixed->batch.id)[1].id;
  EXPECT_EQ(dispatch_.queue_changes, std::vector<JobId>{newer}) << "the joined one is as urgent as it was";
  request.request_id = Request().request_id;
  ASSERT_TRUE(service_->Submit(Now(), request).ok());
  EXPECT_EQ(dispatch_.queue_changes.size(), 1u) << "nothing is new and nothing more urgent";
  request.request_id = Request().request_id;
  request.priority = 7;
  ASSERT_TRUE(service_->Submit(Now(), request).ok());
  EXPECT_EQ(dispatch_.queue_changes, (std::vector<JobId>{newer, older})) << "both are more urgent now";
}

TEST_F(BatchServiceTest, ARefusedSubmissionStoresNothing) {
  const auto receipt = service_->Submit(
      Now(), List({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.99.99"}, {"Example.com/c", "v1.0.0"}}));
  EXPECT_EQ(receipt.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(receipt.status().message().find("line 2: example.com/b@v1.99.99"), absl::string_view::npos)
      << receipt.status();
  EXPECT_NE(receipt.status().message().find("line 3: "), absl::string_view::npos) << "errors of all kinds at once";
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 0);
  EXPECT_TRUE(dispatch_.queue_changes.empty());
}

TEST_F(BatchServiceTest, WhatIsGoneIsLeftOutOfAListThatSaysSo) {
  domain::SubmitRequest request =
      List({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.99.99"}, {"Example.com/c", "v1.0.0"}});
  request.leave_out = true;
  request.entries[0].targets = {Target::kX86_64, Target::kRiscv64};
  const auto receipt = service_->Submit(Now(), request);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->batch.jobs.queued, 2) << "the targets of that entry alone";
  ASSERT_EQ(receipt->left_out.size(), 2u);
  EXPECT_EQ(receipt->left_out[0].line, 2);
  EXPECT_NE(receipt->left_out[0].why.find("does not know this version"), std::string::npos);
  EXPECT_EQ(receipt->left_out[1].line, 3);
}

TEST_F(BatchServiceTest, AListOfWhichNothingIsLeftMakesNoBatch) {
  domain::SubmitRequest request = List({{"example.com/b", "v1.99.99"}});
  request.leave_out = true;
  const auto receipt = service_->Submit(Now(), request);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->batch.id, BatchId{});
  EXPECT_EQ(receipt->left_out.size(), 1u);
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 0);
  request.priority = service::kPriorityMax + 1;
  EXPECT_TRUE(absl::IsInvalidArgument(service_->Submit(Now(), request).status())) << "the rest is refused as ever";
}

TEST_F(BatchServiceTest, ARepeatedRequestIsAnsweredWithoutAskingAgain) {
  const domain::SubmitRequest request = List({{"example.com/a", "v1.0.0"}, {"example.com/b", "latest"}});
  const auto first = service_->Submit(Now(), request);
  proxy_.gone = true;
  proxy_.latest = "v1.6.0";
  const auto second = service_->Submit(Now(), request);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->repeated_request);
  EXPECT_EQ(second->batch.id, first->batch.id);
}

TEST_F(BatchServiceTest, ARequestIdThatComesAgainWithOtherContentIsRefused) {
  const domain::SubmitRequest first = List({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.0.0"}});
  ASSERT_TRUE(service_->Submit(Now(), first).ok());
  std::vector<domain::SubmitRequest> others(9, first);
  others[0].entries[1].version = "v1.0.1";
  others[1].entries.pop_back();
  others[2].entries[0].module = "example.com/c";
  others[3].targets = {Target::kX86_64, Target::kRiscv64};
  others[4].priority = 1;
  others[5].labels = {{"team", "tools"}};
  others[6].name = "mine";
  others[7].submitter = "somebody else";
  others[8].force = true;
  for (const domain::SubmitRequest& other : others) {
    const absl::Status refused = service_->Submit(Now(), other).status();
    EXPECT_TRUE(absl::IsAlreadyExists(refused)) << &other - others.data() << ": " << refused;
    EXPECT_NE(refused.message().find("take a new request id"), absl::string_view::npos) << refused;
  }
  domain::SubmitRequest same = first;
  same.entries[0].line = 17;
  same.entries.push_back(same.entries[1]);
  EXPECT_TRUE(service_->Submit(Now(), same)->repeated_request) << "another text of the same";
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 1);
}

TEST_F(BatchServiceTest, CancelTellsTheWorkersOfRunningJobs) {
  const SessionId session = Hello("w").session;
  const auto receipt = service_->Submit(Now(), List({{"example.com/a", "v1.0.0"}, {"example.com/b", "v1.0.0"}}));
  const AttemptToken token = Run(JobsOf(receipt->batch.id)[0].id, session);
  const auto cancelled = service_->Cancel(Now(), receipt->batch.id);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state, BatchState::kCancelled);
  EXPECT_EQ(dispatch_.cancels, std::set<AttemptToken>{token});
  EXPECT_EQ(dispatch_.removed, std::set<JobId>{JobsOf(receipt->batch.id)[1].id});
}

TEST_F(BatchServiceTest, JobVerbsAnswerTheJobAsItIsNow) {
  const auto receipt = service_->Submit(Now(), List({{"example.com/a", "v1.0.0"}}));
  const JobId job = OnlyJob(receipt->batch.id);
  EXPECT_EQ(service_->CancelJob(Now(), job)->state, JobState::kCancelled);
  const auto retried = service_->RetryJob(Now(), job);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_NE(retried->id, job);
  EXPECT_EQ(retried->state, JobState::kQueued);
  EXPECT_EQ(retried->batches, std::vector<BatchId>{receipt->batch.id});
}

TEST_F(BatchServiceTest, RetryOfABatchQueuesItsFailedJobsAgain) {
  const SessionId session = Hello("w").session;
  const auto batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const auto retried = service_->Retry(Now(), batch.batch.id);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->jobs.queued, 1);
  EXPECT_EQ(dispatch_.queue_changes, std::vector<JobId>{OnlyJob(batch.batch.id)});
}

TEST_F(BatchServiceTest, ARetryIsTheSameRecipeAndIsRefusedWhereThatRecipeIsBuiltNoLonger) {
  const SessionId session = Hello("w").session;
  const auto batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, session);
  const JobId failed = OnlyJob(batch.batch.id);
  Toolset next{.name = "t2", .go_versions = {"1.27.0"}, .zig_version = "0.15.2"};
  next.digest = domain::ToolsetDigest(next);
  const auto refused = [&](std::string_view why) {
    for (const absl::Status& status :
         {service_->RetryJob(Now(), failed).status(), service_->Retry(Now(), batch.batch.id).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_NE(status.message().find(Av(why)), absl::string_view::npos) << status;
      EXPECT_NE(status.message().find("submit example.com/a@v1.0.0 again"), absl::string_view::npos) << status;
    }
    EXPECT_EQ(Count("SELECT count(*) FROM jobs"), 1);
  };
  Restart({next}, domain::CurrentPolicy());
  refused("toolset t1");
  domain::RecipePolicy later = domain::CurrentPolicy();
  ++later.recipe_version;
  Restart({next, toolset_}, later);
  refused("an older release");

  Restart({next, toolset_}, domain::CurrentPolicy());
  const auto retried = service_->RetryJob(Now(), failed);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_EQ(retried->toolset, "t1") << "the same recipe, whatever new jobs get";
  EXPECT_EQ(retried->recipe_digest, Job(failed).recipe_digest);
  EXPECT_EQ(retried->generation, 2);
}

TEST_F(BatchServiceTest, ACompletionNeedsItsBytes) {
  const SessionId session = Hello("w").session;
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  domain::CompletedAttempt report = BuiltReport(Run(job, session), job, {"example.com/a"});
  blobs_[report.executables[0].sha256] = report.executables[0].size;
  const auto good = attempt_service_->Complete(Now(), report);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->job_state, JobState::kBuilt);
  EXPECT_EQ(dispatch_.ended, 1);
  blobs_.clear();
  EXPECT_TRUE(attempt_service_->Complete(Now(), report)->repeated) << "a repeat needs them no more";
}

TEST_F(BatchServiceTest, ALyingReportEndsTheAttemptAsTheFarmsOwnFailure) {
  const SessionId session = Hello("w").session;
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  domain::CompletedAttempt report = BuiltReport(Run(job, session), job, {"example.com/a"});
  EXPECT_EQ(attempt_service_->Complete(Now(), report).status().code(), absl::StatusCode::kFailedPrecondition)
      << "never uploaded";
  EXPECT_EQ(Job(job).state, JobState::kQueued);
  EXPECT_EQ(Job(job).attempts[0].failure_class, FailureClass::kInternal);
  MakeDue(job);
  report = BuiltReport(Run(job, session), job, {"example.com/a"});
  report.executables[0].sha256 = "garbage";
  EXPECT_EQ(attempt_service_->Complete(Now(), report).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Job(job).state, JobState::kQueued);
}

TEST_F(BatchServiceTest, AnExecutableThatIsNotWhatItSaysIsItsWorkersFaultAndTheJobGoesToAnother) {
  const SessionId session = Hello("w").session;
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  const domain::CompletedAttempt report = BuiltReport(Run(job, session), job, {"example.com/a"});
  blobs_[report.executables[0].sha256] = report.executables[0].size;
  wrong_ = "is for aarch64, not x86_64";
  const absl::Status refused = attempt_service_->Complete(Now(), report).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_TRUE(attempt_service_->Complete(Now(), report)->repeated) << "the worker hears that it is done with it";
  const domain::Job after = Job(job);
  EXPECT_EQ(after.state, JobState::kQueued);
  EXPECT_EQ(after.attempts[0].failure_class, FailureClass::kToolchainBroken);
  EXPECT_EQ(after.attempts[0].failure_detail, "a: is for aarch64, not x86_64");
  EXPECT_TRUE(domain::BlamesWorker(after.attempts[0].failure_class));
  EXPECT_EQ(Count("SELECT count(*) FROM executables"), 0);
}

TEST_F(BatchServiceTest, AStaleTokenIsAFailedPrecondition) {
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  domain::CompletedAttempt report{.token = AttemptToken{4711}, .job = job};
  report.outcome = AttemptOutcome::kNothingToBuild;
  EXPECT_EQ(attempt_service_->Complete(Now(), report).status().code(), absl::StatusCode::kFailedPrecondition);
  const SessionId session = Hello("w").session;
  const AttemptToken offer = Claim(job, session);
  report.token = offer;
  EXPECT_EQ(attempt_service_->Complete(Now(), report).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(BatchServiceTest, ListsAreCutByTheirLimitAndKnowTheirBatch) {
  service::QueryService queries(*batches_, *queries_);
  const BatchId batch = Submit({"example.com/a", "example.com/b", "example.com/c"}).batch.id;
  int seen = 0;
  const auto count = [&](std::vector<domain::Job> page) {
    seen += static_cast<int>(page.size());
    return true;
  };
  ASSERT_TRUE(queries.ListJobs(Now(), {.batch = batch}, 0, count).ok());
  EXPECT_EQ(seen, 3);
  seen = 0;
  ASSERT_TRUE(queries.ListJobs(Now(), {}, 2, count).ok());
  EXPECT_EQ(seen, 2);
  for (const BatchId of : {batch, BatchId{}}) {
    seen = 0;
    ASSERT_TRUE(queries.ListJobs(Now(), {.batch = of, .module = "example.com/b"}, 0, count).ok());
    EXPECT_EQ(seen, 1) << of.value;
  }
  EXPECT_EQ(queries.ListJobs(Now(), {.batch = BatchId{999999}}, 0, count).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(queries.ListArtifacts(Now(), {.batch = BatchId{999999}}, 0, [](auto) { return true; }).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gofarm::testing
