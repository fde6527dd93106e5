// What the catalog knows and tells, in one form for the coordinator, its table documents, the wire and the CLI: the
// names of Fields below are those of the CLI's JSON, which scripts rely on. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/target.h"

namespace gofarm::catalog {

// The stages, in the order in which a module passes through them. The numbers stand in tables.
enum class Stage { kNone = 0, kIndex = 1, kEnrich = 2, kReach = 3, kDetect = 4, kSelect = 5 };
inline constexpr std::array<Stage, 5> kStages = {Stage::kIndex, Stage::kEnrich, Stage::kReach, Stage::kDetect,
                                                 Stage::kSelect};
std::string_view Name(Stage stage);
std::optional<Stage> ParseStage(std::string_view name);

// Whether a module's newest version can be downloaded. The numbers stand in tables.
enum class Reachability { kNone = 0, kAvailable = 1, kAbsent = 2, kRefused = 3, kUnknown = 4 };
std::string_view Name(Reachability state);
std::optional<Reachability> ParseReachability(std::string_view name);

// ---- of the catalog as a whole --------------------------------------------------------------------------------------
struct StageStatus {
  std::string name;
  std::string state;  // "running", "paused" (nobody turned it on, or `catalog pause`), "waits" (for a paused service)
  int64_t done = 0;
  int64_t backlog = 0;
  double rate = 0;                        // a second, over the last minute
  std::map<std::string, int64_t> errors;  // by class, since the coordinator leads
  std::optional<double> eta_seconds;      // null: no estimate
  double stalled_seconds = 0;  // since a running stage with a backlog finished anything; of the coordinator alone
};
struct HostStatus {
  std::string host;  // a configured service: "index", "proxy", "depsdev", "github", "pkgsite"
  absl::Time paused_until = absl::InfinitePast();
  std::string reason;
};
// What the rest of the back-fill is expected to take, and what there is.
struct RoomForecast {
  int64_t versions = 0;          // rows that are still to come; 0: it is done
  int64_t bytes = 0;             // of their tables and indexes
  double bytes_per_version = 0;  // as the tables are, or as was measured
  std::string folder;            // of PostgreSQL; empty: not known here
  std::optional<int64_t> free;   // bytes where PostgreSQL stands; null: not known here
  int64_t floor = 0;             // disk_free_floor
  bool stopped = false;          // less is free than the floor, and the index is not read on
  std::string detail;            // what to do; empty: it fits, as far as is known
};
struct CatalogStatus {
  absl::Time as_of = absl::InfinitePast();
  bool settled = false;                         // asked for it: no running stage has anything left that is due
  std::vector<std::string> held_up_by;          // paused services that keep it from being settled
  std::map<std::string, std::string> settings;  // which of the services' addresses and dates this farm keeps
  std::vector<StageStatus> stages;
  std::vector<HostStatus> hosts;
  RoomForecast room;
  absl::Time index_read_until = absl::InfinitePast();  // of the slice that follows the index; of the coordinator alone
};

struct FunnelStep {
  std::string step;
  int64_t count = 0;
};

struct CatalogStats {
  int64_t modules = 0;
  int64_t versions = 0;
  int64_t rejected = 0;  // distinct bad lines
  int64_t stuck = 0;     // timestamps with more rows than a page
  int64_t landed = 0;    // rows that are stored and not yet keyed
  int64_t bytes = 0;     // of the catalog's tables and indexes
};

struct IngestResult {
  int64_t lines = 0;  // = stored + known + rejected
  int64_t stored = 0;
  int64_t known = 0;
  int64_t rejected = 0;
  double seconds = 0;
};

// ---- of one module --------------------------------------------------------------------------------------------------
// Facts of a repository as some source told them; what none told is null.
struct Repository {
  std::string url;
  std::optional<int64_t> stars;
  std::optional<std::string> description;
  std::optional<std::string> homepage;
  std::optional<std::string> license;  // SPDX
  std::vector<std::string> topics;
  bool archived = false;
};

struct ReachView {
  std::string state;
  std::string detail;
  absl::Time checked_at = absl::InfinitePast();
};

struct ProgramView {
  std::string import_path;    // under the path that was asked for
  std::string declared_path;  // under the path that go.mod declares
  std::string name;
  std::vector<Target> targets;
  std::string kind;  // "program", "example", "test_helper"
};

struct ForecastView {
  std::string verdict;
  std::string detail;
};

struct Decision {
  bool selected = false;
  std::string reason;
  absl::Time at = absl::InfinitePast();
};

struct StageView {
  std::string stage;
  std::string state;  // "done", "due", "not due", "not eligible", "none"
  absl::Time at = absl::InfinitePast();
  std::string detail;
};

struct ModuleView {
  std::string module;
  std::string latest;
  int64_t versions = 0;
  absl::Time first_indexed_at = absl::InfinitePast();
  absl::Time last_indexed_at = absl::InfinitePast();
  Repository repository;
  ReachView reachability;
  std::string declared_path;
  std::string go_version;
  std::string deprecated;  // the reason; empty: it is not
  std::vector<ProgramView> programs;
  std::map<std::string, ForecastView> forecast;  // by target
  std::map<std::string, int64_t> signals;  // tool_directives, install_lines, tools_imports, importers, main_packages
  std::vector<std::string> origins;        // lists that name it
  Decision decision;
  std::vector<StageView> stages;
};

struct WhyStep {
  std::string stage;
  std::string result;
  std::string detail;
  absl::Time at = absl::InfinitePast();
};
struct WhyView {
  std::string module;
  std::string version;
  std::vector<WhyStep> steps;
  Decision decision;
};

struct VersionRow {
  std::string version;
  absl::Time indexed_at = absl::InfinitePast();
};

struct SearchHit {
  std::string module;
  std::string latest;
  std::string synopsis;
  std::vector<std::string> programs;
  int64_t stars = 0;
  int64_t demand = 0;
};

struct SelectionResult {
  int64_t batch_id = 0;  // 0: none was made
  int64_t modules = 0;   // selected
  int64_t waiting = 0;   // of those, in no batch yet (before this one)
  int64_t submitted = 0;
  int64_t left_out = 0;  // of the waiting, not taken by the door of batches: their decisions say why
  int64_t jobs = 0;      // modules times the targets that are worth it: of the batch, or of the one that would be made
  int64_t considered = 0;
  std::map<std::string, int64_t> reasons;  // decision -> modules
};

// A new version of a published module that was not queued.
struct UpdateRow {
  std::string module;
  std::string published;  // the highest version; empty: its author took all of them back
  std::string version;
  std::string state;  // "next", "waits", "skipped"
  std::string reason;
  std::optional<absl::Time> until;  // null: until something changes
  std::vector<Target> targets;      // that it would be built for; empty: not known yet
};
struct QueuedUpdate {
  std::string module;
  std::string version;
  std::vector<Target> targets;
  int64_t batch_id = 0;  // 0: it was left out
  std::string detail;    // why
  absl::Time queued_at = absl::InfinitePast();
};
struct RetractedView {
  std::string module;
  std::string version;
  std::string reason;
};
struct UpdatesView {
  bool on = false;
  bool running = false;  // stage select is: without it nothing happens by itself
  int64_t delay_seconds = 0;
  bool prereleases = false;
  int64_t per_day = 0;  // modules that become jobs by themselves, new ones of the selection included
  int64_t used_today = 0;
  int64_t left_today = 0;
  int64_t waiting_total = 0;
  std::vector<UpdateRow> waiting;        // by module; the first of waiting_total
  std::vector<QueuedUpdate> queued;      // today, the newest first
  std::vector<RetractedView> retracted;  // that the index does not show
};

struct ImportResult {
  int64_t items = 0;         // entries of the list
  int64_t modules = 0;       // that the catalog knows, or now knows
  int64_t repositories = 0;  // no module known for them yet
  int64_t skipped = 0;
  std::string origin;
  int64_t searches = 0;  // of GitHub's search, each of which shows at most 1,000 repositories
  bool complete = true;  // false: part of the origin is not among the items
  std::string detail;    // why not
};

struct VerdictCheck {
  std::string verdict;
  int64_t forecast = 0;  // jobs that ended and had this forecast
  int64_t right = 0;     // of those, what was forecast came
  int64_t outcomes = 0;  // jobs that ended so, whatever was forecast
  double precision = 0;
  double recall = 0;
};

}  // namespace gofarm::catalog
