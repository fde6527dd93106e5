// How batches stand, for tests.
#pragma once

#include <string>

#include "coordinator/domain/webhook.h"

namespace gofarm::webhook {

inline domain::BatchNews NewsOf(int64_t id, BatchState state, domain::JobCounts jobs, const std::string& name = "n") {
  return {.batch = {.id = BatchId{id},
                    .name = name,
                    .state = state,
                    .submitter = "ann",
                    .created_at = absl::FromUnixSeconds(1'800'000'000),
                    .jobs = jobs,
                    .executables = jobs.built},
          .age = absl::Minutes(5)};
}

}  // namespace gofarm::webhook
