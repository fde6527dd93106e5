// The pinned Go and zig of the cache folder: fetched, checked by SHA-256 and unpacked once, then only read. Several
// workers may share the cache: a file lock per toolchain keeps them apart, and a toolchain appears whole, by rename, or
// not at all.
//
//   CACHE/toolchains/<kind>-<version>-<first 8 of sha256>/gofarm-toolchain   marker: kind, version, sha256, files'
//   digest CACHE/toolchains/<kind>-<version>-<first 8 of sha256>/root/...           bound at /go or /zig in the sandbox
//
// An archive comes from the coordinator, which keeps those that the farm's toolsets name, or from its own source: the
// second is asked when the first has not got it, or gave another file.
//
// Thread-safe. Errors: DATA_LOSS for a wrong SHA-256 (nothing is kept), UNAVAILABLE when the source does not answer,
// NOT_FOUND when it does not have the archive, RESOURCE_EXHAUSTED for a full disk, FAILED_PRECONDITION for what a
// person must set right (no Go, no pip).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/proxy_settings.h"

namespace gofarm::fetch {

struct InstalledToolchain {
  std::string kind;  // "go" or "zig"
  std::string version;
  std::string path;    // the go or zig executable
  std::string root;    // the folder to bind at /go or /zig
  std::string sha256;  // of the archive it came from
};

// Step in words ("downloading zig 0.15.2"), bytes so far and in all (0: unknown). Called from the thread that waits.
using FetchProgress = std::function<void(std::string_view step, int64_t bytes_done, int64_t bytes_total)>;

// Brings the archive with this SHA-256 to `path` from the farm's coordinator.
using ArchiveDoor = std::function<absl::Status(const Scope& scope, const Archive& archive, const std::string& path,
                                               const FetchProgress& progress)>;
struct CoordinatorArchives {
  ArchiveDoor door;   // empty: there is none
  bool first = true;  // before the archive's own source: five hundred hosts ask the world once
};

class ToolchainStore {
 public:
  // `bootstrap`: archives of deploy/toolsets.toml [[bootstrap]], for machines without a `go` on PATH.
  ToolchainStore(CacheLayout cache, ProxyEnvironment proxy, std::vector<Archive> bootstrap = {});
  // `proxy` must outlive it.
  ToolchainStore(const ProxySettings& proxy, CacheLayout cache, std::vector<Archive> bootstrap,
                 CoordinatorArchives coordinator);

  // Returns at once when it is installed already. Waits while another process installs the same one.
  absl::StatusOr<InstalledToolchain> Install(const Scope& scope, const Archive& archive,
                                             const FetchProgress& progress = {});

  // Go versions of the toolset, ascending as in the toolset, and its zig: installs what is missing for this host.
  struct Installed {
    std::vector<InstalledToolchain> gos;
    InstalledToolchain zig;
  };
  absl::StatusOr<Installed> InstallToolset(const Scope& scope, const Toolset& toolset,
                                           const FetchProgress& progress = {});

  // What is installed, by kind and version; damaged folders are left out.
  std::vector<InstalledToolchain> List() const;
  // Those: without their executable, or without what an installation notes in the end. Install makes them anew.
  struct Damaged {
    std::string folder;
    std::string why;
  };
  std::vector<Damaged> ListDamaged() const;
  // Reads every file again and compares with the digest noted at installation. DATA_LOSS names the toolchain.
  absl::Status Verify(const Scope& scope, const InstalledToolchain& toolchain) const;

  // A first `go`, good for downloading only: the one on PATH, else the bootstrap archive, installed.
  absl::StatusOr<std::string> BootstrapGo(const Scope& scope, const FetchProgress& progress = {});

  // "x86_64": of the machine that builds run on (exec::HostArch), as Archive::host_arch.
  static std::string HostArch();

 private:
  std::string FolderOf(const Archive& archive) const;
  std::vector<std::string> Folders() const;
  absl::StatusOr<InstalledToolchain> ReadInstalled(const std::string& folder) const;
  absl::Status InstallInto(const Scope& scope, const Archive& archive, const std::string& folder,
                           const FetchProgress& progress);
  // The archive file below `scratch`, with the right SHA-256.
  absl::StatusOr<std::string> Bring(const Scope& scope, const Archive& archive, const std::string& scratch,
                                    const FetchProgress& progress);
  absl::StatusOr<std::string> FromCoordinator(const Scope& scope, const Archive& archive, const std::string& scratch,
                                              const FetchProgress& progress);
  absl::StatusOr<std::string> FromSource(const Scope& scope, const Archive& archive, const std::string& scratch,
                                         const FetchProgress& progress);

  const std::unique_ptr<const ProxySettings> own_proxy_;
  const ProxySettings& proxy_;
  const CacheLayout cache_;
  const std::vector<Archive> bootstrap_;
  const CoordinatorArchives coordinator_;
};

}  // namespace gofarm::fetch
