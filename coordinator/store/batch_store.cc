#include "coordinator/store/batch_store.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/status_macros.h"
#include "coordinator/domain/job.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/store/batch_rows.h"
#include "coordinator/store/json.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::Batch;
using domain::JobRef;
using domain::WantedJob;

// Rows of one statement: large enough to be quick, small enough to stay far below statement_timeout.
constexpr size_t kChunk = 10'000;
// How often a generation may be made by somebody else in the same moment before we give up and start over.
constexpr int kGenerationRounds = 32;

absl::StatusOr<Batch> GetIn(Txn& txn, BatchId id) {
  const pqxx::result rows = txn.Run("get_batch", id.value);
  if (rows.empty()) return absl::NotFoundError(Cat("no batch ", id.value));
  return BatchOf(rows[0]);
}

void KeepCounts(Txn& txn, const std::vector<BatchId>& ids) {
  if (ids.empty()) return;
  std::vector<BatchId> locked;
  for (const pqxx::row& row : txn.Run("lock_batches_to_keep", Array(ids))) {
    locked.push_back(BatchId{row[0].as<int64_t>()});
  }
  if (!locked.empty()) txn.Run("keep_batch_counts", Array(locked));
}

// Batches as people see them. Of those that are seen to have ended, the counts are kept: they cost this once.
std::vector<Batch> ReadBatches(Txn& txn, const pqxx::result& rows) {
  std::vector<Batch> batches;
  std::vector<BatchId> ended;
  for (const pqxx::row& row : rows) {
    batches.push_back(BatchOf(row));
    const Batch& batch = batches.back();
    const bool keep = !row["kept"].as<bool>() && batch.jobs.queued + batch.jobs.running == 0;
    if (keep && ended.size() < kCountsKeptAtOnce) ended.push_back(batch.id);
  }
  KeepCounts(txn, ended);
  return batches;
}

// The batch that the request id made, if any.
absl::StatusOr<std::optional<Batch>> FirstOf(Txn& txn, const std::string& request_id, const std::string& content) {
  const pqxx::result rows = txn.Run("batch_of_request", request_id);
  if (rows.empty()) return std::optional<Batch>();
  const Batch batch = BatchOf(rows[0]);
  const std::string first = rows[0]["content_sha256"].as<std::string>();
  if (first.empty() || content.empty() || first == content) return std::optional<Batch>(batch);
  return absl::AlreadyExistsError(Cat("request id ", request_id, " made batch ", batch.id.value,
                                      " of other content: send the same again for the same answer, or take a new "
                                      "request id for a new batch"));
}

JobRef RefOf(const pqxx::row& row) {
  return {.id = JobId{row["id"].as<int64_t>()},
          .module = row["module"].as<std::string>(),
          .version = row["version"].as<std::string>(),
          .target = static_cast<Target>(row["target"].as<int>())};
}

EndedJob EndedJobOf(const pqxx::row& row) {
  return {.ref = RefOf(row),
          .toolset = row["toolset"].as<std::string>(),
          .recipe_digest = row["recipe_digest"].as<std::string>(),
          .rebuild_of = JobId{row["rebuild_of"].as<int64_t>()}};
}

struct Inserting {
  BatchId batch;
  bool force = false;
  int priority = 0;
  std::string toolset;
  std::string joined_failures;
};
struct Placed {
  std::vector<JobRef> added;
  std::vector<JobId> joined;
  std::vector<JobId> joined_queued;
};

absl::flat_hash_map<std::string, int64_t> LatestGenerations(Txn& txn, const std::vector<std::string>& digests) {
  absl::flat_hash_map<std::string, int64_t> latest;
  for (const pqxx::row& row : txn.Run("latest_generations", Array(digests))) {
    latest[row["digest"].as<std::string>()] = row["generation"].as<int64_t>();
  }
  return latest;
}

// Finds or makes a job for every wanted one; each is in exactly one of Placed's lists afterwards.
absl::StatusOr<Placed> Place(Txn& txn, const Inserting& how, std::vector<const WantedJob*> wanted) {
  Placed placed;
  for (int round = 0; !wanted.empty(); ++round) {
    if (round == kGenerationRounds) {
      return absl::AbortedError("others submit the same jobs in the same moment");
    }
    const auto drop_placed = [&](const absl::flat_hash_set<std::string>& done) {
      std::erase_if(wanted, [&](const WantedJob* w) { return done.contains(w->recipe_digest); });
    };
    std::vector<std::string> digests;
    for (const WantedJob* w : wanted) digests.push_back(w->recipe_digest);
    const absl::flat_hash_map<std::string, int64_t> latest = LatestGenerations(txn, digests);
    if (!how.force) {
      absl::flat_hash_set<std::string> joined;
      for (const pqxx::row& row : txn.Run("join_jobs", Array(digests), how.joined_failures)) {
        joined.insert(row["recipe_digest"].as<std::string>());
        placed.joined.push_back(JobId{row["id"].as<int64_t>()});
        if (static_cast<JobState>(row["state"].as<int>()) == JobState::kQueued) {
          placed.joined_queued.push_back(placed.joined.back());
        }
      }
      drop_placed(joined);
      if (wanted.empty()) break;
    }
    digests.clear();
    std::vector<std::string> modules, versions;
    std::vector<int64_t> generations, targets;
    absl::flat_hash_map<std::string, const WantedJob*> by_digest;
    for (const WantedJob* w : wanted) {
      digests.push_back(w->recipe_digest);
      generations.push_back(1 + latest.at(w->recipe_digest));
      modules.push_back(w->module);
      versions.push_back(w->version);
      targets.push_back(static_cast<int64_t>(w->target));
      by_digest[w->recipe_digest] = w;
    }
    absl::flat_hash_set<std::string> added;
    for (const pqxx::row& row : txn.Run("insert_jobs", Array(digests), Array(generations), Array(modules),
                                        Array(versions), Array(targets), how.toolset, how.priority)) {
      std::string digest = row["recipe_digest"].as<std::string>();
      const WantedJob& w = *by_digest[digest];
      placed.added.push_back(
          {.id = JobId{row["id"].as<int64_t>()}, .module = w.module, .version = w.version, .target = w.target});
      added.insert(std::move(digest));
    }
    drop_placed(added);
  }
  return placed;
}

std::vector<JobId> IdsOf(const std::vector<JobRef>& refs) {
  std::vector<JobId> ids;
  ids.reserve(refs.size());
  for (const JobRef& ref : refs) ids.push_back(ref.id);
  return ids;
}

void KeepSample(std::vector<JobRef>& sample, const std::vector<JobRef>& more) {
  for (const JobRef& ref : more) {
    if (sample.size() >= kSampleMax) return;
    sample.push_back(ref);
  }
}

void KeepLowest(JobId& lowest, JobId id) {
  if (!lowest || id < lowest) lowest = id;
}

// The jobs' rows are locked already.
void CancelLocked(Txn& txn, const std::string& ids, CancelledJobs& result) {
  std::vector<JobId> gone;
  for (const pqxx::row& row : txn.Run("cancel_waiting_jobs", ids)) {
    result.cancelled.push_back(RefOf(row));
    gone.push_back(result.cancelled.back().id);
  }
  for (const pqxx::row& row : txn.Run("request_cancel", ids)) {
    result.to_cancel.push_back({.token = AttemptToken{row[0].as<int64_t>()}, .job = JobId{row[1].as<int64_t>()}});
  }
  txn.Run("delete_from_queue", Array(gone));
}

// Calls `each` with the values in pieces of kChunk.
template <typename T, typename Each>
absl::Status InChunks(const Scope& scope, const std::vector<T>& values, const Each& each) {
  for (size_t at = 0; at < values.size(); at += kChunk) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last = values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), at + kChunk));
    GOFARM_RETURN_IF_ERROR(each(std::vector<T>(first, last)));
  }
  return absl::OkStatus();
}

// A new generation of each of `old`, or a newer job that somebody made already, linked in its place in the batches; old
// id -> job in its place.
struct Successors {
  absl::flat_hash_map<JobId, JobRef> of;
  std::vector<JobRef> added;
};
absl::StatusOr<Successors> Replace(Txn& txn, const std::vector<BatchId>& batches, const std::vector<EndedJob>& old) {
  Successors result;
  std::vector<JobId> left;
  std::vector<std::string> digests;
  absl::flat_hash_map<JobId, std::string> digest_of;
  absl::flat_hash_map<std::string, JobId> id_of;
  for (const EndedJob& job : old) {
    left.push_back(job.ref.id);
    digests.push_back(job.recipe_digest);
    digest_of[job.ref.id] = job.recipe_digest;
    id_of[job.recipe_digest] = job.ref.id;
  }
  for (int round = 0; !left.empty(); ++round) {
    if (round == kGenerationRounds) return absl::AbortedError("others retry the same jobs in the same moment");
    const absl::flat_hash_map<std::string, int64_t> latest = LatestGenerations(txn, digests);
    for (const pqxx::row& row : txn.Run("join_newer_jobs", Array(left))) {
      result.of[JobId{row["old_id"].as<int64_t>()}] = RefOf(row);
    }
    const auto drop_done = [&] { std::erase_if(left, [&](JobId id) { return result.of.contains(id); }); };
    drop_done();
    if (left.empty()) break;
    std::vector<int64_t> generations;
    for (const JobId id : left) generations.push_back(1 + latest.at(digest_of.at(id)));
    for (const pqxx::row& row : txn.Run("insert_next_generation", Array(left), Array(generations))) {
      result.added.push_back(RefOf(row));
      result.of[id_of.at(row["recipe_digest"].as<std::string>())] = result.added.back();
    }
    drop_done();
  }
  std::vector<JobId> old_ids, new_ids;
  for (const auto& [old_id, ref] : result.of) {
    old_ids.push_back(old_id);
    new_ids.push_back(ref.id);
  }
  txn.Run("relink_jobs", Array(batches), Array(old_ids), Array(new_ids));
  txn.Run("enqueue_jobs", Array(IdsOf(result.added)));
  return result;
}

}  // namespace

absl::StatusOr<InsertedBatch> BatchStore::Insert(const Scope& scope, const domain::SubmitRequest& request,
                                                 const std::vector<WantedJob>& jobs, const std::string& toolset) {
  return RunTransaction(pool_, scope, "store the batch", [&](Txn& txn) -> absl::StatusOr<InsertedBatch> {
    InsertedBatch result;
    const pqxx::result row = txn.Run("insert_batch", request.request_id, request.name, request.submitter,
                                     request.priority, LabelsJson(request.labels), request.content_sha256);
    if (row.empty()) {
      GOFARM_ASSIGN_OR_RETURN(std::optional<Batch> first, FirstOf(txn, request.request_id, request.content_sha256));
      if (!first) return absl::AbortedError("the request id was forgotten in this moment");
      result.batch = *std::move(first);
      result.repeated = true;
      return result;
    }
    const Inserting how{.batch = BatchId{row[0][0].as<int64_t>()},
                        .force = request.force,
                        .priority = request.priority,
                        .toolset = toolset,
                        .joined_failures = Array(domain::JoinedFailures())};
    absl::flat_hash_set<std::string_view> seen;
    seen.reserve(jobs.size());
    std::vector<const WantedJob*> chunk;
    for (size_t i = 0; i <= jobs.size(); ++i) {
      if (i < jobs.size() && seen.insert(jobs[i].recipe_digest).second) chunk.push_back(&jobs[i]);
      if (chunk.empty() || (i < jobs.size() && chunk.size() < kChunk)) continue;
      GOFARM_RETURN_IF_ERROR(scope.Check());
      GOFARM_ASSIGN_OR_RETURN(Placed placed, Place(txn, how, std::exchange(chunk, {})));
      const std::vector<JobId> added = IdsOf(placed.added);
      txn.Run("link_jobs", how.batch.value, Array(added));
      txn.Run("enqueue_jobs", Array(added));
      txn.Run("link_jobs", how.batch.value, Array(placed.joined));
      for (const pqxx::row& raised : txn.Run("raise_priority", Array(placed.joined_queued), how.priority)) {
        KeepLowest(result.lowest_changed, JobId{raised[0].as<int64_t>()});
      }
      for (const JobId id : added) KeepLowest(result.lowest_changed, id);
      result.new_jobs += static_cast<int64_t>(added.size());
      KeepSample(result.queued_sample, placed.added);
    }
    GOFARM_ASSIGN_OR_RETURN(result.batch, GetIn(txn, how.batch));
    return result;
  });
}

absl::StatusOr<Batch> BatchStore::Get(const Scope& scope, BatchId id) {
  return RunTransaction(pool_, scope, "show a batch", [&](Txn& txn) -> absl::StatusOr<Batch> {
    std::vector<Batch> found = ReadBatches(txn, txn.Run("get_batch", id.value));
    if (found.empty()) return absl::NotFoundError(Cat("no batch ", id.value));
    return std::move(found.front());
  });
}

absl::StatusOr<std::optional<Batch>> BatchStore::FindByRequestId(const Scope& scope, const std::string& request_id,
                                                                 const std::string& content_sha256) {
  return RunTransaction(pool_, scope, "find a batch",
                        [&](Txn& txn) { return FirstOf(txn, request_id, content_sha256); });
}

absl::StatusOr<int64_t> BatchStore::ForgetRequestIds(const Scope& scope, absl::Duration retention) {
  for (int64_t forgotten = 0;;) {
    GOFARM_ASSIGN_OR_RETURN(
        const int64_t some,
        RunTransaction(pool_, scope, "forget request ids", [&](Txn& txn) -> absl::StatusOr<int64_t> {
          return static_cast<int64_t>(
              txn.Run("forget_request_ids", absl::ToDoubleSeconds(retention), kRequestIdsAtOnce).affected_rows());
        }));
    forgotten += some;
    if (some < kRequestIdsAtOnce) return forgotten;
  }
}

absl::StatusOr<std::vector<Batch>> BatchStore::List(const Scope& scope, int64_t limit, BatchId before) {
  return RunTransaction(pool_, scope, "list batches", [&](Txn& txn) -> absl::StatusOr<std::vector<Batch>> {
    return ReadBatches(txn, txn.Run("list_batches", limit, before.value));
  });
}

absl::StatusOr<std::vector<Batch>> BatchStore::ListRunning(const Scope& scope, int64_t limit) {
  std::vector<Batch> running;
  for (BatchId before;;) {
    GOFARM_ASSIGN_OR_RETURN(
        const std::vector<Batch> page,
        RunTransaction(pool_, scope, "list open batches", [&](Txn& txn) -> absl::StatusOr<std::vector<Batch>> {
          return ReadBatches(txn, txn.Run("list_open_batches", limit, before.value));
        }));
    for (const Batch& batch : page) {
      if (batch.state != BatchState::kRunning) continue;
      running.push_back(batch);
      if (static_cast<int64_t>(running.size()) == limit) return running;
    }
    if (limit == 0 || static_cast<int64_t>(page.size()) < limit) return running;
    before = page.back().id;
  }
}

absl::StatusOr<bool> BatchStore::Exists(const Scope& scope, BatchId id) {
  return RunTransaction(pool_, scope, "look for a batch",
                        [&](Txn& txn) -> absl::StatusOr<bool> { return !txn.Run("batch_exists", id.value).empty(); });
}

absl::StatusOr<int64_t> BatchStore::KeepEndedCounts(const Scope& scope) {
  int64_t kept = 0;
  for (BatchId after;;) {
    GOFARM_ASSIGN_OR_RETURN(
        const std::vector<BatchId> some,
        RunTransaction(pool_, scope, "keep counts of batches", [&](Txn& txn) -> absl::StatusOr<std::vector<BatchId>> {
          std::vector<BatchId> ended;
          for (const pqxx::row& row : txn.Run("ended_batches_to_keep", after.value, kCountsKeptAtOnce)) {
            ended.push_back(BatchId{row[0].as<int64_t>()});
          }
          KeepCounts(txn, ended);
          return ended;
        }));
    kept += static_cast<int64_t>(some.size());
    if (some.size() < kCountsKeptAtOnce) return kept;
    after = some.back();
  }
}

absl::StatusOr<BatchStore::Cancelled> BatchStore::Cancel(const Scope& scope, BatchId id) {
  return RunTransaction(pool_, scope, "cancel a batch", [&](Txn& txn) -> absl::StatusOr<Cancelled> {
    if (txn.Run("lock_batch", id.value).empty()) return absl::NotFoundError(Cat("no batch ", id.value));
    Cancelled result;
    GOFARM_ASSIGN_OR_RETURN(result.batch, GetIn(txn, id));
    if (result.batch.state != BatchState::kRunning) return result;
    // Lock, then ask who else wants them: a submission that joins one of these jobs either shows its link now or waits
    // for us and then sees the job cancelled.
    std::vector<JobId> live;
    for (const pqxx::row& row : txn.Run("lock_live_jobs_of_batch", id.value))
      live.push_back(JobId{row[0].as<int64_t>()});
    txn.Run("cancel_batch", id.value);
    GOFARM_RETURN_IF_ERROR(InChunks(scope, live, [&](const std::vector<JobId>& some) {
      std::vector<JobId> unwanted;
      for (const pqxx::row& row : txn.Run("unwanted_jobs", Array(some)))
        unwanted.push_back(JobId{row[0].as<int64_t>()});
      CancelLocked(txn, Array(unwanted), result.jobs);
      return absl::OkStatus();
    }));
    GOFARM_ASSIGN_OR_RETURN(result.batch, GetIn(txn, id));
    return result;
  });
}

absl::StatusOr<BatchStore::Retried> BatchStore::RetryFailed(const Scope& scope, BatchId id, const CheckRetry& check) {
  return RunTransaction(pool_, scope, "retry a batch", [&](Txn& txn) -> absl::StatusOr<Retried> {
    const pqxx::result locked = txn.Run("lock_batch", id.value);
    if (locked.empty()) return absl::NotFoundError(Cat("no batch ", id.value));
    if (locked[0]["cancelled"].as<bool>()) {
      return absl::FailedPreconditionError(Cat("batch ", id.value, " is cancelled: submit its modules again"));
    }
    std::vector<EndedJob> failed;
    for (const pqxx::row& row : txn.Run("failed_jobs_of_batch", id.value)) {
      failed.push_back(EndedJobOf(row));
      GOFARM_RETURN_IF_ERROR(check(failed.back()));
    }
    Retried result;
    GOFARM_RETURN_IF_ERROR(InChunks(scope, failed, [&](const std::vector<EndedJob>& some) -> absl::Status {
      GOFARM_ASSIGN_OR_RETURN(const Successors successors, Replace(txn, {id}, some));
      result.retried += static_cast<int64_t>(successors.of.size());
      KeepSample(result.queued, successors.added);
      for (const JobRef& ref : successors.added) KeepLowest(result.lowest_queued, ref.id);
      return absl::OkStatus();
    }));
    GOFARM_ASSIGN_OR_RETURN(result.batch, GetIn(txn, id));
    return result;
  });
}

absl::StatusOr<CancelledJobs> BatchStore::CancelJob(const Scope& scope, JobId id) {
  return RunTransaction(pool_, scope, "cancel a job", [&](Txn& txn) -> absl::StatusOr<CancelledJobs> {
    const pqxx::result locked = txn.Run("lock_job", id.value);
    if (locked.empty()) return absl::NotFoundError(Cat("no job ", id.value));
    const auto state = static_cast<JobState>(locked[0]["state"].as<int>());
    GOFARM_RETURN_IF_ERROR_CTX(domain::Apply(state, domain::JobTransition::kCancelled).status(), Cat("job ", id.value));
    CancelledJobs result;
    CancelLocked(txn, Array(std::vector<JobId>{id}), result);
    return result;
  });
}

absl::StatusOr<JobRef> BatchStore::RetryJob(const Scope& scope, JobId id, const CheckRetry& check) {
  return RunTransaction(pool_, scope, "retry a job", [&](Txn& txn) -> absl::StatusOr<JobRef> {
    std::vector<BatchId> batches;
    for (const pqxx::row& row : txn.Run("live_batches_of_job", id.value))
      batches.push_back(BatchId{row[0].as<int64_t>()});
    const pqxx::result locked = txn.Run("lock_job", id.value);
    if (locked.empty()) return absl::NotFoundError(Cat("no job ", id.value));
    const auto state = static_cast<JobState>(locked[0]["state"].as<int>());
    if (state != JobState::kFailed && state != JobState::kPartial && state != JobState::kCancelled) {
      return absl::FailedPreconditionError(
          Cat("job ", id.value, " is ", Name(state), ": only a failed, partial or cancelled job can be retried"));
    }
    const EndedJob old = EndedJobOf(locked[0]);
    GOFARM_RETURN_IF_ERROR(check(old));
    GOFARM_ASSIGN_OR_RETURN(const Successors successors, Replace(txn, batches, {old}));
    return successors.of.at(id);
  });
}

}  // namespace gofarm::store
