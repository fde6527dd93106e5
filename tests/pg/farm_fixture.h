// A test farm in a database: a pinned toolset, a leading coordinator, and short words for what happens to jobs.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/domain/recipe.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/domain/toolset.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/leadership_store.h"
#include "coordinator/store/pg_dispatch_store.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/toolset_store.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {

class FarmTest : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    batches_ = std::make_unique<store::BatchStore>(*pool_);
    attempts_ = std::make_unique<store::AttemptStore>(*pool_, [] { return 0.5; });
    dispatch_ = std::make_unique<store::PgDispatchStore>(*pool_, [] { return 0.5; });
    queries_ = std::make_unique<store::QueryStore>(*pool_);
    toolset_ = {.name = "t1", .go_versions = {"1.26.8"}, .zig_version = "0.15.2"};
    ASSERT_TRUE(store::ToolsetStore(*pool_).Pin(Now(), toolset_).ok());
    leadership_ = std::make_unique<store::PgLeadershipStore>(*pool_);
    epoch_ = leadership_->Take(Now(), {.id = "test", .holder = "test"}, leadership::kLease)->leader.epoch;
  }
  static Scope Now() { return Scope::For(absl::Minutes(1)); }

  std::vector<domain::WantedJob> Wanted(const std::vector<std::string>& modules,
                                        const std::vector<Target>& targets = {Target::kX86_64}) const {
    std::vector<domain::WantedJob> jobs;
    for (const std::string& module : modules) {
      for (const Target target : targets) {
        jobs.push_back({.module = module,
                        .version = "v1.0.0",
                        .target = target,
                        .recipe_digest = domain::RecipeDigest({.module = module,
                                                               .version = "v1.0.0",
                                                               .target = target,
                                                               .toolset_digest = domain::ToolsetDigest(toolset_),
                                                               .policy = domain::CurrentPolicy()})});
      }
    }
    return jobs;
  }
  domain::SubmitRequest Request(bool force = false, int priority = 0) {
    return {.request_id = Cat("r", ++requests_), .name = "n", .submitter = "s", .force = force, .priority = priority};
  }
  store::InsertedBatch Submit(const std::vector<std::string>& modules, bool force = false) {
    auto inserted = batches_->Insert(Now(), Request(force), Wanted(modules), toolset_.name);
    EXPECT_TRUE(inserted.ok()) << inserted.status();
    return *std::move(inserted);
  }
  std::vector<domain::Job> JobsOf(BatchId batch) {
    auto jobs = queries_->JobPage(Now(), {.batch = batch}, JobId{}, store::kJobPageMax);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    return *std::move(jobs);
  }
  JobId OnlyJob(BatchId batch) {
    const std::vector<domain::Job> jobs = JobsOf(batch);
    EXPECT_EQ(jobs.size(), 1u);
    return jobs.at(0).id;
  }
  domain::Job Job(JobId id) {
    auto job = queries_->GetJob(Now(), id);
    EXPECT_TRUE(job.ok()) << job.status();
    return *std::move(job);
  }

  domain::OpenedSession Hello(const std::string& worker, std::vector<AnnouncedAttempt> attempts = {}) {
    domain::SessionRequest hello{.name = worker,
                                 .instance = "i",
                                 .host_arch = "x86_64",
                                 .build_version = "b",
                                 .pid = 7,
                                 .targets = {Target::kX86_64},
                                 .slots = 2,
                                 .memory_bytes = 1 << 20};
    hello.attempts = std::move(attempts);
    hello.proof_sha256 = hello.fresh_secret_sha256 = digest::Sha256Hex(worker);
    auto opened = dispatch_->OpenSession(Now(), epoch_, hello, absl::Seconds(30));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  AttemptToken Claim(JobId job, SessionId session) {
    auto claims = dispatch_->ClaimOffers(Now(), epoch_, {{.job = job, .session = session}});
    EXPECT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->at(0).outcome, domain::ClaimOutcome::kWon);
    return claims->at(0).token;
  }
  domain::AcceptOutcome Accept(AttemptToken token, JobId job, SessionId session) {
    auto outcomes = dispatch_->AcceptOffers(Now(), epoch_, {{.token = token, .job = job, .session = session}});
    EXPECT_TRUE(outcomes.ok()) << outcomes.status();
    return outcomes->at(0);
  }
  AttemptToken Run(JobId job, SessionId session) {
    const AttemptToken token = Claim(job, session);
    EXPECT_EQ(Accept(token, job, session), domain::AcceptOutcome::kRunning);
    return token;
  }
  // The job's backoff is over.
  void MakeDue(JobId job) { Sql(Cat("UPDATE queue SET not_before = now() WHERE job_id = ", job.value)); }
  void LetLeaseRunOut(SessionId session) {
    Sql(Cat("UPDATE sessions SET lease_expires_at = now() - interval '1 second' WHERE id = ", session.value));
  }

  static Executable Program(const std::string& import_path) {
    return {.name = import_path.substr(import_path.rfind('/') + 1),
            .import_path = import_path,
            .size = 100,
            .sha256 = digest::Sha256Hex(import_path),
            .blake3 = std::string(64, 'b'),
            .main_version = "v1.0.0",
            .go_version = "go1.26.8",
            .build_info = "path\tx\n",
            .dependencies = {0},
            .variant = "install"};
  }
  static domain::CompletedAttempt BuiltReport(AttemptToken token, JobId job, const std::vector<std::string>& programs) {
    domain::CompletedAttempt report{.token = token, .job = job};
    report.outcome = AttemptOutcome::kBuilt;
    report.dependencies = {{.path = "example.com/d", .version = "v1.2.3", .h1 = "h1:x="}};
    for (const std::string& path : programs) report.executables.push_back(Program(path));
    return report;
  }
  static domain::CompletedAttempt FailedReport(AttemptToken token, JobId job, FailureClass failure) {
    domain::CompletedAttempt report{.token = token, .job = job};
    report.failure_class = failure;
    report.failure_detail = "decisive lines";
    return report;
  }
  domain::CompleteResult Complete(const domain::CompletedAttempt& report, const domain::TryContext& context = {}) {
    auto result = attempts_->Complete(Now(), report, context);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }
  // Submits one module and brings its job to the failure.
  store::InsertedBatch SubmitAndFail(const std::string& module, FailureClass failure, SessionId session) {
    store::InsertedBatch batch = Submit({module});
    const JobId job = OnlyJob(batch.batch.id);
    for (int i = 0; i < 10 && !IsEnded(Job(job).state); ++i) {
      MakeDue(job);
      Complete(FailedReport(Run(job, session), job, failure));
    }
    EXPECT_EQ(Job(job).state, JobState::kFailed);
    return batch;
  }

  Toolset toolset_;
  int64_t epoch_ = 0;
  int requests_ = 0;
  std::unique_ptr<store::BatchStore> batches_;
  std::unique_ptr<store::AttemptStore> attempts_;
  std::unique_ptr<store::PgDispatchStore> dispatch_;
  std::unique_ptr<store::PgLeadershipStore> leadership_;
  std::unique_ptr<store::QueryStore> queries_;
};

}  // namespace gofarm::testing
