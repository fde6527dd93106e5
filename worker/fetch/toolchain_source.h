// Where the archive of a toolchain comes from: Go's module proxy, PyPI, a URL, or a folder of archives. Only fetches:
// the caller compares the SHA-256. No state; thread-safe.
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

// Path of the archive file.
//   goproxy  locator module@version: `go mod download` verifies it against the checksum database. Go fetches no
//   toolchain
//            without that, so where it is off the zip is fetched from the proxies directly: the toolset's SHA-256
//            remains
//   pypi     locator project==version: pip with the user's own configuration
//   url      http, https or file URL of a zip or tar
//   folder   a folder of archives: the file with that SHA-256; or the archive file itself
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
