#include "cli/farm_finder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/io/files.h"

namespace gofarm::cli {
namespace {

constexpr int64_t kConfigMax = 64 << 10;

std::string Value(const FinderInputs& inputs, const char* name) {
  return inputs.environment ? inputs.environment(name).value_or("") : "";
}

std::string Absolute(const FinderInputs& inputs, const std::string& path) {
  std::filesystem::path full(path);
  if (full.is_relative()) full = std::filesystem::path(inputs.working_directory) / full;
  std::string text = full.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

absl::StatusOr<std::string> DefaultFolder(const FinderInputs& inputs) {
  if (const std::string data = Value(inputs, "XDG_DATA_HOME"); !data.empty() && data[0] == '/') {
    return Absolute(inputs, data + "/gofarm");
  }
  if (const std::string home = Value(inputs, "HOME"); !home.empty())
    return Absolute(inputs, home + "/.local/share/gofarm");
  return absl::InvalidArgumentError("HOME is not set, so there is no default farm; name one with --dir or --server");
}

struct Configured {
  std::string server;
  std::string dir;
};
absl::StatusOr<Configured> ReadConfig(const FinderInputs& inputs) {
  // To pass it over could mean another farm than the one it names.
  GOFARM_RETURN_IF_ERROR(inputs.config_error);
  if (!inputs.config_text) return Configured{};
  config::Table table = config::Table::Parse(*inputs.config_text, inputs.config_path);
  Configured configured{.server = table.Str("server", ""), .dir = table.Str("dir", "")};
  GOFARM_RETURN_IF_ERROR(table.Finish());
  return configured;
}

FinderInputs RealInputs(const std::string& server_flag, const std::string& dir_flag) {
  FinderInputs inputs{.server_flag = server_flag, .dir_flag = dir_flag};
  inputs.environment = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  std::error_code ignored;
  inputs.working_directory = std::filesystem::current_path(ignored).string();
  if (inputs.working_directory.empty()) inputs.working_directory = "/";
  const std::string base = Value(inputs, "XDG_CONFIG_HOME");
  const std::string home = Value(inputs, "HOME");
  if (!base.empty() && base[0] == '/') {
    inputs.config_path = base + "/gofarm/config.toml";
  } else if (!home.empty()) {
    inputs.config_path = home + "/.config/gofarm/config.toml";
  }
  // ENOTDIR: HOME=/dev/null and the like.
  if (!inputs.config_path.empty() &&
      (access(inputs.config_path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))) {
    absl::StatusOr<std::string> text = io::ReadFile(inputs.config_path, kConfigMax);
    inputs.config_error = text.status();
    if (text.ok()) inputs.config_text = *std::move(text);
  }
  return inputs;
}

}  // namespace

absl::StatusOr<FarmChoice> FindFarm(const FinderInputs& inputs) {
  if (!inputs.server_flag.empty()) return FarmChoice{.server = inputs.server_flag, .named_by = "--server"};
  if (!inputs.dir_flag.empty()) return FarmChoice{.dir = Absolute(inputs, inputs.dir_flag), .named_by = "--dir"};
  if (const std::string server = Value(inputs, "GOFARM_SERVER"); !server.empty()) {
    return FarmChoice{.server = server, .named_by = "GOFARM_SERVER"};
  }
  if (const std::string dir = Value(inputs, "GOFARM_DIR"); !dir.empty()) {
    return FarmChoice{.dir = Absolute(inputs, dir), .named_by = "GOFARM_DIR"};
  }
  GOFARM_ASSIGN_OR_RETURN(const Configured configured, ReadConfig(inputs));
  if (!configured.server.empty()) return FarmChoice{.server = configured.server, .named_by = inputs.config_path};
  if (!configured.dir.empty())
    return FarmChoice{.dir = Absolute(inputs, configured.dir), .named_by = inputs.config_path};
  GOFARM_ASSIGN_OR_RETURN(std::string folder, DefaultFolder(inputs));
  return FarmChoice{.dir = std::move(folder), .named_by = "default"};
}

absl::StatusOr<std::string> FindFarmFolder(const FinderInputs& inputs) {
  if (!inputs.dir_flag.empty()) return Absolute(inputs, inputs.dir_flag);
  if (const std::string dir = Value(inputs, "GOFARM_DIR"); !dir.empty()) return Absolute(inputs, dir);
  GOFARM_ASSIGN_OR_RETURN(const Configured configured, ReadConfig(inputs));
  if (!configured.dir.empty()) return Absolute(inputs, configured.dir);
  return DefaultFolder(inputs);
}

absl::StatusOr<FarmChoice> FindFarm(const std::string& server_flag, const std::string& dir_flag) {
  return FindFarm(RealInputs(server_flag, dir_flag));
}

absl::StatusOr<std::string> FindFarmFolder(const std::string& dir_flag) {
  return FindFarmFolder(RealInputs("", dir_flag));
}

}  // namespace gofarm::cli
