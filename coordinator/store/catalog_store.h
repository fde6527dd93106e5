// What the catalog's stages keep. Every method is one transaction; those that write carry the epoch of the leader and
// change nothing when another coordinator leads by now (FAILED_PRECONDITION). One thread a stage writes, so that
// revisions become visible in their order. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "coordinator/domain/catalog.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kClaimMax = 500;            // modules of one claimed set
inline constexpr int kEnrollPage = 5'000;        // modules that one call takes up
inline constexpr int kCandidatePage = 5'000;     // of one page of candidates
inline constexpr int kForecastPage = 500;        // modules with programs of one page
inline constexpr int kPackagesOfMax = 2'000;     // paths that one call asks for
inline constexpr int kSearchLimitMax = 500;      // hits of one search
inline constexpr int kSearchCandidates = 5'000;  // matches that are ranked

struct Enrolled {
  int64_t read = 0;      // modules whose change was taken up; 0: nothing is left
  int64_t enrolled = 0;  // of those, work for the stage
};

struct StageCounts {
  int64_t done = 0;
  int64_t backlog = 0;
};

struct StagePending {
  bool due = false;     // some module is
  bool unread = false;  // something changed that the stage has not taken up
};

// The present version of a stage: results of lower ones are made again.
using StageVersions = std::map<catalog::Stage, int>;

struct ModuleRow {
  int32_t id = 0;
  std::string path;
  std::string latest;
  int64_t versions = 0;
  absl::Time first_indexed_at;
  absl::Time last_indexed_at;
};

struct WorkRow {
  catalog::Stage stage = catalog::Stage::kNone;
  int stage_version = 0;
  absl::Time due_at;
  int failures = 0;
};

// All that the tables say of one module.
struct ModuleRecord {
  ModuleRow module;
  std::optional<catalog::EnrichmentRow> enrichment;
  std::optional<catalog::ReachRow> reach;
  std::optional<catalog::DetectionRow> detection;
  std::vector<WorkRow> work;
  std::map<catalog::DemandKind, int64_t> demand;  // of other modules
  std::vector<std::string> origins;
  std::optional<catalog::Decision> decision;
};

struct Unsubmitted {
  int32_t module_id = 0;
  std::string path;
  std::string version;
  std::string reason = {};  // why it is selected
  int targets = 0;          // bit n - 1: target n has a program that is forecast as buildable
};

class CatalogStore {
 public:
  explicit CatalogStore(Pool& pool) : pool_(pool) {}

  // ---- stages ----
  absl::StatusOr<std::map<catalog::Stage, bool>> Running(const Scope& scope);
  absl::Status SetRunning(const Scope& scope, int64_t epoch, absl::Span<const catalog::Stage> stages, bool running);
  // The next changes of what the stage follows: of enrich and reach modules of the index with a version since
  // `eligible_since`, of detect what reach found available. Another date than at the last call begins again.
  absl::StatusOr<Enrolled> Enroll(const Scope& scope, int64_t epoch, catalog::Stage stage, absl::Time eligible_since);
  absl::StatusOr<std::vector<catalog::Claimed>> Claim(const Scope& scope, catalog::Stage stage, int stage_version,
                                                      int limit);
  absl::StatusOr<std::map<catalog::Stage, StageCounts>> Counts(const Scope& scope, const StageVersions& versions);
  absl::StatusOr<std::map<catalog::Stage, StagePending>> Pending(const Scope& scope, const StageVersions& versions);
  // Makes a module due now.
  absl::Status Refresh(const Scope& scope, int64_t epoch, int32_t module_id, absl::Span<const catalog::Stage> stages);

  // ---- results ----
  // Rows of a set and what remains of its work, together.
  absl::Status SaveReach(const Scope& scope, int64_t epoch, int stage_version, absl::Span<const catalog::ReachRow> rows,
                         absl::Span<const catalog::WorkDone> work);
  absl::Status SaveEnrichment(const Scope& scope, int64_t epoch, int stage_version,
                              absl::Span<const catalog::EnrichmentRow> rows, absl::Span<const catalog::WorkDone> work);
  absl::Status SaveDetections(const Scope& scope, int64_t epoch, int stage_version,
                              absl::Span<const catalog::DetectionRow> rows, absl::Span<const catalog::WorkDone> work);
  absl::StatusOr<std::map<int32_t, catalog::ReachRow>> ReachOf(const Scope& scope, absl::Span<const int32_t> modules);
  absl::StatusOr<std::map<int32_t, catalog::EnrichmentRow>> EnrichmentOf(const Scope& scope,
                                                                         absl::Span<const int32_t> modules);
  // Selected modules whose repository GitHub's REST API was not asked about since `asked_before`.
  absl::StatusOr<std::vector<catalog::Claimed>> SelectedForGithub(const Scope& scope, absl::Time asked_before,
                                                                  int limit);
  absl::StatusOr<std::map<int32_t, catalog::DetectionRow>> DetectionsOf(const Scope& scope,
                                                                        absl::Span<const int32_t> modules);

  // ---- forecasts ----
  // What is known of the packages of these modules, as JSON by path; those of which nothing is known are left out.
  // INVALID_ARGUMENT beyond kPackagesOfMax.
  absl::StatusOr<std::map<std::string, std::string>> PackagesOf(const Scope& scope,
                                                                absl::Span<const std::string> modules);
  // Modules with programs by id, those after `after`, at most kForecastPage. Empty: the end.
  absl::StatusOr<std::vector<catalog::ForecastInput>> ForecastInputs(const Scope& scope, int32_t after);
  absl::Status SaveForecasts(const Scope& scope, int64_t epoch, absl::Span<const catalog::ForecastRow> rows);
  // Grows with every detection that is stored.
  absl::StatusOr<int64_t> DetectionsHead(const Scope& scope);

  // ---- selection ----
  // By id, those after `after`, at most kCandidatePage. Empty: the end.
  absl::StatusOr<std::vector<catalog::Candidate>> Candidates(const Scope& scope, int32_t after,
                                                             absl::Time eligible_since);
  absl::Status SaveDecisions(const Scope& scope, int64_t epoch, absl::Span<const catalog::DecisionRow> rows);
  // Selected versions that no batch was made of yet (`again`: all selected ones), the most starred first;
  // `unpublished`: only of modules of which nothing is published.
  absl::StatusOr<std::vector<Unsubmitted>> NotSubmitted(const Scope& scope, int limit, bool again,
                                                        bool unpublished = false);
  // Of these the door of batches said why it does not take them: they are not selected until reach, which is due for
  // them now, has looked again.
  absl::Status LeaveOut(const Scope& scope, int64_t epoch, absl::Span<const catalog::DecisionRow> rows, absl::Time now);
  absl::StatusOr<int64_t> SubmittedIn(const Scope& scope, BatchId batch);  // modules
  // `by_itself`: nobody asked for it, so it counts for the budget of the day.
  absl::Status MarkSubmitted(const Scope& scope, int64_t epoch, absl::Span<const Unsubmitted> modules, BatchId batch,
                             bool by_itself = false);
  // Modules that became jobs by themselves since midnight (UTC, by the database's clock).
  absl::StatusOr<int> BudgetUsed(const Scope& scope);

  // Keeps what a list names, and takes up the modules of the index that it means, whatever their dates: those at or
  // below its path, and those whose repository has its name.
  struct ImportName {
    std::string name;  // module, or host/owner/name of a repository in lower case
    std::string path;  // with its capitals
  };
  struct Imported {
    int64_t modules = 0;        // of the index
    int64_t names_unknown = 0;  // the index holds no module of theirs
  };
  absl::StatusOr<Imported> Import(const Scope& scope, int64_t epoch, const std::string& origin,
                                  absl::Span<const ImportName> names);
  // Of the last job of each version and target that ended, by verdict, where the version is still the one detected.
  absl::StatusOr<std::vector<catalog::VerdictCheck>> ForecastOutcomes(const Scope& scope);

  // ---- for people ----
  absl::StatusOr<std::vector<catalog::FunnelStep>> Funnel(const Scope& scope, absl::Time eligible_since);
  // NOT_FOUND: the index does not hold it.
  absl::StatusOr<ModuleRecord> Find(const Scope& scope, const std::string& path);
  absl::StatusOr<std::vector<catalog::SearchHit>> Search(const Scope& scope, const std::string& words, int limit);
  absl::StatusOr<int64_t> TableBytes(const Scope& scope);
  // Of PostgreSQL on this host; empty: it stands elsewhere, or the role may not know.
  absl::StatusOr<std::string> DataFolder(const Scope& scope);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
