// What `gofarm report` says: rates by target, failures by what is behind them, sizes and times, and how a batch
// compares with the one before. Pure: facts in, one report out; its table, its JSON, and (report_html.h) its page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/batch_diff.h"
#include "cli/print.h"

namespace gofarm::cli {

// In texts and pages. JSON has all changes, and those groups of failures that the farm gave.
inline constexpr size_t kReportGroupsShown = 50;
inline constexpr size_t kReportChangesShown = 50;
inline constexpr size_t kBucketsMax = 24;  // of a distribution

// Of one target, or of all.
struct TargetRate {
  std::string target;
  int64_t jobs = 0;  // that ended
  int64_t built = 0, partial = 0, nothing_to_build = 0, failed = 0, cancelled = 0;
  int64_t open = 0;
  // Of those that had something to build and were not cancelled; null: there is none.
  std::optional<double> BuiltShare() const;
};
// By target's name; the last one, "all", is of all.
std::vector<TargetRate> RatesOf(const std::vector<JobFacts>& jobs);

// How values are spread, each bucket twice as wide as the one before.
struct Distribution {
  struct Bucket {
    double from = 0, to = 0;
    int64_t count = 0;
  };
  int64_t count = 0;
  double least = 0, median = 0, p90 = 0, p99 = 0, most = 0, sum = 0;
  std::vector<Bucket> buckets;  // without gaps, from the first with values to the last; at most kBucketsMax
};
Distribution DistributionOf(std::vector<double> values);

struct FailureExampleRow {
  int64_t job = 0;
  std::string module, version, target;
};
struct FailureGroupRow {
  std::string failure_class;
  std::string fingerprint;
  int64_t jobs = 0, modules = 0;
  std::vector<FailureExampleRow> examples;
  std::string hint;  // what would mend it; empty: not known
};

// How many of a module's targets were built: of modules that have a job.
struct Coverage {
  int64_t modules = 0;
  std::map<int, int64_t> by_targets;  // number of targets that are built -> modules
};
// Of each module's newest job for each target. Rebuilds are left out: the job that one builds again says how the module
// fares, whatever became of the rebuild.
std::vector<JobFacts> NewestOf(const std::vector<JobFacts>& jobs);
Coverage CoverageOf(const std::vector<JobFacts>& newest);

struct Report {
  std::string title;
  absl::Time made_at = absl::UnixEpoch();
  int64_t batch = 0;  // 0: of the whole farm
  std::vector<TargetRate> rates;
  std::optional<Coverage> coverage;
  Distribution sizes;    // bytes of each job's executables
  Distribution seconds;  // of what was built
  std::vector<FailureGroupRow> failures;
  int64_t failure_groups_left_out = 0;  // by the farm
  bool older_left_out = false;          // of many failures the newest are told
  int64_t previous = 0;                 // the batch that it is compared with; 0: none
  Comparison comparison;
};

// Fills in what follows from jobs.
void TakeJobs(const std::vector<JobFacts>& jobs, Report& report);

// The first `groups_max` of them, without what would mend them. Empty: there is none.
std::string FailuresTable(const std::vector<FailureGroupRow>& groups, size_t groups_max, const Terminal& terminal);
// How values of a distribution are told.
std::string BytesText(double bytes);
std::string SecondsText(double seconds);

std::string ReportText(const Report& report, const Terminal& terminal);
std::string ReportDocument(const Report& report);

}  // namespace gofarm::cli
