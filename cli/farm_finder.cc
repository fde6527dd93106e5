#include "cli/farm_finder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/io/files.h"
#include "common/rpc/channel.h"

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

std::optional<std::string> RealEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string ConfigFolder(const std::function<std::optional<std::string>(const char*)>& environment) {
  const std::string base = environment("XDG_CONFIG_HOME").value_or("");
  if (!base.empty() && base[0] == '/') return base + "/gofarm";
  const std::string home = environment("HOME").value_or("");
  return home.empty() || home[0] != '/' ? "" : home + "/.config/gofarm";
}

FinderInputs RealInputs(const FarmFlags& flags) {
  FinderInputs inputs{.flags = flags, .environment = RealEnvironment};
  std::error_code ignored;
  inputs.working_directory = std::filesystem::current_path(ignored).string();
  if (inputs.working_directory.empty()) inputs.working_directory = "/";
  const std::string folder = ConfigFolder(inputs.environment);
  if (folder.empty()) return inputs;
  inputs.profiles = ReadProfiles(folder);
  inputs.default_profile = DefaultProfileOf(folder);
  inputs.config_path = folder + "/config.toml";
  // ENOTDIR: HOME=/dev/null and the like.
  if (access(inputs.config_path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
    absl::StatusOr<std::string> text = io::ReadFile(inputs.config_path, kConfigMax);
    inputs.config_error = text.status();
    if (text.ok()) inputs.config_text = *std::move(text);
  }
  return inputs;
}

absl::StatusOr<FarmChoice> ChoiceOf(const Profile& profile, const std::string& named_by) {
  if (!profile.broken.ok()) {
    return absl::InvalidArgumentError(Cat("the identity for the farm ", profile.name,
                                          " cannot be read: ", Sv(profile.broken.message()), "; gofarm logout --name ",
                                          profile.name, ", then log in again"));
  }
  return FarmChoice{.server = profile.addresses.empty() ? "" : profile.addresses.front(),
                    .named_by = named_by,
                    .identity = profile.folder};
}

absl::StatusOr<FarmChoice> ByProfile(const FinderInputs& inputs, const std::string& name, const std::string& named_by) {
  std::string known;
  for (const Profile& profile : inputs.profiles) {
    if (profile.name == name) return ChoiceOf(profile, named_by);
    known += Cat(known.empty() ? "" : ", ", profile.name);
  }
  return absl::InvalidArgumentError(
      Cat("nobody is logged in to a farm named \"", EscapeForPrint(name), "\" (", named_by, "); ",
          known.empty() ? "gofarm login JOIN --name NAME does that" : "known are: ", known));
}

// A unix socket needs no identity; whatever is TCP takes the one that was made for this address.
absl::StatusOr<FarmChoice> AtServer(const FinderInputs& inputs, const std::string& server,
                                    const std::string& named_by) {
  if (server.starts_with("unix:")) return FarmChoice{.server = server, .named_by = named_by};
  GOFARM_RETURN_IF_ERROR_CTX(rpc::CheckTcpAddress(server), named_by);
  for (const Profile& profile : inputs.profiles) {
    if (std::find(profile.addresses.begin(), profile.addresses.end(), server) == profile.addresses.end()) continue;
    GOFARM_ASSIGN_OR_RETURN(FarmChoice choice, ChoiceOf(profile, named_by));
    choice.server = server;
    return choice;
  }
  return absl::InvalidArgumentError(
      Cat("a farm is spoken to over TLS by those who belong to it, and nobody here is "
          "logged in to ",
          EscapeForPrint(server), " (", named_by,
          "): gofarm login JOIN does that; on the coordinator's own machine its unix "
          "socket needs none (--server unix:/PATH)"));
}

}  // namespace

absl::StatusOr<FarmChoice> FindFarm(const FinderInputs& inputs) {
  const FarmFlags& flags = inputs.flags;
  if (!flags.server.empty()) return AtServer(inputs, flags.server, "--server");
  if (!flags.dir.empty()) return FarmChoice{.dir = Absolute(inputs, flags.dir), .named_by = "--dir"};
  if (!flags.farm.empty()) return ByProfile(inputs, flags.farm, "--farm");
  if (const std::string server = Value(inputs, "GOFARM_SERVER"); !server.empty()) {
    return AtServer(inputs, server, "GOFARM_SERVER");
  }
  if (const std::string dir = Value(inputs, "GOFARM_DIR"); !dir.empty()) {
    return FarmChoice{.dir = Absolute(inputs, dir), .named_by = "GOFARM_DIR"};
  }
  if (const std::string farm = Value(inputs, "GOFARM_FARM"); !farm.empty()) {
    return ByProfile(inputs, farm, "GOFARM_FARM");
  }
  if (!inputs.default_profile.empty()) return ByProfile(inputs, inputs.default_profile, "gofarm login");
  GOFARM_ASSIGN_OR_RETURN(const Configured configured, ReadConfig(inputs));
  if (!configured.server.empty()) return AtServer(inputs, configured.server, inputs.config_path);
  if (!configured.dir.empty())
    return FarmChoice{.dir = Absolute(inputs, configured.dir), .named_by = inputs.config_path};
  GOFARM_ASSIGN_OR_RETURN(std::string folder, DefaultFolder(inputs));
  return FarmChoice{.dir = std::move(folder), .named_by = kNamedByDefault};
}

absl::StatusOr<std::string> FindFarmFolder(const FinderInputs& inputs) {
  if (!inputs.flags.dir.empty()) return Absolute(inputs, inputs.flags.dir);
  if (const std::string dir = Value(inputs, "GOFARM_DIR"); !dir.empty()) return Absolute(inputs, dir);
  GOFARM_ASSIGN_OR_RETURN(const Configured configured, ReadConfig(inputs));
  if (!configured.dir.empty()) return Absolute(inputs, configured.dir);
  return DefaultFolder(inputs);
}

absl::StatusOr<FarmChoice> FindFarm(const FarmFlags& flags) { return FindFarm(RealInputs(flags)); }

absl::StatusOr<std::string> FindFarmFolder(const std::string& dir_flag) {
  return FindFarmFolder(RealInputs({.dir = dir_flag}));
}

absl::StatusOr<std::string> FindConfigFolder() {
  const std::string folder = ConfigFolder(RealEnvironment);
  if (!folder.empty()) return folder;
  return absl::InvalidArgumentError(
      "HOME is not set, so there is no folder for identities; set HOME or XDG_CONFIG_HOME");
}

}  // namespace gofarm::cli
