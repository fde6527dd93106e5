// What comparisons and reports read of jobs. Includes generated headers: for .cc files of cli/ only.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "cli/batch_diff.h"
#include "cli/client.h"
#include "cli/report.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {

JobFacts FactsOf(const v1::Job& job);
// Of all jobs of a batch (0: any) and a module (empty: any), by id. NOT_FOUND names the batch.
absl::StatusOr<std::vector<JobFacts>> ReadFacts(FarmClient& client, int64_t batch, const std::string& module = "");

FailureGroupRow GroupRowOf(const v1::FailureGroup& group);

}  // namespace gofarm::cli
