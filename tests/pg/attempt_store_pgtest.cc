#include <thread>

#include "coordinator/store/artifact_store.h"
#include "coordinator/store/attempt_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using domain::CompleteOutcome;

class AttemptStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    session_ = Hello("worker-1").session;
    batch_ = Submit({"example.com/a"}).batch.id;
    job_ = OnlyJob(batch_);
    token_ = Run(job_, session_);
  }
  SessionId session_;
  BatchId batch_;
  JobId job_;
  AttemptToken token_;
};

TEST_F(AttemptStoreTest, ABuiltAttemptEndsItsJobAndItsRowsOfTheHotTables) {
  domain::CompletedAttempt report = BuiltReport(token_, job_, {"example.com/a/y", "example.com/a/x"});
  report.variants = {{.variant = "install",
                      .outcome = VariantOutcome::kBuilt,
                      .seconds = 1.5,
                      .argv = {"go", "install"},
                      .environment = {"A=b \"q\""},
                      .go_mod = "module x\n",
                      .working_directory = "/job"}};
  report.phases = {{.phase = Phase::kFetch, .seconds = 0.25}, {.phase = Phase::kBuild, .seconds = 2}};
  report.peak_memory_bytes = 123456789;
  report.cpu_seconds = 3.5;
  report.facts = {.go_version = "1.26.8",
                  .sandbox_layout = 1,
                  .worker_build = "abc",
                  .log_sha256 = std::string(64, 'c'),
                  .module_h1 = "h1:y=",
                  .bytes_fetched = 77,
                  .dependency_count = 3,
                  .licences_sha256 = std::string(64, 'd'),
                  .licences_size = 9,
                  .used_shared_cache = true,
                  .log_bytes = 55,
                  .source_sha256 = std::string(64, 'e'),
                  .source_size = 12,
                  .module_zip_sha256 = std::string(64, 'f')};
  for (Executable& e : report.executables) {
    if (e.name != "x") continue;
    e.smoke = Smoke::kCrashed;
    e.smoke_detail = "emulator";
    e.version_text = "x 1.0\nof \"today\"";
    e.help_text = "Usage: x <file>\n\t-n";
  }
  report.omitted = {{.part = ReportPart::kBuildInfo, .items = 2}};
  const domain::CompleteResult result = Complete(report);
  EXPECT_EQ(result.outcome, CompleteOutcome::kEnded);
  EXPECT_EQ(result.job_state, JobState::kBuilt);
  EXPECT_FALSE(result.repeated);

  const domain::Job job = Job(job_);
  EXPECT_EQ(job.state, JobState::kBuilt);
  EXPECT_NE(job.ended_at, absl::InfinitePast());
  ASSERT_EQ(job.executables.size(), 2u);
  EXPECT_EQ(job.executables[0].import_path, "example.com/a/x") << "by import path";
  EXPECT_EQ(job.executables[0].name, "x");
  EXPECT_EQ(job.executables[0].smoke, Smoke::kCrashed);
  EXPECT_EQ(job.executables[0].smoke_detail, "emulator");
  EXPECT_EQ(job.executables[1].smoke, Smoke::kNotRun);
  EXPECT_EQ(job.executables[0].module, "example.com/a");
  ASSERT_EQ(job.attempts.size(), 1u);
  const domain::Attempt& attempt = job.attempts[0];
  EXPECT_EQ(attempt.token, token_);
  EXPECT_EQ(attempt.worker, "worker-1");
  EXPECT_EQ(attempt.outcome, AttemptOutcome::kBuilt);
  EXPECT_EQ(attempt.report, report) << "the whole report";
  // What a later release may write.
  Sql("UPDATE reports SET document = jsonb_set(document, '{executables,1,smoke}', '\"limped\"')");
  Sql("UPDATE executables SET smoke = 'limped'");
  const domain::Job later = Job(job_);
  ASSERT_EQ(later.attempts[0].report.executables.size(), 2u);
  EXPECT_EQ(later.attempts[0].report.executables[1].smoke, Smoke::kNotRun);
  EXPECT_EQ(later.executables.at(1).smoke, Smoke::kNotRun);
  EXPECT_EQ(Count("SELECT count(*) FROM queue"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM leases"), 0);
  EXPECT_EQ(batches_->Get(Now(), batch_)->executables, 2);
  EXPECT_EQ(Sql("SELECT document->'dependencies'->0->>'h1' FROM reports"), "h1:x=");

  store::ArtifactStore artifacts(*pool_);
  EXPECT_EQ(Sql(Cat("SELECT kind FROM artifacts WHERE sha256 = '", std::string(64, 'd'), "'")), "licences");
  EXPECT_EQ(Sql(Cat("SELECT kind || size FROM artifacts WHERE sha256 = '", std::string(64, 'e'), "'")), "source12");
  EXPECT_EQ(artifacts.Referenced(Now(), {report.executables[0].sha256, std::string(64, '0')})->size(), 1u);
}

TEST_F(AttemptStoreTest, ARepeatGetsTheSameAnswerAndChangesNothing) {
  Complete(BuiltReport(token_, job_, {"example.com/a"}));
  const domain::CompleteResult again = Complete(FailedReport(token_, job_, FailureClass::kCompileError));
  EXPECT_EQ(again.outcome, CompleteOutcome::kEnded);
  EXPECT_EQ(again.job_state, JobState::kBuilt);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(Job(job_).state, JobState::kBuilt);
}

TEST_F(AttemptStoreTest, ARepeatOfARetriedFailureStillSaysQueued) {
  const auto report = FailedReport(token_, job_, FailureClass::kProxyError);
  EXPECT_EQ(Complete(report).job_state, JobState::kQueued);
  MakeDue(job_);
  const AttemptToken next = Run(job_, session_);
  Complete(BuiltReport(next, job_, {"example.com/a"}));
  const domain::CompleteResult again = Complete(report);
  EXPECT_EQ(again.outcome, CompleteOutcome::kEnded);
  EXPECT_EQ(again.job_state, JobState::kQueued);
}

TEST_F(AttemptStoreTest, AStaleTokenIsRefused) {
  LetLeaseRunOut(session_);
  ASSERT_EQ(dispatch_->ExpireSessions(Now(), epoch_)->lost.size(), 1u);
  EXPECT_EQ(Complete(BuiltReport(token_, job_, {"example.com/a"})).outcome, CompleteOutcome::kStale);
  EXPECT_EQ(Complete(BuiltReport(AttemptToken{999999}, job_, {"example.com/a"})).outcome, CompleteOutcome::kStale);
  EXPECT_EQ(Complete(BuiltReport(token_, JobId{999999}, {"example.com/a"})).outcome, CompleteOutcome::kStale);
  EXPECT_EQ(Job(job_).state, JobState::kQueued);
  EXPECT_EQ(Count("SELECT count(*) FROM executables"), 0) << "nothing of a stale report is kept";
}

TEST_F(AttemptStoreTest, AnOfferThatIsNotAcceptedYetSaysSo) {
  const JobId other = OnlyJob(Submit({"example.com/b"}).batch.id);
  const AttemptToken offer = Claim(other, session_);
  EXPECT_EQ(Complete(BuiltReport(offer, other, {"example.com/b"})).outcome, CompleteOutcome::kNotAccepted);
}

TEST_F(AttemptStoreTest, OneOfTwoCompletionsAtOnceWins) {
  absl::StatusOr<domain::CompleteResult> one = absl::UnknownError(""), two = absl::UnknownError("");
  std::thread other([&] { one = attempts_->Complete(Now(), BuiltReport(token_, job_, {"example.com/a"})); });
  two = attempts_->Complete(Now(), FailedReport(token_, job_, FailureClass::kCompileError));
  other.join();
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(one->job_state, two->job_state);
  EXPECT_NE(one->repeated, two->repeated);
}

TEST_F(AttemptStoreTest, AFaultOfTheFarmGoesBackToTheQueueFiveTimes) {
  AttemptToken token = token_;
  for (int i = 1; i <= domain::kInfraRetriesMax; ++i) {
    const domain::CompleteResult result = Complete(FailedReport(token, job_, FailureClass::kDiskFull));
    ASSERT_EQ(result.job_state, JobState::kQueued) << i;
    ASSERT_TRUE(result.requeued.has_value());
    EXPECT_EQ(result.requeued->avoid_worker, "worker-1");
    EXPECT_EQ(Count("SELECT infra_failures FROM jobs"), i);
    EXPECT_EQ(Count("SELECT count(*) FROM queue WHERE not_before > now()"), 1);
    EXPECT_GT(Job(job_).not_before, absl::UnixEpoch());
    MakeDue(job_);
    token = Run(job_, session_);
  }
  const domain::CompleteResult last = Complete(FailedReport(token, job_, FailureClass::kDiskFull));
  EXPECT_EQ(last.job_state, JobState::kFailed);
  EXPECT_FALSE(last.requeued.has_value());
  const domain::Job job = Job(job_);
  EXPECT_EQ(job.failure_class, FailureClass::kDiskFull);
  EXPECT_EQ(job.failure_detail, "decisive lines");
  EXPECT_EQ(job.attempts.size(), 6u);
}

TEST_F(AttemptStoreTest, ATimeoutIsTriedOnceMoreElsewhere) {
  const domain::CompleteResult first = Complete(FailedReport(token_, job_, FailureClass::kTimeout));
  EXPECT_EQ(first.job_state, JobState::kQueued);
  EXPECT_EQ(first.requeued->avoid_worker, "worker-1");
  EXPECT_EQ(Complete(FailedReport(Run(job_, session_), job_, FailureClass::kTimeout)).job_state, JobState::kFailed);
}

TEST_F(AttemptStoreTest, PartialKeepsProgramsAndFailures) {
  domain::CompletedAttempt report = BuiltReport(token_, job_, {"example.com/a/good"});
  report.outcome = AttemptOutcome::kPartial;
  report.failure_class = FailureClass::kSystemLibraryMissing;
  report.failure_detail = "'pcap.h' file not found";
  report.failed_programs = {
      {.import_path = "example.com/a/z", .name = "z", .failure_class = FailureClass::kCompileError},
      {.import_path = "example.com/a/b",
       .name = "b",
       .failure_class = FailureClass::kSystemLibraryMissing,
       .failure_detail = "d {,\"\\}"}};
  EXPECT_EQ(Complete(report).job_state, JobState::kPartial);
  const domain::Job job = Job(job_);
  EXPECT_EQ(job.failure_class, FailureClass::kSystemLibraryMissing);
  EXPECT_EQ(job.executables.size(), 1u);
  ASSERT_EQ(job.failed_programs.size(), 2u);
  EXPECT_EQ(job.failed_programs[0].name, "b");
  EXPECT_EQ(job.failed_programs[0].failure_detail, "d {,\"\\}");
}

TEST_F(AttemptStoreTest, AFailureWhileACancelIsWantedIsNotTriedAgain) {
  ASSERT_TRUE(batches_->CancelJob(Now(), job_).ok());
  EXPECT_EQ(Complete(FailedReport(token_, job_, FailureClass::kProxyError)).job_state, JobState::kCancelled);
}

TEST_F(AttemptStoreTest, AResultThatCameBeforeTheCancelCounts) {
  ASSERT_TRUE(batches_->CancelJob(Now(), job_).ok());
  EXPECT_EQ(Complete(BuiltReport(token_, job_, {"example.com/a"})).job_state, JobState::kBuilt);
}

TEST_F(AttemptStoreTest, AWorkerThatCancelsUnaskedIsAtFaultAndTheJobIsTriedAgain) {
  domain::CompletedAttempt report{.token = token_, .job = job_};
  report.outcome = AttemptOutcome::kCancelled;
  const domain::CompleteResult result = Complete(report);
  EXPECT_EQ(result.job_state, JobState::kQueued);
  ASSERT_TRUE(result.requeued.has_value());
  EXPECT_EQ(result.requeued->avoid_worker, "worker-1");
  const domain::Job job = Job(job_);
  EXPECT_EQ(job.attempts[0].outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(job.attempts[0].failure_class, FailureClass::kInternal);
  EXPECT_NE(job.attempts[0].failure_detail.find("nobody had cancelled it"), std::string::npos);
  EXPECT_EQ(Count("SELECT infra_failures FROM jobs"), 1)
      << "a worker that does so for ever does not get the job for ever";
  EXPECT_EQ(result.recorded, AttemptOutcome::kFailed);
  EXPECT_EQ(result.recorded_failure, FailureClass::kInternal);
  const domain::CompleteResult again = Complete(report);
  EXPECT_EQ(again.job_state, JobState::kQueued) << "a repeat gets the same answer";
  EXPECT_EQ(again.recorded, AttemptOutcome::kFailed);
  EXPECT_EQ(again.recorded_failure, FailureClass::kInternal);
}

TEST_F(AttemptStoreTest, AReportThatContradictsItselfIsRefusedAndChangesNothing) {
  const auto refused = [&](const domain::CompletedAttempt& report) {
    EXPECT_EQ(attempts_->Complete(Now(), report).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Job(job_).state, JobState::kRunning);
  };
  refused(BuiltReport(token_, job_, {}));
  refused(BuiltReport(token_, job_, {"example.com/a", "example.com/a"}));
  refused(FailedReport(token_, job_, FailureClass::kNone));
  domain::CompletedAttempt both = FailedReport(token_, job_, FailureClass::kCompileError);
  both.executables = {Program("example.com/a")};
  refused(both);
  domain::CompletedAttempt lost = FailedReport(token_, job_, FailureClass::kWorkerLost);
  lost.outcome = AttemptOutcome::kLost;
  refused(lost);
}

TEST_F(AttemptStoreTest, TwoProgramsMayBeTheSameFile) {
  domain::CompletedAttempt report = BuiltReport(token_, job_, {"example.com/a/x", "example.com/a/y"});
  report.executables[1].sha256 = report.executables[0].sha256;
  EXPECT_EQ(Complete(report).job_state, JobState::kBuilt);
  EXPECT_EQ(Job(job_).executables.size(), 2u);
}

}  // namespace
}  // namespace gofarm::testing
