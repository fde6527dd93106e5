// What `gofarm up`, `down` and `status` do to an embedded farm from outside: prepare its folder, start its supervisor or
// have the running one repair things, end it, look at it. Nothing here speaks to the coordinator. Thread-safe as far as
// different folders are concerned; two calls on one folder meet at its lock file.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/embedded/farm_file.h"
#include "cli/embedded/settings.h"
#include "cli/embedded/supervisor.h"
#include "common/base/scope.h"

namespace gofarm::embedded {

// One line of news for people.
using Say = std::function<void(const std::string& line)>;

struct FarmView {
  bool supervised = false;  // its supervisor lives
  bool leftovers = false;   // it does not, but something that it started does
  FarmFile file;
};
absl::StatusOr<FarmView> LookAt(const std::string& dir);

struct UpRequest {
  std::string dir;        // absolute
  std::string cache_dir;  // empty: GOFARM_CACHE_DIR, else what the farm had, else DIR/cache
  int workers = 0;        // 0: what the farm had, else 1
};
struct Prepared {
  SupervisorOptions options;
  bool running = false;  // a supervisor has it already
};
// Finds the programs, makes the folders and writes the configuration; ends what a killed supervisor left behind. Says what
// was decided differently from what was asked.
absl::StatusOr<Prepared> PrepareFarm(const Scope& scope, const UpRequest& request, const Environment& environment,
                                     const Say& say);

// The same for a folder that was prepared before: what its supervisor needs.
absl::StatusOr<SupervisorOptions> LoadFarm(const Scope& scope, const std::string& dir);

// Starts `gofarm up --foreground` detached and waits until it holds the farm, or has the running one look again.
absl::Status StartOrRepair(const Scope& scope, const Prepared& prepared);

// False when there was nothing to end. Everything that ran is gone afterwards, or the error names what is not.
absl::StatusOr<bool> TakeDown(const std::string& dir, const Say& say);

}  // namespace gofarm::embedded
