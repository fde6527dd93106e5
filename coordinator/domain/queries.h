// Short names of what is stored, and which of it is asked for. Plain data.
#pragma once

#include <optional>
#include <string>

#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"

namespace gofarm::domain {

// A job, as far as a line about it needs.
struct JobRef {
  JobId id;
  std::string module, version;
  Target target = Target::kX86_64;
  bool operator==(const JobRef&) const = default;
};

struct RunningRef {
  AttemptToken token;
  JobId job;
};

// An attempt without its report, which may be megabytes.
struct AttemptRef {
  AttemptToken token;
  AttemptOutcome outcome = AttemptOutcome::kRunning;
};

// Brief: without what workers report and run, which is most of a row.
enum class WorkerDetail { kBrief, kFull };

struct JobFilter {
  BatchId batch;                  // 0: all
  std::optional<JobState> state;  // none: all
  std::string module;             // empty: all
};

struct ArtifactFilter {
  BatchId batch;                 // 0: all
  std::string module;            // empty: all
  std::optional<Target> target;  // none: all
  std::string sha256;            // empty: all
};

// Where a page of artifacts ended.
struct ArtifactCursor {
  JobId job;
  std::string import_path;
};

}  // namespace gofarm::domain
