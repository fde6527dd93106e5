#include "coordinator/store/rebuild_store.h"

#include <algorithm>
#include <map>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/store/attempt_end.h"
#include "coordinator/store/json.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::RebuildCandidate;
using domain::RebuildOrder;

constexpr size_t kOrderedAtOnce = 10'000;  // jobs of one statement

domain::JobRef JobOf(const pqxx::row& row) {
  return {.id = JobId{row["id"].as<int64_t>()},
          .module = row["module"].as<std::string>(),
          .version = row["version"].as<std::string>(),
          .target = static_cast<Target>(row["target"].as<int>())};
}

std::vector<RebuildCandidate> CandidatesOfRows(const pqxx::result& rows) {
  std::vector<RebuildCandidate> all;
  for (const pqxx::row& row : rows) {
    all.push_back({.job = JobOf(row),
                   .toolset = row["toolset"].as<std::string>(),
                   .recipe_digest = row["recipe_digest"].as<std::string>(),
                   .worker = row["worker"].as<std::string>()});
  }
  return all;
}

// Of jobs that are locked: whether a rebuild is under way cannot change meanwhile.
void OrderSome(Txn& txn, BatchId batch, std::map<JobId, std::string> digests, int priority, RebuildOrder& order) {
  std::vector<JobId> ids;
  for (const auto& [id, digest] : digests) ids.push_back(id);
  LockJobs(txn, ids);
  std::vector<JobId> linked;
  for (const pqxx::row& row : txn.Run("live_rebuilds", Array(ids))) {
    if (digests.erase(JobId{row["rebuild_of"].as<int64_t>()}) == 0) continue;
    linked.push_back(JobId{row["id"].as<int64_t>()});
    ++order.running;
  }
  ids.clear();
  std::vector<std::string> recipes;
  for (const auto& [id, digest] : digests) {
    ids.push_back(id);
    recipes.push_back(domain::RebuildDigest(digest));
  }
  std::vector<JobId> added;
  for (const pqxx::row& row : txn.Run("insert_rebuild_jobs", Array(ids), Array(recipes), priority)) {
    order.queued.push_back(JobOf(row));
    added.push_back(order.queued.back().id);
  }
  linked.insert(linked.end(), added.begin(), added.end());
  txn.Run("link_jobs", batch.value, Array(linked));
  txn.Run("enqueue_rebuilds", Array(added), std::string(domain::kRebuildSubmitter));
}

}  // namespace

void RecordRebuilt(Txn& txn, AttemptToken token, const domain::Rebuilt& rebuilt) {
  if (rebuilt.of.value == 0 || rebuilt.programs.empty()) return;
  std::vector<std::string> paths, reproduced, details;
  for (const domain::RebuiltProgram& program : rebuilt.programs) {
    paths.push_back(program.import_path);
    reproduced.push_back(program.reproduced ? "true" : "false");
    details.push_back(program.detail);
  }
  txn.Run("insert_rebuilds", token.value, rebuilt.of.value, Array(paths), Array(reproduced), Array(details));
  std::vector<int64_t> releases;
  for (const pqxx::row& row : txn.Run("count_rebuilt", token.value)) releases.push_back(row[0].as<int64_t>());
  if (!releases.empty()) txn.Run("show_rebuilt", Array(releases));
}

absl::StatusOr<std::vector<RebuildCandidate>> RebuildStore::Candidates(const Scope& scope,
                                                                       const domain::RebuildFilter& filter, JobId after,
                                                                       int limit) {
  return RunTransaction(
      pool_, scope, "look for builds to be made again", [&](Txn& txn) -> absl::StatusOr<std::vector<RebuildCandidate>> {
        return CandidatesOfRows(txn.Run("rebuild_candidates", after.value, filter.below, filter.module, filter.version,
                                        filter.never_rebuilt, std::clamp(limit, 1, kRebuildPageMax)));
      });
}

absl::StatusOr<std::vector<RebuildCandidate>> RebuildStore::CandidatesOf(
    const Scope& scope, const std::vector<domain::PublicationId>& ids) {
  return RunTransaction(pool_, scope, "look for what publications are of",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<RebuildCandidate>> {
                          return CandidatesOfRows(txn.Run("rebuild_candidates_of_publications", Array(ids)));
                        });
}

absl::StatusOr<RebuildOrder> RebuildStore::Order(const Scope& scope, const std::vector<RebuildCandidate>& jobs,
                                                 const std::string& name, int priority) {
  if (jobs.empty()) return RebuildOrder();
  return RunTransaction(pool_, scope, "order rebuilds", [&](Txn& txn) -> absl::StatusOr<RebuildOrder> {
    RebuildOrder order;
    const auto* const no_request = static_cast<const char*>(nullptr);
    order.batch = BatchId{txn.Run("insert_batch", no_request, name, std::string(domain::kRebuildSubmitter), priority,
                                  LabelsJson({}), "")[0][0]
                              .as<int64_t>()};
    std::map<JobId, std::string> some;
    for (size_t i = 0; i < jobs.size(); ++i) {
      some[jobs[i].job.id] = jobs[i].recipe_digest;
      if (some.size() < kOrderedAtOnce && i + 1 < jobs.size()) continue;
      GOFARM_RETURN_IF_ERROR(scope.Check());
      OrderSome(txn, order.batch, std::exchange(some, {}), priority, order);
    }
    return order;
  });
}

absl::StatusOr<std::vector<domain::FirstBuild>> RebuildStore::FirstBuildOf(const Scope& scope, AttemptToken rebuild) {
  using Builds = std::vector<domain::FirstBuild>;
  return RunTransaction(pool_, scope, Cat("look up what attempt ", rebuild.value, " builds again"),
                        [&](Txn& txn) -> absl::StatusOr<Builds> {
                          Builds all;
                          for (const pqxx::row& row : txn.Run("rebuilt_executables", rebuild.value)) {
                            all.push_back({.token = AttemptToken{row["token"].as<int64_t>()},
                                           .job = JobId{row["job_id"].as<int64_t>()},
                                           .worker = row["worker"].as<std::string>(),
                                           .import_path = row["import_path"].as<std::string>(),
                                           .name = row["name"].as<std::string>(),
                                           .size = row["size"].as<int64_t>(),
                                           .sha256 = row["sha256"].as<std::string>(),
                                           .blake3 = row["blake3"].as<std::string>(),
                                           .go_version = row["go_version"].as<std::string>()});
                          }
                          return all;
                        });
}

absl::StatusOr<domain::RebuildCounts> RebuildStore::Counts(const Scope& scope) {
  return RunTransaction(pool_, scope, "count rebuilds", [&](Txn& txn) -> absl::StatusOr<domain::RebuildCounts> {
    const pqxx::row row = txn.Run("rebuild_counts")[0];
    return domain::RebuildCounts{.reproduced = row["reproduced"].as<int64_t>(),
                                 .differing = row["differing"].as<int64_t>(),
                                 .rebuilding = row["rebuilding"].as<int64_t>()};
  });
}

}  // namespace gofarm::store
