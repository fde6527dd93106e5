// Which farm a command means: --server, --dir, --farm, GOFARM_SERVER, GOFARM_DIR, GOFARM_FARM, the one that was logged
// in to last, the user's config file, the default folder, in this order. Pure but for what takes flags, which reads the
// process's environment and the user's config folder.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/profiles.h"

namespace gofarm::cli {

// As given on the command line; empty: not given.
struct FarmFlags {
  std::string server;
  std::string dir;
  std::string farm;
};

// Nothing names a farm: the default folder is meant.
inline constexpr char kNamedByDefault[] = "default";

struct FarmChoice {
  std::string server;    // an address, or
  std::string dir;       // the absolute folder of an embedded farm
  std::string named_by;  // "--dir", "GOFARM_DIR", "config.toml", "default": for messages
  std::string identity;  // the folder of the profile that is shown to `server`; empty: it is a unix socket
};

struct FinderInputs {
  FarmFlags flags;
  std::function<std::optional<std::string>(const char* name)> environment;
  // The text of the user's config file; nullopt when there is none.
  std::optional<std::string> config_text;
  std::string config_path;
  absl::Status config_error;  // it is there and cannot be read
  std::string working_directory;
  std::vector<Profile> profiles;
  std::string default_profile;  // empty: none
};

// INVALID_ARGUMENT for a broken config file, a server beyond this machine that nobody is logged in to, or when there is
// not even a home folder.
absl::StatusOr<FarmChoice> FindFarm(const FinderInputs& inputs);
absl::StatusOr<FarmChoice> FindFarm(const FarmFlags& flags);

// The folder of the user's config; INVALID_ARGUMENT when there is not even a home folder.
absl::StatusOr<std::string> FindConfigFolder();

// Where `gofarm up` makes a farm: as above, but an address is no place for one.
absl::StatusOr<std::string> FindFarmFolder(const FinderInputs& inputs);
absl::StatusOr<std::string> FindFarmFolder(const std::string& dir_flag);

}  // namespace gofarm::cli
