// What the catalog's stages read and write, row by row: see migrations/V0008__catalog_stages.sql. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/catalog/types.h"

namespace gofarm::catalog {

// A module that a stage takes up now.
struct Claimed {
  int32_t module_id = 0;
  std::string path;
  std::string latest;  // by the index alone
  int failures = 0;    // in a row, without an answer
};

// What remains of a module's turn in its stage's work list.
struct WorkDone {
  int32_t module_id = 0;
  absl::Time due_at = absl::InfiniteFuture();  // InfiniteFuture: when something changes
  int failures = 0;
};

// What a go.mod takes back: both ends belong to it.
struct RetractedRange {
  std::string low, high;
  std::string why;  // the author's words, fit to be printed; empty: he gives none
  bool operator==(const RetractedRange&) const = default;
};

struct ReachRow {
  int32_t module_id = 0;
  std::string version;
  Reachability state = Reachability::kUnknown;
  std::string detail;
  std::string declared_path;
  std::string go_version;
  std::string deprecated;
  bool retracted = false;
  int64_t zip_bytes = 0;
  std::optional<absl::Time> absent_since;
  absl::Time checked_at;
  // Of the newest go.mod; nullopt: it was not read, and what was known of it stays.
  std::optional<std::vector<RetractedRange>> retractions = {};
};

struct EnrichmentRow {
  int32_t module_id = 0;
  std::string repository;
  bool known = false;
  std::optional<int64_t> stars;
  bool archived = false;
  bool fork = false;
  std::optional<std::string> license;
  std::optional<int64_t> importers;
  bool deprecated = false;
  std::optional<std::string> description;
  std::optional<absl::Time> pushed_at;
  std::string document = "{}";  // JSON: all facts with their sources
  std::string detail;
  absl::Time checked_at;
  // What GitHub's REST API said, by itself (see coordinator/catalog/kept_github.h).
  std::string github = {};       // JSON; empty: it was not asked
  std::string github_etag = {};  // behind the mark of the token that it is for
  std::optional<absl::Time> github_at = {};
};

enum class DemandKind { kNone = 0, kToolDirective = 1, kToolsImport = 2, kInstallLine = 3 };
struct Demand {
  std::string import_path;
  DemandKind kind = DemandKind::kNone;
};

struct DetectionRow {
  int32_t module_id = 0;
  std::string version;
  std::string undecided;
  int crashes = 0;
  std::string declared_path;
  int64_t programs = 0;
  int targets = 0;
  std::string document = "{}";  // JSON: the detection
  std::vector<Demand> demand;   // on others
  std::string words;            // for the search: names of programs, synopsis
  // Compact JSON of godetect::ModulePackages; empty: nothing new is known of its packages.
  std::string packages;
  int64_t packages_told = 0;
  int64_t packages_untold = 0;
  absl::Time checked_at;
};

// What a forecast is made of, and what it was. `document` and `forecast` are JSON.
struct ForecastInput {
  int32_t module_id = 0;
  int64_t revision = 0;
  int targets = 0;
  std::string document;
  std::string forecast;
};
struct ForecastRow {
  int32_t module_id = 0;
  int64_t revision = 0;  // of the detection that it was made from
  int targets = 0;
  std::string forecast;
};

// What a selection looks at. One for each module that has a program of any kind.
struct Candidate {
  int32_t module_id = 0;
  std::string path;
  std::string version;
  std::string repository;  // host/owner/name as it is called now; empty: not known
  int64_t programs = 0;    // of kind program
  int64_t other_programs = 0;
  int targets = 0;  // bit n - 1: target n has a program that is forecast as buildable
  Reachability reach = Reachability::kNone;
  bool eligible = false;
  std::string declared_path;
  bool declared_is_other_module = false;  // another module of the index has the declared path
  bool archived = false;
  bool fork = false;
  bool deprecated = false;
  bool retracted = false;
  std::optional<int64_t> stars;
  std::optional<int64_t> importers;
  int64_t demand = 0;
  std::string license;
  absl::Time last_indexed_at = absl::InfinitePast();
  // Why the last batch did not take this version, as long as its reachability was not looked at again; else empty.
  std::string left_out;
};

struct DecisionRow {
  int32_t module_id = 0;
  std::string version;
  bool selected = false;
  std::string reason;
};

}  // namespace gofarm::catalog
