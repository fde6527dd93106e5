// A batch as people look at it: modules and what their jobs came to, target by target. Plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"

namespace gofarm::domain {

struct MatrixCell {
  JobId job;
  Target target = Target::kX86_64;
  JobState state = JobState::kQueued;
  FailureClass failure = FailureClass::kNone;
  int executables = 0;
};

struct MatrixRow {
  std::string module, version;
  std::vector<MatrixCell> cells;  // by job
};

// Some of a batch's modules, each with all of its jobs in the batch.
struct MatrixPage {
  std::vector<MatrixRow> rows;  // by module and version
  JobId next;                   // where the next page begins; 0: this is the last
};

}  // namespace gofarm::domain
