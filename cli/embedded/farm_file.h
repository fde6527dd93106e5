// farm.json: what of an embedded farm runs where, as its supervisor last saw it. Written by the supervisor alone, whole
// and atomically; read by every other gofarm command. A pid counts only together with its start time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/process/identity.h"

namespace gofarm::embedded {

struct PartState {
  std::string name;            // "postgres", "coordinator", "worker-1"
  process::ProcessId process;  // pid 0: not running
  std::string state = "down";  // "starting", "running", "restarting", "stopping", "down"
  int restarts = 0;            // since the supervisor started
  std::string detail;          // why it does not run, when it should
};

struct FarmFile {
  std::string state = "down";  // "starting", "running", "degraded", "stopping", "down"
  std::string dir;
  std::string run;
  std::string grpc_address;
  std::string http_url;
  std::string cache_dir;
  absl::Time started_at = absl::InfinitePast();
  process::ProcessId supervisor;
  PartState postgres{.name = "postgres"};
  PartState coordinator{.name = "coordinator"};
  std::vector<PartState> workers;

  // Every process that was started, supervisor last.
  std::vector<process::ProcessId> Processes() const;
};

std::string ToJson(const FarmFile& farm);
// INVALID_ARGUMENT says what is wrong with the text.
absl::StatusOr<FarmFile> ParseFarmFile(std::string_view json);

absl::Status WriteFarmFile(const std::string& path, const FarmFile& farm);
// nullopt when there is none.
absl::StatusOr<std::optional<FarmFile>> ReadFarmFile(const std::string& dir);

}  // namespace gofarm::embedded
