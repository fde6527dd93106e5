// Fetches a module@version with all that its programs import on any of the wanted targets, and lists them. Network, but
// no code of the module runs: only `go mod download`, `go mod edit` and `go list`, without VCS, with the checksum
// database as configured. Each zip is fetched once however many targets and threads ask (single-flight per
// module@version), and the listing is kept on disk as long as the module cache has the files.
//
// Thread-safe; FetchAndList blocks. Callers that wait for another's fetch see its progress.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/listing.h"
#include "worker/fetch/module_cache.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::fetch {

struct FetchLimits {
  absl::Duration command = absl::Minutes(10);  // one go command
  // Written for one module with its dependencies: zips and what they unpack to, which is what a disk has to hold.
  int64_t bytes_max = int64_t{16} << 30;
  int64_t json_bytes_max = 64 << 20;        // answer of one go list
  int64_t memory_bytes = int64_t{6} << 30;  // of one go command and all it starts
  int64_t entries_max = 100'000;            // files and folders of one module
};

struct FetchRequest {
  std::string module;
  std::string version;
  std::vector<Target> targets;  // one listing for each
  Toolset toolset;
  std::vector<InstalledToolchain> gos;  // of the toolset, ascending
  std::optional<InstalledToolchain> previous_go;
  std::optional<SourceForm> form;  // nullopt: as the module's go.mod asks
};

// Exactly one of: listing; failure with detail; stopped (by the scope's stop; its deadline is a kTimeout failure).
struct FetchOutcome {
  std::shared_ptr<const Listing> listing;
  FailureClass failure = FailureClass::kNone;
  std::string detail;  // escaped, at most 4 KiB
  bool stopped = false;
};

class ModuleFetcher {
 public:
  // `scratch`: an existing folder of this worker for synthetic main modules and source copies.
  ModuleFetcher(CacheLayout cache, ProxyEnvironment proxy, std::string scratch, FetchLimits limits = {});
  // `proxy` must outlive it.
  ModuleFetcher(const ProxySettings& proxy, CacheLayout cache, std::string scratch, FetchLimits limits);
  ~ModuleFetcher();

  FetchOutcome FetchAndList(const Scope& scope, const FetchRequest& request, const FetchProgress& progress = {});

  // The newest release of a dependency, of the same module path, that `go` can build; empty when the proxy knows none
  // that is newer than `current`. UNAVAILABLE when it does not answer, CANCELLED and DEADLINE_EXCEEDED by the scope.
  absl::StatusOr<std::string> NewestRelease(const Scope& scope, const InstalledToolchain& go,
                                            const gomod::ModuleVersion& current);

  // PruneCache, after a note that the modules of all listings which callers still hold are used now: builds may take
  // longer than PruneLimits::grace. Call it every few minutes.
  absl::StatusOr<Pruned> Prune(const Scope& scope, const PruneLimits& limits);

  // The licence document (common/licences/document.h) of everything that is linked for `target` at `out_file`, as
  // CollectLicences finds it. Returns its size.
  absl::StatusOr<int64_t> WriteLicences(const Listing& listing, Target target, const InstalledToolchain& go,
                                        const InstalledToolchain& zig, const std::string& out_file) const;

  // On the host: the verified source of the module (read-only), for source variants.
  std::string SourceFolder(const Listing& listing) const;
  // On the host: the module's zip, as the proxy gave it. A prune may take it while the source stays.
  std::string ZipFile(const Listing& listing) const;

 private:
  struct Flight;

  FetchOutcome Lead(const Scope& scope, const FetchRequest& request, const FetchProgress& progress);
  FetchOutcome HandOut(std::shared_ptr<const Listing> listing);

  const CacheLayout cache_;
  const std::unique_ptr<const ProxySettings> own_proxy_;
  const ProxySettings& proxy_;
  const std::string scratch_;
  const FetchLimits limits_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<const Listing>> handed_out_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::fetch
