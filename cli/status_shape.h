// The JSON of `gofarm status`: names are a contract, tests/golden/cli holds one. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/json/writer.h"

namespace gofarm::v1 {
class WorkerPage;
}  // namespace gofarm::v1

namespace gofarm::cli {

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

}  // namespace gofarm::cli
