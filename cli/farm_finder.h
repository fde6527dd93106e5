// Which farm a command means: --server, --dir, GOFARM_SERVER, GOFARM_DIR, the user's config file, the default folder,
// in this order. Pure but for FindFarm(flags), which reads the process's environment and the config file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace gofarm::cli {

struct FarmChoice {
  std::string server;    // an address, or
  std::string dir;       // the absolute folder of an embedded farm
  std::string named_by;  // "--dir", "GOFARM_DIR", "config.toml", "default": for messages
};

struct FinderInputs {
  std::string server_flag;
  std::string dir_flag;
  std::function<std::optional<std::string>(const char* name)> environment;
  // The text of the user's config file; nullopt when there is none.
  std::optional<std::string> config_text;
  std::string config_path;
  absl::Status config_error;  // it is there and cannot be read
  std::string working_directory;
};

// INVALID_ARGUMENT for a broken config file, or when there is not even a home folder.
absl::StatusOr<FarmChoice> FindFarm(const FinderInputs& inputs);
absl::StatusOr<FarmChoice> FindFarm(const std::string& server_flag, const std::string& dir_flag);

// Where `gofarm up` makes a farm: as above, but an address is no place for one.
absl::StatusOr<std::string> FindFarmFolder(const FinderInputs& inputs);
absl::StatusOr<std::string> FindFarmFolder(const std::string& dir_flag);

}  // namespace gofarm::cli
