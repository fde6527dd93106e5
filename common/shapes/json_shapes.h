// The one writer of the JSON of batches, jobs, executables, workers and failures, for the command line's --output json
// and for the page's /api: names are a contract, tests/golden/cli holds one of each. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "common/json/writer.h"

namespace gofarm::v1 {
class ArtifactPage;
class ArtifactRow;
class Batch;
class BatchPage;
class FailureList;
class Job;
class JobPage;
class WorkerPage;
class WorkerRow;
}  // namespace gofarm::v1

namespace gofarm::shapes {

// Lists leave out what only one job's reader wants: argv, environment and go.mod of each variant.
enum class Detail { kList, kFull };

void WriteBatch(JsonWriter& json, const v1::Batch& batch);
void WriteJob(JsonWriter& json, const v1::Job& job, Detail detail);
void WriteArtifact(JsonWriter& json, const v1::ArtifactRow& row);
void WriteWorker(JsonWriter& json, const v1::WorkerRow& worker);

// Whole documents.
std::string BatchDocument(const v1::Batch& batch);
std::string BatchListDocument(const v1::BatchPage& page);
std::string JobDocument(const v1::Job& job);
std::string JobListDocument(const v1::JobPage& page);
std::string ArtifactListDocument(const v1::ArtifactPage& page);
std::string FailureListDocument(const v1::FailureList& failures);
std::string WorkerListDocument(const v1::WorkerPage& reply);

}  // namespace gofarm::shapes
