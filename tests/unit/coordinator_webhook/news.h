// How batches stand, for tests.
#pragma once

#include <gofarm/v1/farm.pb.h>

#include <string>

#include "common/shapes/json_shapes.h"
#include "coordinator/domain/webhook.h"
#include "coordinator/rpc/convert.h"

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

// As the coordinator hands it in.
inline void WriteShownBatch(JsonWriter& json, const domain::Batch& batch) {
  v1::Batch message;
  rpc::ToProto(batch, message);
  shapes::WriteBatch(json, message);
}

}  // namespace gofarm::webhook
