// The worker's verbs for its cache folder: toolchains and disk use. Each prints what was asked for on stdout (text, or
// one JSON document) and progress on stderr; the status says how it ended.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::worker {

struct CacheArgs {
  std::string cache_dir;  // empty: GOFARM_CACHE_DIR
  std::string toolsets;   // file; empty: the toolsets this program carries
  std::string toolset;    // one of them by name; empty: all
  bool json = false;
  std::string module_bytes;  // "20 GiB"; empty: the default budget
  std::string shared_bytes;
  std::string host_arch;  // of make-go
  std::string out;
};

absl::Status ToolchainInstall(const Scope& scope, const CacheArgs& args);
// Makes the toolsets' Go versions for hosts of another architecture, from the source of this host's, into a folder; the
// rows that name them in a file of toolsets, on stdout.
absl::Status ToolchainMakeGo(const Scope& scope, const CacheArgs& args);
absl::Status ToolchainList(const CacheArgs& args);
// DATA_LOSS when one is damaged; all are looked at.
absl::Status ToolchainVerify(const Scope& scope, const CacheArgs& args);
// The path of a first `go`, on stdout.
absl::Status ToolchainBootstrap(const Scope& scope, const CacheArgs& args);
absl::Status CacheShow(const CacheArgs& args);
absl::Status CachePrune(const Scope& scope, const CacheArgs& args);

// GOPROXY and its kin as the environment or `go env` of a first Go has them.
absl::StatusOr<fetch::ProxyEnvironment> ProxyOfGo(const Scope& scope, fetch::ToolchainStore& store);

}  // namespace gofarm::worker
