// The contract of the dispatch store on PostgreSQL, and what only PostgreSQL can get wrong: two who claim at once,
// plans.
#include <algorithm>
#include <map>
#include <pqxx/pqxx>
#include <set>
#include <stop_token>
#include <thread>

#include "coordinator_sql.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/dispatch_store_contract.h"

namespace gofarm::testing {
namespace {

// FarmTest without being a test of its own.
class PgContractFixture : public FarmTest {
 public:
  PgContractFixture() { SetUp(); }
  ~PgContractFixture() override { TearDown(); }
  void TestBody() override {}

  using FarmTest::Complete;
  domain::DispatchStore& store() { return *dispatch_; }
  leadership::LeadershipStore& leadership() {
    Sql("UPDATE coordinator SET lease_expires_at = now() WHERE holder_id = 'test'");  // of FarmTest::SetUp
    return *leadership_;
  }
  JobId AddJob(const std::string& module, const std::string& version, Target target, int priority) {
    domain::SubmitRequest request = Request();
    request.priority = priority;
    std::vector<domain::WantedJob> wanted = Wanted({module}, {target});
    wanted[0].version = version;
    const auto inserted = batches_->Insert(Now(), request, wanted, toolset_.name);
    EXPECT_TRUE(inserted.ok()) << inserted.status();
    const JobId job = OnlyJob(inserted->batch.id);
    batch_of_[job] = inserted->batch.id;
    return job;
  }
  void Cancel(JobId job) { EXPECT_TRUE(batches_->Cancel(Now(), batch_of_.at(job)).ok()); }
  // The database's clock cannot be moved, but all that it is compared with can.
  void Pass(absl::Duration d) {
    Sql(Cat("UPDATE sessions SET lease_expires_at = lease_expires_at - interval '", absl::ToDoubleSeconds(d),
            " seconds'"));
    Sql(Cat("UPDATE coordinator SET lease_expires_at = lease_expires_at - interval '", absl::ToDoubleSeconds(d),
            " seconds'"));
    Sql(Cat("UPDATE queue SET not_before = not_before - interval '", absl::ToDoubleSeconds(d), " seconds'"));
  }
  JobState StateOf(JobId job) { return Job(job).state; }
  std::vector<std::pair<AttemptToken, AttemptOutcome>> AttemptsOf(JobId job) {
    std::vector<std::pair<AttemptToken, AttemptOutcome>> attempts;
    for (const domain::Attempt& attempt : Job(job).attempts) attempts.emplace_back(attempt.token, attempt.outcome);
    return attempts;
  }

 private:
  std::map<JobId, BatchId> batch_of_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Pg, DispatchStoreContract, PgContractFixture);

class DispatchStoreTest : public FarmTest {
 protected:
  // The plan of an embedded statement with these values in place of $1, $2 ...
  std::string Plan(std::string_view statement, const std::vector<std::string>& values) {
    std::string text(statement);
    for (size_t i = values.size(); i > 0; --i) {
      const std::string mark = Cat("$", i);
      for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += values[i - 1].size()) {
        text.replace(at, mark.size(), values[i - 1]);
      }
    }
    pqxx::connection db(url_);
    pqxx::work txn(db);
    std::string plan;
    for (const pqxx::row& row : txn.exec("EXPLAIN " + text)) plan += Cat(row[0].c_str(), "\n");
    return plan;
  }
  // Many jobs, most of them ended, as in a farm that has run for a while.
  void FillFarm() {
    Sql("INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, ended_at, result_token) "
        "SELECT encode(sha256(i::text::bytea), 'hex'), 1, 'example.com/m' || i / 4, 'v1.0.0', 1 + i % 4, 't1', "
        "CASE WHEN i % 4 = 0 THEN 1 ELSE 3 END, CASE WHEN i % 4 = 0 THEN NULL ELSE now() END, "
        "CASE WHEN i % 4 = 0 THEN NULL ELSE i END FROM generate_series(1, 40000) AS i");
    Sql("INSERT INTO queue (job_id, priority) SELECT id, 0 FROM jobs WHERE state = 1");
    Sql("INSERT INTO batches (request_id, name, submitter) SELECT 'big' || i, '', '' FROM generate_series(1, 20) AS i");
    Sql("INSERT INTO batch_jobs SELECT 1 + id / 2001, id FROM jobs");
    Sql("INSERT INTO attempts (token, job_id, worker, outcome, ended_at) SELECT result_token, id, 'w', 2, now() FROM "
        "jobs "
        "WHERE state = 3");
    Sql("INSERT INTO artifacts (sha256, size, kind) SELECT recipe_digest, 1, 'executable' FROM jobs WHERE state = 3");
    Sql("INSERT INTO executables (token, job_id, import_path, name, size, sha256, blake3, main_version, "
        "go_version) SELECT result_token, id, module, 'n', 1, recipe_digest, recipe_digest, '', '' "
        "FROM jobs WHERE state = 3");
    Sql("ANALYZE");
  }
};

TEST_F(DispatchStoreTest, AJobOfTheQueueIsItsFirstSubmittersAlsoWhenItIsTriedAgain) {
  domain::SubmitRequest first = Request();
  first.submitter = "ann";
  first.labels = {{"team", "tools"}};
  const auto batch = batches_->Insert(Now(), first, Wanted({"example.com/m"}), toolset_.name);
  ASSERT_TRUE(batch.ok()) << batch.status();
  domain::SubmitRequest second = Request();
  second.submitter = "bob";
  ASSERT_TRUE(batches_->Insert(Now(), second, Wanted({"example.com/m"}), toolset_.name).ok());
  const auto is_anns = [&] {
    const auto queue = dispatch_->LoadQueue(Now(), JobId{}, 10);
    ASSERT_TRUE(queue.ok()) << queue.status();
    ASSERT_EQ(queue->jobs.size(), 1u);
    EXPECT_EQ(queue->jobs[0].submitter, "ann");
    EXPECT_EQ(queue->jobs[0].labels, first.labels);
    EXPECT_EQ(queue->jobs[0].memory_bytes, 0);
  };
  is_anns();
  const JobId job = OnlyJob(batch->batch.id);
  const SessionId session = Hello("w").session;
  const domain::CompleteResult failed = Complete(FailedReport(Run(job, session), job, FailureClass::kProxyError));
  ASSERT_TRUE(failed.requeued.has_value());
  EXPECT_EQ(failed.requeued->submitter, "ann");
  EXPECT_EQ(failed.requeued->labels, first.labels);
  is_anns();
}

TEST_F(DispatchStoreTest, TwoWhoClaimAtOnceNeverWinTheSameJob) {
  constexpr int kJobs = 200;
  std::vector<std::string> modules;
  for (int i = 0; i < kJobs; ++i) modules.push_back(Cat("example.com/m", i));
  std::vector<domain::ClaimRequest> claims;
  const SessionId session = Hello("w").session;
  for (const domain::Job& job : JobsOf(Submit(modules).batch.id)) claims.push_back({.job = job.id, .session = session});
  std::vector<domain::ClaimRequest> reversed(claims.rbegin(), claims.rend());
  absl::StatusOr<std::vector<domain::ClaimResult>> one = absl::UnknownError(""), two = absl::UnknownError("");
  std::thread other([&] { one = dispatch_->ClaimOffers(Now(), epoch_, reversed); });
  two = dispatch_->ClaimOffers(Now(), epoch_, claims);
  other.join();
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_TRUE(two.ok()) << two.status();
  std::set<JobId> won;
  std::set<AttemptToken> tokens;
  int wins = 0;
  for (const auto* results : {&*one, &*two}) {
    for (const domain::ClaimResult& result : *results) {
      if (result.outcome != domain::ClaimOutcome::kWon) continue;
      ++wins;
      won.insert(result.job);
      tokens.insert(result.token);
    }
  }
  EXPECT_EQ(wins, static_cast<int>(won.size()));
  EXPECT_EQ(wins, static_cast<int>(tokens.size()));
  EXPECT_EQ(Count("SELECT count(*) FROM queue WHERE offered_token IS NOT NULL"), wins);
}

// As a database that stands still and wakes up when the call is over: its leases ran out because nobody could renew
// them.
TEST_F(DispatchStoreTest, AnExpiryThatTheDatabaseAnswersTooLateEndsNoSession) {
  LetLeaseRunOut(Hello("w").session);
  std::stop_source over;
  absl::StatusOr<domain::ExpiredSessions> expired = absl::UnknownError("");
  std::thread late;
  {
    pqxx::connection db(url_);
    pqxx::work holds(db);
    holds.exec("SELECT epoch FROM coordinator FOR UPDATE");
    late = std::thread(
        [&] { expired = dispatch_->ExpireSessions(Scope::For(absl::Minutes(1), over.get_token()), epoch_); });
    const absl::Time patience = absl::Now() + absl::Seconds(20);
    while (Count("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 && absl::Now() < patience) {
    }
    over.request_stop();
  }
  late.join();
  EXPECT_FALSE(expired.ok());
  EXPECT_NE(expired.status().message().find("the database answered too late"), std::string_view::npos)
      << expired.status();
  EXPECT_EQ(Count("SELECT count(*) FROM sessions"), 1) << "the caller extends the leases first";
}

// A completion and an expiry of the same attempt: exactly one of them ends it.
TEST_F(DispatchStoreTest, ACompletionAndAnExpiryAtOnceEndTheAttemptOnce) {
  for (int i = 0; i < 20; ++i) {
    const std::string module = Cat("example.com/m", i);
    const SessionId session = Hello(Cat("w", i)).session;
    const JobId job = OnlyJob(Submit({module}).batch.id);
    const AttemptToken token = Run(job, session);
    LetLeaseRunOut(session);
    absl::StatusOr<domain::CompleteResult> completed = absl::UnknownError("");
    std::thread other([&] { completed = attempts_->Complete(Now(), BuiltReport(token, job, {module})); });
    const auto expired = dispatch_->ExpireSessions(Now(), epoch_);
    other.join();
    ASSERT_TRUE(completed.ok()) << completed.status();
    ASSERT_TRUE(expired.ok()) << expired.status();
    const bool built = completed->outcome == domain::CompleteOutcome::kEnded;
    EXPECT_EQ(expired->lost.size(), built ? 0u : 1u) << i;
    EXPECT_EQ(Job(job).state, built ? JobState::kBuilt : JobState::kQueued);
    EXPECT_EQ(Count("SELECT count(*) FROM leases"), 0);
  }
}

TEST_F(DispatchStoreTest, AJobHasOneLeaseAtMost) {
  const SessionId session = Hello("w").session;
  const JobId job = OnlyJob(Submit({"example.com/a"}).batch.id);
  Run(job, session);
  EXPECT_THROW(Sql(Cat("INSERT INTO leases (job_id, token, session_id) SELECT job_id, 999, session_id FROM leases")),
               pqxx::unique_violation);
}

TEST_F(DispatchStoreTest, ADispatchedJobOfManyPagesComesFromTheLoadedQueueInOrder) {
  FillFarm();
  const auto loaded = dispatch_->LoadQueue(Now(), JobId{}, 100'000);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::vector<domain::QueuedJob>& all = loaded->jobs;
  EXPECT_EQ(all.size(), 10'000u);
  EXPECT_FALSE(loaded->more_due || loaded->more_delayed);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; }));
}

TEST_F(DispatchStoreTest, TheHotStatementsUseTheirIndexes) {
  FillFarm();
  const std::string job = Sql("SELECT max(job_id) FROM queue");
  const struct {
    std::string_view statement;
    std::vector<std::string> values;
    std::string_view index;
  } kPlans[] = {
      {sql::load_queue_due, {"0", "500"}, "queue_waiting"},
      {sql::claim_offers, {Cat("'{", job, "}'"), "'{1}'"}, "queue_pkey"},
      {sql::accept_offers, {"'{1}'", Cat("'{", job, "}'"), "'{1}'"}, "Index Scan using queue_"},
      {sql::lock_jobs, {Cat("'{", job, "}'")}, "jobs_pkey"},
      {sql::join_jobs, {Cat("'{", std::string(64, 'a'), "}'"), "'{}'"}, "jobs_recipe_digest_generation_key"},
      {sql::latest_generations, {Cat("'{", std::string(64, 'a'), "}'")}, "jobs_recipe_digest_generation_key"},
      {sql::jobs_page, {"30000", "0", "100"}, "jobs_pkey"},
      {sql::jobs_page_of_batch, {"5000", "0", "100", "3", "''"}, "batch_jobs_pkey"},
      {sql::jobs_page_of_module, {"0", "0", "100", "'example.com/m7'"}, "jobs_module"},
      {sql::job_ids_of_batch, {"3", "5000", "100"}, "batch_jobs_pkey"},
      {sql::attempts_of_jobs, {Cat("'{", job, "}'")}, "attempts_job"},
      {sql::batches_of_jobs, {Cat("'{", job, "}'")}, "batch_jobs_job"},
      {sql::executables_of_jobs, {Cat("'{", job, "}'")}, "executables_pkey"},
      {sql::artifacts_page_of_module, {"0", "''", "0", "10", "'example.com/m7'"}, "jobs_module"},
  };
  for (const auto& plan : kPlans) {
    const std::string text = Plan(plan.statement, plan.values);
    EXPECT_NE(text.find(plan.index), std::string::npos) << plan.index << "\n" << text;
  }
}

}  // namespace
}  // namespace gofarm::testing
