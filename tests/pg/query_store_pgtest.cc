#include <algorithm>

#include "coordinator/service/failure_service.h"
#include "coordinator/service/query_service.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/toolset_store.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/fake_clock.h"

namespace gofarm::testing {
namespace {

class QueryStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    session_ = Hello("w").session;
  }
  void Build(JobId job, const std::vector<std::string>& programs) {
    Complete(BuiltReport(Run(job, session_), job, programs));
  }
  SessionId session_;
};

TEST_F(QueryStoreTest, PagesFollowEachOtherWithoutGapOrRepeat) {
  std::vector<std::string> modules;
  for (int i = 0; i < 25; ++i) modules.push_back(Cat("example.com/m", i));
  const BatchId batch = Submit(modules).batch.id;
  Submit({"example.com/other"});
  std::vector<std::string> seen;
  JobId after;
  for (;;) {
    const auto page = queries_->JobPage(Now(), {.batch = batch}, after, 10);
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->empty()) break;
    for (const domain::Job& job : *page) seen.push_back(job.module);
    after = page->back().id;
  }
  EXPECT_EQ(seen, modules);
  EXPECT_EQ(queries_->JobPage(Now(), {}, JobId{}, 100)->size(), 26u);
}

TEST_F(QueryStoreTest, AStateFilterTakesOnlyJobsOfThatState) {
  const auto batch = Submit({"example.com/a", "example.com/b"});
  Build(JobsOf(batch.batch.id)[1].id, {"example.com/b"});
  const auto built = queries_->JobPage(Now(), {.batch = batch.batch.id, .state = JobState::kBuilt}, JobId{}, 10);
  ASSERT_EQ(built->size(), 1u);
  EXPECT_EQ(built->at(0).module, "example.com/b");
  EXPECT_EQ(queries_->JobPage(Now(), {.state = JobState::kQueued}, JobId{}, 10)->size(), 1u);
  const domain::JobCounts counts = *queries_->CountJobs(Now());
  EXPECT_EQ(counts.built, 1);
  EXPECT_EQ(counts.queued, 1);
}

TEST_F(QueryStoreTest, AnUnknownJobIsNotFoundByItsNumber) {
  const absl::Status status = queries_->GetJob(Now(), JobId{4711}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("4711"), absl::string_view::npos);
}

TEST_F(QueryStoreTest, AJobThatWaitsOutABackoffSaysUntilWhen) {
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  EXPECT_EQ(Job(job).not_before, absl::InfinitePast());
  Complete(FailedReport(Run(job, session_), job, FailureClass::kProxyError));
  EXPECT_GT(Job(job).not_before, absl::Now() - absl::Minutes(1));
}

TEST_F(QueryStoreTest, ArtifactsAreFoundByBatchModuleTargetAndDigest) {
  const auto batch = Submit({"example.com/a", "example.com/b"});
  const std::vector<domain::Job> jobs = JobsOf(batch.batch.id);
  Build(jobs[0].id, {"example.com/a/x", "example.com/a/y"});
  Build(jobs[1].id, {"example.com/b"});
  Build(OnlyJob(Submit({"example.com/c"}).batch.id), {"example.com/c"});

  const auto names = [&](const domain::ArtifactFilter& filter) {
    std::vector<std::string> out;
    domain::ArtifactCursor after;
    for (;;) {
      const auto page = queries_->ArtifactPage(Now(), filter, after, 1);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok() || page->empty()) return out;
      out.push_back(page->at(0).import_path);
      after = {.job = page->at(0).job, .import_path = page->at(0).import_path};
    }
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({}), (Names{"example.com/a/x", "example.com/a/y", "example.com/b", "example.com/c"}));
  EXPECT_EQ(names({.batch = batch.batch.id}), (Names{"example.com/a/x", "example.com/a/y", "example.com/b"}));
  EXPECT_EQ(names({.batch = batch.batch.id, .module = "example.com/b"}), (Names{"example.com/b"}));
  EXPECT_EQ(names({.module = "example.com/c"}), (Names{"example.com/c"}));
  EXPECT_EQ(names({.target = Target::kRiscv64}), Names{});
  const std::string digest = Program("example.com/a/y").sha256;
  EXPECT_EQ(names({.sha256 = digest}), (Names{"example.com/a/y"}));
  EXPECT_EQ(names({.batch = batch.batch.id, .sha256 = digest}), (Names{"example.com/a/y"}));
}

TEST_F(QueryStoreTest, AttemptsAreNumberedFromOneAndZeroIsTheLast) {
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  EXPECT_EQ(queries_->FindAttempt(Now(), job, 0).status().code(), absl::StatusCode::kNotFound);
  const AttemptToken first = Claim(job, session_);
  EXPECT_EQ(queries_->FactsOf(Now(), first)->state, domain::TokenState::kOffered) << "its worker may build already";
  ASSERT_EQ(Accept(first, job, session_), domain::AcceptOutcome::kRunning);
  EXPECT_EQ(queries_->FactsOf(Now(), first)->state, domain::TokenState::kRunning);
  EXPECT_EQ(queries_->FactsOf(Now(), first)->worker, "w");
  Complete(FailedReport(first, job, FailureClass::kProxyError));
  EXPECT_EQ(queries_->FactsOf(Now(), first)->state, domain::TokenState::kStale);
  const AttemptToken second = Run(job, session_);
  EXPECT_EQ(queries_->FindAttempt(Now(), job, 1)->token, first);
  EXPECT_EQ(queries_->FindAttempt(Now(), job, 2)->token, second);
  EXPECT_EQ(queries_->FindAttempt(Now(), job, 0)->token, second);
  EXPECT_EQ(queries_->FindAttempt(Now(), job, 3).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(queries_->FindAttempt(Now(), JobId{4711}, 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QueryStoreTest, AWorkerIsRememberedWithItsLastReport) {
  const WorkerReport report{.toolchains = {{.kind = "go", .version = "1.26.8", .path = "/c/go", .sha256 = "s"}},
                            .readiness = {{.target = Target::kRiscv64,
                                           .state = ReadinessState::kSeeding,
                                           .detail = "std",
                                           .seconds = 1.5,
                                           .toolset = "t1"}},
                            .cache_bytes = 5,
                            .disk_free_bytes = 6};
  ASSERT_TRUE(queries_->SaveWorkerReport(Now(), "w", report).ok());
  ASSERT_TRUE(dispatch_->EndSessions(Now(), epoch_, {session_}).ok());
  const auto workers = queries_->WorkerPage(Now(), "", domain::WorkerDetail::kFull);
  ASSERT_TRUE(workers.ok()) << workers.status();
  ASSERT_EQ(workers->size(), 1u);
  const domain::WorkerInfo& worker = workers->at(0);
  EXPECT_EQ(worker.name, "w");
  EXPECT_EQ(worker.host_arch, "x86_64");
  EXPECT_EQ(worker.pid, 7);
  EXPECT_EQ(worker.targets, std::vector<Target>{Target::kX86_64});
  EXPECT_FALSE(worker.has_session);
  ASSERT_EQ(worker.report.toolchains.size(), 1u);
  EXPECT_EQ(worker.report.toolchains[0].path, "/c/go");
  ASSERT_EQ(worker.report.readiness.size(), 1u);
  EXPECT_EQ(worker.report.readiness[0].target, Target::kRiscv64);
  EXPECT_EQ(worker.report.disk_free_bytes, 6);
  const auto brief = queries_->WorkerPage(Now(), "", domain::WorkerDetail::kBrief);
  ASSERT_TRUE(brief.ok()) << brief.status();
  EXPECT_EQ(brief->at(0).pid, 7);
  EXPECT_TRUE(brief->at(0).report.toolchains.empty());
}

TEST_F(QueryStoreTest, WorkersComeInPagesByName) {
  Sql("INSERT INTO workers (name) SELECT chr(96 + n % 3) || chr(64 + n % 3) || '-' || n FROM generate_series(1, 100) "
      "n");
  std::vector<std::string> names;
  for (bool last = false; !last;) {
    const auto page = queries_->WorkerPage(Now(), names.empty() ? "" : names.back(), domain::WorkerDetail::kBrief);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->size(), static_cast<size_t>(store::kWorkerPageMax));
    last = page->size() < static_cast<size_t>(store::kWorkerPageMax);
    for (const domain::WorkerInfo& worker : *page) names.push_back(worker.name);
  }
  EXPECT_EQ(names.size(), 101u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end())) << "as std::string compares, whatever the database's locale";
  EXPECT_TRUE(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_F(QueryStoreTest, WorkersThatAreLongUnseenAreForgottenUnlessTheyRunSomething) {
  Sql("INSERT INTO workers (name, last_seen_at) VALUES ('gone', now() - interval '7 days 1 minute'), "
      "('young', now() - interval '6 days 23 hours'), ('runs', now() - interval '30 days')");
  Sql("UPDATE workers SET last_seen_at = now() - interval '30 days' WHERE name = 'w'");
  const JobId job = OnlyJob(Submit({"example.com/m"}).batch.id);
  const AttemptToken token = Run(job, session_);
  Sql(Cat("UPDATE attempts SET worker = 'runs' WHERE token = ", token.value));
  const auto forgotten = queries_->ForgetWorkers(Now(), store::kWorkerRetention);
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_EQ(*forgotten, std::vector<std::string>{"gone"});
  EXPECT_EQ(Sql("SELECT string_agg(name, ' ' ORDER BY name) FROM workers"), "runs w young");
  Sql("UPDATE workers SET last_seen_at = now() - interval '8 days' WHERE name = 'young'");
  EXPECT_EQ(*queries_->ForgetWorkers(Now(), store::kWorkerRetention), std::vector<std::string>{"young"});
  EXPECT_EQ(Hello("gone").superseded.size(), 0u) << "one that comes back is new";
}

TEST_F(QueryStoreTest, AToolsetNeverChangesUnderItsName) {
  store::ToolsetStore toolsets(*pool_);
  EXPECT_TRUE(toolsets.Pin(Now(), toolset_).ok());
  Toolset changed = toolset_;
  changed.zig_version = "0.16.0";
  const absl::Status status = toolsets.Pin(Now(), changed);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const char* word : {"zig_version 6:0.15.2", "zig_version 6:0.16.0", "another name"}) {
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << status;
  }
}

TEST_F(QueryStoreTest, ArchivesOfAToolsetMayBeAddedAndMovedAndNeverReplaced) {
  store::ToolsetStore toolsets(*pool_);
  const auto archive = [](const std::string& host_arch, char digit) {
    return Archive{"zig", "0.15.2", host_arch, "pypi", "z==1", std::string(64, digit)};
  };
  Toolset now = toolset_;
  now.archives = {archive("x86_64", '1')};
  EXPECT_TRUE(toolsets.Pin(Now(), now).ok());
  now.archives[0].source = "url";
  now.archives[0].locator = "https://mirror.test/zig.tar.xz";
  now.archives.push_back(archive("riscv64", '2'));
  EXPECT_TRUE(toolsets.Pin(Now(), now).ok()) << "another place, and one for another host";
  EXPECT_EQ(Sql("SELECT string_agg(host_arch || left(sha256, 1), ' ' ORDER BY host_arch) FROM toolset_archives"),
            "riscv642 x86_641");

  now.archives[0].sha256 = std::string(64, '3');
  now.archives.push_back(archive("aarch64", '4'));
  const absl::Status status = toolsets.Pin(Now(), now);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& word : {std::string(64, '1'), std::string(64, '3'), std::string("another name")}) {
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << status;
  }
  EXPECT_EQ(Sql("SELECT count(*) FROM toolset_archives"), "2") << "nothing of a refused file is kept";

  now.archives = {archive("aarch64", '4')};
  EXPECT_TRUE(toolsets.Pin(Now(), now).ok()) << "one that no file names any more stays known";
  EXPECT_EQ(Sql("SELECT count(*) FROM toolset_archives"), "3");
  now.name = "t2";
  now.archives = {archive("x86_64", '3')};
  EXPECT_TRUE(toolsets.Pin(Now(), now).ok()) << "under another name it is another toolset's";
}

TEST_F(QueryStoreTest, FailedAndPartialJobsComeNewestFirstOfABatchOrOfAll) {
  const BatchId batch = Submit({"example.com/a", "example.com/b", "example.com/c"}).batch.id;
  const BatchId other = Submit({"example.com/d"}).batch.id;
  Sql("UPDATE jobs SET state = 6, ended_at = now(), failure_class = 6, failure_detail = 'm.go:1:1: undefined: X' || "
      "repeat('y', 5000) WHERE module IN ('example.com/a', 'example.com/c', 'example.com/d')");
  const auto of_batch = queries_->FailedJobs(Now(), batch);
  ASSERT_TRUE(of_batch.ok()) << of_batch.status();
  ASSERT_EQ(of_batch->size(), 2u);
  EXPECT_EQ(of_batch->at(0).job.module, "example.com/c");
  EXPECT_EQ(of_batch->at(1).job.module, "example.com/a");
  EXPECT_EQ(of_batch->at(0).failure, FailureClass::kCompileError);
  EXPECT_EQ(of_batch->at(0).detail.size(), domain::kFailureDetailReadMax);
  EXPECT_EQ(queries_->FailedJobs(Now(), BatchId{})->size(), 3u);
  EXPECT_EQ(queries_->FailedJobs(Now(), other)->size(), 1u);
}

TEST_F(QueryStoreTest, AListOfFailuresIsReadOnceAWhileAndNamesAnUnknownBatch) {
  const BatchId batch = Submit({"example.com/a", "example.com/b"}).batch.id;
  service::QueryService queries(*batches_, *queries_);
  FakeClock clock;
  service::FailureService failures(queries, clock);
  EXPECT_EQ((*failures.List(Now(), batch))->jobs, 0);
  Sql("UPDATE jobs SET state = 6, ended_at = now(), failure_class = 6, failure_detail = 'm.go:1:1: undefined: X'");
  EXPECT_EQ((*failures.List(Now(), batch))->jobs, 0) << "as it was a moment ago";
  EXPECT_EQ((*failures.List(Now(), BatchId{}))->jobs, 2) << "another list";
  clock.Advance(service::kFailuresFresh);
  const auto now = *failures.List(Now(), batch);
  EXPECT_EQ(now->jobs, 2);
  ASSERT_EQ(now->groups.size(), 1u);
  EXPECT_EQ(now->groups[0].fingerprint, "FILE:N:N: undefined: X");
  EXPECT_FALSE(now->older_left_out);
  const absl::Status unknown = failures.List(Now(), BatchId{4711}).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(unknown.message().find("4711"), absl::string_view::npos);
}

}  // namespace
}  // namespace gofarm::testing
