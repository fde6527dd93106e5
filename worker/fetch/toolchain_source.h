// What a worker needs to fetch the archive of a toolchain from its own source: common/archives, but for Go's own
// toolchains, which the go command fetches and verifies. Only fetches: the caller compares the SHA-256. No state;
// thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::fetch {

struct ArchiveSource {
  const ProxyEnvironment& proxy;
  std::string go;       // any go executable, where NeedsGo
  std::string scratch;  // everything is written below it
};

// Path of the archive file. As archives::Obtain; but `go mod download` verifies a "goproxy" archive against the
// checksum database. Go fetches no toolchain without that, so where it is off the zip is fetched from the proxies
// directly.
absl::StatusOr<std::string> ObtainArchive(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                          const FetchProgress& progress);

// Whether ObtainArchive runs a go command for it.
bool NeedsGo(const Archive& archive, const ProxyEnvironment& proxy);

// Environment of a go command that downloads: nothing inherited but what reaches the proxy through the network
// (HTTP_PROXY and the like, certificates). PATH holds no VCS. Sorted by name.
std::vector<std::pair<std::string, std::string>> DownloadEnvironment(const ProxyEnvironment& proxy,
                                                                     const std::string& mod_cache,
                                                                     const std::string& scratch);

}  // namespace gofarm::fetch
