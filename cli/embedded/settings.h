// What `gofarm up` decides and keeps: number of workers, cache folder, ports (DIR/supervisor.toml), the Go proxy
// settings of the environment, and the configuration files of coordinator and workers that follow from them. All texts
// are made by pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/embedded/farm_paths.h"
#include "common/base/scope.h"

namespace gofarm::embedded {

inline constexpr int kWorkersMax = 64;

struct Settings {
  std::optional<int> workers;  // none: not chosen yet
  std::string cache_dir;
  int http_port = 0;
  std::vector<std::string> listen;  // HOST:PORT for other hosts
  std::vector<std::string> public_names;
  std::string public_listen;  // HOST:PORT that serves everybody what is published; empty: none
  std::string public_url;     // by which everybody reaches what is published; empty: the loopback HTTP address
};
// Nothing is chosen where the file is missing.
absl::StatusOr<Settings> ReadSettings(const FarmPaths& paths);
absl::Status WriteSettings(const FarmPaths& paths, const Settings& settings);

// What `gofarm up` was asked for; empty: as it was, "none": no longer. INVALID_ARGUMENT: an address that is none, or a
// listener without the URL by which it is reached.
absl::Status TakePublic(const std::string& listen, const std::string& url, Settings& settings);

struct GoSettings {
  std::string goproxy;
  std::string gosumdb;
  std::string gonosumdb;
  std::string goprivate;
};

// The proxies of a GOPROXY list as the farm keeps them (goproxy::ParseWithoutDirect). INVALID_ARGUMENT says what to do.
absl::StatusOr<std::string> FarmProxies(std::string_view goproxy);

using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment ProcessEnvironment();

// From the environment; what is not set there from `go env` of the Go in PATH, else of the farm's own bootstrap Go
// (`gofarm-worker toolchain bootstrap`, which may have to download it).
absl::StatusOr<GoSettings> FindGoSettings(const Scope& scope, const Environment& environment,
                                          const std::string& worker_exe, const std::string& cache_dir);

// What the farm's workers were configured with; empty where there is no such file, FAILED_PRECONDITION where it cannot
// be read. A farm that is up keeps it: its parts read their configuration at different times, and one that is restarted
// must not build from another proxy than the others.
absl::StatusOr<GoSettings> KeptGoSettings(const FarmPaths& paths);
// A line for each setting of the environment that differs from what the farm keeps. Without values: a GOPROXY may hold
// a password.
std::vector<std::string> IgnoredGoSettings(const Environment& environment, const GoSettings& kept);

// What each of `workers` workers on one machine may use: what one alone would take, shared among them, at least one
// slot. Zeros: the worker decides, which is right when it is alone.
struct WorkerShare {
  int slots = 0;
  int64_t memory_bytes_per_slot = 0;
};
WorkerShare ShareOfWorker(int workers, int cores, int64_t memory_bytes);
// Where the `number`th worker serves its metrics, from 1 on, when all of them are told one HOST:PORT: at the ports that
// follow. What is no such address is left for the worker to refuse.
std::string WorkerHttp(std::string_view address, int number);

std::string CoordinatorToml(const FarmPaths& paths, const Settings& settings, const GoSettings& go, bool has_toolsets);
std::string WorkerToml(const FarmPaths& paths, const Settings& settings, const GoSettings& go, int number,
                       const WorkerShare& share);

// "text" with everything escaped that TOML wants escaped.
std::string TomlString(std::string_view text);

// The port of this farm: below the range that kernels give to outgoing connections, the same for the same DIR unless
// taken.
absl::StatusOr<int> ChooseHttpPort(const std::string& dir);
bool PortIsFree(int port);

}  // namespace gofarm::embedded
