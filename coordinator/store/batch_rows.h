// Rows of the view batch_summaries as batches. Inside the store only.
#pragma once

#include <pqxx/pqxx>
#include <string>

#include "coordinator/domain/types.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

inline domain::Batch BatchOf(const pqxx::row& row) {
  domain::Batch batch;
  batch.id = BatchId{row["id"].as<int64_t>()};
  batch.name = row["name"].as<std::string>();
  batch.state = static_cast<BatchState>(row["state"].as<int>());
  batch.submitter = row["submitter"].as<std::string>();
  batch.created_at = TimeOf(row["created_us"]);
  batch.jobs = {.queued = row["queued"].as<int64_t>(),
                .running = row["running"].as<int64_t>(),
                .built = row["built"].as<int64_t>(),
                .partial = row["partial"].as<int64_t>(),
                .nothing_to_build = row["nothing_to_build"].as<int64_t>(),
                .failed = row["failed"].as<int64_t>(),
                .cancelled = row["cancelled"].as<int64_t>()};
  batch.executables = row["executables"].as<int64_t>();
  return batch;
}

}  // namespace gofarm::store
