// Where the parts of an embedded farm lie: everything in one folder DIR, and sockets in DIR/run, or in a short private
// folder elsewhere when DIR is too long for a socket's path. Values and pure functions, but for what says that it makes
// folders.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::embedded {

// The kernel takes 107 bytes; some room is left for names of the future.
inline constexpr size_t kSocketPathMax = 100;

struct FarmPaths {
  std::string dir;
  std::string run;  // sockets

  std::string FarmFile() const { return dir + "/farm.json"; }
  std::string LockFile() const { return dir + "/lock"; }             // held by the supervisor
  std::string ControlLock() const { return dir + "/control.lock"; }  // held by `up` and `down` while they change things
  std::string SettingsFile() const { return dir + "/supervisor.toml"; }
  std::string CoordinatorConfig() const { return dir + "/coordinator.toml"; }
  std::string WorkerConfig(int n) const { return dir + "/" + WorkerName(n) + ".toml"; }
  std::string ToolsetsFile() const { return dir + "/toolsets.toml"; }
  std::string Logs() const { return dir + "/logs"; }
  std::string LogOf(const std::string& part) const { return Logs() + "/" + part + ".log"; }
  std::string Cluster() const { return dir + "/pg"; }
  std::string Data() const { return dir + "/data"; }
  std::string Work() const { return dir + "/work"; }
  std::string GrpcAddress() const { return "unix:" + run + "/coordinator.sock"; }

  static std::string WorkerName(int n) { return "worker-" + std::to_string(n); }
};

// `runtime_folder` is XDG_RUNTIME_DIR or empty; `uid` names the folder in /tmp.
FarmPaths PathsFor(const std::string& dir, const std::string& runtime_folder, unsigned uid);
// With this process's environment and user.
FarmPaths PathsFor(const std::string& dir);

// DIR and the folders above it.
absl::Status MakeFarmFolder(const std::string& dir);
// DIR and what stands in it, mode 0700.
absl::Status MakeFarmFolders(const FarmPaths& paths);
// FAILED_PRECONDITION when the folder exists and is not this user's alone: somebody may have put it there.
absl::Status MakePrivateFolder(const std::string& folder);

}  // namespace gofarm::embedded
