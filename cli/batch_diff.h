// Two batches side by side: which jobs came out better, worse, bigger, slower. Pure: two lists of jobs in, one
// comparison out; and its table and JSON.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "cli/print.h"
#include "common/json/writer.h"

namespace gofarm::cli {

// Smaller differences are not told: executables grow by a few bytes, and times depend on what else a machine does.
inline constexpr double kSizeShare = 0.02;
inline constexpr int64_t kSizeLeast = 16 << 10;
inline constexpr double kTimeShare = 0.25;
inline constexpr double kTimeLeastSeconds = 5;

// What a comparison reads of a job.
struct JobFacts {
  int64_t id = 0;
  std::string module, version, target;
  std::string state;          // as `gofarm job list` has it
  std::string failure_class;  // empty: none
  int64_t executables = 0;
  int64_t bytes = 0;        // of all its executables
  double seconds = 0;       // of the attempt that ended it; 0: none ran
  bool is_rebuild = false;  // the farm built another job again: it says nothing of the module
};

enum class JobChange {
  kBetter,  // more was built
  kWorse,   // less was built
  kOther,   // it failed, and fails for another reason
  kBigger,
  kSmaller,
  kSlower,
  kFaster,
  kAdded,    // only the second batch has it
  kRemoved,  // only the first one
};
inline constexpr JobChange kLastJobChange = JobChange::kRemoved;
std::string_view JobChangeName(JobChange change);  // "better"

struct DiffRow {
  JobChange change = JobChange::kOther;
  JobFacts before, after;  // one of both is empty where a job is in one batch only
};

struct DiffTotals {
  int64_t jobs = 0, built = 0, executables = 0, bytes = 0;
  double seconds = 0;
};

struct Comparison {
  std::vector<DiffRow> rows;  // by change, then module and target; a job may have several
  int64_t unchanged = 0;      // jobs, those that both batches share among them
  int64_t open = 0;           // jobs that have not ended in one of both: nothing is said of them
  DiffTotals before, after;   // of jobs that ended
  int64_t Count(JobChange change) const;
};

// Jobs are the same when module and target are; the version may differ, unless a batch has several versions of a
// module: those are paired by version.
Comparison CompareBatches(const std::vector<JobFacts>& before, const std::vector<JobFacts>& after);

// "1 worse, 2 bigger, 7 unchanged, 1 not ended".
std::string ChangeCounts(const Comparison& diff);
// `before`, `after`: ids of the two batches. Of the changes beyond `rows_max` their number is told.
std::string DiffText(const Comparison& diff, int64_t before, int64_t after, const Terminal& terminal,
                     size_t rows_max = std::numeric_limits<size_t>::max());
void WriteDiff(JsonWriter& json, const Comparison& diff, int64_t before, int64_t after);
std::string DiffDocument(const Comparison& diff, int64_t before, int64_t after);

}  // namespace gofarm::cli
