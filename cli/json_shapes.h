// The JSON of batches, jobs, executables, workers and the farm: names are a contract, tests/golden/cli holds one of
// each. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "common/json/writer.h"

namespace gofarm::v1 {
class ArtifactPage;
class ArtifactRow;
class Batch;
class BatchPage;
class Job;
class JobPage;
class WorkerPage;
class WorkerRow;
}  // namespace gofarm::v1

namespace gofarm::cli {

// Lists leave out what only one job's reader wants: argv, environment and go.mod of each variant.
enum class Detail { kList, kFull };

void WriteBatch(JsonWriter& json, const v1::Batch& batch);
void WriteJob(JsonWriter& json, const v1::Job& job, Detail detail);
void WriteArtifact(JsonWriter& json, const v1::ArtifactRow& row);
void WriteWorker(JsonWriter& json, const v1::WorkerRow& worker);

struct StatusWorker {
  std::string name;
  int pid = 0;
  std::string state;  // "connected", "lost", ... as the coordinator sees it; "down" when the process is not there
  std::string detail;
};
struct StatusPart {
  int pid = 0;
  std::string state;
  int restarts = 0;
  std::string detail;
};
struct StatusShape {
  std::string dir;
  std::string state;  // "running", "starting", "degraded", "stopping", "standby", "down"
  std::string grpc_address;
  std::string tls_address;  // empty: it is open to no other host
  std::string http_url;
  std::string index_url;       // of what is published; empty: nothing is served
  std::string publishing_off;  // why nothing is published; empty: it is, or the coordinator did not say
  std::string cache_dir;
  std::string detail;
  StatusPart coordinator;
  StatusPart postgres;
  std::vector<StatusWorker> workers;
};
// `seeding` gives readiness per worker and target; nullptr when the coordinator does not answer.
void WriteStatus(JsonWriter& json, const StatusShape& status, const v1::WorkerPage* seeding);

// Whole documents.
std::string BatchDocument(const v1::Batch& batch);
std::string BatchListDocument(const v1::BatchPage& page);
std::string JobDocument(const v1::Job& job);
std::string JobListDocument(const v1::JobPage& page);
std::string ArtifactListDocument(const v1::ArtifactPage& page);
std::string WorkerListDocument(const v1::WorkerPage& reply);

}  // namespace gofarm::cli
