// A farm with years behind it: what people and the dispatcher ask all the time costs what it is about, never the
// farm's history.
#include <pqxx/pqxx>

#include "absl/strings/str_replace.h"
#include "coordinator_sql.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

constexpr int kJobs = 100'000;
constexpr int kJobsPerBatch = 100;
constexpr int kBatches = kJobs / kJobsPerBatch;

class FullFarmTest : public FarmTest {
 protected:
  // All of them ended, in batches of a hundred jobs.
  void FillHistory() {
    Fill(
        Cat("INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, ended_at, "
            "result_token, executables) SELECT lpad(to_hex(i), 64, '0'), 1, 'example.com/m' || i / 4, 'v1.0.0', "
            "1 + i % 4, 't1', 3, now(), i, 2 FROM generate_series(1, ",
            kJobs, ") AS i"));
    Fill(Cat("INSERT INTO batches (request_id, name, submitter) SELECT 'old' || i, '', '' FROM generate_series(1, ",
             kBatches, ") AS i"));
    Fill(Cat("INSERT INTO batch_jobs SELECT 1 + (id - 1) / ", kJobsPerBatch, ", id FROM jobs"));
    Sql("ANALYZE");
  }
  // Without asking of every row what it refers to.
  void Fill(const std::string& statement) { Sql(Cat("SET session_replication_role = replica; ", statement)); }
  // The plan with which a prepared statement runs: with these values, and when the server has stopped looking at them.
  std::string Plans(std::string_view statement, const std::string& values,
                    const std::vector<std::string>& modes = {"force_custom_plan", "force_generic_plan"}) {
    pqxx::connection db(url_);
    pqxx::work txn(db);
    txn.exec(Cat("PREPARE asked AS ", statement));
    std::string plans;
    for (const std::string& mode : modes) {
      txn.exec(Cat("SET LOCAL plan_cache_mode = ", mode));
      for (const pqxx::row& row : txn.exec(Cat("EXPLAIN (ANALYZE, BUFFERS) EXECUTE asked (", values, ")"))) {
        plans += Cat(row[0].c_str(), "\n");
      }
    }
    return plans;
  }
  static void ExpectNoTableIsReadWhole(const std::string& plans) {
    for (const char* table : {"jobs", "batch_jobs", "queue"}) {
      for (const char* scan : {"Seq Scan on ", "Index Only Scan using jobs_pkey on "}) {
        EXPECT_EQ(plans.find(Cat(scan, table, " ")), std::string::npos) << table << "\n" << plans;
      }
    }
  }
};

TEST_F(FullFarmTest, CountsOfABatchCostItsOwnJobsAndThoseOfAnEndedOneNothing) {
  FillHistory();
  ExpectNoTableIsReadWhole(Plans(sql::get_batch, "77"));
  ExpectNoTableIsReadWhole(Plans(sql::batch_of_request, "'old77'"));
  const std::string counted = Plans(sql::list_batches, "20, 0");
  ExpectNoTableIsReadWhole(counted);
  EXPECT_NE(counted.find("Index Scan using jobs_pkey"), std::string::npos) << counted;
  EXPECT_NE(counted.find("loops=2000)"), std::string::npos) << "twenty batches of a hundred jobs, no more\n" << counted;

  const auto kept = batches_->KeepEndedCounts(Now());
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(*kept, kBatches);
  EXPECT_EQ(*batches_->KeepEndedCounts(Now()), 0);
  const std::string list = Plans(sql::list_batches, "0, 0");
  EXPECT_NE(list.find("(never executed)"), std::string::npos) << "no job is looked at\n" << list;
  ExpectNoTableIsReadWhole(list);
  const std::string open = Plans(sql::list_open_batches, "50, 0");
  EXPECT_NE(open.find("(never executed)"), std::string::npos) << "nor for those that run\n" << open;
  ExpectNoTableIsReadWhole(open);
  EXPECT_TRUE(batches_->ListRunning(Now(), 50)->empty());
  const auto all = batches_->List(Now(), 0);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), static_cast<size_t>(kBatches));
  for (const domain::Batch& batch : *all) {
    ASSERT_EQ(batch.state, BatchState::kDone);
    ASSERT_EQ(batch.jobs, (domain::JobCounts{.built = kJobsPerBatch}));
    ASSERT_EQ(batch.executables, 2 * kJobsPerBatch);
  }
}

TEST_F(FullFarmTest, CountsOfAllJobsCostTheLaterOnes) {
  FillHistory();
  Sql("UPDATE jobs SET created_at = now() - interval '2 hours', state = CASE WHEN id % 10 = 0 THEN 6 ELSE 3 END, "
      "failure_class = CASE WHEN id % 10 = 0 THEN 6 ELSE 0 END, executables = 0");
  Submit({"example.com/waits"});
  const JobId live = OnlyJob(Submit({"example.com/runs"}).batch.id);
  const AttemptToken token = Run(live, Hello("w").session);
  const domain::JobCounts all{.queued = 1, .running = 1, .built = kJobs / 10 * 9, .failed = kJobs / 10};
  EXPECT_EQ(*queries_->CountJobs(Now()), all);
  EXPECT_TRUE(queries_->KeepJobCounts(Now()).ok());
  EXPECT_EQ(Count("SELECT up_to_id FROM job_counts"), kJobs) << "no job that is young or has not ended";
  EXPECT_EQ(*queries_->CountJobs(Now()), all);
  EXPECT_TRUE(queries_->KeepJobCounts(Now()).ok());
  EXPECT_EQ(*queries_->CountJobs(Now()), all) << "nothing counts twice";
  Sql("ANALYZE");
  ExpectNoTableIsReadWhole(Plans(sql::count_jobs, Cat(kJobs), {"force_custom_plan"}));
  Complete(BuiltReport(token, live, {"example.com/runs"}));
  Sql("UPDATE jobs SET created_at = now() - interval '2 hours'");
  EXPECT_TRUE(queries_->KeepJobCounts(Now()).ok());
  EXPECT_EQ(Count("SELECT up_to_id FROM job_counts"), kJobs) << "the one that waits holds the later ones back";
  EXPECT_EQ(*queries_->CountJobs(Now()),
            (domain::JobCounts{.queued = 1, .built = kJobs / 10 * 9 + 1, .failed = kJobs / 10}));
}

TEST_F(FullFarmTest, AQueueOfDelayedJobsIsReadByTheTimeWhenTheyAreDueABoundedNumberAtOnce) {
  constexpr int kDue = 100;
  Fill(
      Cat("INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset) SELECT "
          "lpad(to_hex(i), 64, '0'), 1, 'example.com/m' || i / 4, 'v1.0.0', 1 + i % 4, 't1' "
          "FROM generate_series(1, ",
          kJobs, ") AS i"));
  Fill(Cat("INSERT INTO queue (job_id, priority, not_before) SELECT id, 0, now() + CASE WHEN id <= ", kDue,
           " THEN interval '-1 second' ELSE (", kJobs, " + 1 - id) * interval '1 minute' END FROM jobs"));
  Sql("ANALYZE");
  const std::string plans = Plans(sql::load_queue_later, "0, 10000");
  EXPECT_NE(plans.find("Index Scan using queue_later"), std::string::npos) << plans;
  EXPECT_EQ(plans.find("Seq Scan on "), std::string::npos) << plans;
  const auto loaded = dispatch_->LoadQueue(Now(), JobId{}, domain::kQueueLoadMax);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->jobs.size(), static_cast<size_t>(kDue + domain::kDelayedLoadMax));
  EXPECT_FALSE(loaded->more_due);
  EXPECT_TRUE(loaded->more_delayed);
  EXPECT_EQ(loaded->jobs[0].id, JobId{1});
  EXPECT_EQ(loaded->jobs[kDue].id, JobId{kJobs}) << "that of all delayed ones which is due first";
}

TEST_F(FullFarmTest, FailuresAreFoundByWhatFailedAndNotAmongAllThatWasBuilt) {
  FillHistory();
  Fill(
      "UPDATE jobs SET state = 6, failure_class = 6, executables = 0, failure_detail = 'm.go:1:1: undefined: X' WHERE "
      "id % 50 = 0");
  Sql("ANALYZE");
  const std::string all = Plans(sql::failed_jobs, "1000, 1024");
  ExpectNoTableIsReadWhole(all);
  EXPECT_NE(all.find("jobs_failed on jobs"), std::string::npos) << all;
  ExpectNoTableIsReadWhole(Plans(sql::failed_jobs_in_batch, "1000, 1024, 77"));
  EXPECT_EQ(queries_->FailedJobs(Now(), BatchId{77})->size(), static_cast<size_t>(kJobsPerBatch / 50));
  EXPECT_EQ(queries_->FailedJobs(Now(), BatchId{})->size(), static_cast<size_t>(kJobs / 50));
}

TEST_F(FullFarmTest, OfAModuleInThousandsOfVersionsThoseOfThePageAreRead) {
  constexpr int kTargets = 4;
  Fill(
      "INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, ended_at, result_token, "
      "executables) SELECT lpad(to_hex(i), 64, '0'), 1, 'example.com/m', 'v1.' || i / 4 || '.0', 1 + i % 4, 't1', 3, "
      "now(), 1 + i, 2 FROM generate_series(0, 39999) AS i ORDER BY i");
  Fill("INSERT INTO batches (request_id, name, submitter) VALUES ('versions', '', '')");
  Fill("INSERT INTO batch_jobs SELECT (SELECT max(id) FROM batches), id FROM jobs");
  Sql("ANALYZE");
  const int64_t batch = Count("SELECT max(id) FROM batches");
  const std::string statement = absl::StrReplaceAll(
      Av(sql::batch_matrix), {{"$1", Cat(batch)}, {"$2", "0"}, {"$3", "0"}, {"$4", Cat(store::kMatrixJobsMax)}});
  EXPECT_EQ(Count(Cat("SELECT count(*) FROM (", statement, ") AS sent")), store::kMatrixJobsMax);
  const auto page = queries_->MatrixPage(Now(), BatchId{batch}, std::nullopt, JobId{});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->rows.size(), static_cast<size_t>(store::kMatrixJobsMax / kTargets));
  for (const domain::MatrixRow& row : page->rows) ASSERT_EQ(row.cells.size(), static_cast<size_t>(kTargets));
  EXPECT_TRUE(page->next);
}

TEST_F(FullFarmTest, WebhooksCostWhatIsNewAndOneBatchsJobs) {
  FillHistory();
  const std::string hook = Cat("'", std::string(64, 'a'), "'");
  Fill("INSERT INTO batches (name, submitter) SELECT '', '' FROM generate_series(1, 50000)");
  Fill(Cat("INSERT INTO webhooks (destination, kind, first_batch, up_to_batch) SELECT ", hook,
           ", 'discord', 0, max(id) FROM batches"));
  Fill(Cat("INSERT INTO webhook_messages (destination, batch_id, sequence, ended) SELECT ", hook,
           ", id, 1, id <> 77 FROM batches"));
  Sql("ANALYZE");
  const std::string taken_up = Plans(sql::webhook_take_up, Cat(hook, ", 1000, 1000"));
  EXPECT_NE(taken_up.find("loops=1000)"), std::string::npos) << "a look at each of the newest ones\n" << taken_up;
  const std::string plans = Cat(taken_up, Plans(sql::webhook_open, hook), Plans(sql::webhook_batches, "'{77,78}'"),
                                Plans(sql::webhook_jobs, "77, 600"), Plans(sql::webhook_lock, Cat(hook, ", 77")),
                                Plans(sql::webhook_told, Cat(hook, ", 77, 1, '11', '', true")));
  ExpectNoTableIsReadWhole(plans);
  for (const char* table : {"webhook_messages", "batches"}) {
    EXPECT_EQ(plans.find(Cat("Seq Scan on ", table, " ")), std::string::npos) << table << "\n" << plans;
  }
}

}  // namespace
}  // namespace gofarm::testing
