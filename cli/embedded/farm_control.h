// What `gofarm up`, `down` and `status` do to an embedded farm from outside: prepare its folder, start its supervisor
// or have the running one repair things, end it, look at it. Nothing here calls the coordinator. Thread-safe as far
// as different folders are concerned. `up` and `down` of one folder take turns (DIR/control.lock), so that neither
// finds the other's work half done.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/embedded/farm_file.h"
#include "cli/embedded/settings.h"
#include "cli/embedded/supervisor.h"
#include "common/base/scope.h"
#include "common/io/files.h"

namespace gofarm::embedded {

// Gets one line of progress for the user.
using Say = std::function<void(const std::string& line)>;

// A `down` waits so long for an `up` that is at work on the folder (it may be downloading a first Go), then gives up.
inline constexpr absl::Duration kTurnPatience = absl::Minutes(2);

struct FarmView {
  bool supervised = false;  // its supervisor lives
  bool leftovers = false;   // it does not, but something that it started does
  FarmFile file;
};
// A farm.json that came along when a farm's folder was copied describes the other farm: then nothing runs here.
absl::StatusOr<FarmView> LookAt(const std::string& dir);

struct UpRequest {
  std::string dir;             // absolute
  std::string cache_dir;       // empty: GOFARM_CACHE_DIR, else what the farm had, else DIR/cache; made absolute here
  std::optional<int> workers;  // none: what the farm had, else 1
  // HOST:PORT for other hosts, and by which names they reach it; none: what the farm had. "none" closes it to them.
  std::vector<std::string> listen;
  std::vector<std::string> public_names;
  // HOST:PORT that serves everybody what is published, and the address by which they reach it; empty: what the farm
  // had. "none" takes either back.
  std::string public_listen;
  std::string public_url;
};
struct Prepared {
  SupervisorOptions options;
  bool running = false;  // a supervisor has it already
  // No other `up` or `down` is at work on the folder while this lives: until the supervisor has the farm.
  std::optional<io::FileLock> turn;
};
// Finds the programs, makes the folders and writes the configuration; ends what a killed supervisor left behind, and
// waits for one that stops. Says what was decided differently from what was asked.
absl::StatusOr<Prepared> PrepareFarm(const Scope& scope, const UpRequest& request, const Environment& environment,
                                     const Say& say);

// The same for a folder that was prepared before: what its supervisor needs.
absl::StatusOr<SupervisorOptions> LoadFarm(const Scope& scope, const std::string& dir);

// Starts `gofarm up --foreground` detached and waits until it holds the farm, or has the running one look again.
absl::Status StartOrRepair(const Scope& scope, const Prepared& prepared);

// False when there was nothing to end. Everything that ran is gone afterwards, or the error names what is not.
absl::StatusOr<bool> TakeDown(const std::string& dir, const Say& say);

}  // namespace gofarm::embedded
