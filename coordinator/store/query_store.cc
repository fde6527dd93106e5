#include "coordinator/store/query_store.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/base/status_macros.h"
#include "coordinator/store/json.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::ArtifactRow;
using domain::Attempt;
using domain::AttemptRef;
using domain::Job;

std::string Str(const pqxx::row& row, const char* column) { return row[column].as<std::string>(); }

Job JobOf(const pqxx::row& row) {
  Job job;
  job.id = JobId{row["id"].as<int64_t>()};
  job.module = Str(row, "module");
  job.version = Str(row, "version");
  job.target = static_cast<Target>(row["target"].as<int>());
  job.state = static_cast<JobState>(row["state"].as<int>());
  job.failure_class = static_cast<FailureClass>(row["failure_class"].as<int>());
  job.failure_detail = Str(row, "failure_detail");
  job.toolset = Str(row, "toolset");
  job.recipe_digest = Str(row, "recipe_digest");
  job.generation = row["generation"].as<int>();
  job.rebuild_of = JobId{row["rebuild_of"].as<int64_t>()};
  job.created_at = TimeOf(row["created_us"]);
  job.ended_at = TimeOf(row["ended_us"]);
  if (!row["waits"].is_null() && row["waits"].as<bool>()) job.not_before = TimeOf(row["not_before_us"]);
  return job;
}

Attempt AttemptOf(const pqxx::row& row) {
  Attempt attempt;
  attempt.token = AttemptToken{row["token"].as<int64_t>()};
  attempt.worker = Str(row, "worker");
  attempt.outcome = static_cast<AttemptOutcome>(row["outcome"].as<int>());
  attempt.started_at = TimeOf(row["started_us"]);
  attempt.ended_at = TimeOf(row["ended_us"]);
  attempt.failure_class = static_cast<FailureClass>(row["failure_class"].as<int>());
  attempt.failure_detail = Str(row, "failure_detail");
  attempt.report = AttemptReportFromJson(row["report"].c_str());
  return attempt;
}

ArtifactRow ArtifactOf(const pqxx::row& row) {
  return {.name = Str(row, "name"),
          .import_path = Str(row, "import_path"),
          .module = Str(row, "module"),
          .version = Str(row, "version"),
          .target = static_cast<Target>(row["target"].as<int>()),
          .size = row["size"].as<int64_t>(),
          .sha256 = Str(row, "sha256"),
          .blake3 = Str(row, "blake3"),
          .main_version = Str(row, "main_version"),
          .go_version = Str(row, "go_version"),
          .smoke = ParseSmoke(Str(row, "smoke")),
          .smoke_detail = Str(row, "smoke_detail"),
          .job = JobId{row["job_id"].as<int64_t>()}};
}

domain::RebuildResult RebuildOf(const pqxx::row& row) {
  return {.rebuild = JobId{row["rebuild_id"].as<int64_t>()},
          .import_path = Str(row, "import_path"),
          .worker = Str(row, "worker"),
          .reproduced = row["reproduced"].as<bool>(),
          .detail = Str(row, "detail"),
          .at = TimeOf(row["ended_us"])};
}

// Hangs batches, attempts and results on the jobs: five statements for the whole page.
void Complete(Txn& txn, std::vector<Job>& jobs, const char* attempts_statement) {
  if (jobs.empty()) return;
  std::vector<JobId> ids;
  absl::flat_hash_map<int64_t, Job*> by_id;
  for (Job& job : jobs) {
    ids.push_back(job.id);
    by_id[job.id.value] = &job;
  }
  const std::string keys = Array(ids);
  const auto job_of = [&](const pqxx::row& row) -> Job& { return *by_id.at(row["job_id"].as<int64_t>()); };
  for (const pqxx::row& row : txn.Run("batches_of_jobs", keys)) {
    job_of(row).batches.push_back(BatchId{row["batch_id"].as<int64_t>()});
  }
  for (const pqxx::row& row : txn.Run(attempts_statement, keys)) job_of(row).attempts.push_back(AttemptOf(row));
  for (const pqxx::row& row : txn.Run("executables_of_jobs", keys)) job_of(row).executables.push_back(ArtifactOf(row));
  for (const pqxx::row& row : txn.Run("failed_programs_of_jobs", keys)) {
    std::vector<FailedProgram>& programs = job_of(row).failed_programs;
    programs = FailedProgramsFromJson(row["failed_programs"].c_str());
    std::sort(programs.begin(), programs.end(),
              [](const FailedProgram& a, const FailedProgram& b) { return a.import_path < b.import_path; });
  }
  for (const pqxx::row& row : txn.Run("rebuilds_of_jobs", keys)) job_of(row).rebuilds.push_back(RebuildOf(row));
}

absl::Status NoSuchJob(JobId id) { return absl::NotFoundError(Cat("no job ", id.value)); }

bool HasJob(Txn& txn, JobId id) {
  const pqxx::result known = txn.Run("jobs_page", id.value - 1, 0, 1);
  return !known.empty() && known[0]["id"].as<int64_t>() == id.value;
}

}  // namespace

absl::StatusOr<Job> QueryStore::GetJob(const Scope& scope, JobId id) {
  return RunTransaction(pool_, scope, "show a job", [&](Txn& txn) -> absl::StatusOr<Job> {
    const pqxx::result rows = txn.Run("jobs_page", id.value - 1, 0, 1);
    if (rows.empty() || rows[0]["id"].as<int64_t>() != id.value) return NoSuchJob(id);
    std::vector<Job> jobs = {JobOf(rows[0])};
    Complete(txn, jobs, "attempts_of_jobs");
    return std::move(jobs.front());
  });
}

absl::StatusOr<std::vector<Job>> QueryStore::JobPage(const Scope& scope, const domain::JobFilter& filter, JobId after,
                                                     int limit) {
  return RunTransaction(pool_, scope, "list jobs", [&](Txn& txn) -> absl::StatusOr<std::vector<Job>> {
    const int state = filter.state ? static_cast<int>(*filter.state) : 0;
    const int rows_max = std::clamp(limit, 1, kJobPageMax);
    const pqxx::result rows =
        filter.batch ? txn.Run("jobs_page_of_batch", after.value, state, rows_max, filter.batch.value, filter.module)
        : !filter.module.empty() ? txn.Run("jobs_page_of_module", after.value, state, rows_max, filter.module)
                                 : txn.Run("jobs_page", after.value, state, rows_max);
    std::vector<Job> jobs;
    jobs.reserve(rows.size());
    for (const pqxx::row& row : rows) jobs.push_back(JobOf(row));
    Complete(txn, jobs, "attempts_of_jobs_brief");
    return jobs;
  });
}

absl::StatusOr<domain::MatrixPage> QueryStore::MatrixPage(const Scope& scope, BatchId batch,
                                                          std::optional<JobState> state, JobId after) {
  return RunTransaction(pool_, scope, "list a batch's modules", [&](Txn& txn) -> absl::StatusOr<domain::MatrixPage> {
    const int wanted = state ? static_cast<int>(*state) : 0;
    domain::MatrixPage page;
    JobId last;
    int jobs = 0;
    // Of the newest row: it stood on an earlier page; it has a job on this one.
    bool seen_before = false, is_here = false;
    const auto settle = [&] {
      if (!page.rows.empty() && (seen_before || !is_here)) page.rows.pop_back();
      seen_before = is_here = false;
    };
    for (const pqxx::row& row : txn.Run("batch_matrix", batch.value, after.value, wanted, kMatrixJobsMax)) {
      const domain::MatrixCell cell{.job = JobId{row["id"].as<int64_t>()},
                                    .target = static_cast<Target>(row["target"].as<int>()),
                                    .state = static_cast<JobState>(row["state"].as<int>()),
                                    .failure = static_cast<FailureClass>(row["failure_class"].as<int>()),
                                    .executables = row["executables"].as<int>()};
      std::string module = Str(row, "module"), version = Str(row, "version");
      if (page.rows.empty() || page.rows.back().module != module || page.rows.back().version != version) {
        settle();
        page.rows.push_back({.module = std::move(module), .version = std::move(version), .cells = {}});
      }
      page.rows.back().cells.push_back(cell);
      if (row["on_page"].as<bool>()) {
        ++jobs;
        is_here = true;
        if (last < cell.job) last = cell.job;
      } else if (cell.job <= after && (!state || cell.state == *state)) {
        seen_before = true;
      }
    }
    settle();
    if (jobs == kMatrixJobsMax) page.next = last;
    return page;
  });
}

absl::StatusOr<std::vector<JobId>> QueryStore::JobIdPage(const Scope& scope, BatchId batch, JobId after) {
  return RunTransaction(pool_, scope, "list job ids", [&](Txn& txn) -> absl::StatusOr<std::vector<JobId>> {
    std::vector<JobId> ids;
    for (const pqxx::row& row : txn.Run("job_ids_of_batch", batch.value, after.value, kJobIdPageMax)) {
      ids.push_back(JobId{row[0].as<int64_t>()});
    }
    return ids;
  });
}

absl::StatusOr<std::vector<domain::FailedJob>> QueryStore::FailedJobs(const Scope& scope, BatchId batch) {
  using Jobs = std::vector<domain::FailedJob>;
  return RunTransaction(pool_, scope, "list failed jobs", [&](Txn& txn) -> absl::StatusOr<Jobs> {
    constexpr auto kDetail = static_cast<int>(domain::kFailureDetailReadMax);
    const pqxx::result rows = batch ? txn.Run("failed_jobs_in_batch", kFailedJobsMax, kDetail, batch.value)
                                    : txn.Run("failed_jobs", kFailedJobsMax, kDetail);
    Jobs jobs;
    jobs.reserve(rows.size());
    for (const pqxx::row& row : rows) {
      jobs.push_back({.job = {.id = JobId{row["id"].as<int64_t>()},
                              .module = Str(row, "module"),
                              .version = Str(row, "version"),
                              .target = static_cast<Target>(row["target"].as<int>())},
                      .failure = static_cast<FailureClass>(row["failure_class"].as<int>()),
                      .detail = Str(row, "failure_detail")});
    }
    return jobs;
  });
}

absl::StatusOr<std::vector<ArtifactRow>> QueryStore::ArtifactPage(const Scope& scope,
                                                                  const domain::ArtifactFilter& filter,
                                                                  const domain::ArtifactCursor& after, int limit) {
  return RunTransaction(pool_, scope, "list artifacts", [&](Txn& txn) -> absl::StatusOr<std::vector<ArtifactRow>> {
    const int target = filter.target ? static_cast<int>(*filter.target) : 0;
    const int rows_max = std::clamp(limit, 1, kArtifactPageMax);
    const auto run = [&]() -> pqxx::result {
      const int64_t job = after.job.value;
      const std::string& path = after.import_path;
      if (filter.batch) {
        return txn.Run("artifacts_page_of_batch", job, path, target, rows_max, filter.batch.value, filter.module,
                       filter.sha256);
      }
      if (!filter.sha256.empty()) {
        return txn.Run("artifacts_page_of_digest", job, path, target, rows_max, filter.sha256, filter.module);
      }
      if (!filter.module.empty()) {
        return txn.Run("artifacts_page_of_module", job, path, target, rows_max, filter.module);
      }
      return txn.Run("artifacts_page", job, path, target, rows_max);
    };
    std::vector<ArtifactRow> artifacts;
    for (const pqxx::row& row : run()) artifacts.push_back(ArtifactOf(row));
    return artifacts;
  });
}

absl::StatusOr<std::vector<domain::WorkerInfo>> QueryStore::WorkerPage(const Scope& scope, const std::string& after,
                                                                       domain::WorkerDetail detail,
                                                                       const std::vector<std::string>& names) {
  using Infos = std::vector<domain::WorkerInfo>;
  return RunTransaction(pool_, scope, "list workers", [&](Txn& txn) -> absl::StatusOr<Infos> {
    Infos workers;
    for (const pqxx::row& row :
         txn.Run("list_workers", after, kWorkerPageMax, detail == domain::WorkerDetail::kFull, Array(names))) {
      domain::WorkerInfo worker;
      worker.name = Str(row, "name");
      HelloFromJson(row["hello"].c_str(), worker);
      worker.report = ReportFromJson(row["report"].c_str());
      worker.has_session = row["has_session"].as<bool>();
      worker.drained = row["draining"].as<bool>();
      worker.held = row["held"].as<int>();
      worker.last_seen_at = TimeOf(row["seen_us"]);
      workers.push_back(std::move(worker));
    }
    return workers;
  });
}

absl::StatusOr<std::vector<std::string>> QueryStore::ForgetWorkers(const Scope& scope, absl::Duration unseen) {
  using Names = std::vector<std::string>;
  return RunTransaction(pool_, scope, "forget workers", [&](Txn& txn) -> absl::StatusOr<Names> {
    Names names;
    for (const pqxx::row& row : txn.Run("forget_workers", absl::ToDoubleSeconds(unseen)))
      names.push_back(Str(row, "name"));
    return names;
  });
}

absl::Status QueryStore::SaveWorkerReport(const Scope& scope, const std::string& worker, const WorkerReport& report) {
  return RunTransaction(pool_, scope, "save a worker's report", [&](Txn& txn) -> absl::Status {
    txn.Run("save_worker_report", worker, ReportJson(report));
    return absl::OkStatus();
  });
}

absl::StatusOr<domain::JobCounts> QueryStore::CountJobs(const Scope& scope) {
  return RunTransaction(pool_, scope, "count jobs", [&](Txn& txn) -> absl::StatusOr<domain::JobCounts> {
    const pqxx::row kept = txn.Run("kept_job_counts")[0];
    domain::JobCounts counts{.built = kept["built"].as<int64_t>(),
                             .partial = kept["partial"].as<int64_t>(),
                             .nothing_to_build = kept["nothing_to_build"].as<int64_t>(),
                             .failed = kept["failed"].as<int64_t>(),
                             .cancelled = kept["cancelled"].as<int64_t>()};
    for (const pqxx::row& row : txn.Run("count_jobs", kept["up_to_id"].as<int64_t>())) {
      const int64_t n = row["jobs"].as<int64_t>();
      switch (static_cast<JobState>(row["state"].as<int>())) {
        case JobState::kQueued:
          counts.queued = n;
          break;
        case JobState::kRunning:
          counts.running = n;
          break;
        case JobState::kBuilt:
          counts.built += n;
          break;
        case JobState::kPartial:
          counts.partial += n;
          break;
        case JobState::kNothingToBuild:
          counts.nothing_to_build += n;
          break;
        case JobState::kFailed:
          counts.failed += n;
          break;
        case JobState::kCancelled:
          counts.cancelled += n;
          break;
      }
    }
    return counts;
  });
}

absl::Status QueryStore::KeepJobCounts(const Scope& scope) {
  for (int64_t before = -1;;) {
    GOFARM_ASSIGN_OR_RETURN(
        const int64_t up_to,
        RunTransaction(pool_, scope, "keep counts of jobs", [&](Txn& txn) -> absl::StatusOr<int64_t> {
          txn.Run("keep_job_counts", kJobsCountedAtOnce, absl::ToDoubleSeconds(kJobsSettle));
          return txn.Run("kept_job_counts")[0]["up_to_id"].as<int64_t>();
        }));
    if (up_to == before) return absl::OkStatus();
    before = up_to;
  }
}

absl::StatusOr<Attempt> QueryStore::FindAttempt(const Scope& scope, JobId job, int number) {
  return RunTransaction(pool_, scope, "find an attempt", [&](Txn& txn) -> absl::StatusOr<Attempt> {
    const pqxx::result rows = txn.Run("attempts_of_jobs_brief", Array(std::vector<JobId>{job}));
    if (rows.empty()) {
      if (!HasJob(txn, job)) return NoSuchJob(job);
      return absl::NotFoundError(Cat("job ", job.value, " has no attempt yet"));
    }
    const int count = static_cast<int>(rows.size());
    if (number < 0 || number > count) {
      return absl::NotFoundError(Cat("job ", job.value, " has no attempt ", number, ", only 1 to ", count));
    }
    return AttemptOf(rows[number == 0 ? count - 1 : number - 1]);
  });
}

absl::StatusOr<std::vector<AttemptRef>> QueryStore::AttemptsOf(const Scope& scope, JobId job) {
  using Rows = std::vector<AttemptRef>;
  return RunTransaction(pool_, scope, "list attempts", [&](Txn& txn) -> absl::StatusOr<Rows> {
    Rows attempts;
    for (const pqxx::row& row : txn.Run("attempt_outcomes_of_job", job.value)) {
      attempts.push_back({.token = AttemptToken{row["token"].as<int64_t>()},
                          .outcome = static_cast<AttemptOutcome>(row["outcome"].as<int>())});
    }
    if (attempts.empty() && !HasJob(txn, job)) return NoSuchJob(job);
    return attempts;
  });
}

absl::StatusOr<domain::TokenFacts> QueryStore::FactsOf(const Scope& scope, AttemptToken token) {
  return RunTransaction(pool_, scope, "look up a token", [&](Txn& txn) -> absl::StatusOr<domain::TokenFacts> {
    const pqxx::result rows = txn.Run("token_state", token.value);
    domain::TokenFacts facts{.worker = rows[0]["running_on"].as<std::string>(),
                             .secret_sha256 = rows[0]["secret_sha256"].as<std::string>()};
    if (!facts.worker.empty()) {
      facts.state = domain::TokenState::kRunning;
    } else if (rows[0]["offered"].as<bool>()) {
      facts.state = domain::TokenState::kOffered;
    }
    return facts;
  });
}

}  // namespace gofarm::store
