// The process that keeps an embedded farm running: PostgreSQL, coordinator and workers, started in this order, started
// again with backoff when one ends, stopped in the reverse order on SIGTERM or SIGINT. What it sees stands in
// farm.json. SIGHUP reads the settings again (more workers) and tries again at once what waits for its next try. It
// also stops when its folder is gone: nobody could find the farm any more.
//
// It is single-threaded: children are forked from the thread that lives as long as the farm, since the kernel signals
// them when that thread dies, so that nothing outlives a supervisor that was killed. It adopts what its children leave
// behind (PR_SET_CHILD_SUBREAPER) and ends it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/embedded/farm_paths.h"
#include "cli/embedded/postgres.h"
#include "cli/embedded/settings.h"

namespace gofarm::embedded {

struct SupervisorOptions {
  FarmPaths paths;
  Settings settings;
  PostgresPrograms postgres;
  std::string coordinator_exe;
  std::string worker_exe;
};

// How long each part may take to stop before it is killed.
inline constexpr absl::Duration kWorkerStop = absl::Seconds(20);
inline constexpr absl::Duration kCoordinatorStop = absl::Seconds(10);
inline constexpr absl::Duration kPostgresStop = absl::Seconds(30);
inline constexpr absl::Duration kPostgresQuit = absl::Seconds(5);
// All of the above and the sweep after them.
inline constexpr absl::Duration kFarmStop = absl::Seconds(75);

// A log that is longer is copied to NAME.log.1 and emptied.
inline constexpr int64_t kLogFileMax = int64_t{64} << 20;

// Runs until a stop signal came and everything has ended. UNAVAILABLE when another supervisor holds the folder. The
// folders and configuration files must be there. Call it from the main thread of a process without other threads.
absl::Status RunSupervisor(const SupervisorOptions& options);

}  // namespace gofarm::embedded
